"""One run's way to an OpenMetadata server."""

import logging
import re
import time
from collections.abc import Mapping
from contextlib import ExitStack, closing
from functools import cache, lru_cache
from http import HTTPStatus
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from types import TracebackType
from typing import Any, NoReturn
from urllib.parse import urlencode

import httpx
import msgspec

from connectors.cancellation import Cancellation
from connectors.definition import OpenMetadataConnection
from connectors.errors import ConfigurationError, FatalError, SinkUnavailable
from connectors.http.answers import Answer, UnreadableAnswer
from connectors.http.attempts import Attempts, Trouble
from connectors.http.proxies import by_way_of, proxy_of
from connectors.openmetadata.limits import Limits
from connectors.openmetadata.tls import advice_on_tls, tls_context
from connectors.openmetadata.token import Token
from connectors.openmetadata.versions import Version, parse_version, require_known
from connectors.report import Observer

logger = logging.getLogger(__name__)
HIGHEST_PORT = 65535
MAX_ANSWER_BYTES = 64 * 1024**2
KEPT_URLS = 32  # those of bulk requests, which come again and again
JSON_PATCH = "application/json-patch+json"
# Shorter ones are no secrets, and would be found in ordinary words.
SHORTEST_SECRET = 8
CONNECTION_KEY = "workflowConfig.openMetadataServerConfig"
HOST_PORT_HINT = f"{CONNECTION_KEY}.hostPort must be the address of the API, like http://openmetadata:8585/api"
AUTHORIZATION, CONTENT_TYPE, CONTENT_LENGTH = "Authorization", "Content-Type", "Content-Length"
REFERENCE = re.compile(r"%\(([^)]+)\)s")


class TookTooLong(SinkUnavailable):
    """The server did not answer in time; a smaller request may pass."""


class Call(msgspec.Struct, frozen=True):
    """One request, as often as it is sent; `operation` is what metrics call it."""

    operation: str
    method: str
    path: str
    body: bytes | None = None


