"""What a server hears of the steps of a connection's test."""

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest

from connectors.automations import carry_out, ordered
from connectors.cancellation import Cancellation
from connectors.connector import CheckResult
from tests.fake_openmetadata import FakeOpenMetadata

RESULTS = (
    CheckResult("CheckAccess", "", "passed", True, 0.25, "hello"),
    CheckResult("GetTags", "", "warning", False, 0.0, "no right", "grant it"),
    CheckResult("GetTables", "", "failed", True, 0.0, "no answer", "see the server"),
    CheckResult("GetViews", "", "skipped", False, 0.0, "GetTables failed"),
)
BARE = [
    {"name": "CheckAccess", "mandatory": True, "passed": True, "message": "hello"},
    {"name": "GetTags", "mandatory": False, "passed": False, "message": "no right", "errorLog": "grant it"},
    {"name": "GetTables", "mandatory": True, "passed": False, "message": "no answer", "errorLog": "see the server"},
    {"name": "GetViews", "mandatory": False, "passed": False, "message": "GetTables failed"},
]
STATES = [
    {"status": "Passed", "durationMs": 250},
    {"status": "Warning", "durationMs": 0, "diagnosis": {"remediation": "grant it"}},
    {"status": "Failed", "durationMs": 0, "diagnosis": {"remediation": "see the server"}},
    {"status": "Skipped", "durationMs": 0, "skipReason": "ConnectionNotEstablished"},
]


def checked(kind: str, connection: dict[str, Any]) -> Iterator[CheckResult]:
    assert (kind, connection) == ("postgres", {"hostPort": "db:1"})
    yield from RESULTS


@pytest.mark.parametrize(
    ("version", "steps"),
    [
        ("1.9.3", BARE),
        ("2.0.7", [{**bare, **state} for bare, state in zip(BARE, STATES, strict=True)]),
        ("3.0.0", BARE),
    ],
)
def test_a_server_is_told_what_its_version_knows(version: str, steps: list[dict[str, Any]]) -> None:
    with FakeOpenMetadata(version) as fake:
        automation = fake.api.automations.add("t", "Postgres", {"hostPort": "db:1"})
        server = {"hostPort": fake.host_port, "securityConfig": {"jwtToken": "token"}}
        order = ordered({"name": "t", "workflowType": "TEST_CONNECTION", "openMetadataServerConnection": server})
        carry_out(order, checked, Cancellation(), lambda: datetime(2026, 11, 25, tzinfo=UTC))
    assert [state for state, _ in automation.told] == [*["Running"] * 5, "Failed"]
    assert automation.told[-1][1]["steps"] == steps
