"""One run's or one check's way to a system's REST API."""

import contextvars
import logging
import threading
import time
from collections import deque
from collections.abc import Callable, Generator, Iterable, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack
from datetime import datetime
from http import HTTPStatus
from types import TracebackType
from typing import Any, NoReturn, TypeVar

import httpx
import msgspec

from connectors.cancellation import Cancellation
from connectors.definition import TlsConfig, VerifySsl
from connectors.errors import ConnectorError, FatalError, SourceUnavailable
from connectors.families.partial_failures import Refused, Vanished, attempted
from connectors.http.answers import Answer, UnreadableAnswer
from connectors.http.attempts import Attempts, Trouble, is_busy
from connectors.http.proxies import by_way_of, proxy_of
from connectors.http.retry import RetryPolicy, http_date
from connectors.http.tls import KEYS, TlsKeys, advice_on_tls, tls_context
from connectors.report import Observer

logger = logging.getLogger(__name__)
T = TypeVar("T")
ItemT = TypeVar("ItemT")
Query = Mapping[str, str | int | list[str]]
SHORTEST_SECRET = 4


class RestLimits(msgspec.Struct, frozen=True):
    """Seconds for a connection, the next part of an answer and all of it; requests at a time; bytes of an answer."""

    connect_seconds: float = 10.0
    read_seconds: float = 60.0
    answer_seconds: float = 300.0
    connections: int = 4
    answer_bytes: int = 64 * 1024**2
    retry: RetryPolicy = RetryPolicy(tries=5)


LIMITS = RestLimits()
# Of a step of a connection test: who waits for it wants to hear of a server that is away at once.
STEP_SECONDS = 30.0
AT_ONCE = RestLimits(retry=RetryPolicy(tries=1, few_tries=1))


class Endpoint(msgspec.Struct, frozen=True):
    """An API: `system` is its name in messages, `address` its base URL, which the user gave as `key`.

    `tls_keys`, below `prefix`, are what users call `verify_ssl` and `certificates`. `secrets` show up in no message.
    `login` gives the headers of a session, and again after an answer that says that it is over (`session_over`);
    `credentials` names the keys to mend where that is of no use. `busy` is what an answer says that is to be asked for
    later.
    """

    system: str
    address: str
    key: str = "hostPort"
    prefix: str = ""
    verify_ssl: VerifySsl = "no-ssl"
    certificates: TlsConfig | None = None
    tls_keys: TlsKeys = KEYS
    headers: Mapping[str, str] = msgspec.field(default_factory=dict[str, str])
    auth: httpx.Auth | None = None
    login: "Callable[[RestClient], Mapping[str, str]] | None" = None
    session_over: Callable[[Answer], bool] = lambda answer: answer.status == HTTPStatus.UNAUTHORIZED
    busy: Callable[[Answer], bool] = is_busy
    credentials: str = "the credentials"
    secrets: tuple[str, ...] = ()

    def __repr__(self) -> str:
        return f"Endpoint({self.system!r}, {self.address!r}, {self.key!r})"


class Call(msgspec.Struct, frozen=True):
    """One request, as often as it is sent."""

    method: str
    path: str
    query: Query
    body: Any = None
    signed: bool = True

    def __repr__(self) -> str:
        return f"Call({self.method!r}, {self.path!r}, {self.query!r})"


