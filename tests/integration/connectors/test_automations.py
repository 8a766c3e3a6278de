"""What a server hears of the steps of a connection's test."""

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest

from connectors.automations import BROKE_OFF, Order, carry_out, ordered
from connectors.cancellation import Cancellation
from connectors.connector import CheckResult
from tests.fake_openmetadata import FakeOpenMetadata

NOON = datetime(2026, 11, 25, 12, tzinfo=UTC)
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


class StoreIsAway(Exception):
    """Not of a connector."""


def broken_off(_kind: str, _connection: dict[str, Any]) -> Iterator[CheckResult]:
    yield RESULTS[0]
    raise StoreIsAway


def checked(kind: str, connection: dict[str, Any]) -> Iterator[CheckResult]:
    assert (kind, connection) == ("postgres", {"hostPort": "db:1"})
    yield from RESULTS


def order_of(fake: FakeOpenMetadata) -> Order:
    server = {"hostPort": fake.host_port, "securityConfig": {"jwtToken": "token"}}
    return ordered({"name": "t", "workflowType": "TEST_CONNECTION", "openMetadataServerConnection": server})


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
        carry_out(order_of(fake), checked, Cancellation(), lambda: NOON)
    assert [state for state, _ in automation.told] == [*["Running"] * 5, "Failed"]
    assert automation.told[-1][1]["steps"] == steps


def test_a_test_that_breaks_off_is_told_as_failed() -> None:
    with FakeOpenMetadata("1.9.3") as fake:
        automation = fake.api.automations.add("t", "Postgres", {"hostPort": "db:1"})
        with pytest.raises(StoreIsAway):
            carry_out(order_of(fake), broken_off, Cancellation(), lambda: NOON)
    state, result = automation.told[-1]
    assert (state, [step["message"] for step in result["steps"]]) == ("Failed", ["hello", BROKE_OFF])


def test_a_test_that_is_cancelled_is_told_as_failed() -> None:
    cancellation = Cancellation()

    def stopped(_kind: str, _connection: dict[str, Any]) -> Iterator[CheckResult]:
        cancellation.cancel("the service shuts down")
        yield from RESULTS

    with FakeOpenMetadata("1.9.3") as fake:
        automation = fake.api.automations.add("t", "Postgres", {"hostPort": "db:1"})
        carry_out(order_of(fake), stopped, cancellation, lambda: NOON)
    state, result = automation.told[-1]
    assert (state, [step["message"] for step in result["steps"]]) == ("Failed", ["hello", "the service shuts down"])
