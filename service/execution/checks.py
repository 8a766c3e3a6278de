"""Tests connections for people who ask through the API."""

from collections.abc import Callable, Iterator
from dataclasses import replace

from connectors import registry
from connectors.connector import CheckResult
from connectors.source_files import EVERY_FILE, SourceFiles
from service.execution.secrets import SecretResolver
from service.logs import Redactor
from service.workflows.documents import Json, value_at


def connection_checker(
    resolver: SecretResolver, files: SourceFiles = EVERY_FILE
) -> Callable[[str, Json], Iterator[CheckResult]]:
    """What checks a connection given by its connector's name and its config, secrets as references or in plain text.

    A connection may read no other `files` of this machine.

    Raises:
        ConfigurationError: A secret is missing, or the config does not fit the connector.
    """

    def check(connector: str, connection: Json) -> Iterator[CheckResult]:
        paths = tuple(registry.connection_secrets(connector, connection))
        resolved, _ = resolver.resolve(connection, paths)
        redactor = Redactor()
        found = (value_at(resolved, path) for path in paths)
        redactor.add(value for value in found if isinstance(value, str))
        for result in registry.check(connector, resolved, files):
            advice = None if result.advice is None else redactor.apply(result.advice)
            yield replace(result, message=redactor.apply(result.message), advice=advice)

    return check
