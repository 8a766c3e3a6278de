"""Which of the driver's errors pass by: the store does not answer now, and the same may succeed later."""

from collections.abc import Generator
from contextlib import contextmanager

import psycopg
from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as PoolTimeout

from service.errors import Unavailable

# By the first two signs of SQLSTATE: connection, read-only after a failover, rollback, resources, operator, system.
PASSING = frozenset({"08", "25", "40", "53", "57", "58"})
# More than Postgres can ever take, as a key of an index that is too long.
TOO_LARGE = "54"


@contextmanager
def unavailable(lost: type[Unavailable] = Unavailable) -> Generator[None]:
    """Raises Unavailable in place of an error that passes by, and `lost` in place of a connection that was lost."""
    try:
        yield
    except PoolTimeout as error:
        message = "no connection to the database became free in time; try again, or raise HEADWATER_DATABASE_POOL_SIZE"
        raise Unavailable(message) from error
    except (DBAPIError, psycopg.Error) as error:
        cause = error.orig if isinstance(error, DBAPIError) else error
        message = f"the database is not available: {_first_line(cause)}"
        if isinstance(error, DBAPIError) and error.connection_invalidated:
            raise lost(message) from error
        if _passes(cause):
            raise Unavailable(message) from error
        raise


def _passes(cause: BaseException | None) -> bool:
    if not isinstance(cause, psycopg.Error):
        return False
    kind = (cause.sqlstate or "")[:2]
    return kind in PASSING or (isinstance(cause, psycopg.OperationalError) and kind != TOO_LARGE)


def _first_line(error: BaseException | None) -> str:
    lines = str(error).strip().splitlines()
    return lines[0] if lines else "no reason given"
