"""Which connectors there are, and whether a definition fits one of them.

A connector's name is its module's name in `connectors.sources`, or that of an entry point in the group
`headwater.connectors`; it is imported when it is first asked for.
"""

import importlib
import logging
import pkgutil
import sys
from collections.abc import Callable, Iterator, Mapping
from difflib import get_close_matches
from functools import cache
from importlib.metadata import EntryPoint, entry_points
from typing import Any, TypeVar, cast

import msgspec
from pydantic import BaseModel

import connectors.sources
from connectors.connector import CheckResult, Connector, run_checks
from connectors.definition import (
    Model,
    ModelT,
    SourceOptions,
    Unused,
    WorkflowDefinition,
    parse,
)
from connectors.errors import ConfigurationError, Problem, cause_of
from connectors.other_workflows import KINDS, SUFFIXES, refusal
from connectors.problems import too_long
from connectors.secret_texts import Path, secret_paths
from connectors.sinks.opening import CONFIG as SINK
from connectors.sinks.opening import Destination, destination
from connectors.source_files import EVERY_FILE, SourceFiles

T = TypeVar("T")

logger = logging.getLogger(__name__)

ENTRY_POINTS = "headwater.connectors"
SOURCE_TYPE = "source.type"
SERVICE = "source.serviceConnection"
OPTIONS = "source.sourceConfig.config"


class Plan(msgspec.Struct, frozen=True):
    """A definition that can be run: every part of it validated by the model it belongs to.

    One without a `connection` has to be completed before it runs: the server knows the connection.
    """

    definition: WorkflowDefinition
    connector: Connector[Any, Any]
    connection: BaseModel | None
    options: SourceOptions
    sink: Destination

    @property
    def secret_paths(self) -> tuple[Path, ...]:
        """Where the secret texts of the definition stand, which may be references."""
        place = self.connector.connection_path
        found = secret_paths(self.connection) if self.connection is not None else ()
        return (*((*place, *path) for path in found), *secret_paths(self.definition, without=place))

    @property
    def notes(self) -> tuple[str, ...]:
        """What the author is to know of keys that are accepted and change nothing."""
        parts: list[tuple[str, BaseModel | None]] = [
            ("", self.definition),
            (f"{SINK}.", self.sink.config),
            (f"{'.'.join(self.connector.connection_path)}.", self.connection),
            (f"{OPTIONS}.", self.options),
        ]
        found = [note for prefix, part in parts if part is not None for note in _notes(prefix, part)]
        found += [f"{OPTIONS}.{note}" for note in self.connector.notes(self.options)]
        return tuple(found)


def names() -> list[str]:
    """The names of all connectors, in alphabetical order."""
    return sorted(_own() | third_parties().keys())


def third_parties() -> Mapping[str, EntryPoint]:
    """Where the connectors of other distributions are, by name."""
    return _on_path(tuple(sys.path))


def get(name: str) -> Connector[Any, Any]:
    """The connector of this name.

    Raises:
        ConfigurationError: There is none, which names the nearest one, or a third party's cannot be loaded.
    """
    point = third_parties().get(name)
    if point is not None:
        return _foreign(point)
    if name not in _own():
        raise _unknown(name, names())
    module = importlib.import_module(f"{connectors.sources.__name__}.{name}")
    return cast("Connector[Any, Any]", module.CONNECTOR)


def plan(raw: Mapping[str, Any], *, confined: bool = False, files: SourceFiles = EVERY_FILE) -> Plan:
    """Validate a whole definition, as far as that can be done without connecting to anything.

    A `confined` one may name no file of its own choice to write to, and any only some `files` to read from.

    Raises:
        ConfigurationError: Names the path of every offending field, below the definition's own top.
    """
    definition = _envelope(raw)
    source = definition.source
    connector = usable(source.type)
    problems: list[Problem] = []

    def tried(read: Callable[[], T]) -> T | None:
        try:
            return read()
        except ConfigurationError as error:
            problems.extend(error.problems)
            return None

    problems.extend(_connection_problems(definition, connector))
    path, given = connector.connection_path, _value_at(raw, connector.connection_path)
    connection: BaseModel | None = None
    if given is not None:
        connection = tried(lambda: _connection(connector.config, given, ".".join(path), files))
    options = tried(lambda: _options(connector, source.source_config.config, files))
    sink: Destination | None = tried(lambda: destination(definition, confined=confined))
    if problems or options is None or sink is None:
        raise ConfigurationError(problems)
    return Plan(definition, connector, connection, options, sink)


def _connection(model: type[ModelT], raw: object, path: str, files: SourceFiles = EVERY_FILE) -> ModelT:
    """The connection, after the length of every text in it was looked at."""
    if long := list(too_long(raw, path)):
        raise ConfigurationError(long)
    return parse(model, raw, path, files)


def _options(connector: Connector[Any, Any], given: Mapping[str, Any], files: SourceFiles) -> SourceOptions:
    """The options of the source. Of those of another kind of workflow only that is told."""
    kind: object = given.get("type")
    if isinstance(kind, str) and kind in KINDS:
        told = refusal(kind, KINDS[kind])
        expected = connector.options.model_fields.get("type")
        mend = f": write {expected.default!r}" if expected else ": remove it"
        raise ConfigurationError([Problem(f"{OPTIONS}.type", told + mend)])
    return parse(connector.options, given, OPTIONS, files)


