"""Read-only sessions with a server: named, interruptible, closed at the end of the run.

A session gives one stream at a time, so listings that are merged take one session each.
"""

import contextlib
import logging
import socket
import threading
import time
from collections.abc import Callable, Generator, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING, Any, TypeVar

from connectors.cancellation import Cancellation
from connectors.errors import ConnectorError, SourceUnavailable
from connectors.families.mysql.config import InformationSchemaConfig
from connectors.families.mysql.failures import certificates_failure, connect_failure, query_failure
from connectors.report import Report

if TYPE_CHECKING:
    from pymysql.connections import Connection
    from pymysql.cursors import Cursor, SSCursor

    AnyConnection = Connection[Cursor]

T = TypeVar("T")
Row = tuple[Any, ...]
APPLICATION_NAME = "headwater"
CONNECT_SECONDS = 10
STATEMENT_SECONDS = 300
FETCH_ROWS = 2000
KILL_SECONDS = 5
logger = logging.getLogger(__name__)


class Session:
    """One connection; `cut` may be called from any thread and makes whoever waits for the server go on at once."""

    def __init__(self, connection: "AnyConnection", line: socket.socket) -> None:
        self.connection = connection
        self._line = line
        self.broken = False
        self.number = 0

    def cut(self) -> None:
        """Hang up."""
        self.broken = True
        with contextlib.suppress(OSError):
            self._line.shutdown(socket.SHUT_RDWR)

    def close(self) -> None:
        """End the session, politely where the line still holds."""
        import pymysql

        with contextlib.suppress(pymysql.Error, OSError):
            self.connection.close()
        self._line.close()


