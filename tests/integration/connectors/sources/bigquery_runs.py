"""Runs over answers made by hand, and what they sent."""

import json
from datetime import datetime
from typing import Any

import msgspec

from connectors.cancellation import Cancellation
from connectors.connector import RunContext
from connectors.families.bigquery.config import BigQueryConfig
from connectors.families.database_options import DatabaseMetadata, IncrementalMetadata
from connectors.models.database import CreateTableRequest
from connectors.models.records import DeletionScope
from connectors.report import Report
from connectors.runner import TopologyRunner
from connectors.sources.bigquery import CONNECTOR
from tests.answering import Answering
from tests.bigquery import connection
from tests.in_memory import RecordingSink, Walked
from tests.recorded_bigquery import PROJECT, table

SCOPE = f"wh.{PROJECT}.s"
PLAIN: dict[str, Any] = {
    "TABLES": [["a", None], ["b", None], ["v", "CREATE VIEW v AS SELECT 1"]],
    "COLUMNS": [["a", "id", "INT64", "NO"], ["b", "x", "STRING(20)", "YES"], ["v", "x", "INT64", "YES"]],
}
SHOP = [table("v", "VIEW"), table("a"), table("b")]


def run(
    server: Answering,
    cancellation: Cancellation | None = None,
    changed_since: datetime | None = None,
    changes: dict[str, Any] | None = None,
    project: str = PROJECT,
    **options: Any,
) -> Walked:
    walked, stop = Walked(RecordingSink(), Report()), cancellation or Cancellation()
    context: RunContext[BigQueryConfig, DatabaseMetadata] = RunContext(
        service="wh",
        service_type="BigQuery",
        connection=BigQueryConfig.model_validate(connection(server.address, project, **changes or {})),
        options=IncrementalMetadata.model_validate(options),
        threads=1,
        report=walked.report,
        cancellation=stop,
        changed_since=changed_since,
    )
    with CONNECTOR.topology(context) as root:
        TopologyRunner(walked.report, stop, 1).run(root, walked.sink.write)
    return walked


def tables(walked: Walked) -> dict[str, dict[str, Any]]:
    assert [failure.cause for failure in walked.report.failures] == []
    return {each.name: json.loads(msgspec.json.encode(each)) for each in walked.sink.only(CreateTableRequest)}


def seen(walked: Walked) -> set[str]:
    """The tables that are not gone; none where nothing is said of it."""
    found = [each for each in walked.sink.records if isinstance(each, DeletionScope) and each.entity == "table"]
    return {name.removeprefix(f"{SCOPE}.") for each in found for name in each.seen}
