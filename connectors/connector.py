"""What a connector is to everybody else: a name, a config model, checks and a topology."""

import contextvars
import importlib.util
import logging
import queue
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import AbstractContextManager
from dataclasses import KW_ONLY, dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any, Generic, Literal, TypeVar

import msgspec
from pydantic import BaseModel

from connectors.cancellation import Cancellation
from connectors.definition import SERVICE_CONNECTION, SourceOptions
from connectors.errors import advice_of, cause_of
from connectors.models.kinds import SERVICES
from connectors.models.services import CreateServiceRequest
from connectors.report import Report
from connectors.topology import Node

logger = logging.getLogger(__name__)

# The keys by which OpenMetadata's connections say where a system is.
ADDRESSES = (
    "hostPort", "host", "bootstrapServers", "schemaRegistryURL", "registryUri", "trackingUri", "account",
    "metastoreConnection", "openAPISchemaConnection", "configSource", "awsConfig", "databaseMode",
    "dbtManifestHttpPath",
)  # fmt: skip

ConfigT = TypeVar("ConfigT", bound=BaseModel)
OptionsT = TypeVar("OptionsT", bound=SourceOptions)


class Capability(StrEnum):
    """What a connector can find."""

    DATABASES = "databases"
    SCHEMAS = "schemas"
    TABLES = "tables"
    VIEWS = "views"
    STORED_PROCEDURES = "storedProcedures"
    CONSTRAINTS = "constraints"
    COMMENTS = "comments"
    TAGS = "tags"
    OWNERS = "owners"
    DDL = "ddl"
    DELETIONS = "deletions"
    TOPICS = "topics"
    MESSAGE_SCHEMAS = "messageSchemas"
    DASHBOARDS = "dashboards"
    CHARTS = "charts"
    DATA_MODELS = "dataModels"
    ML_MODELS = "mlModels"
    PIPELINES = "pipelines"
    RUN_STATUS = "runStatus"
    LINEAGE = "lineage"
    CONTAINERS = "containers"
    SEARCH_INDEXES = "searchIndexes"
    API_COLLECTIONS = "apiCollections"
    API_ENDPOINTS = "apiEndpoints"
    DATA_TESTS = "dataTests"
    TEST_RESULTS = "testResults"


# What a connector has to find for a switch of the options to mean something.
SWITCHES: Mapping[str, Capability] = {
    "include_ddl": Capability.DDL,
    "include_owners": Capability.OWNERS,
    "include_stored_procedures": Capability.STORED_PROCEDURES,
    "include_tags": Capability.TAGS,
}
OF_DATABASES = frozenset(
    {
        Capability.DATABASES,
        Capability.SCHEMAS,
        Capability.TABLES,
        Capability.VIEWS,
        Capability.STORED_PROCEDURES,
        Capability.CONSTRAINTS,
        Capability.COMMENTS,
        Capability.TAGS,
        Capability.OWNERS,
        Capability.DDL,
        Capability.DELETIONS,
    }
)


class RunContext(msgspec.Struct, Generic[ConfigT, OptionsT], frozen=True):
    """What one run gives its connector.

    `stored_connection` is what the service entity is to keep of `connection`. What has not changed since
    `changed_since` may be left out by a connector whose options say so; None: nothing.
    """

    service: str
    service_type: str
    connection: ConfigT
    options: OptionsT
    threads: int
    report: Report
    cancellation: Cancellation
    stored_connection: dict[str, Any] | None = None
    changed_since: datetime | None = None

    def __repr__(self) -> str:
        return f"RunContext({self.service!r}, {self.connection!r}, {self.options!r})"


@dataclass(frozen=True, slots=True)
class Check(Generic[ConfigT]):
    """One step of a connection test: `run` answers with a short summary or raises.

    A `gate` that fails skips the steps after it; a `mandatory` step that fails fails the test. `address` is the key
    that a user is sent to when there is no answer in time; None: the keys among ADDRESSES that the connection has.
    """

    name: str
    description: str
    run: Callable[[ConfigT], str]
    _: KW_ONLY
    gate: bool = False
    mandatory: bool = False
    timeout_seconds: float = 30.0
    address: str | None = None


class CheckResult(msgspec.Struct, frozen=True):
    """What became of one step."""

    name: str
    description: str
    status: Literal["passed", "failed", "warning", "skipped"]
    mandatory: bool
    seconds: float
    message: str
    advice: str | None = None


