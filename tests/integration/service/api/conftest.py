"""The API served on a store of the test's own."""

from collections.abc import Iterator

import httpx
import pytest
from sqlalchemy import func, inspect, select, table

from service.api.dependencies import Services
from service.api.router import build_api
from service.database.engine import Database
from tests.integration.service.api.keyed import migrated
from tests.integration.service.api.serving import services_on, serving
from tests.plain_http import NO_TLS
from tests.postgres import Server


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


@pytest.fixture(scope="module")
def untouched(postgres_server: Server, migrated_template: str) -> Iterator[Database]:
    """A store that a module's tests share, in which none of them may change anything: this is looked at in the end."""
    with migrated(postgres_server, migrated_template) as store:
        before = rows_of(store)
        yield store
        assert rows_of(store) == before


def rows_of(store: Database) -> dict[str, int]:
    """How many rows each table has."""
    with store.session() as session:
        connection = session.connection()
        names = inspect(connection).get_table_names()
        return {name: connection.scalar(select(func.count()).select_from(table(name))) or 0 for name in names}


@pytest.fixture(scope="module")
def shared_address(untouched: Database) -> Iterator[str]:
    """Where an API on it answers: to make a store and an API for each test takes a tenth of a second."""
    with serving(build_api(services_on(untouched))) as address:
        yield address


@pytest.fixture
def guest(shared_address: str) -> Iterator[httpx.Client]:
    """A client whose requests are refused, or read."""
    with httpx.Client(base_url=shared_address, timeout=30, verify=NO_TLS) as client:
        yield client
