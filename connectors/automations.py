"""Automations of an OpenMetadata server: tests of connections that people start in its UI."""

from collections.abc import Callable, Iterator, Mapping
from datetime import datetime
from http import HTTPStatus
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import msgspec
from pydantic import Field, field_validator

from connectors.cancellation import Cancellation
from connectors.connector import CheckResult
from connectors.definition import Incoming, OpenMetadataConnection, known_only, parse
from connectors.errors import ConfigurationError, ConnectorError, FatalError, RunCancelled, SinkUnavailable
from connectors.http.answers import UnreadableAnswer
from connectors.openmetadata.instants import milliseconds
from connectors.openmetadata.opening import open_client
from connectors.openmetadata.paths import by_name
from connectors.openmetadata.versions import FIRST_WITH_STATES_OF_STEPS
from connectors.report import Report
from connectors.secret_texts import Path as KeyPath
from connectors.secret_texts import secret_paths
from connectors.services import QUICK, masked

if TYPE_CHECKING:
    from connectors.openmetadata.client import OpenMetadataClient

AUTOMATIONS = "automations/workflows"
SUPPORTED = "TEST_CONNECTION"
KIND, NAME, SERVER = "workflowType", "name", "openMetadataServerConnection"
TIMEOUT_SECONDS = 600.0
BROKE_OFF = "the test broke off; the log of Headwater says why"
LOST = "the process of Headwater that tested the connection has ended; test it again"
GOING_ON = (None, "Pending", "Running")
Checker = Callable[[str, dict[str, Any]], Iterator[CheckResult]]
Clock = Callable[[], datetime]
Status = Literal["Running", "Successful", "Failed"]


class Connection(Incoming):
    """The connection to test."""

    config: dict[str, Any] = Field(repr=False)


class Request(Incoming):
    """What to test; `connection_type` is OpenMetadata's name for the kind of system."""

    connection_type: str = Field(min_length=1)
    connection: Connection


class Automation(Incoming):
    """An automation as the server keeps it."""

    id: str = Field(min_length=1)
    request: Request
    status: str | None = None
    response: dict[str, Any] | None = None

    @property
    def steps(self) -> list[dict[str, Any]]:
        """What was told of its steps so far."""
        steps: list[dict[str, Any]] = (self.response or {}).get("steps") or []
        return steps


class Order(Incoming):
    """What the server asks for: the automation of this name is read from it again, with its secrets."""

    name: str = Field(min_length=1)
    workflow_type: str
    open_metadata_server_connection: dict[str, Any] = Field(repr=False)

    @field_validator("open_metadata_server_connection")
    @classmethod
    def _is_of_use(cls, server: dict[str, Any]) -> dict[str, Any]:
        """The order is kept: whatever else the server says of itself, secrets maybe, is left out."""
        return known_only(server)

    @property
    def server(self) -> OpenMetadataConnection:
        """Who ordered it. Raises ConfigurationError."""
        return parse(OpenMetadataConnection, self.open_metadata_server_connection, SERVER)

    @property
    def secrets(self) -> tuple[KeyPath, ...]:
        """Where its secrets stand."""
        return tuple((SERVER, *path) for path in secret_paths(self.server))


def ordered(document: Mapping[str, Any]) -> Order:
    """The order that a document is.

    Raises:
        ConfigurationError: It is none, or one for something else than the test of a connection.
    """
    order = parse(Order, document)
    if order.workflow_type != SUPPORTED:
        message = f"{order.workflow_type!r} is not supported: only connections are tested here ({SUPPORTED})"
        raise ConfigurationError.at(KIND, message)
    _ = order.server
    return order