def _connection_problems(definition: WorkflowDefinition, connector: Connector[Any, Any]) -> Iterator[Problem]:
    """What is wrong with where the connection stands."""
    given = definition.source.service_connection
    if not connector.has_service:
        if given is not None:
            place = ".".join(connector.connection_path)
            yield Problem(SERVICE, f"has no use for {connector.name}, which is told by {place} what to read; remove it")
    elif given is None and definition.workflow_config.open_metadata_server_config is None:
        message = (
            "is required: only with workflowConfig.openMetadataServerConfig can it be left out, and is then fetched "
            "from that server"
        )
        yield Problem(SERVICE, message)


def _value_at(raw: Mapping[str, Any], path: tuple[str, ...]) -> object:
    """What stands at a path of a definition; None for nothing."""
    value: object = raw
    for key in path:
        value = cast("Mapping[str, object]", value).get(key) if isinstance(value, Mapping) else None
    return value


def _envelope(raw: Mapping[str, Any]) -> WorkflowDefinition:
    """The definition as a whole. The steps of another workflow are refused together with its type, which is why."""
    server = ("workflowConfig", "openMetadataServerConfig")
    if long := list(too_long(_value_at(raw, server), ".".join(server))):
        raise ConfigurationError(long)
    try:
        return parse(WorkflowDefinition, raw)
    except ConfigurationError as error:
        source: object = raw.get("source")
        kind = cast("Mapping[str, object]", source).get("type") if isinstance(source, Mapping) else None
        try:
            _refuse_other_kind(str(kind))
        except ConfigurationError as first:
            raise ConfigurationError([*first.problems, *error.problems]) from None
        raise


def _refuse_other_kind(kind: str) -> None:
    wanted, known = kind.lower(), names()
    if wanted in known:  # a third party's, of a name that only looks like it
        return
    for suffix, other in SUFFIXES.items():
        base = wanted.removesuffix(suffix)
        if base != wanted and base in known:
            raise ConfigurationError.at(SOURCE_TYPE, f"{refusal(kind, other)}: write {base!r}")


def usable(kind: str) -> Connector[Any, Any]:
    """The connector that a definition's `source.type` names.

    Raises:
        ConfigurationError: There is none, or its driver is missing; names the mend.
    """
    _refuse_other_kind(kind)
    try:
        connector = get(kind.lower())
    except ConfigurationError as error:
        raise error.under(SOURCE_TYPE) from None
    if not connector.installed:
        hint = f"pip install 'headwater[{connector.name}]'"
        raise ConfigurationError.at(SOURCE_TYPE, f"{kind} needs the driver {connector.driver}; install it: {hint}")
    return connector


# Looking through everything that is installed costs more than a small run, and every run asks twice.
@cache
def _on_path(_: tuple[str, ...]) -> Mapping[str, EntryPoint]:
    return {point.name: point for point in entry_points(group=ENTRY_POINTS)}


@cache
def _own() -> frozenset[str]:
    return frozenset(module.name for module in pkgutil.iter_modules(connectors.sources.__path__))


def _foreign(point: EntryPoint) -> Connector[Any, Any]:
    try:
        loaded = point.load()
    except Exception as error:  # a third party's module may raise anything
        logger.debug("entry point %s cannot be loaded", point.value, exc_info=True)
        problem = Problem("", f"{point.name} comes from {point.value}, which cannot be loaded: {cause_of(error)}")
        raise ConfigurationError([problem]) from error
    if not isinstance(loaded, Connector) or loaded.name != point.name:
        problem = Problem("", f"{point.name} comes from {point.value}, which is not a Connector of that name")
        raise ConfigurationError([problem])
    return cast("Connector[Any, Any]", loaded)


def _unknown(name: str, known: list[str]) -> ConfigurationError:
    near = get_close_matches(name, known, 1)
    hint = f"did you mean {near[0]!r}?" if near else f"there are: {', '.join(known)}"
    return ConfigurationError.at("", f"{name!r} is not a connector; {hint}")


def _notes(prefix: str, part: BaseModel) -> list[str]:
    """Of the keys that were given: those that change nothing, also below others."""
    values = dict(part)
    fields = type(part).model_fields
    given = [(info.alias or name, info, values[name]) for name, info in fields.items() if name in part.model_fields_set]
    unused = [
        f"{prefix}{key} has no effect on metadata ingestion"
        for key, info, _ in given
        if any(isinstance(mark, Unused) for mark in info.metadata)
    ]
    own = [f"{prefix}{note}" for note in part.notes()] if isinstance(part, Model) else []
    below = [note for key, _, value in given if isinstance(value, Model) for note in _notes(f"{prefix}{key}.", value)]
    return [*unused, *own, *below]


def connection_secrets(name: str, connection: Mapping[str, Any]) -> tuple[Path, ...]:
    """Where the secret texts of a connection stand, which may be references.

    Raises:
        ConfigurationError: There is no such connector, or the connection does not fit it.
    """
    return tuple(secret_paths(_connection(usable(name).config, connection, "")))


def check(name: str, connection: Mapping[str, Any], files: SourceFiles = EVERY_FILE) -> Iterator[CheckResult]:
    """Test a connection whose secret references have been resolved; each step's result as soon as it is there.

    It may name no other `files` of this machine.

    Raises:
        ConfigurationError: There is no such connector, or the connection does not fit it.
    """
    connector = usable(name)
    yield from run_checks(connector.checks, _connection(connector.config, connection, "", files))
