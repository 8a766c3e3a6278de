"""A run in the shapes of OpenMetadata's `pipelineStatus`, progress and log endpoints (its JSON Schemas, status/)."""

from collections.abc import Callable, Sequence
from datetime import datetime
from enum import StrEnum
from typing import Any

import msgspec

from connectors.openmetadata.instants import milliseconds
from connectors.report import Failure, Report, eta_seconds

MAX_FAILURES = 10
MAX_TEXT = 10_000
SINK_STAGES = frozenset({"sink", "delete"})
SINK = "OpenMetadata"
Redact = Callable[[str], str]


class PipelineState(StrEnum):
    """The six states of an ingestion pipeline's run."""

    QUEUED = "queued"
    RUNNING = "running"
    SUCCESS = "success"
    PARTIAL_SUCCESS = "partialSuccess"
    FAILED = "failed"
    STOPPED = "stopped"


FINAL_UPDATES = {
    PipelineState.SUCCESS: "PIPELINE_COMPLETE",
    PipelineState.PARTIAL_SUCCESS: "PIPELINE_COMPLETE",
    PipelineState.FAILED: "ERROR",
    PipelineState.STOPPED: "ERROR",
}


class Subject(msgspec.Struct, frozen=True):
    """The run that is reported: `pipeline` is a fully qualified name."""

    pipeline: str
    run_id: str
    service: str
    source: str
    started: datetime


class Account(msgspec.Struct, frozen=True):
    """What a run counted, by a clock of instants with their zone, and how its secrets are hidden."""

    report: Report
    redact: Redact
    clock: Callable[[], datetime]


class End(msgspec.Struct, frozen=True):
    """How a run, or one attempt of it, stands or ended; `error` when something ended it.

    `warnings` is how many lines of that level it logged.
    """

    state: PipelineState
    error: str | None = None
    warnings: int = 0


def status_document(subject: Subject, account: Account, end: End, now: datetime) -> dict[str, Any]:
    """The body of `PUT .../pipelineStatus`."""
    started = milliseconds(subject.started)
    document: dict[str, Any] = {
        "runId": subject.run_id,
        "pipelineState": end.state,
        "startDate": started,
        "timestamp": started,
        "status": _steps(subject, account, end),
    }
    if end.state not in (PipelineState.QUEUED, PipelineState.RUNNING):
        document["endDate"] = milliseconds(now)
    return document


def progress_document(subject: Subject, report: Report, kind: str, now: datetime) -> dict[str, Any]:
    """The body of `PUT .../progress/{fqn}/{runId}`; `kind` is one of its update types."""
    states = report.snapshot_progress()
    active = kind in ("DISCOVERY", "PROCESSING")
    children = [
        {"label": entity, "entityType": entity, "processed": done, "expected": total, "active": active}
        for entity, (done, total) in states.items()
    ]
    counters = [{"entityType": entity, "done": done, "total": total} for entity, (done, total) in states.items()]
    return {
        "runId": subject.run_id,
        "timestamp": milliseconds(now),
        "updateType": kind,
        "progress": {"label": subject.service, "entityType": "service", "active": active, "children": children},
        "globalCounters": counters,
        "estimatedSecondsRemaining": eta_seconds(states, (now - subject.started).total_seconds()) if active else 0,
        "totalAssetsIngested": _delivered(report),
    }


def bounded(text: str) -> str:
    """`text`, cut where it is too long to be sent."""
    return text if len(text) <= MAX_TEXT else f"{text[:MAX_TEXT]}…"


def _steps(subject: Subject, account: Account, end: End) -> list[dict[str, Any]]:
    report, redact, error = account.report, account.redact, end.error
    by_stage, latest = report.snapshot_failures()
    in_sink = sum(count for stage, count in by_stage.items() if stage in SINK_STAGES)
    read = [failure for failure in latest if failure.stage not in SINK_STAGES]
    sent = [failure for failure in latest if failure.stage in SINK_STAGES]
    processed = sum(done for done, _ in report.snapshot_progress().values())
    source = _step(subject.source, processed, sum(by_stage.values()) - in_sink, read, redact)
    source |= {"filtered": report.total("filtered"), "warnings": end.warnings}
    if error is not None:
        source["errors"] += 1
        told = {"name": subject.source, "error": bounded(redact(error))}
        source["failures"] = [*source["failures"][: MAX_FAILURES - 1], told]
    return [source, _step(SINK, _delivered(report), in_sink, sent, redact)]


def _step(name: str, records: int, errors: int, failures: Sequence[Failure], redact: Redact) -> dict[str, Any]:
    shown = [{"name": redact(each.name), "error": bounded(redact(each.cause))} for each in failures[-MAX_FAILURES:]]
    return {
        "name": name,
        "records": records,
        "updated_records": 0,
        "warnings": 0,
        "errors": errors,
        "filtered": 0,
        "failures": shown,
    }


def _delivered(report: Report) -> int:
    return report.total("written") + report.total("unchanged")
