"""Where an incremental run begins."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from connectors.cancellation import Cancellation
from connectors.definition import Lookback, OpenMetadataConnection
from connectors.errors import FatalError, SinkUnavailable
from connectors.openmetadata.client import OpenMetadataClient
from connectors.openmetadata.past_runs import changes_since
from connectors.report import Report
from tests.answering import Answering, Status

NOW = datetime(2026, 6, 10, 12, tzinfo=UTC)
PATH = "GET /api/v1/services/ingestionPipelines/wh.nightly/pipelineStatus"


def ran(state: str, hours: float) -> dict[str, Any]:
    moment = int((NOW - timedelta(hours=hours)).timestamp() * 1000)
    return {"runId": "r", "pipelineState": state, "startDate": moment, "timestamp": moment}


def begins(answer: object, defined: datetime | None = None, margin_days: int = 1) -> datetime | None:
    with Answering({PATH: answer}) as server:
        given = OpenMetadataConnection.model_validate({"hostPort": f"{server.address}/api", "authProvider": "no-auth"})
        with OpenMetadataClient(given, Report(), Cancellation()) as client:
            return changes_since(client, "wh.nightly", NOW, Lookback(7, margin_days), defined)


def test_the_last_one_that_succeeded_counts() -> None:
    runs = [ran("partialSuccess", 1), ran("failed", 2), ran("success", 30), ran("success", 50), ran("running", 0)]
    assert begins({"data": runs, "paging": {"total": 5}}) == NOW - timedelta(hours=30, days=1)


@pytest.mark.parametrize("answer", [{"data": []}, {"data": [ran("partialSuccess", 1)]}, Status(404, {"message": "no"})])
def test_without_one_everything_is_read(answer: object) -> None:
    assert begins(answer) is None


@pytest.mark.parametrize(("hours_ago", "known"), [(31, True), (30, False), (2, False)])
def test_runs_of_another_definition_do_not_count(hours_ago: int, known: bool) -> None:
    runs = {"data": [ran("success", 30), ran("success", 50)]}
    begun = begins(runs, NOW - timedelta(hours=hours_ago))
    assert begun == (NOW - timedelta(hours=30, days=1) if known else None)


def test_without_a_margin_clocks_may_still_differ() -> None:
    assert begins({"data": [ran("success", 30)]}, margin_days=0) == NOW - timedelta(hours=33)


def test_a_bot_without_the_right() -> None:
    with pytest.raises(FatalError, match="does not let this bot"):
        begins(Status(403, {"message": "not you"}))


@pytest.mark.parametrize("answer", [Status(400, {"message": "no"}), {"dta": []}, {"data": [3]}, {"data": None}])
def test_a_server_that_does_not_tell(answer: object) -> None:
    with pytest.raises(SinkUnavailable):
        begins(answer)
