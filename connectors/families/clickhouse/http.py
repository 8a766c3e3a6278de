"""ClickHouse's HTTP interface: questions that only read, answered row by row."""

import logging
import re
import time
from collections.abc import Generator, Mapping
from typing import Any, Protocol

import httpx
import msgspec

from connectors.cancellation import Cancellation
from connectors.decoding import decode
from connectors.errors import ConnectorError, FatalError, SourceUnavailable
from connectors.http.sockets import Sockets
from connectors.http.tls import tls_context
from connectors.report import Report

CONNECT_SECONDS = 10.0
READ_SECONDS = 300.0
CONNECTIONS = 64
LONGEST_ERROR = 4096
SHORTEST_SECRET = 4
# A row has a table's statement at most; as values one can take twenty times its bytes.
LONGEST_LINE = 16 * 1024**2
# The line of names tells an answer without rows from no answer at all, such as that of a proxy.
FORMAT = "JSONCompactEachRowWithNames"
OWN_HEADER = "x-clickhouse-"
CODE = re.compile(r"Code: (\d+)")
DENIED = frozenset({497})
LOGIN = frozenset({192, 193, 194, 516})
GONE = frozenset({60, 81, 218})
BUSY = frozenset({159, 202, 203, 209, 210, 241, 242, 999})
UNAVAILABLE = frozenset({429, 500, 502, 503, 504})
Row = tuple[Any, ...]
logger = logging.getLogger(__name__)


class Address(Protocol):
    """What a client has to know of its server."""

    @property
    def url(self) -> str:
        """Scheme, host and port."""
        ...

    @property
    def host_port(self) -> str:
        """As the user has written it."""
        ...

    @property
    def login(self) -> tuple[str, str]:
        """User and password."""
        ...

    def seconds(self, timeout: str, default: float) -> float:
        """One of the timeouts."""
        ...


