"""The API served on a store of the test's own."""

from collections.abc import Iterator

import httpx
import pytest

from service.api.dependencies import Services
from service.api.router import build_api
from service.database.engine import Database
from tests.integration.service.api.serving import services_on, serving
from tests.plain_http import NO_TLS


@pytest.fixture
def services(database: Database) -> Services:
    """The parts that `client` speaks to."""
    return services_on(database)


@pytest.fixture
def address(services: Services) -> Iterator[str]:
    """Where the API answers."""
    with serving(build_api(services)) as address:
        yield address


@pytest.fixture
def client(address: str) -> Iterator[httpx.Client]:
    """A client of the API."""
    with httpx.Client(base_url=address, timeout=30, verify=NO_TLS) as client:
        yield client
