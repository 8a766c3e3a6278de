"""A running service that tests share, one of their own for those that stop it, a shop to read, a catalogue to fill."""

import uuid
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from cryptography.fernet import Fernet

from tests.acceptance.api import Api
from tests.acceptance.catalogues import Catalogue
from tests.acceptance.processes import Replica, replica
from tests.acceptance.sources import Source, make_shop
from tests.postgres import Server, SourceServer

StartReplica = Callable[..., Replica]
ClientOf = Callable[[Replica], Api]


@pytest.fixture(scope="session")
def secret_key() -> str:
    """The key under which stored secrets are encrypted."""
    return Fernet.generate_key().decode()


@pytest.fixture(scope="session")
def shop(source_server: SourceServer) -> Source:
    """The sample shop."""
    return make_shop(source_server)


@pytest.fixture(scope="session")
def shared_store(postgres_server: Server, migrated_template: str) -> Iterator[str]:
    """The store of the service that tests share."""
    name = f"test_{uuid.uuid4().hex}"
    yield postgres_server.create(name, migrated_template)
    postgres_server.drop(name)


@pytest.fixture(scope="session")
def service(shared_store: str, secret_key: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Replica]:
    """A service that tests share: nobody may stop it or count what others do there."""
    folder = tmp_path_factory.mktemp("service")
    settings = {
        "HEADWATER_DATABASE_URL": shared_store,
        "HEADWATER_DATA_DIR": str(folder),
        "HEADWATER_SECRET_KEY": secret_key,
        "HEADWATER_SECRET_IN_THE_ENVIRONMENT": "the-readers-password",
        "HEADWATER_SECRET_OPENMETADATA_SERVICE_SHOP": "the-readers-password",
        "HEADWATER_OPENMETADATA_USERNAME": "openmetadata",
        "HEADWATER_FAILED_LOGINS_PER_MINUTE": "10000",
        "HEADWATER_OPENMETADATA_PASSWORD": "the-servers-password",
        "HEADWATER_WORKER_SLOTS": "8",
        "HEADWATER_WORKER_POOLS": "default,narrow",
        "HEADWATER_POOL_LIMITS": "narrow=1",
        "HEADWATER_POLL_SECONDS": "0.5",
    }
    with replica(settings, folder / "service.log") as running:
        yield running


@pytest.fixture(scope="session")
def data_dir(service: Replica) -> Path:
    """Where the shared service keeps files and dead letters."""
    return service.log.parent


@pytest.fixture
def api(service: Replica) -> Iterator[Api]:
    """The shared service, as a client sees it."""
    with Api(service.url) as api:
        yield api
        api.forget()


@pytest.fixture
def start_replica(database_url: str, secret_key: str, tmp_path: Path) -> Iterator[StartReplica]:
    """Starts processes of a service of the test's own, which share a store and a folder; settings as keywords.

    On a busy machine a heartbeat may come late: leases last, but for tests in which one is to lapse.
    """
    with ExitStack() as running:

        def start(**settings: str) -> Replica:
            own = {
                "HEADWATER_DATABASE_URL": database_url,
                "HEADWATER_DATA_DIR": str(tmp_path),
                "HEADWATER_SECRET_KEY": secret_key,
                "HEADWATER_HEARTBEAT_SECONDS": "0.2",
                **{f"HEADWATER_{name.upper()}": value for name, value in settings.items()},
            }
            return running.enter_context(replica(own, tmp_path / f"replica-{uuid.uuid4().hex[:8]}.log", forked=True))

        yield start


@pytest.fixture
def client_of() -> Iterator[ClientOf]:
    """Makes clients of replicas that the test may stop; closed after it."""
    with ExitStack() as clients:

        def client(of: Replica) -> Api:
            return clients.enter_context(Api(of.url))

        yield client


@pytest.fixture
def catalogue() -> Iterator[Catalogue]:
    """An empty OpenMetadata."""
    with Catalogue() as catalogue:
        yield catalogue


@pytest.fixture
def name(request: pytest.FixtureRequest) -> str:
    """A name for the test's workflow that no other has."""
    return f"{request.node.name[5:60].partition('[')[0]}-{uuid.uuid4().hex[:8]}"