class Client:
    """The connections of one run; may be used from many threads."""

    def __init__(self, address: Address, report: Report, cancellation: Cancellation) -> None:
        self._address = address
        self._report = report
        self._cancellation = cancellation
        self._sockets = Sockets()
        user, password = address.login
        # Every GET is one that only reads, whatever its statement says.
        self._http = httpx.Client(
            base_url=address.url,
            verify=tls_context(address.url, "validate", None),
            headers={"X-ClickHouse-User": user, "X-ClickHouse-Key": password, "User-Agent": "headwater"},
            timeout=httpx.Timeout(
                address.seconds("read_timeout", READ_SECONDS),
                connect=address.seconds("connect_timeout", CONNECT_SECONDS),
                pool=None,
            ),
            limits=httpx.Limits(max_connections=CONNECTIONS),
            trust_env=False,
        )

    def close(self) -> None:
        """Give the connections back."""
        self._http.close()

    def rows(self, subject: str, query: str, **values: str) -> Generator[Row]:
        """The rows of a query, as they come; `values` are its parameters, `subject` says in errors what is read.

        Raises:
            SourceUnavailable: The server does not answer, or breaks off.
            FatalError: It does not let us in, or is no ClickHouse.
            ConnectorError: It does not answer this question.
        """
        self._cancellation.check()
        began = time.monotonic()
        parameters = {f"param_{name}": value for name, value in values.items()}
        asked = {"query": query, "default_format": FORMAT, **parameters}
        try:
            with (
                self._cancellation.interrupting(self._sockets.break_off),
                self._http.stream("GET", "/", params=asked, extensions={"trace": self._sockets.trace}) as response,
            ):
                self._report.queried(time.monotonic() - began)
                if not response.is_success:
                    raise self._refused(response, subject)
                yield from self._decoded(response, subject)
        except (httpx.HTTPError, httpx.StreamError) as error:
            self._cancellation.check()
            where = self._address.host_port
            message = f"{subject}: {where} does not answer: {str(error) or type(error).__name__}"
            advice = f"see whether hostPort {where}, https and secure are right and the server is up"
            raise SourceUnavailable(message, advice) from error

    def _decoded(self, response: httpx.Response, subject: str) -> Generator[Row]:
        width: int | None = None
        for line in self._lines(response, subject):
            if not line:
                continue
            try:
                row = decode(line, Row)
            except (msgspec.MsgspecError, ValueError, RecursionError) as error:
                raise self._unreadable(line, response, subject) from error
            if width is None:
                width = len(row)
            elif len(row) == width:
                yield row
            else:
                raise self._unreadable(line, response, subject)
        if not width:
            nothing = "an empty answer"
            raise self._unreadable(nothing, response, subject)

    def _lines(self, response: httpx.Response, subject: str) -> Generator[str]:
        """The lines of an answer, none of which may take all memory."""
        begun = bytearray()
        for part in response.iter_bytes():
            first, *more = part.split(b"\n")
            begun += first
            for following in more:
                yield self._line(begun, subject)
                begun = bytearray(following)
            if len(begun) > LONGEST_LINE:
                break
        yield self._line(begun, subject)

    def _line(self, line: bytearray, subject: str) -> str:
        self._cancellation.check()
        if len(line) > LONGEST_LINE:
            msg = f"{subject}: a row of {self._address.host_port} is longer than {LONGEST_LINE} bytes"
            raise ConnectorError(msg, "see whether hostPort is right, and what stands before the server")
        return line.decode(errors="replace")

    def _unreadable(self, text: str, response: httpx.Response, subject: str) -> ConnectorError:
        text = self._hiding(text)
        return self._failure(text, subject) if is_clickhouse(response.headers) else self._stranger(text)

    def _refused(self, response: httpx.Response, subject: str) -> ConnectorError:
        text = ""
        for piece in response.iter_text():
            text += piece
            if len(text) > LONGEST_ERROR:
                break
        text = self._hiding(text)
        if CODE.search(text) or response.headers.get("x-clickhouse-exception-code"):
            return self._failure(text[:LONGEST_ERROR], subject, response.headers.get("x-clickhouse-exception-code"))
        if response.status_code in UNAVAILABLE:
            message = f"{subject}: {self._address.host_port} answers {response.status_code}: {text[:200].strip()}"
            return SourceUnavailable(message, "see whether the server, and what lies before it, is up")
        return self._stranger(f"{response.status_code} {text}")

    def _hiding(self, text: str) -> str:
        """The same without the password, which a server or a proxy may quote."""
        password = self._address.login[1]
        return text.replace(password, "**********") if len(password) >= SHORTEST_SECRET else text

    def _stranger(self, text: str) -> FatalError:
        where = self._address.host_port
        message = f"{where} does not answer like ClickHouse: {text[:200].strip()}"
        return FatalError(message, f"correct hostPort {where}: it is to be the HTTP interface, at 8123 or 8443")

    def _failure(self, text: str, subject: str, code: str | None = None) -> ConnectorError:
        """What the server's exception means."""
        found = CODE.search(text)
        number = int(found[1]) if found else int(code or 0)
        message = f"{subject}: {' '.join(text.split())[:1000]}"
        if number in LOGIN:
            return FatalError(message, "correct username and password")
        if number in DENIED:
            user = self._address.login[0]
            return ConnectorError(message, f"GRANT SELECT ON system.*, SHOW ON *.* TO {user}")
        if number in GONE:
            return ConnectorError(message, "it was dropped or changed during the run; the next run settles it")
        if number in BUSY:
            return SourceUnavailable(message, "the server has too much to do; the run is tried again")
        if not number:
            return SourceUnavailable(message, "the server's answer cannot be understood; see what lies between")
        return ConnectorError(message)


def is_clickhouse(headers: Mapping[str, str]) -> bool:
    """Whether an answer has headers that only ClickHouse gives."""
    return any(name.lower().startswith(OWN_HEADER) for name in headers)
