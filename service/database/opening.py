"""The store that the settings ask for."""

from collections.abc import Callable, Generator
from contextlib import contextmanager

from service.database import migrate, schema
from service.database.embedded import EmbeddedPostgres, InUse, is_made, running_url
from service.database.engine import Database
from service.errors import Conflict, Invalid, Problem
from service.settings import Settings


@contextmanager
def starting(settings: Settings) -> Generator[EmbeddedPostgres | None]:
    """While inside, the embedded database of the settings starts and then runs; None when they name a server.

    Raises Conflict when another service uses its folder.
    """
    if settings.database_url is not None:
        yield None
        return
    embedded = EmbeddedPostgres(settings.data_dir, settings.pg_bindir)
    embedded.begin()
    try:
        yield embedded
    finally:
        embedded.stop()


def open_database(settings: Settings, embedded: EmbeddedPostgres | None = None) -> tuple[Database, Callable[[], None]]:
    """The database, ready for use, and what closes it; `embedded` is one that is `starting` already.

    An embedded one is started and migrated. A server's must have the schema of this release: migrating it is a step of
    its own, so Conflict tells when it was left out. Raises what `EmbeddedPostgres.start` does, and Unavailable.
    """
    if settings.database_url is None:
        return _open_embedded(settings, embedded or EmbeddedPostgres(settings.data_dir, settings.pg_bindir))
    url = settings.database_url.get_secret_value()
    if not schema.is_current(url):
        present = schema.current(url) or "empty"
        message = f"the database is at schema {present}, this release needs {schema.head()}; run `headwater migrate`"
        raise Conflict(message)
    database = Database(url, settings.database_pool_size)
    return database, database.dispose


def join_database(settings: Settings) -> tuple[Database, Callable[[], None]]:
    """The same for a command beside a service: the embedded database that is running is used, and goes on afterwards.

    None is made, which no service would ever look into: raises Invalid where there is none.
    """
    if settings.database_url is None and not is_made(settings.data_dir):
        message = f"holds no store: {settings.data_dir}; name the folder of the service, or HEADWATER_DATABASE_URL"
        raise Invalid([Problem("HEADWATER_DATA_DIR", message)])
    try:
        return open_database(settings)
    except InUse:
        url = running_url(settings.data_dir)
    if not schema.is_current(url):
        message = f"the service that runs on {settings.data_dir} is of another release; call its own `headwater`"
        raise Conflict(message)
    database = Database(url, settings.database_pool_size)
    return database, database.dispose


def _open_embedded(settings: Settings, server: EmbeddedPostgres) -> tuple[Database, Callable[[], None]]:
    server.start()
    try:
        migrate.upgrade(server.url)
        database = Database(server.url, settings.database_pool_size)
    except BaseException:
        server.stop()
        raise

    def close() -> None:
        database.dispose()
        server.stop()

    return database, close
