"""The catalogue of connectors, and tests of connections."""

from typing import Annotated, Any, Literal

from fastapi import APIRouter, Body, Path

from connectors import registry
from connectors.connector import CheckResult, Connector
from connectors.errors import ConfigurationError
from service.access.roles import Role
from service.api import examples
from service.api.bodies import DocumentRoute
from service.api.callers import CallerDep, needs
from service.api.dependencies import BASE, MAX_CHECKS, Services, ServicesDep
from service.errors import Conflict, Forbidden, NotFound, Unavailable
from service.workflows.documents import Json
from service.workflows.operations import problems_under
from service.workflows.schemas import Document
from service.workflows.vault import merge_masked, refers_to_secrets
from service.workflows.wire import Input, Output, Page

router = APIRouter(prefix=f"{BASE}/connectors", tags=["connectors"], route_class=DocumentRoute)

WITH_SECRETS = "with the role operator a connection is tested without secret:<name> in it; this needs the role admin"
ConnectorName = Annotated[str, Path(description="The connector's name: `source.type` of a definition.")]


class CheckDescription(Output):
    """One step of a connection test."""

    name: str
    description: str
    mandatory: bool
    gate: bool


class ConnectorSummary(Output):
    """A connector; one that cannot be used says why."""

    name: str
    service_type: str
    installed: bool
    driver: str | None
    extra: str | None
    capabilities: list[str]
    checks: list[CheckDescription]
    problem: str | None = None


class ConnectorRead(ConnectorSummary):
    """A connector with the JSON Schemas of its connection and of its options."""

    config_schema: dict[str, Any]
    options_schema: dict[str, Any]


class ConnectionCheck(Input):
    """A connection to test: what a definition has at `source.serviceConnection.config`."""

    connection: Document


class CheckStep(Output):
    """What became of one step."""

    name: str
    description: str
    status: Literal["passed", "failed", "warning", "skipped"]
    mandatory: bool
    seconds: float
    message: str
    advice: str | None


class CheckReport(Output):
    """A tested connection; it passed if every mandatory step did."""

    passed: bool
    steps: list[CheckStep]

    @classmethod
    def of(cls, results: list[CheckResult]) -> "CheckReport":
        """The results as answered."""
        steps = [
            CheckStep(
                name=result.name,
                description=result.description,
                status=result.status,
                mandatory=result.mandatory,
                seconds=round(result.seconds, 3),
                message=result.message,
                advice=result.advice,
            )
            for result in results
        ]
        return cls(passed=all(step.status == "passed" or not step.mandatory for step in steps), steps=steps)


@router.get("", summary="List the connectors")
def list_connectors() -> Page[ConnectorSummary]:
    """All connectors there are, whether their drivers are installed or not."""
    return Page(data=[_summary(name) for name in registry.names()])


@router.get("/{name}", summary="Read a connector")
def read_connector(name: ConnectorName) -> ConnectorRead:
    """One connector with the JSON Schemas of what it takes."""
    connector = connector_named(name)
    return ConnectorRead(
        **dict(_described(connector)),
        config_schema=connector.config.model_json_schema(by_alias=True),
        options_schema=connector.options.model_json_schema(by_alias=True),
    )


@router.post("/{name}/check", summary="Test a connection", openapi_extra=needs(Role.OPERATOR))
def check_connection(
    name: ConnectorName,
    check: Annotated[ConnectionCheck, Body(examples=[examples.CHECK])],
    services: ServicesDep,
    caller: CallerDep,
) -> CheckReport:
    """Try a connection step by step, storing nothing. One with `secret:<name>` in it is for an admin.

    It could send the secret anywhere.
    """
    if not caller.role.includes(Role.ADMIN) and refers_to_secrets(check.connection):
        raise Forbidden(WITH_SECRETS)
    connector_named(name)
    with problems_under("connection"):
        connection = merge_masked(check.connection, {})
    return tested(services, name, connection, "connection", None)


def connector_named(name: str) -> Connector[Any, Any]:
    """The connector of this name. Raises NotFound, or Conflict for one that cannot be loaded."""
    try:
        return registry.get(name)
    except ConfigurationError as error:
        if name in registry.names():
            raise Conflict(error.message) from error
        raise NotFound(error.message) from error


def tested(services: Services, connector: str, connection: Json, path: str, config: Json | None) -> CheckReport:
    """Test a connection, or a whole config with it; problems of the connection are reported below `path`.

    Raises Unavailable when many tests run already.
    """
    if not services.check_slots.acquire(blocking=False):
        message = f"{MAX_CHECKS} connections are being tested already; try again when a test has ended"
        raise Unavailable(message)
    try:
        return CheckReport.of(list(services.check_connection(connector, connection, config)))
    except ConfigurationError as error:
        raise error.under(path) from error
    finally:
        services.check_slots.release()


def _summary(name: str) -> ConnectorSummary:
    try:
        return _described(registry.get(name))
    except ConfigurationError as error:
        # One broken connector must not hide the others.
        return ConnectorSummary(
            name=name,
            service_type="",
            installed=False,
            driver=None,
            extra=None,
            capabilities=[],
            checks=[],
            problem=error.message,
        )


def _described(connector: Connector[Any, Any]) -> ConnectorSummary:
    return ConnectorSummary(
        name=connector.name,
        service_type=connector.service_type,
        installed=connector.installed,
        driver=connector.driver,
        extra=connector.name if connector.driver else None,
        capabilities=sorted(connector.capabilities),
        checks=[
            CheckDescription(name=check.name, description=check.description, mandatory=check.mandatory, gate=check.gate)
            for check in connector.checks
        ],
    )
