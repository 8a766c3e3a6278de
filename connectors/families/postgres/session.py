"""Read-only sessions with a server: few, named, interruptible, closed at the end of the run."""

import logging
import threading
import time
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, TypeVar

from connectors.cancellation import Cancellation
from connectors.errors import ConnectorError, FatalError
from connectors.families.postgres.config import ServerConfig
from connectors.families.postgres.dialect import Dialect
from connectors.families.postgres.encodings import SETTING, holds_any_bytes, mended, read_any_bytes
from connectors.families.postgres.failures import DatabaseRefused, connect_failure, query_failure
from connectors.report import Report

if TYPE_CHECKING:
    import psycopg

    Connection = psycopg.Connection[tuple[Any, ...]]

T = TypeVar("T")
Row = tuple[Any, ...]
APPLICATION_NAME = "headwater"
CONNECT_SECONDS = 10
STATEMENT_SECONDS = 300
CANCEL_SECONDS = 5
CANCEL_AGAIN_SECONDS = 1
FETCH_ROWS = 2000
# Dead peers are noticed within a minute; what the user says of these keywords goes before.
KEEPALIVE = {"keepalives_idle": "20", "keepalives_interval": "10", "keepalives_count": "3", "tcp_user_timeout": "60000"}
NO_FILE = "/dev/null/none"
TRANSACTION_TIMEOUT_SINCE = 170000
logger = logging.getLogger(__name__)


class Sessions:
    """The sessions of one run, at most `limit` at a time; those given back are used again."""

    def __init__(
        self, config: ServerConfig, files: Mapping[str, str], limit: int, report: Report, cancellation: Cancellation
    ) -> None:
        self._config = config
        self._files = files
        self._limit = limit
        self._report = report
        self._cancellation = cancellation
        self._changed = threading.Condition()
        self._open = 0
        self._closed = False
        self._idle: list[tuple[str, Connection]] = []
        self._refused: dict[str, DatabaseRefused] = {}
        self._room: dict[str, bool] = {}

    @contextmanager
    def snapshot(self, database: str, subject: str, query: str | None = None, *texts: str) -> Generator["Snapshot"]:
        """One consistent view of `database`; `subject` says in errors what was being read.

        A `query` with a `%s` for each of `texts` is asked with the beginning, which spares a round trip: `first` has
        its rows.

        Raises:
            SourceUnavailable: The server does not answer.
            FatalError: The server does not let us in.
            DatabaseRefused: It lets us into others, not into this database.
        """
        connection = self._take(database)
        snapshot = Snapshot(connection, subject, self._report, self._cancellation, self._config.dialect)
        try:
            snapshot.begin(query, *texts)
            yield snapshot
        finally:
            self._give_back(database, connection, usable=snapshot.end())

    def room_for_two(self, database: str) -> bool:
        """Whether the server lets two sessions be there at once; to be asked by who holds none, and tried once.

        What refuses the second one, as a role's limit of connections, is no error: the first one is enough.
        """
        if database not in self._room:
            taken: list[Connection] = []
            try:
                taken.append(self._take(database))
                taken.append(self._take(database))
            except ConnectorError:
                logger.info("no second session with database %s is to be had", database, exc_info=True)
                self._refused.pop(database, None)
            for connection in taken:
                self._give_back(database, connection, usable=True)
            self._room[database] = len(taken) > 1
        return self._room[database]

    def close(self) -> None:
        """Close what is idle; what is still in use closes when it is given back."""
        with self._changed:
            self._closed = True
            idle, self._idle = self._idle, []
            self._open -= len(idle)
            self._changed.notify_all()
        for _, connection in idle:
            connection.close()

    def _take(self, database: str) -> "Connection":
        self._cancellation.check()
        spare: Connection | None = None
        with self._cancellation.interrupting(self._wake), self._changed:
            while not self._idle and self._open >= self._limit:
                self._changed.wait(self._cancellation.remaining())
                self._cancellation.check()
            for index, (name, connection) in enumerate(self._idle):
                if name == database and _alive(connection):
                    del self._idle[index]
                    return connection
            if self._open >= self._limit:
                _, spare = self._idle.pop(0)
            else:
                self._open += 1
        try:
            if spare is not None:
                spare.close()
            return self._connect(database)
        except BaseException:
            self._forget()
            raise

    def _give_back(self, database: str, connection: "Connection", usable: bool) -> None:
        with self._changed:
            if usable and not self._closed:
                self._idle.append((database, connection))
                self._changed.notify()
                return
        connection.close()
        self._forget()

    def _forget(self) -> None:
        with self._changed:
            self._open -= 1
            self._changed.notify()

    def _wake(self) -> None:
        with self._changed:
            self._changed.notify_all()

    def _connect(self, database: str) -> "Connection":
        import psycopg
        from psycopg.conninfo import make_conninfo

        if database in self._refused:
            raise self._refused[database]
        password = self._config.auth_type.password
        keywords = {
            "application_name": APPLICATION_NAME,
            "connect_timeout": str(CONNECT_SECONDS),
            **KEEPALIVE,
            **self._config.keywords(),
            **self._files,
            "dbname": database,
            # Said even when there is none: a password in this service's own environment is for nobody else.
            "password": password.get_secret_value() if password else "",
            "passfile": NO_FILE,
        }
        began = time.monotonic()
        try:
            connection = psycopg.connect(make_conninfo("", **keywords), autocommit=True, prepare_threshold=None)
        except psycopg.Error as error:
            failure = connect_failure(error, self._config, database)
            if isinstance(failure, DatabaseRefused):
                self._refused[database] = failure
            raise failure from error
        self._report.queried(time.monotonic() - began)
        dialect = self._config.dialect
        if connection.info.server_version < dialect.oldest:
            connection.close()
            version = connection.info.server_version // 10000
            message = f"{self._config.host_port} runs Postgres {version}; {dialect.oldest // 10000} or newer is needed"
            raise FatalError(message)
        if holds_any_bytes(connection):
            read_any_bytes(connection)
        return connection