class OpenMetadataClient:
    """Thread-safe. Sends requests until they are answered, the tries are used up or the run stops.

    A token is read from files below `tokens` only, when that is given.
    """

    def __init__(
        self,
        connection: OpenMetadataConnection,
        report: Observer,
        cancellation: Cancellation,
        limits: Limits | None = None,
        tokens: Path | None = None,
    ) -> None:
        self._connection = connection
        self._report = report
        self._limits = limits or Limits()
        self._token = Token(connection, tokens)
        address = self._address()
        self._always = _always(address)
        ours = {name.lower(): name for name in (*self._always, AUTHORIZATION, CONTENT_TYPE, CONTENT_LENGTH)}
        # One that is meant to stand for one of ours does so, however it is written.
        extra = connection.extra_headers.items()
        self._extra = {ours.get(name.lower(), name): value.get_secret_value() for name, value in extra}
        self._attempts = Attempts(self._limits.retry, cancellation)
        self._version: Version | None = None
        self._base = f"{connection.host_port}/{connection.api_version}"
        self._url = lru_cache(KEPT_URLS)(httpx.URL)
        # Without httpx's client around it, whose cookies, redirects and merged settings cost more than all the rest.
        self._transport = httpx.HTTPTransport(
            verify=tls_context(connection),
            limits=httpx.Limits(max_connections=self._limits.connections, keepalive_expiry=30.0),
            proxy=proxy_of(address),
        )
        self._stack = ExitStack()
        self._stack.enter_context(cancellation.interrupting(self.abandon))

    def __enter__(self) -> "OpenMetadataClient":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Give the connections back."""
        self._stack.close()
        self._transport.close()

    def abandon(self) -> None:
        """Break off every request and every wait of this client; there will be no more."""
        self._attempts.abandon()

    def version(self) -> Version:
        """The server's version, asked for once.

        Raises:
            FatalError: This is no OpenMetadata API, or one that we do not know.
        """
        if self._version is None:
            found = self._ask_version()
            if self._connection.enable_version_validation:
                require_known(found)
            self._version = found
        return self._version

    def pause(self, seconds: float) -> None:
        """Wait, unless the run or this client stops, which raises RunCancelled."""
        self._attempts.pause(seconds)

    def request(
        self,
        operation: str,
        method: str,
        path: str,
        query: Mapping[str, str] | None = None,
        body: bytes | None = None,
    ) -> Answer:
        """Send one request below /api/v1; every answer that is final comes back, whatever its status.

        Raises:
            SinkUnavailable: No answer after all tries; TookTooLong when the time was what it lacked.
            FatalError: The token or the address is refused.
            RunCancelled: The run was told to stop.
        """
        call = Call(operation, method, f"{path}?{urlencode(query)}" if query else path, body)

        def again(trouble: Trouble, delay: float) -> None:
            logger.info("%s %s again in %.1f s: %s", method, path, delay, trouble.reason)
            self._report.retried()

        outcome = self._attempts.made(lambda: self._try(call), again)
        if isinstance(outcome, Answer):
            return self._acceptable(call, outcome)
        message = f"OpenMetadata at {self._connection.host_port} {outcome}"
        advice = "check that the server runs and that its address and port can be reached from here"
        advice += by_way_of(self._url(self._base))
        raise (TookTooLong if outcome.trouble.too_slow else SinkUnavailable)(message, advice)

    def _try(self, call: Call) -> Answer | Trouble:
        """One try; a refused token counts only when there is no newer one."""
        token = self._token.text
        outcome = self._once(call, token)
        if isinstance(outcome, Answer) and outcome.status == HTTPStatus.UNAUTHORIZED and self._token.renewed(token):
            logger.info("the token was refused; %s has another one", self._token.file)
            self._report.retried()
            outcome = self._once(call, self._token.text)
        return outcome

    def _once(self, call: Call, token: str) -> Answer | Trouble:
        self._attempts.check()
        began, status = time.monotonic(), "error"
        try:
            answer, headers = self._exchange(call, token)
            status = str(answer.status)
        except httpx.RequestError as error:
            status = type(error).__name__
            self._attempts.check()
            return self._trouble(error)
        finally:
            self._report.requested(call.operation, status, time.monotonic() - began)
        return self._attempts.judged(answer, headers)

    def _exchange(self, call: Call, token: str) -> tuple[Answer, httpx.Headers]:
        timeout = self._attempts.timeout(self._limits.connect_seconds, self._limits.read_seconds)
        request = httpx.Request(
            call.method,
            self._url(self._base + call.path),
            headers=self._headers(token, call),
            stream=httpx.ByteStream(call.body or b""),  # as `content`, httpx would make the headers three times
            extensions={"timeout": timeout.as_dict(), "trace": self._trace},
        )
        with closing(self._transport.handle_request(request)) as response:
            body = bytearray()
            for part in response.iter_bytes():
                self._attempts.check()
                body += part
                if len(body) > MAX_ANSWER_BYTES:
                    msg = f"an answer of {self._connection.host_port} is longer than {MAX_ANSWER_BYTES} bytes"
                    raise SinkUnavailable(msg, "look into the server's own log, and at what stands before it")
        kind = response.headers.get("content-type", "")
        secrets = tuple(text for text in (token, *self._extra.values()) if len(text) >= SHORTEST_SECRET)
        return Answer(response.status_code, bytes(body), kind, secrets), response.headers

    def _trace(self, event: str, info: Mapping[str, Any]) -> None:
        """Look once more right before the first byte goes out: the process may have stood still since the last look."""
        if event.endswith(".send_request_headers.started"):
            self._attempts.check()
        self._attempts.sockets.trace(event, info)

    def _trouble(self, error: httpx.RequestError) -> Trouble:
        address = self._connection.host_port
        if isinstance(error, httpx.UnsupportedProtocol | httpx.LocalProtocolError):
            msg = f"no request can be sent to {address}: {error}"
            raise FatalError(msg, HOST_PORT_HINT) from error
        if (advice := advice_on_tls(error)) is not None:
            msg = f"no secure connection to {address}: {error}"
            raise FatalError(msg, advice) from error
        too_slow = f"it did not answer within {self._limits.read_seconds:g} s"
        return self._attempts.missed(error, self._limits.connect_seconds, too_slow)

    def _acceptable(self, call: Call, answer: Answer) -> Answer:
        if answer.status == HTTPStatus.UNAUTHORIZED:
            self._refuse_token(answer)
        if answer.status == HTTPStatus.FORBIDDEN:
            msg = f"OpenMetadata does not let this bot {call.method} {call.path.split('?')[0]}: {answer.message()}"
            raise FatalError(msg, "give the bot of the token a role that may do this, such as the ingestion bot's")
        if answer.redirect:
            msg = f"{self._connection.host_port} redirects to another address"
            raise FatalError(msg, f"write the final address; {HOST_PORT_HINT}")
        if answer.ok and answer.html:
            raise self._not_the_api()
        return answer

    def _refuse_token(self, answer: Answer) -> NoReturn:
        msg = f"OpenMetadata refuses the token: {answer.message()}"
        key = f"{CONNECTION_KEY}.securityConfig.jwtToken"
        if not self._token.text:
            raise FatalError(msg, f"the server wants one: set authProvider to openmetadata and {key}")
        raise FatalError(msg, f"copy the bot's present token from OpenMetadata (Settings, Bots) into {key}")

    def _ask_version(self) -> Version:
        answer = self.request("version", "GET", "/system/version")
        if answer.status == HTTPStatus.NOT_FOUND:
            raise self._not_the_api()
        if answer.status == HTTPStatus.INTERNAL_SERVER_ERROR:
            msg = f"OpenMetadata at {self._connection.host_port} does not tell its version: {answer.message()}"
            raise SinkUnavailable(msg, "look into the server's own log")
        if not answer.ok:
            msg = f"OpenMetadata at {self._connection.host_port} does not tell its version: {answer.message()}"
            raise FatalError(msg, HOST_PORT_HINT)
        try:
            return parse_version(str(answer.decoded(dict[str, object])["version"]))
        except (UnreadableAnswer, KeyError, ValueError) as error:
            raise self._not_the_api() from error

    def _not_the_api(self) -> FatalError:
        return FatalError(f"{self._connection.host_port} is not the API of an OpenMetadata server", HOST_PORT_HINT)

    def _headers(self, token: str, call: Call) -> dict[str, str]:
        own = {AUTHORIZATION: f"Bearer {token}"} if token else {}
        if call.body is not None:
            own[CONTENT_TYPE] = JSON_PATCH if call.method == "PATCH" else "application/json"
            own[CONTENT_LENGTH] = str(len(call.body))
        for name, value in self._extra.items():
            own[name] = REFERENCE.sub(lambda found: own.get(found[1], ""), value)
        return self._always | own

    def _address(self) -> httpx.URL:
        address = self._connection.host_port
        try:
            url = httpx.URL(address)
        except httpx.InvalidURL as error:
            path = f"{CONNECTION_KEY}.hostPort"
            raise ConfigurationError.at(path, f"{address!r} is not an address: {error}") from error
        if url.port is not None and not 0 < url.port <= HIGHEST_PORT:
            path = f"{CONNECTION_KEY}.hostPort"
            raise ConfigurationError.at(path, f"{address!r} is not an address: there is no port {url.port}")
        return url


def _always(address: httpx.URL) -> dict[str, str]:
    """The headers of every request."""
    return {
        "Host": address.netloc.decode(),
        "Accept": "application/json",
        "Accept-Encoding": "gzip, deflate",
        "Connection": "keep-alive",
        "User-Agent": f"headwater/{_own_version()}",
    }


@cache
def _own_version() -> str:
    try:
        return version("headwater")
    except PackageNotFoundError:
        return "0"
