"""The connector against what plays BigQuery, with rows made by hand for what that cannot play."""

import json
import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import msgspec
import pytest

from connectors.errors import FatalError
from connectors.models.database import CreateDatabaseSchemaRequest, CreateStoredProcedureRequest, CreateTableRequest
from connectors.models.tags import CreateClassificationRequest, CreateTagRequest
from tests.answering import Status
from tests.bigquery import Played, connection, execute, make_project
from tests.in_memory import Walked
from tests.integration.connectors.sources.bigquery_runs import run
from tests.whole_runs import walk

GOLDEN = Path(__file__).parents[3] / "golden" / "bigquery.json"
WRITTEN = (
    CreateDatabaseSchemaRequest
    | CreateTableRequest
    | CreateStoredProcedureRequest
    | CreateClassificationRequest
    | CreateTagRequest
)


@pytest.fixture(scope="module")
def project(bigquery_server: str) -> str:
    return make_project(bigquery_server)


@pytest.fixture
def server(bigquery_server: str) -> Iterator[Played]:
    with Played(bigquery_server) as played:
        yield played


def names(walked: Walked) -> set[str]:
    assert [failure.cause for failure in walked.report.failures] == []
    return {table.name for table in walked.sink.only(CreateTableRequest)}


def sent(walked: Walked, project: str) -> list[dict[str, Any]]:
    """What goes over the wire, without what is new each time."""
    texts = (
        msgspec.json.encode(record).decode().replace(project, "shop-1")
        for record in walked.sink.records
        if isinstance(record, WRITTEN)
    )
    return [json.loads(re.sub(r'"timestamp":\d+', '"timestamp":1', text)) for text in texts]


def test_what_is_sent_is_what_it_was(server: Played, project: str) -> None:
    walked = walk("bigquery", connection(server.address, project), includeDDL=True)
    assert [failure.cause for failure in walked.report.failures] == []
    assert sent(walked, project) == json.loads(GOLDEN.read_text(encoding="utf-8"))


def test_filters(server: Played, project: str) -> None:
    given = connection(server.address, project, tableFilterPattern={"excludes": [r".*_2024\d{4}$"]})
    walked = walk(
        "bigquery", given, includeViews=False, includeTags=False, schemaFilterPattern={"includes": ["^sales"]}
    )
    assert names(walked) == {"customer", "line", "line_kept", "by_range", "by_arrival", "without_columns"}
    assert not any(path.startswith("/v1/") for path in server.paths())
    assert [record for record in walked.sink.records if isinstance(record, CreateTagRequest)] == []
    seen = walked.sink.deletions()[f"svc.{project}.sales", "table"].seen
    assert {f"svc.{project}.sales.{name}" for name in ("adults", "events_20240101")} < set(seen)


def test_each_project_is_a_database(server: Played, bigquery_server: str, project: str) -> None:
    other = make_project(bigquery_server)
    execute(bigquery_server, other, "DROP TABLE sales.events_20240101")
    walked = walk("bigquery", connection(server.address, [other, project]), threads=3)
    assert [failure.cause for failure in walked.report.failures] == []
    found = walked.sink.names("table")
    assert f"svc.{project}.sales.events_20240101" in found
    assert f"svc.{other}.sales.events_20240101" not in found
    assert f"svc.{other}.sales.events_20240102" in found
    asked = {asked.path.split("/")[4] for asked in server.asked if asked.path.endswith("/queries")}
    assert asked == {project, other}
    billed = walk("bigquery", connection(server.address, [other, project], billingProjectId="payer"))
    assert names(billed)
    assert {asked.path.split("/")[4] for asked in server.asked if asked.path.endswith("/queries")} == {*asked, "payer"}


def test_a_later_run_takes_what_changed(server: Played, bigquery_server: str) -> None:
    project, since = make_project(bigquery_server), datetime(2026, 1, 1, tzinfo=UTC)
    moments = {"customer": since, "line": since - timedelta(milliseconds=1), "adults": since - timedelta(days=1)}
    told = ", ".join(f"('sales', '{name}', {at.timestamp() * 1000:.0f})" for name, at in moments.items())
    execute(
        bigquery_server,
        project,
        "CREATE TABLE recorded.__TABLES__ (table_schema STRING, table_id STRING, last_modified_time INT64)",
        f"INSERT INTO recorded.__TABLES__ VALUES {told}",
    )
    walked = run(server, changed_since=since, project=project)
    assert names(walked) == {
        "by_arrival", "by_range", "counted", "customer", "events_20240101", "events_20240102", "line_kept",
        "without_columns",
    }  # fmt: skip
    assert walked.report.snapshot_counts()["table"] == {"unchanged": 2}
    asked = [asked.body["query"] for asked in server.asked if asked.path.endswith("/queries")]
    assert (len(asked), {"NOT IN" in query for query in asked[1:]}) == (6, {True})


def test_a_key_that_google_refuses(server: Played, project: str) -> None:
    told = {"error": "invalid_grant", "error_description": "Invalid JWT Signature."}
    server.answers["POST /token"] = Status(400, told)
    with pytest.raises(FatalError, match=r"Google gives no access token: .*Invalid JWT Signature") as caught:
        walk("bigquery", connection(server.address, project))
    assert "correct privateKey" in str(caught.value.advice)
