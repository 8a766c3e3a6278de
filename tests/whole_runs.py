"""A run of a definition over a real system, between its plan and a sink that remembers."""

from typing import Any

from connectors import registry
from connectors.cancellation import Cancellation
from connectors.connector import RunContext
from connectors.report import Report
from connectors.runner import TopologyRunner
from tests.in_memory import RecordingSink, Walked

SINK = {"type": "file", "config": {"filename": "out.jsonl"}}


def walk(kind: str, connection: dict[str, Any], **options: Any) -> Walked:
    """Run a connector with a connection and source options as users write them; the service is `svc`."""
    source = {
        "type": kind,
        "serviceName": "svc",
        "serviceConnection": {"config": connection},
        "sourceConfig": {"config": options},
    }
    planned = registry.plan({"source": source, "sink": SINK})
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
