"""What endpoints are given: the parts of the service, a session per request, checked parameters."""

from collections.abc import Callable, Sequence
from threading import BoundedSemaphore
from typing import Annotated

import msgspec
from fastapi import Depends, Path, Query, Request
from pydantic import Field
from sqlalchemy.orm import Session

from service.access.audit import Actor, Trail
from service.access.authentication import Caller, KeyRing
from service.api.bodies import DEFAULT_MAX_BODY_BYTES, endpoint_stack
from service.api.callers import READING, caller_of
from service.api.errors import request_id_of
from service.api.feed import RunFeed
from service.database.engine import Database
from service.database.questions import Questions
from service.execution.checks import Checker
from service.execution.openmetadata import OpenMetadata
from service.metrics import Metrics
from service.settings import Settings
from service.workflows.operations import Rules
from service.workflows.wire import Input, Storable

BASE = "/api/v1"
MAX_PAGE = 500
MAX_ID = 2**63 - 1
# A check may take minutes and holds a thread of the API; this many leave enough of them.
MAX_CHECKS = 8


class Readiness(msgspec.Struct, frozen=True):
    """Whether one part of the service can do its work."""

    component: str
    ok: bool
    message: str = ""


class Services(msgspec.Struct, frozen=True):
    """The parts of the service that the API speaks to, made by `service.app`.

    `check_connection` resolves secrets and yields the result of each step.
    """

    settings: Settings
    database: Database
    rules: Rules
    metrics: Metrics
    feed: RunFeed
    ready: Callable[[], Sequence[Readiness]]
    check_connection: Checker
    openmetadata: OpenMetadata
    keys: KeyRing
    max_body_bytes: int = DEFAULT_MAX_BODY_BYTES
    check_slots: BoundedSemaphore = msgspec.field(default_factory=lambda: BoundedSemaphore(MAX_CHECKS))


async def services_of(request: Request) -> Services:
    """The parts of the service."""
    services: Services = request.app.state.services
    return services


ServicesDep = Annotated[Services, Depends(services_of)]


async def session_of(request: Request, services: ServicesDep) -> Session:
    """A session that lives as long as the endpoint of a DocumentRoute: what a client is told of is durable."""
    database = services.database
    opened = database.reading() if request.method in READING else database.session()
    return endpoint_stack(request).enter_context(opened)


SessionDep = Annotated[Session, Depends(session_of)]


async def questions_of(request: Request) -> Questions:
    """For `async` endpoints, which no thread is started for."""
    return (await services_of(request)).database.questions


QuestionsDep = Annotated[Questions, Depends(questions_of)]


def actor_of(request: Request) -> Actor:
    """Who makes the changes of this request."""
    caller = caller_of(request)
    address = request.client.host if request.client is not None else None
    return Actor(caller.name, caller.via, caller.key_prefix, address, request_id_of(request))


async def trail_of(request: Request, session: SessionDep) -> Trail:
    """Where the changes of this request are noted."""
    return Trail(session, actor_of(request))


TrailDep = Annotated[Trail, Depends(trail_of)]


class Work(msgspec.Struct, frozen=True):
    """What a change of the store needs: it is durable before its answer is sent, or did not happen."""

    session: Session
    rules: Rules
    trail: Trail
    caller: Caller


async def work_of(request: Request, session: SessionDep, services: ServicesDep, trail: TrailDep) -> Work:
    """The session of the request, what definitions are held against, who makes the change and where it is noted."""
    return Work(session, services.rules, trail, caller_of(request))


WorkDep = Annotated[Work, Depends(work_of)]


WorkflowName = Annotated[str, Path(description="The workflow's name.", max_length=128), Storable]


class PageQuery(Input):
    """Which page of a list; parameters that do not exist are refused."""

    cursor: Annotated[str | None, Field(description="`nextCursor` of the page before.", max_length=1024)] = None
    limit: Annotated[int, Field(ge=1, le=MAX_PAGE, description="Most entries on the page.")] = 50


PageDep = Annotated[PageQuery, Query()]
