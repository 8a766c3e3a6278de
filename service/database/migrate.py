"""Brings a database to the schema of this release."""

import logging
from importlib import import_module

from sqlalchemy import text

from service.database.schema import connected, head, is_newer, present

# Any number will do, as long as every release takes the same.
_LOCK_KEY = 4_817_236_190

logger = logging.getLogger(__name__)


def upgrade(url: str) -> None:
    """Bring the database to the newest schema; replicas may call it at the same time.

    A newer schema that works with this release, too, stays. Raises Conflict when there is one that does not.
    """
    with connected(url) as connection:
        if not connection.scalar(text("select pg_try_advisory_lock(:key)"), {"key": _LOCK_KEY}):
            logger.info("Waiting for another process to migrate the database")
            connection.execute(text("select pg_advisory_lock(:key)"), {"key": _LOCK_KEY})
        connection.commit()
        revision = present(connection)
        newer = is_newer(connection)
        connection.rollback()
        if newer:
            logger.info("The database is at the newer schema %s, which works with this release", revision)
        elif revision != head():
            logger.info("Migrating the database from %s to %s", revision or "empty", head())
            # Alembic is most of what it takes to load this module, and most starts have nothing to migrate.
            import_module("service.database.alembic_upgrade").run(connection)
