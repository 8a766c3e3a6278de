"""What happens to every request: it gets an id, is measured and logged, and never ends without an answer."""

import asyncio
import logging
import re
from collections.abc import Awaitable, Callable, MutableMapping
from itertools import count
from typing import Any
from urllib.parse import quote
from uuid import uuid4

from fastapi import Request, Response
from fastapi.routing import APIRoute

from service.access.keys import hide_keys
from service.api.bodies import BrokenOffError
from service.api.callers import READING
from service.api.errors import REQUEST_ID, internal_error, refusal, request_id_of
from service.clock import monotonic
from service.errors import Unavailable, Undecided
from service.metrics import Metrics

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]

HEADER = b"x-request-id"
UNMATCHED = "unmatched"
# As nginx has it: no answer of ours has this status.
CLIENT_CLOSED = 499
METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
QUIET = ("/health/", "/metrics")

# For every answer that does not say otherwise: nothing here is for a frame, a cache or a guess of its type.
SECURITY = (
    (b"cache-control", b"no-store"),
    (b"content-security-policy", b"default-src 'none'; frame-ancestors 'none'"),
    (b"cross-origin-resource-policy", b"same-origin"),
    (b"referrer-policy", b"no-referrer"),
    (b"x-content-type-options", b"nosniff"),
    (b"x-frame-options", b"DENY"),
)

_ACCEPTABLE_ID = re.compile(r"[A-Za-z0-9._~:-]{1,128}")

logger = logging.getLogger("service.api.access")


class RequestMiddleware:
    """Stands around the whole app."""

    def __init__(self, app: App, metrics: Metrics) -> None:
        self._app = app
        self._metrics = metrics
        # A random prefix for the process and a counter: ids are to differ, and are no secret.
        self._prefix = uuid4().hex[:16]
        self._numbers = count()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        began = monotonic()
        request_id = _given_id(scope) or f"{self._prefix}{next(self._numbers):016x}"
        scope.setdefault("state", {})[REQUEST_ID] = request_id
        status = 0

        async def sending(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                given = list(message.get("headers", []))
                names = {name.lower() for name, _ in given}
                secure = [(name, value) for name, value in SECURITY if name not in names]
                message["headers"] = [*given, *secure, (HEADER, request_id.encode())]
            await send(message)

        try:
            await self._app(scope, receive, sending)
        except BrokenOffError:  # nobody is there to be answered
            status = CLIENT_CLOSED
        except (Exception, asyncio.CancelledError) as error:  # the server alone cancels, when it waits no longer
            answer = _told(error, Request(scope))
            if status:
                raise
            await answer(scope, receive, sending)
        finally:
            self._note(scope, request_id, status, monotonic() - began)

    def _note(self, scope: Scope, request_id: str, status: int, seconds: float) -> None:
        method = scope["method"] if scope["method"] in METHODS else "other"
        self._metrics.http_answered(_route_of(scope), method, status, seconds)
        path = quote(hide_keys(scope["path"]))
        level = logging.DEBUG if path.startswith(QUIET) else logging.INFO
        logger.log(
            level,
            "%s %s %d %.1f ms request_id=%s",
            method,
            path,
            status,
            seconds * 1000,
            request_id,
            extra={"request_id": request_id, "method": method, "path": path, "status": status, "seconds": seconds},
        )


def _told(error: BaseException, request: Request) -> Response:
    """What a request is answered that ended by an error; that, or why, is logged."""
    what = (request_id_of(request), request.method, quote(hide_keys(request.url.path)))
    if not isinstance(error, asyncio.CancelledError):
        logger.error("Request %s failed: %s %s", *what, exc_info=error)
        return internal_error(request)
    logger.warning("Request %s was cut off by the end of the service: %s %s", *what)
    if request.method in READING:
        message = "the service ended before it had an answer; ask again, as others or the next one may have it"
        return refusal(request, Unavailable(message))
    return refusal(request, Undecided("the service ended before it had an answer"))


def _given_id(scope: Scope) -> str | None:
    for name, value in scope["headers"]:
        if name == HEADER:
            given = value.decode("latin-1")
            if _ACCEPTABLE_ID.fullmatch(given):
                return given
    return None


def _route_of(scope: Scope) -> str:
    """The template of the route: paths are without number, and every label value is kept for ever."""
    route = scope.get("route")
    return route.path if isinstance(route, APIRoute) else UNMATCHED
