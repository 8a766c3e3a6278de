"""The service entities of an OpenMetadata server, which know the connections that definitions leave out."""

from collections.abc import Iterator, Mapping
from http import HTTPStatus
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import msgspec

from connectors import registry
from connectors.cancellation import Cancellation
from connectors.connector import Check, CheckResult, run_checks
from connectors.definition import OpenMetadataConnection, WorkflowDefinition, known_only, parse
from connectors.errors import ConfigurationError, SinkUnavailable
from connectors.http.answers import UnreadableAnswer
from connectors.http.retry import RetryPolicy
from connectors.models.names import fqn
from connectors.openmetadata.limits import Limits
from connectors.openmetadata.opening import open_client
from connectors.openmetadata.paths import by_name
from connectors.report import Report

if TYPE_CHECKING:
    from connectors.openmetadata.client import OpenMetadataClient

SERVICE = "source.serviceName"
TYPE = "source.type"
SERVER = "openMetadataServerConnection"
MASK = "***"
STEP_SECONDS = 30.0
NO_SERVICE = "no service has to be there"
SERVICE_STEP, SERVICE_QUESTION = "CheckService", "The catalogue has the service"
# For people who wait for the answer, unlike for a run.
QUICK = Limits(connect_seconds=5.0, read_seconds=10.0, connections=1, retry=RetryPolicy(tries=2, few_tries=1))


class Connection(msgspec.Struct, frozen=True):
    """How to reach the source, secrets in plain text if the token is a bot's."""

    config: dict[str, Any] = {}

    def __repr__(self) -> str:
        return "Connection()"


class Service(msgspec.Struct, frozen=True, rename="camel"):
    """A service as the server knows it; `service_type` is OpenMetadata's name for the kind of system."""

    service_type: str
    connection: Connection | None = None


def read_service(client: "OpenMetadataClient", kind: str, name: str) -> Service:
    """The service of this name; `kind` is the type of its entity, such as `databaseService`.

    Raises:
        ConfigurationError: The server has none, or does not tell enough of it.
        SinkUnavailable, FatalError: The server does not answer, or is none that we can use.
    """
    answer = client.request("get service", "GET", by_name(f"services/{kind}s", fqn(name)))
    if answer.status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        message = f"OpenMetadata does not tell of the {kind} {name!r}: {answer.message()}"
        raise SinkUnavailable(message, "look into the server's own log")
    if not answer.ok:
        message = (
            f"OpenMetadata has no {kind} {name!r}: {answer.message()}; correct the name, or have it ingested first"
        )
        raise ConfigurationError.at(SERVICE, message)
    try:
        return answer.decoded(Service)
    except UnreadableAnswer as error:
        raise ConfigurationError.at(SERVICE, f"the {kind} {name!r} of OpenMetadata cannot be read: {error}") from error


def service_type(server: Mapping[str, Any], kind: str, name: str, tokens: Path | None = None) -> str:
    """OpenMetadata's name for the kind of system that a service of a server is.

    Raises:
        ConfigurationError, SinkUnavailable, FatalError: See `read_service`; paths of the server as pipelines have them.
    """
    connection = parse(OpenMetadataConnection, known_only(server), SERVER)
    with open_client(connection, Report(), Cancellation(), QUICK, tokens) as client:
        return read_service(client, kind, name).service_type


def require_service(
    definition: WorkflowDefinition, cancellation: Cancellation, tokens: Path | None = None, limits: Limits | None = None
) -> str:
    """What a connector without a service of its own tells of has to be there; says what that is.

    Raises:
        ConfigurationError, SinkUnavailable, FatalError: See `read_service`.
    """
    server = definition.workflow_config.open_metadata_server_config
    if server is None or definition.sink.type != "metadata-rest":
        return NO_SERVICE
    connector = registry.usable(definition.source.type)
    if connector.has_service:
        return NO_SERVICE
    name = definition.source.service_name
    with open_client(server, Report(), cancellation, limits, tokens) as client:
        return f"{name} is of the type {read_service(client, connector.service.entity, name).service_type}"


def service_checks(raw: Mapping[str, Any], tokens: Path | None = None) -> Iterator[CheckResult]:
    """The step of a test that only the whole definition allows, for a connector without a service of its own.

    Raises:
        ConfigurationError: The definition cannot be run.
    """
    definition = parse(WorkflowDefinition, raw)
    if registry.usable(definition.source.type).has_service:
        return

    def check(definition: WorkflowDefinition) -> str:
        return require_service(definition, Cancellation(STEP_SECONDS), tokens, QUICK)

    address = "workflowConfig.openMetadataServerConfig.hostPort"
    step = Check(SERVICE_STEP, SERVICE_QUESTION, check, mandatory=True, timeout_seconds=STEP_SECONDS, address=address)
    yield from run_checks((step,), definition)


def completed(raw: Mapping[str, Any], cancellation: Cancellation, tokens: Path | None = None) -> dict[str, Any]:
    """The definition with the connection that the server has for its service; as it is, if it has one of its own.

    Raises:
        ConfigurationError, SinkUnavailable, FatalError: See `read_service`.
    """
    definition = parse(WorkflowDefinition, raw)
    connector = registry.usable(definition.source.type)
    server = definition.workflow_config.open_metadata_server_config
    if definition.source.service_connection is not None or not connector.has_service or server is None:
        return dict(raw)
    name = definition.source.service_name
    with open_client(server, Report(), cancellation, tokens=tokens) as client:
        service = read_service(client, connector.service.entity, name)
    if service.service_type.lower() != definition.source.type.lower():
        message = f"is {definition.source.type!r}, but the service {name!r} of OpenMetadata is {service.service_type}"
        raise ConfigurationError.at(TYPE, message)
    if service.connection is None or not service.connection.config:
        raise ConfigurationError.at(
            SERVICE, f"the service {name!r} of OpenMetadata has no connection; give it one there"
        )
    if hidden := next(masked(service.connection.config), None):
        message = f"OpenMetadata hides {hidden} of the service {name!r} from this token; use that of the ingestion bot"
        raise ConfigurationError.at(SERVICE, message)
    return {**raw, "source": {**raw["source"], "serviceConnection": {"config": service.connection.config}}}


def masked(value: object, path: str = "") -> Iterator[str]:
    """The keys whose values are nothing but asterisks."""
    if isinstance(value, dict):
        for key, item in cast("dict[str, object]", value).items():
            yield from masked(item, f"{path}.{key}" if path else key)
    elif isinstance(value, str) and len(value) >= len(MASK) and not value.strip("*"):
        yield path