class Snapshot:
    """A read-only transaction: every row read through it is of the same moment."""

    def __init__(
        self, connection: "Connection", subject: str, report: Report, cancellation: Cancellation, dialect: Dialect
    ) -> None:
        self._connection = connection
        self._subject = subject
        self._report = report
        self._cancellation = cancellation
        self._dialect = dialect
        self._any_bytes = holds_any_bytes(connection)
        self._cursors = 0
        self.first: list[Row] = []

    @property
    def version(self) -> int:
        """The server's version as a number, like 180006."""
        return self._connection.info.server_version

    def begin(self, query: str | None = None, *texts: str) -> None:
        """Start the transaction; a query may last until the run's deadline, but not for ever."""
        remaining = self._cancellation.remaining()
        seconds = STATEMENT_SECONDS if remaining is None else min(STATEMENT_SECONDS, remaining + 1)
        settings = [*self._dialect.settings, f"SET LOCAL statement_timeout = {int(seconds * 1000)}"]
        if self.version >= TRANSACTION_TIMEOUT_SINCE:
            settings.append("SET LOCAL transaction_timeout = 0")
        if self._any_bytes:
            settings.append(SETTING)
        beginning = "; ".join(settings)
        if query is None:
            self._run(lambda: self._connection.execute(beginning.encode()))
        else:
            self.first = self._run(lambda: self._last_rows(beginning, query, texts))

    def _last_rows(self, beginning: str, query: str, texts: Sequence[str]) -> list[Row]:
        """Several statements cannot have parameters on the wire: these are written into the query."""
        import psycopg

        cursor = psycopg.ClientCursor(self._connection)
        cursor.execute(f"{beginning}; {query}".encode(), texts)
        cursor.set_result(-1)
        return cursor.fetchall()

    def end(self) -> bool:
        """Close the transaction and every stream of it; tell whether the session can be used again."""
        try:
            self._run(self._connection.rollback)
        except ConnectorError:
            logger.debug("a session is closed instead of used again", exc_info=True)
            return False
        return True

    def rows(self, query: str, parameters: Sequence[object] | None = None) -> list[Row]:
        """All rows of one small query."""
        binary = self._dialect.binary
        return self._run(lambda: self._connection.execute(query.encode(), parameters, binary=binary).fetchall())

    def document(self, query: str, parameters: Sequence[object] | None = None) -> bytes:
        """The one JSON text that a query has as its answer, without going through psycopg's types."""
        result = self._run(lambda: self._connection.execute(query.encode(), parameters).pgresult)
        text = (result.get_value(0, 0) if result is not None else None) or b""
        return mended(text) if self._any_bytes else text

    def streams(self, *queries: str) -> tuple[Iterator[Row], ...]:
        """The rows of queries that are read side by side, each a piece at a time."""
        named = [(f"headwater_{self._cursors + index}", query) for index, query in enumerate(queries)]
        self._cursors += len(named)
        declarations = "; ".join(f"DECLARE {name} NO SCROLL CURSOR FOR {query}" for name, query in named)
        self._run(lambda: self._connection.execute(declarations.encode()))
        return tuple(self._pieces(name) for name, _ in named)

    def _pieces(self, name: str) -> Iterator[Row]:
        more = True
        while more:
            piece = self.rows(f"FETCH FORWARD {FETCH_ROWS} FROM {name}")
            more = len(piece) == FETCH_ROWS
            yield from piece

    def _run(self, call: Callable[[], T]) -> T:
        import psycopg

        done = threading.Event()
        began = time.monotonic()
        try:
            with self._cancellation.interrupting(lambda: self._interrupt(done)):
                self._cancellation.check()
                return call()
        except psycopg.Error as error:
            self._cancellation.check()
            user = self._connection.info.user
            raise query_failure(error, self._subject, user, lost=self._connection.broken) from error
        finally:
            done.set()
            self._report.queried(time.monotonic() - began)

    def _interrupt(self, done: threading.Event) -> None:
        threading.Thread(target=self._cancel, args=(done,), name="cancel-query", daemon=True).start()

    def _cancel(self, done: threading.Event) -> None:
        """Asks again until the query has ended: the first request may come before the server has begun with it."""
        import psycopg

        while not done.is_set():
            try:
                self._connection.cancel_safe(timeout=CANCEL_SECONDS)
            except psycopg.Error:
                logger.debug("the running query could not be cancelled", exc_info=True)
            done.wait(CANCEL_AGAIN_SECONDS)


def _alive(connection: "Connection") -> bool:
    """Whether the server has not hung up in the meantime; asks only this side of the line."""
    import psycopg

    try:
        connection.pgconn.consume_input()
    except psycopg.Error:
        return False
    return connection.pgconn.status == psycopg.pq.ConnStatus.OK
