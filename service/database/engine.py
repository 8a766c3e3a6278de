"""The engine and the session scope, the only place that commits."""

from collections.abc import Generator, Mapping
from contextlib import contextmanager
from typing import Any, Protocol, TypeVar, cast

import msgspec
import psycopg
from psycopg.rows import dict_row
from sqlalchemy import event, text
from sqlalchemy.exc import DisconnectionError
from sqlalchemy.orm import Session as OrmSession
from sqlmodel import Session, create_engine

from service import clock
from service.database.questions import Question, Questions
from service.database.unavailable import unavailable
from service.database.urls import IN_UTC, connect_arguments, engine_url
from service.errors import Undecided

T = TypeVar("T")

APPLICATION_NAME = "headwater"
IDLE_IN_TRANSACTION_SECONDS = 60
# SQLAlchemy's own pre-ping asks each time, which is a third of what a short transaction costs.
PING_AFTER_SECONDS = 0.1
LAST_USE = "last_use"
# The driver's own connection, for modules that are not to know which driver it is.
Asking = psycopg.Connection


class _Connection(Protocol):
    def execute(self, query: str) -> object: ...
    def commit(self) -> None: ...


class _Record(Protocol):
    info: dict[str, Any]


class Database:
    """One Postgres database behind a pool of connections; safe to share between threads.

    But for `questions`, which are asked by one event loop, over connections of their own. Of both there are at most
    twice `pool_size`.
    """

    def __init__(self, url: str, pool_size: int = 10, pool_timeout_seconds: float = 30) -> None:
        parsed = engine_url(url)
        asking = max(1, pool_size // 2)
        arguments = connect_arguments(APPLICATION_NAME)
        self.url = parsed.render_as_string(hide_password=False)
        self.engine = create_engine(
            parsed,
            connect_args={name: value for name, value in arguments.items() if name not in parsed.query},
            pool_size=pool_size,
            max_overflow=pool_size - asking,
            pool_timeout=pool_timeout_seconds,
            pool_recycle=1800,
            pool_use_lifo=True,
            json_deserializer=msgspec.json.decode,
        )
        self.questions = Questions(self.url, APPLICATION_NAME, asking, pool_timeout_seconds)
        self._autocommitting = self.engine.execution_options(isolation_level="AUTOCOMMIT")
        event.listen(self.engine, "connect", _prepare)
        event.listen(self.engine, "checkin", _note_use)
        event.listen(self.engine, "checkout", _ping_if_idle)

    @contextmanager
    def session(self) -> Generator[Session]:
        """A session that commits when the block ends and rolls back when it raises.

        Objects stay readable after the commit. Raises Unavailable when the database does not answer, has no connection
        to spare, or gave the transaction up (deadlock, timeout): the same block may succeed later. Raises Undecided if
        it was lost while it was asked to commit.
        """
        with unavailable(), Session(self.engine, expire_on_commit=False) as session:
            yield session
            session.flush()  # what is lost before the commit is asked for was certainly not done
            with unavailable(Undecided):
                session.commit()

    @contextmanager
    def reading(self) -> Generator[Session]:
        """A session for questions only, each of which sees what was committed before it. Raises Unavailable.

        No transaction is begun and ended for them, which would be two round trips more.
        """
        with unavailable(), Session(self._autocommitting) as session:
            yield session

    def ping(self) -> None:
        """Return if the database answers, else raise Unavailable."""
        with unavailable(), self.engine.connect() as connection:
            connection.execute(text("select 1"))

    def dispose(self) -> None:
        """Close the connections that are not in use; the others close when they are given back."""
        self.engine.dispose()


def driver_of(session: OrmSession) -> Asking:
    """The driver's own connection that a session has, in the session's transaction if it has begun one."""
    return cast("Asking", session.connection().connection.driver_connection)


def answer(session: OrmSession, question: Question[T]) -> T:
    """The answer, asked by a thread."""
    cursor = driver_of(session).execute(question.query, question.values, binary=True)
    return question.read(cursor.fetchall())


def rows(session: OrmSession, statement: bytes, values: Mapping[str, object]) -> list[dict[str, Any]]:
    """What a statement gives, as columns by name; for what every run asks.

    The driver is asked: SQLAlchemy's statement, its parameters and its rows take longer than the question itself.
    """
    cursor = driver_of(session).cursor(row_factory=dict_row)
    return cursor.execute(statement, values).fetchall()


def _prepare(connection: _Connection, _: object) -> None:
    connection.execute(IN_UTC)
    # A process that is frozen within a transaction must not keep its locks from the others.
    connection.execute(f"set idle_in_transaction_session_timeout = '{IDLE_IN_TRANSACTION_SECONDS}s'")
    connection.commit()


def _note_use(_: object, record: _Record) -> None:
    record.info[LAST_USE] = clock.monotonic()


def _ping_if_idle(connection: _Connection, record: _Record, _: object) -> None:
    """Have the pool replace a connection that was lost while nobody used it."""
    used = record.info.get(LAST_USE)
    if used is None or clock.monotonic() - used < PING_AFTER_SECONDS:
        return
    try:
        connection.execute("select 1")
        connection.commit()
    except psycopg.Error as error:
        raise DisconnectionError from error
