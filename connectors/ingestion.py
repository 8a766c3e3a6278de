"""The door to this package: run one definition from source to sink."""

import logging
from collections.abc import Mapping
from datetime import datetime
from enum import StrEnum
from importlib import import_module
from typing import Any

import msgspec

from connectors.cancellation import Cancellation
from connectors.connector import RunContext
from connectors.errors import ConfigurationError
from connectors.openmetadata.opening import open_client
from connectors.openmetadata.past_runs import changes_since
from connectors.registry import Plan, plan
from connectors.report import Report
from connectors.runner import TopologyRunner
from connectors.services import require_service
from connectors.sinks.late import SinkMisconfigured
from connectors.sinks.opening import Folders, open_sink

CONNECTION = "source.serviceConnection"
__all__ = ["Beginning", "Folders", "Result", "carry_out", "ingest", "judge", "load_ahead"]

logger = logging.getLogger(__name__)


class Result(StrEnum):
    """How a run that came to its end is judged."""

    SUCCEEDED = "succeeded"
    PARTIAL = "partial"
    FAILED = "failed"


class Beginning(msgspec.Struct, frozen=True):
    """How an attempt begins: `finished` names the scopes that an earlier one of the same run delivered.

    `at` is the moment, with its zone, from which an incremental run looks back; without it, it takes everything. So it
    does where no run has succeeded since the definition was `defined` as it is.
    """

    finished: frozenset[str] = frozenset()
    at: datetime | None = None
    defined: datetime | None = None


BEGINNING = Beginning()


def load_ahead() -> None:
    """Load what a run comes to late: in a process of many, before the first one waits for it."""
    for name in ("connectors.sinks.metadata_rest", "connectors.expression_engine"):
        import_module(name)


def ingest(
    raw: Mapping[str, Any],
    report: Report,
    cancellation: Cancellation,
    folders: Folders,
    beginning: Beginning = BEGINNING,
) -> Result:
    """Run a complete definition whose secret references have been resolved; what happened is in `report`.

    Raises:
        ConfigurationError: The definition cannot be run.
        SourceUnavailable, SinkUnavailable: The attempt failed; a later one may succeed.
        FatalError: The run failed, and a retry would not help.
        RunCancelled: It was told to stop.
    """
    return carry_out(plan(raw, files=folders.sources), report, cancellation, folders, beginning)


def carry_out(
    planned: Plan,
    report: Report,
    cancellation: Cancellation,
    folders: Folders,
    beginning: Beginning = BEGINNING,
) -> Result:
    """The same for a definition that was planned as it is, with the files of these folders."""
    definition = planned.definition
    since = _changed_since(planned, report, cancellation, folders, beginning)
    context = _context(planned, report, cancellation, since)
    runner = TopologyRunner(report, cancellation, planned.options.threads, beginning.finished)
    require_service(definition, cancellation, folders.tokens)
    with planned.connector.topology(context) as root:
        sink = open_sink(planned.sink, planned.options, report, cancellation, folders)
        try:
            # A service that the server has is not overwritten: a connection that never worked must not become one.
            runner.run(msgspec.structs.replace(root, held=True), sink.write)
            cancellation.check()
            sink.close()
        except SinkMisconfigured as error:  # it was not opened: there is nothing to abort
            raise error.wrong from error.wrong.__cause__
        except BaseException:
            sink.abort()
            raise
    return judge(report, definition.workflow_config.success_threshold)


def judge(report: Report, threshold_percent: float) -> Result:
    """Succeeded without a failure; partial with some, as long as the share of successes reaches the threshold."""
    if report.total("failed") == 0:
        return Result.SUCCEEDED
    return Result.PARTIAL if report.success_percent() >= threshold_percent else Result.FAILED


def _changed_since(
    planned: Plan, report: Report, cancellation: Cancellation, folders: Folders, beginning: Beginning
) -> datetime | None:
    """Where an incremental run begins, as the server knows of earlier ones; None for a run that takes everything."""
    lookback, pipeline = planned.options.lookback(), planned.definition.ingestion_pipeline_fqn
    server = planned.definition.workflow_config.open_metadata_server_config
    if lookback is None or pipeline is None or server is None or beginning.at is None:
        return None
    with open_client(server, report, cancellation, tokens=folders.tokens) as client:
        since = changes_since(client, pipeline, beginning.at, lookback, beginning.defined)
    if since is None:
        words = "no run of %s succeeded within %d days, and by this definition: everything is read"
        logger.info(words, pipeline, lookback.days)
    else:
        logger.info("what has not changed since %s is left as it is", since.isoformat(timespec="seconds"))
    return since


def _context(
    planned: Plan, report: Report, cancellation: Cancellation, changed_since: datetime | None
) -> RunContext[Any, Any]:
    if planned.connection is None:
        raise ConfigurationError.at(CONNECTION, "is required here: complete the definition first")
    return RunContext(
        service=planned.definition.source.service_name,
        service_type=planned.connector.service_type,
        connection=planned.connection,
        options=planned.options,
        threads=planned.options.threads,
        report=report,
        cancellation=cancellation,
        stored_connection=_stored_connection(planned),
        changed_since=changed_since,
    )


def _stored_connection(planned: Plan) -> dict[str, Any] | None:
    given = planned.definition.source.service_connection
    server = planned.definition.workflow_config.open_metadata_server_config
    if planned.definition.sink.type != "metadata-rest" or server is None or not server.store_service_connection:
        return None
    return {"type": planned.connector.service_type, **given.config} if given is not None else None
