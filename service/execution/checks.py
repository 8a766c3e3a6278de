"""Tests connections for people who ask through the API."""

from collections.abc import Callable, Iterator

from connectors import registry
from connectors.connector import CheckResult
from service.execution.secrets import SecretResolver
from service.workflows.documents import Json


def connection_checker(resolver: SecretResolver) -> Callable[[str, Json], Iterator[CheckResult]]:
    """What checks a connection given by its connector's name and its config, secrets as references or in plain text.

    Raises:
        ConfigurationError: A secret is missing, or the config does not fit the connector.
    """

    def check(connector: str, connection: Json) -> Iterator[CheckResult]:
        resolved, _ = resolver.resolve(connection)
        yield from registry.check(connector, resolved)

    return check
