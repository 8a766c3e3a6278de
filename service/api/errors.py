"""Every error as a problem document (RFC 9457)."""

import logging
import math
from collections.abc import Iterator, Mapping, Sequence
from http import HTTPStatus
from typing import TYPE_CHECKING, cast
from urllib.parse import quote

import msgspec
from fastapi import FastAPI, Request
from fastapi.exceptions import HTTPException, RequestValidationError
from fastapi.responses import JSONResponse
from pydantic import Field

from connectors.errors import ConfigurationError
from connectors.problems import sentence
from service.access.keys import hide_keys
from service.api.bodies import UnsupportedFormat
from service.api.preconditions import ETAG
from service.errors import (
    Conflict,
    Forbidden,
    Invalid,
    Malformed,
    NotFound,
    Outdated,
    Problem,
    ServiceError,
    TooLarge,
    TooMany,
    Unauthenticated,
    Unavailable,
    Undecided,
)
from service.workflows.documents import dotted
from service.workflows.wire import Output

if TYPE_CHECKING:
    from fastapi.routing import APIRoute

PROBLEM_JSON = "application/problem+json"
RETRY_AFTER_SECONDS = "5"
CHALLENGE = 'Bearer realm="headwater"'
REQUEST_ID = "request_id"

logger = logging.getLogger(__name__)


class Kind(msgspec.Struct, frozen=True):
    """One type of problem: its status, the last part of its URI, its title."""

    status: int
    slug: str
    title: str


INTERNAL = Kind(500, "internal", "The service failed")
INVALID = Kind(422, "invalid", "The input is wrong")
KINDS: tuple[tuple[type[Exception], Kind], ...] = (
    (Malformed, Kind(400, "malformed", "The body cannot be read")),
    (Unauthenticated, Kind(401, "unauthenticated", "An API key is needed")),
    (Forbidden, Kind(403, "forbidden", "The role of the API key does not allow this")),
    (NotFound, Kind(404, "not-found", "There is no such thing")),
    (Conflict, Kind(409, "conflict", "Not possible in the present state")),
    (Outdated, Kind(412, "outdated", "Something else is stored than was expected")),
    (TooLarge, Kind(413, "too-large", "The input is too large")),
    (UnsupportedFormat, Kind(415, "unsupported-format", "The format of the body is not supported")),
    (Invalid, INVALID),
    (ConfigurationError, INVALID),
    (TooMany, Kind(429, "too-many-requests", "Too many requests")),
    (Undecided, Kind(500, "undecided", "It may have been done, or not")),
    (Unavailable, Kind(503, "unavailable", "Something needed does not answer now")),
    (ServiceError, INTERNAL),
)
METHOD = Kind(405, "method", "The method is not possible here")


class FieldProblem(Output):
    """One fault of the input."""

    path: str = Field(description="The field, as dotted keys; empty for the input as a whole.")
    message: str = Field(description="What is wrong with it and how to mend it.")


class ProblemDocument(Output):
    """What went wrong."""

    type: str = Field(description="Names the kind of problem; the same for all of a kind.")
    title: str
    status: int
    detail: str
    instance: str
    problems: list[FieldProblem] = Field(default_factory=list[FieldProblem])
    request_id: str = Field(description="Stands in the log lines of this request, and in X-Request-ID.")


def install(app: FastAPI) -> None:
    """Answer all errors of the app with problem documents."""
    for error_class, _ in KINDS:
        app.add_exception_handler(error_class, _refused)
    app.add_exception_handler(RequestValidationError, _misfit)
    # The class that fastapi's own derives from is the one that routing raises.
    for base in HTTPException.__mro__[:2]:
        app.add_exception_handler(cast("type[Exception]", base), _by_routing)


def internal_error(request: Request) -> JSONResponse:
    """The answer to what nobody foresaw; the cause stands in the log only."""
    return _answer(request, INTERNAL, "an unexpected error; the log has more under this request id")


def kind_of(error: Exception) -> Kind:
    """What type of problem an error is."""
    return next((kind for error_class, kind in KINDS if isinstance(error, error_class)), INTERNAL)


