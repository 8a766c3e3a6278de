"""The tests of connections whose process ended, as the OpenMetadata server hears of them."""

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from cryptography.fernet import Fernet
from sqlalchemy import text
from typing_extensions import override

from connectors.automations import LOST, Order, carry_out, ordered
from connectors.cancellation import Cancellation
from connectors.connector import CheckResult
from service import clock
from service.database.engine import Database
from service.errors import Unavailable
from service.execution.automations import Automations
from service.execution.openmetadata import OpenMetadata
from service.workflows.vault import Vault
from tests.eventually import eventually
from tests.fake_openmetadata import FakeOpenMetadata, Fault
from tests.fake_openmetadata.automations import Automation

KEY = Fernet.generate_key().decode()
TOKEN = "the-token-of-a-bot"
TOKENS = Path("/nowhere")
AT_ONCE = timedelta()
AGED = text("update automations set tell_at = now(), began_at = now() - cast(:began as interval)")
DOCUMENT: dict[str, Any] = {"name": "t", "workflowType": "TEST_CONNECTION"}
PASSED = CheckResult("CheckAccess", "", "passed", True, 0.25, "hello")


class Away(Automations):
    """Those of a store that is away when one ends."""

    @override
    def end(self, number: UUID) -> None:
        """Raises Unavailable."""
        message = f"no {number}: the database is not available"
        raise Unavailable(message)


class Killed(BaseException):
    """The process ends here."""


def document_of(server: FakeOpenMetadata) -> dict[str, Any]:
    connection = {"hostPort": server.host_port, "securityConfig": {"jwtToken": TOKEN}}
    return DOCUMENT | {"openMetadataServerConnection": connection}


def order_of(server: FakeOpenMetadata) -> Order:
    return ordered(document_of(server))


def killed(_kind: str, _connection: dict[str, Any]) -> Iterator[CheckResult]:
    yield PASSED
    raise Killed


def passed(_kind: str, _connection: dict[str, Any]) -> Iterator[CheckResult]:
    yield PASSED


def kept(database: Database) -> list[str]:
    with database.session() as session:
        return [str(document) for document in session.scalars(text("select document::text from automations"))]


def due(database: Database, began: str = "0 s") -> None:
    with database.session() as session:
        session.connection().execute(AGED, {"began": began})


def messages(automation: Automation) -> tuple[str, list[str]]:
    state, result = automation.told[-1]
    return state, [step["message"] for step in result["steps"]]


@pytest.fixture
def server() -> Iterator[FakeOpenMetadata]:
    with FakeOpenMetadata(token=TOKEN) as fake:
        fake.api.automations.add("t", "Postgres", {"hostPort": "db:1"})
        yield fake


@pytest.fixture
def automations(database: Database) -> Automations:
    return Automations(database, Vault([KEY]), TOKENS, AT_ONCE)


def test_one_whose_process_ended_is_told_as_failed_once(
    server: FakeOpenMetadata, automations: Automations, database: Database
) -> None:
    automation = server.api.automations.made["t"]
    order = order_of(server)
    automations.begin(order)
    with pytest.raises(Killed):
        carry_out(order, killed, Cancellation(), clock.now)
    assert messages(automation) == ("Running", ["hello"])
    automations.tell_lost(Cancellation())
    assert messages(automation) == ("Failed", ["hello", LOST])
    assert kept(database) == []


def test_one_that_goes_on_is_left_alone(server: FakeOpenMetadata, database: Database) -> None:
    automations = Automations(database, Vault([KEY]), TOKENS)
    automations.begin(order_of(server))
    automations.tell_lost(Cancellation())
    assert server.api.automations.made["t"].told == []
    [document] = kept(database)
    assert TOKEN not in document


def test_what_else_the_server_says_of_itself_is_not_kept(
    server: FakeOpenMetadata, automations: Automations, database: Database
) -> None:
    document = document_of(server)
    document["openMetadataServerConnection"] |= {"elasticsSearch": {"config": {"password": "of-an-index"}}, "new": "x"}
    automations.begin(ordered(document))
    [kept_document] = kept(database)
    assert "elasticsSearch" not in kept_document
    assert "new" not in kept_document


def test_an_end_that_is_not_noted_is_said_in_a_line(
    server: FakeOpenMetadata, database: Database, caplog: pytest.LogCaptureFixture
) -> None:
    OpenMetadata(Away(database, Vault([KEY]), TOKENS), passed, TOKENS).automate(document_of(server))
    eventually(lambda: "That the automation t has ended could not be noted" in caplog.text)
    assert not any(record.exc_info for record in caplog.records)
    assert messages(server.api.automations.made["t"]) == ("Successful", ["hello"])


def test_one_that_cannot_be_told_of_does_not_keep_others(
    server: FakeOpenMetadata, automations: Automations, database: Database, caplog: pytest.LogCaptureFixture
) -> None:
    server.api.automations.add("u", "Postgres", {"hostPort": "db:1"})
    server.api.automations.made["u"].entity["response"] = {"steps": 1}
    automations.begin(ordered(document_of(server) | {"name": "u"}))
    automations.begin(order_of(server))
    automations.tell_lost(Cancellation())
    assert "was not told that the automation u was lost" in caplog.text
    assert messages(server.api.automations.made["t"]) == ("Failed", [LOST])
    assert len(kept(database)) == 1


def test_one_whose_end_was_told_keeps_it(server: FakeOpenMetadata, automations: Automations) -> None:
    automation = server.api.automations.made["t"]
    order = order_of(server)
    automations.begin(order)
    carry_out(order, passed, Cancellation(), clock.now)
    automations.tell_lost(Cancellation())
    assert messages(automation) == ("Successful", ["hello"])


def test_one_of_a_server_that_is_away_is_told_later(
    server: FakeOpenMetadata, automations: Automations, database: Database, caplog: pytest.LogCaptureFixture
) -> None:
    automations.begin(order_of(server))
    caplog.set_level("INFO")
    server.faults.add(Fault("/name/t", times=2))
    automations.tell_lost(Cancellation())
    assert "was not told that the automation t was lost" in caplog.text
    due(database)
    automations.tell_lost(Cancellation())
    assert messages(server.api.automations.made["t"]) == ("Failed", [LOST])


@pytest.mark.parametrize("began", ["2 days", "0 s"])
def test_one_that_nobody_can_be_told_of_is_forgotten(
    began: str, server: FakeOpenMetadata, automations: Automations, database: Database
) -> None:
    automations.begin(order_of(server))
    del server.api.automations.made["t"]
    due(database, began)
    automations.tell_lost(Cancellation())
    assert kept(database) == []


def test_one_whose_key_is_gone_is_forgotten(
    server: FakeOpenMetadata, automations: Automations, database: Database, caplog: pytest.LogCaptureFixture
) -> None:
    automations.begin(order_of(server))
    Automations(database, Vault(), TOKENS).tell_lost(Cancellation())
    assert "HEADWATER_SECRET_KEY does not have" in caplog.text
    assert kept(database) == []


def test_one_that_ends_leaves_nothing_behind(
    server: FakeOpenMetadata, automations: Automations, database: Database
) -> None:
    OpenMetadata(automations, passed, TOKENS).automate(document_of(server))
    eventually(lambda: kept(database) == [], "that it is forgotten")
    assert messages(server.api.automations.made["t"]) == ("Successful", ["hello"])
