"""Runs of definitions over real systems: into a sink that remembers, or into a catalogue."""

from pathlib import Path
from typing import Any

from connectors import registry
from connectors.cancellation import Cancellation
from connectors.connector import RunContext
from connectors.ingestion import Folders, Result, ingest
from connectors.report import Report
from connectors.runner import TopologyRunner
from tests.fake_openmetadata import FakeOpenMetadata
from tests.in_memory import RecordingSink, Walked

SINK = {"type": "file", "config": {"filename": "out.jsonl"}}


def source_of(kind: str, service: str, connection: dict[str, Any], options: dict[str, Any]) -> dict[str, Any]:
    """`source` of a definition, with the connection where the connector looks for it."""
    source: dict[str, Any] = {"type": kind, "serviceName": service, "sourceConfig": {"config": dict(options)}}
    _, *parents, last = registry.get(kind).connection_path
    place = source
    for key in parents:
        place = place.setdefault(key, {})
    place[last] = connection
    return source


def walk(kind: str, connection: dict[str, Any], **options: Any) -> Walked:
    """Run a connector with a connection and source options as users write them; the service is `svc`."""
    planned = registry.plan({"source": source_of(kind, "svc", connection, options), "sink": SINK})
    assert planned.connection is not None
    walked, cancellation = Walked(RecordingSink(), Report()), Cancellation()
    context = RunContext(
        service="svc",
        service_type=planned.connector.service_type,
        connection=planned.connection,
        options=planned.options,
        threads=planned.options.threads,
        report=walked.report,
        cancellation=cancellation,
    )
    with planned.connector.topology(context) as root:
        TopologyRunner(walked.report, cancellation, context.threads).run(root, walked.sink.write)
    return walked


def ingest_into(
    catalogue: FakeOpenMetadata, kind: str, service: str, connection: dict[str, Any], options: dict[str, Any]
) -> tuple[Result, Report]:
    """Run a connector with a connection and source options as users write them; all that is gone may be deleted."""
    server = {"hostPort": catalogue.host_port, "securityConfig": {"jwtToken": "token"}}
    definition = {
        "source": source_of(kind, service, connection, options),
        "sink": {"type": "metadata-rest", "config": {"maxDeletedPercent": 100}},
        "workflowConfig": {"openMetadataServerConfig": server},
    }
    report = Report()
    return ingest(definition, report, Cancellation(), Folders(Path("/nowhere"), Path("/nowhere"))), report


def failures(report: Report) -> set[tuple[str, str]]:
    """What was lost, and at which stage."""
    return {(failure.name, failure.stage) for failure in report.failures}