def problems_of(error: RequestValidationError) -> Iterator[Problem]:
    """What fastapi found, as paths of the caller's own keys and sentences; no value is repeated."""
    for fault in cast("Sequence[dict[str, object]]", error.errors()):
        where, *path = cast("tuple[str | int, ...]", fault["loc"])
        if where == "body" and path[:1] == ["schedule"]:
            # The second part is the kind of schedule, which is no key of the caller's.
            path = ["schedule", *path[2:]]
        if path[-1:] == ["[key]"]:
            path.pop()
        if where == "body" and not path and fault["type"] == "missing":
            yield Problem("", "a body is required: a JSON or YAML object")
        else:
            context = cast("Mapping[str, object] | None", fault.get("ctx"))
            yield Problem(dotted(tuple(path)), sentence(str(fault["type"]), str(fault["msg"]), context))


def refusal(request: Request, error: Exception) -> JSONResponse:
    """The answer to an error."""
    kind = kind_of(error)
    if kind is INTERNAL:
        logger.error("Request %s failed", request_id_of(request), exc_info=error)
        return internal_error(request)
    if isinstance(error, Invalid | ConfigurationError):
        return _answer(request, kind, str(error), error.shown)
    return _answer(request, kind, str(error), headers=headers_of(error))


def headers_of(error: Exception) -> dict[str, str]:
    """The headers that tell a client what to do next."""
    if isinstance(error, Unauthenticated):
        return {"WWW-Authenticate": CHALLENGE}
    if isinstance(error, TooMany):
        return {"Retry-After": str(math.ceil(error.retry_after_seconds))}
    if isinstance(error, Outdated) and error.tag is not None:
        return {ETAG: error.tag}
    again = isinstance(error, Unavailable) and not isinstance(error, Undecided)
    return {"Retry-After": RETRY_AFTER_SECONDS} if again else {}


# These three are `async`, or a thread would be started for each answer.
async def _refused(request: Request, error: Exception) -> JSONResponse:
    return refusal(request, error)


async def _misfit(request: Request, error: Exception) -> JSONResponse:
    return refusal(request, Invalid(problems_of(cast("RequestValidationError", error))))


async def _by_routing(request: Request, error: Exception) -> JSONResponse:
    refusal = cast("HTTPException", error)
    headers = dict(refusal.headers or {})
    if refusal.status_code == HTTPStatus.NOT_FOUND:
        return _answer(request, kind_of(NotFound("")), f"there is nothing at {hide_keys(request.url.path)}")
    if refusal.status_code == HTTPStatus.METHOD_NOT_ALLOWED:
        allowed = ", ".join(_methods_at(request))
        detail = f"{request.method} is not possible here; possible: {allowed}"
        return _answer(request, METHOD, detail, headers=headers | {"Allow": allowed})
    kind = Kind(refusal.status_code, "http", "The request was refused")
    return _answer(request, kind, str(refusal.detail), headers=headers)


def _methods_at(request: Request) -> list[str]:
    """What all routes of the path take; starlette itself tells of the first only."""
    routes = cast("Sequence[APIRoute]", request.app.state.routes)
    path = request.url.path
    return sorted({method for route in routes if route.path_regex.match(path) for method in route.methods or ()})


def request_id_of(request: Request) -> str:
    """The id that the middleware gave the request."""
    state = cast("dict[str, object]", request.scope.get("state", {}))
    return str(state.get(REQUEST_ID, ""))


def _answer(
    request: Request,
    kind: Kind,
    detail: str,
    problems: Sequence[Problem] = (),
    headers: dict[str, str] | None = None,
) -> JSONResponse:
    document = ProblemDocument(
        type=f"urn:headwater:problem:{kind.slug}",
        title=kind.title,
        status=kind.status,
        detail=detail,
        instance=quote(hide_keys(request.url.path)),
        problems=[FieldProblem(path=problem.path, message=problem.message) for problem in problems],
        request_id=request_id_of(request),
    )
    return JSONResponse(document.model_dump(mode="json"), kind.status, headers, PROBLEM_JSON)