class Connector(msgspec.Struct, Generic[ConfigT, OptionsT], frozen=True):
    """One kind of system; `name` is its module's name and what a definition's `source.type` says.

    `driver` is the module that has to be installed, by the extra named like the connector. `grants` are the statements
    that give the user the rights a run needs, `tested` says on what it was: both for docs/connectors.md.
    `connection_path` is where in a definition the `config` stands; elsewhere than in `source.serviceConnection`, it is
    no service's own: the server is not asked for it, and has to have the service already.
    """

    name: str
    service_type: str
    config: type[ConfigT]
    options: type[OptionsT]
    capabilities: frozenset[Capability]
    checks: tuple[Check[ConfigT], ...]
    topology: Callable[[RunContext[ConfigT, OptionsT]], AbstractContextManager[Node[None, Any]]]
    driver: str | None = None
    grants: str = ""
    tested: str = ""
    connection_path: tuple[str, ...] = SERVICE_CONNECTION

    @property
    def has_service(self) -> bool:
        """Whether its entities lie in a service of its own, and not in one that another connector fills."""
        return self.connection_path == SERVICE_CONNECTION

    @property
    def family(self) -> str:
        """The family it belongs to, by the `type` that its source options have in definitions."""
        return str(self.options.model_fields["type"].default)

    @property
    def service(self) -> type[CreateServiceRequest]:
        """The kind of service that its entities lie in."""
        return SERVICES[self.family]

    def notes(self, options: SourceOptions) -> Iterator[str]:
        """Switches that are on among the options and mean nothing here, each as the rest of a sentence."""
        values: dict[str, object] = dict(options)
        told = {Capability.OWNERS} if values.get("owner_config") else set[Capability]()
        for name, needed in SWITCHES.items():
            on = name in options.model_fields_set and values[name] is True
            if on and needed not in self.capabilities | told:
                key = type(options).model_fields[name].alias
                yield f"{key} has no effect: {self.name} tells of no {needed}"

    @property
    def installed(self) -> bool:
        """Whether the driver can be imported."""
        try:
            return self.driver is None or importlib.util.find_spec(self.driver) is not None
        except (ImportError, ValueError):  # the package that the driver lies in is missing, or a broken one
            return False


def run_checks(checks: Iterable[Check[ConfigT]], config: ConfigT) -> Iterator[CheckResult]:
    """Test a connection step by step; each result comes as soon as it is there."""
    closed_by: str | None = None
    for check in checks:
        if closed_by is not None:
            why = f"not tried because {closed_by} failed"
            yield CheckResult(check.name, check.description, "skipped", check.mandatory, 0.0, why)
            continue
        result = _run_check(check, config)
        if check.gate and result.status != "passed":
            closed_by = check.name
        yield result


def _address_of(config: BaseModel) -> str:
    """The keys of a connection that name what is asked, as users wrote them."""
    names = {field.alias or name: name for name, field in type(config).model_fields.items()}
    found = (key for key in ADDRESSES if names.get(key) in config.model_fields_set)
    return " or ".join(found) or "the connection"


def _run_check(check: Check[ConfigT], config: ConfigT) -> CheckResult:
    """In a daemon thread: one that hangs must not keep the process from ending."""
    began = time.monotonic()
    answers: queue.SimpleQueue[str | BaseException] = queue.SimpleQueue()

    def work() -> None:
        try:
            answers.put(check.run(config))
        except BaseException as error:  # a connector may raise anything: the step says what
            logger.debug("check %s failed", check.name, exc_info=True)
            answers.put(error)

    run = contextvars.copy_context().run
    threading.Thread(target=run, args=(work,), name=f"check-{check.name}", daemon=True).start()
    status, advice = "failed" if check.mandatory else "warning", None
    try:
        answer = answers.get(timeout=check.timeout_seconds)
    except queue.Empty:
        message = f"no answer within {check.timeout_seconds:g} s"
        advice = f"see whether what {check.address or _address_of(config)} names can be reached from here"
    else:
        if isinstance(answer, BaseException):
            message, advice = cause_of(answer), advice_of(answer)
        else:
            status, message = "passed", answer
    return CheckResult(
        check.name, check.description, status, check.mandatory, time.monotonic() - began, message, advice
    )
