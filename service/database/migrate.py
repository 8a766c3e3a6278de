"""Brings a database to the schema of this release."""

import importlib.util
import logging
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, MetaData, NullPool, Table, create_engine, text
from sqlalchemy.exc import OperationalError
from sqlalchemy.schema import SetTableComment

from service.database.urls import connect_arguments, engine_url
from service.errors import Conflict, Unavailable

# Any number will do, as long as every release takes the same.
_LOCK_KEY = 4_817_236_190
_VERSION_TABLE = "alembic_version"
# A migration that takes away what the release before still uses says `contracts = True`, and that one refuses it.
_CONTRACTS = "contracts"

logger = logging.getLogger(__name__)


def upgrade(url: str) -> None:
    """Bring the database to the newest schema; replicas may call it at the same time.

    A newer schema that works with this release, too, stays. Raises Conflict when there is one that does not.
    """
    with _connect(url) as connection:
        if not connection.scalar(text("select pg_try_advisory_lock(:key)"), {"key": _LOCK_KEY}):
            logger.info("Waiting for another process to migrate the database")
            connection.execute(text("select pg_advisory_lock(:key)"), {"key": _LOCK_KEY})
        connection.commit()
        present = _revision(connection)
        newer = _is_newer(connection, present)
        connection.rollback()
        if newer:
            logger.info("The database is at the newer schema %s, which works with this release", present)
        elif present != head():
            logger.info("Migrating the database from %s to %s", present or "empty", head())
            command.upgrade(_config(connection), "head")
            connection.execute(SetTableComment(Table(_VERSION_TABLE, MetaData(), comment=",".join(_works_with()))))
            connection.commit()


def head() -> str | None:
    """The newest revision of this release, None when there is no migration at all."""
    return _scripts().get_current_head()


def current(url: str) -> str | None:
    """The revision that the database is at, None when it is empty."""
    with _connect(url) as connection:
        return _revision(connection)


def is_current(url: str) -> bool:
    """Whether the database has the newest schema of this release, or a newer one that works with it.

    Raises Conflict when it has a newer one that does not.
    """
    with _connect(url) as connection:
        present = _revision(connection)
        return _is_newer(connection, present) or present == head()


def _works_with() -> Iterator[str]:
    """The schemas whose releases work on the newest one: back to the last that took something away."""
    for script in _scripts().walk_revisions():
        yield script.revision
        if vars(script.module).get(_CONTRACTS):
            return


def _is_newer(connection: Connection, present: str | None) -> bool:
    if present is None or present in {script.revision for script in _scripts().walk_revisions()}:
        return False
    noted = connection.scalar(text("select obj_description(to_regclass(:name), 'pg_class')"), {"name": _VERSION_TABLE})
    # The first is the schema that the note is about: one that was left by another says nothing.
    about, *works_with = (noted or "").split(",")
    if about != present or head() not in works_with:
        message = (
            f"the database is at schema {present}, which this release of Headwater (newest schema: {head()}) does not "
            "know; run the release that migrated it, or restore a backup from before"
        )
        raise Conflict(message)
    return True


@contextmanager
def _connect(url: str) -> Generator[Connection]:
    engine = create_engine(engine_url(url), poolclass=NullPool, connect_args=connect_arguments("headwater-migrate"))
    try:
        with engine.connect() as connection:
            yield connection
    except OperationalError as error:
        message = f"the database is not available: {error.orig}"
        raise Unavailable(message) from error


def _revision(connection: Connection) -> str | None:
    return MigrationContext.configure(connection).get_current_revision()


def _scripts() -> ScriptDirectory:
    return ScriptDirectory.from_config(_config())


def _config(connection: Connection | None = None) -> Config:
    spec = importlib.util.find_spec("migrations")
    if spec is None or spec.origin is None:
        message = "the package `migrations` of this distribution is missing"
        raise RuntimeError(message)
    config = Config()
    # Alembic reads % as the start of an interpolation.
    config.set_main_option("script_location", str(Path(spec.origin).parent).replace("%", "%%"))
    config.attributes["connection"] = connection
    return config
