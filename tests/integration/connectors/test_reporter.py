"""How long a reporter insists on telling the end of a run."""

import time
from datetime import UTC, datetime

import pytest

from connectors.definition import OpenMetadataConnection
from connectors.report import Report
from connectors.reporting.documents import Account, End, PipelineState, Subject
from connectors.reporting.reporter import Pace, PipelineReporter, Reported
from tests.eventually import eventually
from tests.fake_openmetadata import FakeOpenMetadata, Fault

NOON = datetime(2026, 11, 25, 12, tzinfo=UTC)


def test_the_end_is_tried_for_as_long_as_the_log_says(caplog: pytest.LogCaptureFixture) -> None:
    # The pause before the third try would be 0.8 s: it is cut short, and the try not left out.
    pace = Pace(first=0.4, last=1.15)
    with FakeOpenMetadata(faults=[Fault("/pipelineStatus", times=1000)]) as fake:
        server = {"hostPort": fake.host_port, "securityConfig": {"jwtToken": "token"}}
        connection = OpenMetadataConnection.model_validate(server)
        subject = Subject("svc.nightly", "run", "svc", "Postgres", NOON)
        account = Account(Report(), str, lambda: NOON)
        reporter = PipelineReporter(Reported(subject, connection, account, {}, with_logs=False, pace=pace))
        reporter.start()
        began = time.monotonic()
        reporter.end(End(PipelineState.SUCCESS))
        eventually(lambda: not reporter.busy, "that it gives up")
        seconds = time.monotonic() - began
    assert "after trying for 1.15 s" in caplog.text
    assert seconds >= pace.last