def carry_out(order: Order, check: Checker, cancellation: Cancellation, now: Clock, tokens: Path | None = None) -> None:
    """Test the connection and tell the server of each step as soon as it is done; also of a test that is cancelled.

    Raises:
        ConfigurationError: The server has no such automation.
        SinkUnavailable, FatalError: It cannot be told.
        Exception: What `check` raised beside ConfigurationError, after the server was told that the test failed.
    """
    with open_client(order.server, Report(), Cancellation(), QUICK, tokens) as client:
        automation = _read(client, order.name)
        with_states = _knows_states(client)
        steps: list[dict[str, Any]] = []
        failed = False

        def tell(status: Status) -> None:
            _tell(client, automation, status, steps, now())

        tell("Running")
        try:
            connection = automation.request.connection.config
            _require_shown(connection)
            for result in check(automation.request.connection_type.lower(), connection):
                steps.append(_step(result) | (_state(result) if with_states else {}))
                failed = failed or (result.mandatory and result.status != "passed")
                tell("Running")
                cancellation.check()
        except (ConfigurationError, RunCancelled) as error:
            steps.append(_broken(error.message))
            failed = True
        except ConnectorError:
            raise
        except Exception:  # or people would wait for its end for ever
            steps.append(_broken(BROKE_OFF))
            tell("Failed")
            raise
        tell("Failed" if failed else "Successful")


def break_off(order: Order, cancellation: Cancellation, now: Clock, tokens: Path | None = None) -> None:
    """Tell the server that a test has failed which nobody carries on, unless it has heard of an end.

    Raises:
        ConfigurationError: The server has no such automation.
        SinkUnavailable, FatalError: It cannot be told.
    """
    with open_client(order.server, Report(), cancellation, QUICK, tokens) as client:
        automation = _read(client, order.name)
        if automation.status in GOING_ON:
            _tell(client, automation, "Failed", [*automation.steps, _broken(LOST)], now())


def _knows_states(client: "OpenMetadataClient") -> bool:
    try:
        return client.version() >= FIRST_WITH_STATES_OF_STEPS
    except FatalError:  # of a version that we do not know: what all of them take is enough here
        return False


def _read(client: "OpenMetadataClient", name: str) -> Automation:
    answer = client.request("get automation", "GET", by_name(AUTOMATIONS, name))
    if answer.status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        message = f"OpenMetadata does not tell of the automation {name!r}: {answer.message()}"
        raise SinkUnavailable(message)
    if not answer.ok:
        raise ConfigurationError.at(NAME, f"OpenMetadata has no automation {name!r}: {answer.message()}")
    try:
        return parse(Automation, answer.decoded(dict[str, Any]))
    except UnreadableAnswer as error:
        message = f"the automation {name!r} cannot be read: {error}"
        raise ConfigurationError.at(NAME, message) from error


def _tell(
    client: "OpenMetadataClient", automation: Automation, status: Status, steps: list[dict[str, Any]], at: datetime
) -> None:
    result = {"lastUpdatedAt": milliseconds(at), "status": status, "steps": steps}
    _patch(client, automation, {"/response": result, "/status": status})


def _patch(client: "OpenMetadataClient", automation: Automation, fields: Mapping[str, object]) -> None:
    changes = [{"op": "add", "path": path, "value": value} for path, value in fields.items()]
    path = f"/{AUTOMATIONS}/{automation.id}"
    answer = client.request("patch automation", "PATCH", path, body=msgspec.json.encode(changes))
    if not answer.ok:
        message = f"OpenMetadata does not take the result of the automation: {answer.message()}"
        raise SinkUnavailable(message)


def _require_shown(connection: Mapping[str, Any]) -> None:
    if hidden := next(masked(connection), None):
        message = "OpenMetadata hides it from this token; the server's pipeline service has to send the ingestion bot's"
        raise ConfigurationError.at(hidden, message)


def _broken(message: str) -> dict[str, Any]:
    return {"name": "CheckAccess", "mandatory": True, "passed": False, "message": message}


def _step(result: CheckResult) -> dict[str, Any]:
    step: dict[str, Any] = {
        "name": result.name,
        "mandatory": result.mandatory,
        "passed": result.status == "passed",
        "message": result.message,
    }
    return step if result.advice is None else {**step, "errorLog": result.advice}


def _state(result: CheckResult) -> dict[str, Any]:
    """What newer servers show of a step beside whether it passed."""
    state: dict[str, Any] = {"status": result.status.capitalize(), "durationMs": round(result.seconds * 1000)}
    if result.status == "skipped":
        state["skipReason"] = "ConnectionNotEstablished"
    if result.advice is not None:
        state["diagnosis"] = {"remediation": result.advice}
    return state
