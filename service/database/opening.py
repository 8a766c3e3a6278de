"""The store that the settings ask for."""

from collections.abc import Callable

from service.database import migrate
from service.database.embedded import EmbeddedPostgres
from service.database.engine import Database
from service.errors import Conflict
from service.settings import Settings


def open_database(settings: Settings) -> tuple[Database, Callable[[], None]]:
    """The database, ready for use, and what closes it.

    An embedded one is started and migrated. A server's must have the schema of this release: migrating it is a step of
    its own, so Conflict tells when it was left out. Raises what `EmbeddedPostgres.start` does, and Unavailable.
    """
    if settings.database_url is None:
        return _open_embedded(settings)
    url = settings.database_url.get_secret_value()
    if not migrate.is_current(url):
        present = migrate.current(url) or "empty"
        message = f"the database is at schema {present}, this release needs {migrate.head()}; run `headwater migrate`"
        raise Conflict(message)
    database = Database(url, settings.database_pool_size)
    return database, database.dispose


def _open_embedded(settings: Settings) -> tuple[Database, Callable[[], None]]:
    server = EmbeddedPostgres(settings.data_dir, settings.pg_bindir)
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
