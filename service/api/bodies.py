"""Request bodies: JSON or YAML, bounded, read off the event loop."""

from collections.abc import Callable, Coroutine
from typing import Any

from fastapi import Request, Response
from fastapi.concurrency import run_in_threadpool
from fastapi.routing import APIRoute
from typing_extensions import override

from service.api.callers import READING, require_role, required_role
from service.api.formats import WHOLE, Format, read_document
from service.errors import Invalid, ServiceError, TooLarge
from service.workflows.documents import Json

JSON_TYPE = "application/json"
YAML_TYPES = ("application/yaml", "application/x-yaml", "text/yaml", "text/x-yaml")
EMPTY = (b"", b"{}")
NO_BODY = "no body is taken here: the request is about what is stored, so leave the body out"
DEFAULT_MAX_BODY_BYTES = 5 * 1024 * 1024


class UnsupportedFormat(ServiceError):
    """A body in a format that is not read here."""


class DocumentRoute(APIRoute):
    """A route for callers with a role, whose body is one JSON or YAML object, whatever of the two they prefer."""

    @override
    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """The usual handler, given the document that the body holds; for strangers nothing is read."""
        handle = super().get_route_handler()

        async def handle_document(request: Request) -> Response:
            self.admit(request)
            if self.body_field is not None:
                return await handle(await _with_document(request))
            if request.method not in READING:
                await _refuse_body(request)
            return await handle(request)

        return handle_document

    def admit(self, request: Request) -> None:
        """Raises Unauthenticated or Forbidden."""
        require_role(request, required_role(self))


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
    raw = bytearray()
    async for chunk in request.stream():
        raw += chunk
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