class Sessions:
    """The sessions of one run; those given back are used again."""

    def __init__(
        self,
        config: InformationSchemaConfig,
        files: Mapping[str, str],
        report: Report,
        cancellation: Cancellation,
    ) -> None:
        self._config = config
        self._files = files
        self._report = report
        self._cancellation = cancellation
        self._lock = threading.Lock()
        self._idle: list[Session] = []
        self._closed = False

    def rows(self, subject: str, query: str, parameters: tuple[object, ...] = ()) -> list[Row]:
        """All rows of one small query; `subject` says in errors what was being read.

        Raises:
            SourceUnavailable: The server does not answer.
            FatalError: The server does not let us in.
        """
        with self._session() as session:

            def ask() -> list[Row]:
                with session.connection.cursor() as cursor:
                    cursor.execute(query, parameters)
                    return list(cursor.fetchall())

            return self._run(session, subject, ask)

    @contextmanager
    def streams(self, subject: str, *queries: str, about: str) -> Generator[list[Iterator[Row]]]:
        """The rows of queries about one schema that are read side by side, each a piece at a time."""
        with ExitStack() as stack:
            yield [self._stream(stack.enter_context(self._session()), subject, query, about) for query in queries]

    def close(self) -> None:
        """Close what is idle; what is still in use closes when it is given back."""
        with self._lock:
            self._closed = True
            idle, self._idle = self._idle, []
        for session in idle:
            session.close()

    def _stream(self, session: Session, subject: str, query: str, about: str) -> Iterator[Row]:
        from pymysql.cursors import SSCursor

        def begin() -> "SSCursor":
            cursor = session.connection.cursor(SSCursor)
            cursor.execute(query, (about,))
            return cursor

        # What is not read to its end would have to be before the session could be used again.
        cursor, whole = self._run(session, subject, begin), session.broken
        session.broken = True
        return self._pieces(session, subject, cursor, whole)

    def _pieces(self, session: Session, subject: str, cursor: "SSCursor", whole: bool) -> Iterator[Row]:
        more = True
        while more:
            piece = self._run(session, subject, lambda: list(cursor.fetchmany(FETCH_ROWS)))
            more = len(piece) == FETCH_ROWS
            yield from piece
        self._run(session, subject, cursor.close)
        session.broken = whole

    @contextmanager
    def _session(self) -> Generator[Session]:
        self._cancellation.check()
        with self._lock:
            session = self._idle.pop() if self._idle else None
        session = session or self._connect()
        try:
            yield session
        except BaseException:
            session.cut()
            raise
        finally:
            with self._lock:
                usable = not (session.broken or self._closed)
                if usable:
                    self._idle.append(session)
            if not usable:
                session.cut()
                session.close()

    def _connect(self) -> Session:
        began = time.monotonic()
        connection = self._opened()
        seconds = self._config.seconds("connect_timeout", CONNECT_SECONDS)
        try:
            line = socket.create_connection(self._config.address, timeout=seconds)
        except OSError as error:
            raise connect_failure(error, self._config) from error
        session = Session(connection, line.dup())
        expired = threading.Timer(seconds, session.cut)
        expired.daemon = True
        expired.start()
        try:
            with self._cancellation.interrupting(session.cut):
                session.connection.connect(line)
                self._prepare(session)
        except Exception as error:  # an answer that is not MySQL's makes the driver stumble in many ways
            late = session.broken
            session.cut()
            session.close()
            line.close()
            self._cancellation.check()
            if late:
                message = f"cannot connect to {self._config.host_port}: no answer within {seconds} s"
                advice = f"see whether hostPort {self._config.host_port} is right and the server is up"
                raise SourceUnavailable(message, advice) from error
            raise connect_failure(error, self._config) from error
        finally:
            expired.cancel()
        self._report.queried(time.monotonic() - began)
        return session

    def _opened(self) -> "AnyConnection":
        """What is not connected yet. Raises FatalError where `sslConfig` cannot be used."""
        try:
            return self._made()
        except (OSError, ValueError) as error:  # ssl.SSLError is one of the former
            raise certificates_failure(error) from error

    def _made(self) -> "AnyConnection":
        import pymysql

        host, port = self._config.address
        return pymysql.connect(
            host=host,
            port=port,
            user=self._config.username,
            password=self._config.secret,
            charset="utf8mb4",
            read_timeout=self._config.seconds("read_timeout", STATEMENT_SECONDS),
            write_timeout=self._config.seconds("write_timeout", STATEMENT_SECONDS),
            program_name=APPLICATION_NAME,
            autocommit=True,
            defer_connect=True,
            ssl_ca=self._files.get("sslrootcert"),
            ssl_cert=self._files.get("sslcert"),
            ssl_key=self._files.get("sslkey"),
            ssl_key_password="",  # or OpenSSL would ask whoever sits at the terminal
            ssl_verify_cert="sslrootcert" in self._files,
            ssl_verify_identity="sslrootcert" in self._files,
        )

    def _prepare(self, session: Session) -> None:
        with session.connection.cursor() as cursor:
            cursor.execute("SELECT CONNECTION_ID(), VERSION()")
            [(session.number, version)] = list(cursor.fetchall())
            seconds, milliseconds = f"max_statement_time = {STATEMENT_SECONDS}", STATEMENT_SECONDS * 1000
            limit = seconds if "mariadb" in version.lower() else f"max_execution_time = {milliseconds}"
            cursor.execute("SET SESSION TRANSACTION READ ONLY")
            cursor.execute(f"SET SESSION {limit}, sql_mode = '', sql_quote_show_create = 1")

    def _run(self, session: Session, subject: str, call: Callable[[], T]) -> T:
        began = time.monotonic()
        done = threading.Event()
        try:
            with self._cancellation.interrupting(lambda: self._interrupt(session, done)):
                self._cancellation.check()
                return call()
        except ConnectorError:
            raise
        except Exception as error:  # what cannot be understood makes the driver stumble in many ways
            session.broken = True
            self._cancellation.check()
            raise query_failure(error, subject, self._config.username) from error
        finally:
            done.set()
            self._report.queried(time.monotonic() - began)

    def _interrupt(self, session: Session, done: threading.Event) -> None:
        """Hang up at once, and tell the server, which would otherwise finish its query first."""
        session.cut()
        threading.Thread(target=self._kill, args=(session.number, done), name="cancel-query", daemon=True).start()

    def _kill(self, number: int, done: threading.Event) -> None:
        if done.wait(KILL_SECONDS / 100):
            logger.debug("the query of session %d was over before it was killed", number)
        try:
            with socket.create_connection(self._config.address, timeout=KILL_SECONDS) as line:
                connection = self._opened()
                connection.connect(line)
                with connection.cursor() as cursor:
                    cursor.execute(f"KILL {number:d}")
                connection.close()
        except Exception:  # the session may be gone already, and so may the server
            logger.debug("the running query could not be cancelled", exc_info=True)
