"""Tests connections for people who ask through the API."""

from collections.abc import Iterator
from pathlib import Path
from typing import Protocol

import msgspec

from connectors import registry
from connectors.connector import CheckResult
from connectors.errors import ConfigurationError
from connectors.services import SERVICE_QUESTION, SERVICE_STEP, service_checks
from connectors.source_files import EVERY_FILE, SourceFiles
from service.execution.secrets import SecretResolver
from service.logs import Redactor
from service.workflows.documents import Json, value_at
from service.workflows.documents import Path as SecretPath


class Checker(Protocol):
    """Checks a connection given by its connector's name and its config, secrets as references or in plain text.

    Of a whole `config`, it also checks whether the catalogue has what the connector tells of.
    """

    def __call__(self, connector: str, connection: Json, config: Json | None = None) -> Iterator[CheckResult]:
        """Each step's result as soon as it is there."""
        ...


def connection_checker(
    resolver: SecretResolver, files: SourceFiles = EVERY_FILE, tokens: Path | None = None
) -> Checker:
    """What checks a connection, which may read no other `files` of this machine; `tokens` is as in runs.

    Raises:
        ConfigurationError: A secret is missing, or the config does not fit the connector.
    """

    def check(connector: str, connection: Json, config: Json | None = None) -> Iterator[CheckResult]:
        paths = registry.connection_secrets(connector, connection)
        resolved, redactor = _resolved(resolver, connection, paths)
        yield from _hiding(redactor, registry.check(connector, resolved, files))
        if config is not None and not registry.usable(connector).has_service:
            yield from _service_step(resolver, config, tokens)

    return check


def _service_step(resolver: SecretResolver, config: Json, tokens: Path | None) -> Iterator[CheckResult]:
    try:
        of_server = tuple(path for path in registry.plan(config).secret_paths if path[0] == "workflowConfig")
        complete, redactor = _resolved(resolver, config, of_server)
    except ConfigurationError as error:  # the steps before it are told, and what is missing is not the connection's
        yield CheckResult(SERVICE_STEP, SERVICE_QUESTION, "failed", mandatory=True, seconds=0.0, message=error.message)
        return
    yield from _hiding(redactor, service_checks(complete, tokens))


def _resolved(resolver: SecretResolver, document: Json, paths: tuple[SecretPath, ...]) -> tuple[Json, Redactor]:
    """The document with its secrets in place, and what hides them."""
    resolved, _ = resolver.resolve(document, paths)
    redactor = Redactor()
    found = (value_at(resolved, path) for path in paths)
    redactor.add(value for value in found if isinstance(value, str))
    return resolved, redactor


def _hiding(redactor: Redactor, results: Iterator[CheckResult]) -> Iterator[CheckResult]:
    for result in results:
        advice = None if result.advice is None else redactor.apply(result.advice)
        yield msgspec.structs.replace(result, message=redactor.apply(result.message), advice=advice)
