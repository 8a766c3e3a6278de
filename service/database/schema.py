"""Which schema a database has and whether this release works on it, without Alembic, which takes long to load."""

import importlib.util
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from pathlib import Path

from sqlalchemy import Connection, NullPool, create_engine, text
from sqlalchemy.exc import OperationalError

from service.database.urls import connect_arguments, engine_url
from service.errors import Conflict, Unavailable

# Alembic's own. The comment on it is ours: the schema that it is about, and those whose releases work on it.
VERSION_TABLE = "alembic_version"
_EXISTS = text(f"select to_regclass('{VERSION_TABLE}') is not null")
_REVISION = text("select version_num from alembic_version")
_NOTE = text(f"select obj_description(to_regclass('{VERSION_TABLE}'), 'pg_class')")


def head() -> str | None:
    """The newest revision of this release, None when there is no migration at all."""
    return next(reversed(_revisions()), None)


def current(url: str) -> str | None:
    """The revision that the database is at, None when it is empty."""
    with connected(url) as connection:
        return present(connection)


def is_current(url: str) -> bool:
    """Whether the database has the newest schema of this release, or a newer one that works with it.

    Raises Conflict when it has a newer one that does not.
    """
    with connected(url) as connection:
        return is_newer(connection) or present(connection) == head()


def present(connection: Connection) -> str | None:
    """The revision that the database is at, None when it is empty."""
    return connection.scalar(_REVISION) if connection.scalar(_EXISTS) else None


def is_newer(connection: Connection) -> bool:
    """Whether this release does not know the schema, but works on it. Raises Conflict when it does not."""
    revision = present(connection)
    if revision is None or revision in _revisions():
        return False
    # What was left by another schema says nothing.
    about, *works_with = (connection.scalar(_NOTE) or "").split(",")
    if about != revision or head() not in works_with:
        message = (
            f"the database is at schema {revision}, which this release of Headwater (newest schema: {head()}) does not "
            "know; run the release that migrated it, or restore a backup from before"
        )
        raise Conflict(message)
    return True


@contextmanager
def connected(url: str) -> Generator[Connection]:
    """A connection of its own. Raises Unavailable."""
    engine = create_engine(engine_url(url), poolclass=NullPool, connect_args=connect_arguments("headwater-migrate"))
    try:
        with engine.connect() as connection:
            yield connection
    except OperationalError as error:
        message = f"the database is not available: {error.orig}"
        raise Unavailable(message) from error


def migrations_folder() -> Path:
    """The folder of Alembic's environment."""
    spec = importlib.util.find_spec("migrations")
    if spec is None or spec.origin is None:
        message = "the package `migrations` of this distribution is missing"
        raise RuntimeError(message)
    return Path(spec.origin).parent


def _revisions() -> Sequence[str]:
    """All that this release knows, oldest first: the name of a migration's file begins with its revision."""
    return sorted(path.stem.partition("_")[0] for path in (migrations_folder() / "versions").glob("[!_]*.py"))
