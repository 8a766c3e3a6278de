"""The connector under test, one after the other, and its system."""

import socket
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any

import pytest

from connectors import registry
from tests.answering import Answering
from tests.conformance.runs import Bench
from tests.conformance.systems import SYSTEMS


@pytest.fixture(scope="session", params=registry.names())
def name(request: pytest.FixtureRequest) -> str:
    """The name of each connector."""
    name: str = request.param
    return name


@pytest.fixture(scope="session")
def bench(name: str, request: pytest.FixtureRequest) -> Bench:
    """The connector with its system."""
    prepare = SYSTEMS.get(name)
    if prepare is None:
        pytest.fail(f"tests/conformance/systems.py has no system for the connector {name}: add one to SYSTEMS")
    return Bench(name, prepare(request))


@pytest.fixture(scope="session")
def answering() -> Iterator[Callable[[dict[str, Any]], Answering]]:
    """Starts servers that give fixed answers, for systems that are no more than that."""
    with ExitStack() as servers:
        yield lambda answers: servers.enter_context(Answering(answers))


@pytest.fixture
def closed_port() -> int:
    """A port of this machine at which nobody listens."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        return int(server.getsockname()[1])
