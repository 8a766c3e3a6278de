"""One spelling of a database URL for SQLAlchemy, another for psycopg itself."""

from typing import TypeGuard

from psycopg.conninfo import make_conninfo
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError

from service.errors import Invalid, Problem

# What every connection for questions and changes is told first: a statement, as poolers refuse it as an option.
IN_UTC = "set time zone 'UTC'"
_PATH = "HEADWATER_DATABASE_URL"
_DRIVER = "postgresql+psycopg"
_ACCEPTED = frozenset({"postgres", "postgresql", _DRIVER})


def engine_url(url: str) -> URL:
    """The URL on the driver in use; `postgres://` and `postgresql://` mean the same.

    Raises Invalid, without the URL in the message since it holds a password.
    """
    try:
        parsed = make_url(url)
    except (ArgumentError, ValueError):
        raise Invalid([Problem(_PATH, "write it as postgresql://user:password@host:port/database")]) from None
    if parsed.drivername not in _ACCEPTED:
        raise Invalid([Problem(_PATH, f"{parsed.drivername} is not supported: Headwater stores in Postgres only")])
    return parsed.set(drivername=_DRIVER)


def conninfo(url: str, application_name: str) -> str:
    """The same database as a libpq connection string, named `application_name` unless the URL names it."""
    parsed = engine_url(url)
    _, arguments = parsed.get_dialect()().create_connect_args(parsed)
    given = {key: value for key, value in arguments.items() if _is_plain(value)}
    return make_conninfo("", **(connect_arguments(application_name) | given))


def connect_arguments(application_name: str) -> dict[str, str | int]:
    """How every connection is opened: named, and given up within seconds when the server is silent."""
    return {
        "application_name": application_name,
        "connect_timeout": 5,
        "keepalives_idle": 30,
        "keepalives_interval": 10,
        "keepalives_count": 3,
        "tcp_user_timeout": 30_000,
    }


def _is_plain(value: object) -> TypeGuard[str | int]:
    return isinstance(value, str | int)
