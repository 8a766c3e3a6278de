"""Sessions with HiveServer2, each for one question at a time; those given back are used again."""

import contextlib
import importlib
import threading
from collections.abc import Callable, Generator, Mapping
from contextlib import contextmanager
from typing import Any, Protocol, TypeVar

from connectors.cancellation import Cancellation
from connectors.errors import ConnectorError, RunCancelled
from connectors.families.hive.config import MECHANISMS, HiveConfig
from connectors.families.hive.failures import connect_failure, query_failure
from connectors.families.left_behind import answered
from connectors.report import Report

AnswerT = TypeVar("AnswerT")
Row = tuple[Any, ...]
TIMEOUT_SECONDS, TRIES = 60, 3
# What a user without a password shows: HiveServer2 wants some text there.
ANY = "none"


class Cursor(Protocol):
    """A cursor of impyla's, with a session of its own."""

    def execute(self, operation: str) -> object:
        """Ask, and wait for the answer."""
        ...

    def fetchall(self) -> list[Row]:
        """The rows of the answer."""
        ...

    def close(self) -> None:
        """End the session."""
        ...


class Line(Protocol):
    """A transport of thrift's."""

    open: Callable[[], None]

    def close(self) -> None:
        """Hang up."""
        ...


class Sessions:
    """Thread-safe."""

    def __init__(
        self, config: HiveConfig, files: Mapping[str, str], report: Report, cancellation: Cancellation
    ) -> None:
        self._config = config
        self._files = files
        self._report = report
        self._cancellation = cancellation
        self._lock = threading.Lock()
        self._idle: list[tuple[Line, Cursor]] = []
        self._closed = False

    def rows(self, subject: str, query: str) -> list[Row]:
        """All rows of one question; `subject` says in errors what was being read.

        Raises:
            SourceUnavailable: The server does not answer.
            FatalError: The server does not let us in.
            ConnectorError: It does not answer this question.
        """
        with self._session() as cursor:

            def ask() -> list[Row]:
                cursor.execute(query)
                return cursor.fetchall()

            return self._answered(ask, lambda error: query_failure(error, subject, self._config))

    def close(self) -> None:
        """Close what is idle; what is still in use closes when it is given back."""
        with self._lock:
            self._closed = True
            idle, self._idle = self._idle, []
        for line, cursor in idle:
            with contextlib.suppress(Exception):  # nothing depends on it
                cursor.close()
            hang_up(line)

    @contextmanager
    def _session(self) -> Generator[Cursor]:
        self._cancellation.check()
        with self._lock:
            session = self._idle.pop() if self._idle else None
        session = session or self._answered(self._connected, lambda error: connect_failure(error, self._config))
        usable = False
        try:
            yield session[1]
            usable = True
        finally:
            with self._lock:
                usable = usable and not self._closed
                if usable:
                    self._idle.append(session)
            if not usable:
                # One that does not answer would hold up the run with its farewell; without a line it ends the session.
                hang_up(session[0])

    def _connected(self) -> tuple[Line, Cursor]:
        """A session; whatever goes wrong leaves no line behind, also when nobody waits for it any more."""
        line = self._line()
        try:
            service = importlib.import_module("impala.hiveserver2")
            client = service.ThriftClient(service.TBinaryProtocolAccelerated(line))
            cursor: Cursor = service.HiveServer2Connection(service.HS2Service(client, retries=TRIES)).cursor()
            self._cancellation.check()
        except BaseException:
            hang_up(line)
            raise
        return line, cursor

    def _line(self) -> Line:
        """What the driver would open by itself, and would not close when it cannot go on."""
        thrift = importlib.import_module("impala._thrift_api")
        config = self._config
        (host, port), mechanism = config.address, MECHANISMS[config.auth]
        name, seconds = config.kerberos_service_name or "hive", int(config.argument("timeout") or TIMEOUT_SECONDS)
        password = config.password.get_secret_value() if config.password else ANY
        login = {} if mechanism in ("NOSASL", "GSSAPI") else {"user": config.username or ANY, "password": password}
        trust = {"ca_cert": self._files.get("sslrootcert"), "verify_cert": "sslrootcert" in self._files}
        if config.scheme == "hive":
            socket = thrift.get_socket(host, port, config.secure, **trust)
            socket.setTimeout(seconds * 1000)
            line = thrift.get_transport(socket, host, name, mechanism, **login)
        else:
            path = str(config.argument("http_path") or "cliservice")
            line = thrift.get_http_transport(
                host,
                port,
                http_path=path,
                timeout=seconds,
                use_ssl=config.secure,
                auth_mechanism=mechanism,
                kerberos_host=host,
                kerberos_service_name=name,
                **trust,
                **login,
            )
        try:
            line.open()
        except BaseException:
            hang_up(line)
            raise
        return line

    def _answered(self, ask: Callable[[], AnswerT], translate: Callable[[Exception], ConnectorError]) -> AnswerT:
        try:
            return answered(ask, self._report, self._cancellation)
        except RunCancelled:
            raise
        except Exception as error:  # what cannot be understood makes the driver stumble in many ways
            raise translate(error) from error


def hang_up(line: Line) -> None:
    """Close a line for good: the driver opens one anew as soon as it has something to say, be it a farewell."""

    def refused() -> None:
        message = "the line was closed on purpose"
        raise EOFError(message)

    line.open = refused
    line.close()