class RestClient:
    """Thread-safe. Asks until it is answered, the tries are used up or the run stops."""

    def __init__(
        self, endpoint: Endpoint, report: Observer, cancellation: Cancellation, limits: RestLimits | None = None
    ) -> None:
        self._endpoint = endpoint
        self._report = report
        self._limits = limits or LIMITS
        self._attempts = Attempts(self._limits.retry, cancellation)
        self._tls_keys = endpoint.tls_keys.below(endpoint.prefix)
        self._server_date: datetime | None = None
        self._session: Mapping[str, str] | None = None
        self._logging_in = threading.Lock()
        _require_sendable(endpoint)
        self._http = httpx.Client(
            verify=tls_context(endpoint.address, endpoint.verify_ssl, endpoint.certificates, self._tls_keys),
            headers={"User-Agent": "headwater", "Accept": "application/json", **endpoint.headers},
            auth=endpoint.auth,
            proxy=proxy_of(httpx.URL(endpoint.address)),
            trust_env=False,
            limits=httpx.Limits(max_connections=self._limits.connections, keepalive_expiry=30.0),
        )
        self._ahead = ThreadPoolExecutor(self._limits.connections, thread_name_prefix="ahead")
        self._stack = ExitStack()
        self._stack.enter_context(cancellation.interrupting(self.abandon))

    def __enter__(self) -> "RestClient":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Break off what is still asked, and give the connections back."""
        self._stack.close()
        self.abandon()
        self._ahead.shutdown(cancel_futures=True)
        self._http.close()

    def abandon(self) -> None:
        """Break off every request and every wait of this client; there will be no more."""
        self._attempts.abandon()

    @property
    def server_date(self) -> datetime | None:
        """What the server's clock said at its latest answer; None where it does not tell."""
        return self._server_date

    def get(self, path: str, kind: type[T], query: Query | None = None) -> T:
        """What a GET of `path` answers, as `kind`.

        Raises:
            Vanished: There is nothing at this path.
            Refused: The user may not read it.
            ConnectorError: The answer is an error or cannot be read.
            SourceUnavailable: No answer after all tries.
            FatalError: The credentials or the address are refused.
            RunCancelled: The run was told to stop.
        """
        return self._ask(Call("GET", path, query or {}), kind)

    def text(self, path: str, query: Query | None = None) -> str:
        """The same where the answer is no JSON but a text. Raises what get does."""
        return self._answered(Call("GET", path, query or {})).body.decode(errors="replace")

    def read(self, path: str) -> bytes:
        """What a GET of `path` answers, byte by byte; raises what get does."""
        return self._answered(Call("GET", path, {})).body

    def post(self, path: str, kind: type[T], body: object, query: Query | None = None, *, signed: bool = True) -> T:
        """What a POST of `body`, as JSON, answers; for questions only, as it may be sent twice. Raises what get does.

        What is not `signed` goes without the headers of the session: logging in itself.
        """
        return self._ask(Call("POST", path, query or {}, body, signed), kind)

    def require(self, known: Callable[[], bool]) -> None:
        """Many would answer a listing with nothing: `known` asks what only the system answers as it does.

        Raises:
            FatalError: It is not known by that, or the question is refused.
        """
        if not attempted(known, instead=False)[0]:
            endpoint = self._endpoint
            msg = f"what answers at {endpoint.address} is no {endpoint.system}: it only seems to have nothing"
            raise FatalError(msg, f"correct {endpoint.key}")

    def ahead(
        self, items: Iterable[ItemT], work: Callable[[ItemT], T], width: int | None = None
    ) -> Generator[tuple[ItemT, "Future[T]"]]:
        """Each item with what `work` on it brings, in order; that of the next `width` items is under way meanwhile.

        An error of `work` comes out of its future, so that it is the item's own. `work` may not call `ahead`.
        """
        waiting = deque[tuple[ItemT, Future[T]]]()
        try:
            for item in items:
                context = contextvars.copy_context()
                waiting.append((item, self._ahead.submit(context.run, work, item)))
                if len(waiting) > (width or self._limits.connections):
                    yield waiting.popleft()
            while waiting:
                yield waiting.popleft()
        finally:
            for _, future in waiting:
                future.cancel()

    def _answered(self, call: Call) -> Answer:
        answer = self._answer(call)
        if not answer.ok:
            self._refuse(call, answer)
        return answer

    def _ask(self, call: Call, kind: type[T]) -> T:
        answer = self._answered(call)
        try:
            return answer.decoded(kind)
        except UnreadableAnswer as error:
            advice = (
                f"see whether {self._endpoint.key} is the address of {self._endpoint.system}'s API, and its version"
            )
            msg = f"{self._named(call)} answers something else than {self._endpoint.system} does: {error}"
            raise ConnectorError(answer.hiding(msg), advice) from error

    def _answer(self, call: Call) -> Answer:
        def again(trouble: Trouble, delay: float) -> None:
            logger.info("%s again in %.1f s: %s", self._named(call), delay, trouble.reason)

        outcome = self._attempts.made(lambda: self._try(call), again)
        if isinstance(outcome, Answer):
            return outcome
        advice = f"see whether {self._endpoint.key} is right and can be reached from here, and the server is up"
        message = f"{self._named(call)} {outcome}"
        raise SourceUnavailable(message, advice + by_way_of(httpx.URL(self._endpoint.address)))

    def _try(self, call: Call) -> Answer | Trouble:
        """One try; a session that is refused counts only when a new one is refused too."""
        session = self._headers(call, refused=None)
        outcome = self._once(call, session)
        over = isinstance(outcome, Answer) and self._endpoint.session_over(outcome)
        if over and call.signed and self._endpoint.login:
            logger.info("%s ended the session; logging in again", self._endpoint.system)
            outcome = self._once(call, self._headers(call, refused=session))
        return outcome

    def _headers(self, call: Call, refused: Mapping[str, str] | None) -> Mapping[str, str]:
        if self._endpoint.login is None or not call.signed:
            return {}
        with self._logging_in:
            if self._session is None or self._session is refused:
                self._session = self._endpoint.login(self)
            return self._session

    def _once(self, call: Call, session: Mapping[str, str]) -> Answer | Trouble:
        self._attempts.check()
        began = time.monotonic()
        try:
            answer, headers = self._exchange(call, session)
        except httpx.RequestError as error:
            self._attempts.check()
            return self._trouble(error)
        finally:
            self._report.queried(time.monotonic() - began)
        return self._attempts.judged(answer, headers, self._endpoint.busy)

    def _exchange(self, call: Call, session: Mapping[str, str]) -> tuple[Answer, httpx.Headers]:
        latest = time.monotonic() + self._limits.answer_seconds
        with self._http.stream(
            call.method,
            self._endpoint.address + call.path,
            params=dict(call.query) or None,
            json=call.body,
            headers=dict(session),
            timeout=self._attempts.timeout(self._limits.connect_seconds, self._limits.read_seconds),
            extensions={"trace": self._attempts.sockets.trace},
        ) as response:
            body = self._read(response, latest)
        self._server_date = http_date(response.headers.get("date", "")) or self._server_date
        # A server may quote what it was shown, a token also without the word before it.
        sent = (*session.values(), response.request.headers.get("Authorization", ""))
        secrets = (*self._endpoint.secrets, *sent, *(text.rpartition(" ")[2] for text in sent))
        kept = tuple(text for text in secrets if len(text) >= SHORTEST_SECRET)
        return Answer(response.status_code, body, response.headers.get("content-type", ""), kept), response.headers

    def _read(self, response: httpx.Response, latest: float) -> bytes:
        body = bytearray()
        for part in response.iter_bytes():
            self._attempts.check()
            body += part
            if len(body) > self._limits.answer_bytes:
                msg = f"an answer of {self._endpoint.address} is longer than {self._limits.answer_bytes} bytes"
                raise ConnectorError(msg, f"see what stands before {self._endpoint.system}")
            if time.monotonic() > latest:
                msg = "too slow"
                raise httpx.ReadTimeout(msg)
        return bytes(body)

    def _trouble(self, error: httpx.RequestError) -> Trouble:
        endpoint, limits = self._endpoint, self._limits
        if isinstance(error, httpx.LocalProtocolError):  # whose text may quote a header, secrets and all
            msg = f"{endpoint.address} cannot be asked: what would be sent to it is no possible request"
            raise FatalError(msg, f"correct {endpoint.credentials}") from None
        if isinstance(error, httpx.UnsupportedProtocol):
            msg = f"{endpoint.address} cannot be asked: {error}"
            raise FatalError(msg, f"correct {endpoint.key}") from error
        if (advice := advice_on_tls(error, self._tls_keys, endpoint.key)) is not None:
            msg = f"no secure connection to {endpoint.address}: {error}"
            raise FatalError(msg, advice) from error
        too_slow = f"no answer within {limits.read_seconds:g} s, or not all of it within {limits.answer_seconds:g} s"
        return self._attempts.missed(error, limits.connect_seconds, too_slow)

    def _refuse(self, call: Call, answer: Answer) -> NoReturn:
        endpoint, named = self._endpoint, self._named(call)
        if answer.status == HTTPStatus.UNAUTHORIZED or endpoint.session_over(answer):
            msg = f"{endpoint.system} at {endpoint.address} does not let the user in: {answer.message()}"
            raise FatalError(msg, f"correct {endpoint.credentials}")
        if answer.status == HTTPStatus.FORBIDDEN:
            msg = f"{named} is forbidden: {answer.message()}"
            raise Refused(msg, "let the user read it, or leave it out by a filter")
        if answer.status in (HTTPStatus.NOT_FOUND, HTTPStatus.GONE):
            msg = f"{named} is not there: {answer.message()}"
            raise Vanished(msg, f"it was removed during the run, or {endpoint.key} is not the API's address")
        if answer.redirect:
            msg = f"{named} redirects to another address"
            raise FatalError(msg, f"write the final address in {endpoint.key}, or correct {endpoint.credentials}")
        msg = f"{named} answers {answer.status}: {answer.message()}"
        raise ConnectorError(msg, f"look into the log of {endpoint.system}")

    def _named(self, call: Call) -> str:
        path = call.path.partition("?")[0]  # a query that users wrote may hold a signature
        return f"{self._endpoint.system}'s {path} at {self._endpoint.address}"


def _require_sendable(endpoint: Endpoint) -> None:
    for name, value in endpoint.headers.items():
        if not (value.isascii() and value.isprintable()):
            msg = f"{endpoint.system} cannot be asked: the header {name} must be of printable ASCII on one line"
            raise FatalError(msg, f"correct {endpoint.credentials}")
