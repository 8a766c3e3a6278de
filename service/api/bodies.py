"""Routes over documents: the body is read by the event loop, all the rest of a request is done by one thread."""

from collections.abc import Callable, Coroutine, Mapping
from contextlib import ExitStack
from functools import wraps
from inspect import iscoroutinefunction, unwrap
from typing import Any, ParamSpec, TypeVar

import msgspec
from fastapi import Request, Response
from fastapi.concurrency import run_in_threadpool
from fastapi.routing import APIRoute
from typing_extensions import override

from service.api.callers import READING, require_role, required_role
from service.api.formats import Format, read_document
from service.errors import WHOLE, Invalid, ServiceError, TooLarge
from service.workflows.documents import Json

JSON_TYPE = "application/json"
YAML_TYPES = ("application/yaml", "application/x-yaml", "text/yaml", "text/x-yaml")
EMPTY = (b"", b"{}")
STACK = "headwater_endpoint_stack"
NO_BODY = "no body is taken here: the request is about what is stored, so leave the body out"
DEFAULT_MAX_BODY_BYTES = 5 * 1024 * 1024

P = ParamSpec("P")
T = TypeVar("T")


class Encoded(Response):
    """A document whose values are of the kinds that JSON, dates and ids have; nothing checks it against a model."""

    media_type = JSON_TYPE

    @override
    def render(self, content: Mapping[str, object]) -> bytes:
        """Its bytes."""
        return msgspec.json.encode(content)


class UnsupportedFormat(ServiceError):
    """A body in a format that is not read here."""


class BrokenOffError(Exception):
    """The client left, or what it sent was no body, before its end."""


class DocumentRoute(APIRoute):
    """A route for callers with a role, whose body is one JSON or YAML object, whichever they prefer.

    Parameters, session, endpoint and answer are the work of one thread. fastapi would change to another thread and
    back for each of them, which is most of what a short request costs. So what such an endpoint depends on is `async`
    and waits for nothing of the event loop; what it opens, `endpoint_stack` closes before the answer is sent.
    """

    @override
    def __init__(self, path: str, endpoint: Callable[..., Any], **options: Any) -> None:
        self._waits = iscoroutinefunction(unwrap(endpoint))
        super().__init__(path, endpoint if self._waits else _as_coroutine(unwrap(endpoint)), **options)
        self._needed = required_role(self)

    @override
    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """The usual handler, given the document that the body holds; for strangers nothing is read."""
        handle = super().get_route_handler()

        async def handle_document(request: Request) -> Response:
            self.admit(request)
            if self.body_field is not None:
                request = await _with_document(request)
            elif request.method not in READING:
                await _refuse_body(request)
            return await (handle(request) if self._waits else run_in_threadpool(_finish, handle, request))

        return handle_document

    def admit(self, request: Request) -> None:
        """Raises Unauthenticated or Forbidden."""
        require_role(request, self._needed)


class _DocumentRequest(Request):
    """A request whose body was read already."""

    def __init__(self, request: Request, document: Json | None) -> None:
        headers = [header for header in request.scope["headers"] if header[0] != b"content-type"]
        headers.append((b"content-type", JSON_TYPE.encode()))
        super().__init__({**request.scope, "headers": headers}, request.receive)
        self._document = document

    @override
    async def body(self) -> bytes:
        """Whether there is a body; what it holds is in the document."""
        return b"" if self._document is None else b"{}"

    @override
    async def json(self) -> Json | None:
        """The document."""
        return self._document


def _as_coroutine(endpoint: Callable[P, T]) -> Callable[P, Coroutine[Any, Any, T]]:
    """The endpoint as one that fastapi starts no thread for."""

    @wraps(endpoint)
    async def call(*args: P.args, **kwargs: P.kwargs) -> T:
        return endpoint(*args, **kwargs)

    return call


def endpoint_stack(request: Request) -> ExitStack:
    """What was opened for the endpoint of a DocumentRoute: closed when it has answered, or told why it did not."""
    stack: ExitStack = request.scope[STACK]
    return stack


def _finish(handle: Callable[[Request], Coroutine[Any, Any, Response]], request: Request) -> Response:
    """The answer of a handler that waits for nothing, in this thread. Raises RuntimeError for one that waits."""
    with ExitStack() as stack:
        request.scope[STACK] = stack
        handling = handle(request)
        try:
            handling.send(None)
        except StopIteration as end:
            return end.value
        handling.close()
    message = f"what answers {request.url.path} waits for the event loop, which an endpoint can do that is `async`"
    raise RuntimeError(message)


async def _refuse_body(request: Request) -> None:
    """What would be passed over is said to be: some clients send an empty object where they mean nothing."""
    if (await _read(request)).strip() not in EMPTY:
        raise Invalid.at(WHOLE, NO_BODY)


async def _with_document(request: Request) -> _DocumentRequest:
    raw = await _read(request)
    if not raw:
        return _DocumentRequest(request, None)
    kind = _format_of(request)
    return _DocumentRequest(request, await run_in_threadpool(read_document, raw, kind))


async def _read(request: Request) -> bytes:
    limit: int = request.app.state.services.max_body_bytes
    message = f"the body is larger than {limit} bytes"
    announced = request.headers.get("content-length", "")
    if announced.isdecimal() and int(announced) > limit:
        raise TooLarge(message)
    raw, more = bytearray(), True
    while more:
        part = await request.receive()
        if part["type"] == "http.disconnect":
            raise BrokenOffError
        raw += part.get("body", b"")
        more = part.get("more_body", False)
        if len(raw) > limit:
            raise TooLarge(message)
    return bytes(raw)


def _format_of(request: Request) -> Format:
    if request.headers.get("content-encoding", "identity") != "identity":
        message = "a compressed body is not supported; send it without Content-Encoding"
        raise UnsupportedFormat(message)
    given = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if given == JSON_TYPE or (given.startswith("application/") and given.endswith("+json")):
        return "json"
    if given in YAML_TYPES or (given.startswith("application/") and given.endswith("+yaml")):
        return "yaml"
    message = f"the body is {given or 'of no named format'}; send Content-Type: {JSON_TYPE} or {YAML_TYPES[0]}"
    raise UnsupportedFormat(message)
