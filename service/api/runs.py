"""Runs: start, follow, cancel, retry, read what they left behind."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Body, Header, Path, Query, Response, status
from pydantic import Field

from service.access.roles import Role
from service.api import examples
from service.api.bodies import DocumentRoute, Encoded
from service.api.callers import needs
from service.api.changes import run_state
from service.api.connectors import connector_named
from service.api.dependencies import (
    BASE,
    MAX_ID,
    PageDep,
    PageQuery,
    QuestionsDep,
    SessionDep,
    TrailDep,
    WorkDep,
    WorkflowName,
)
from service.clock import now
from service.errors import Conflict, Forbidden, Invalid, Problem
from service.runs import operations
from service.runs import repository as runs
from service.runs.repository import RunFilter
from service.runs.schemas import AttemptRead, FailureRead, LogRead, RunCreate, RunRead
from service.runs.status import RunState
from service.scheduling.triggers import ticks_between
from service.workflows import repository as workflows
from service.workflows.documents import Json, value_at
from service.workflows.schedule import read_schedule
from service.workflows.wire import Input, Instant, Output, Page

MAX_BACKFILL = 1000
MAX_LOG_LINES = 2000

router = APIRouter(prefix=f"{BASE}/runs", tags=["runs"], route_class=DocumentRoute)
starting = APIRouter(prefix=f"{BASE}/workflows", tags=["runs"], route_class=DocumentRoute)

RunId = Annotated[UUID, Path(description="The run's id.")]
IdempotencyKey = Annotated[
    str | None,
    Header(
        alias="Idempotency-Key",
        min_length=1,
        max_length=255,
        pattern=r"^[\x20-\x7e]*$",
        description="A request repeated under the same key starts no second run and answers with the first.",
    ),
]


class Backfill(Input):
    """The span of time whose ticks are to be run, both ends included."""

    from_: Instant = Field(alias="from")
    to: Instant


class Backfilled(Output):
    """The runs that were made; ticks that had a run already are left out."""

    runs: list[UUID]


class RunQuery(PageQuery):
    """Which runs to list."""

    workflow: Annotated[str | None, Field(description="Only those of this workflow.", max_length=128)] = None
    state: Annotated[tuple[RunState, ...], Field(description="In one of these; may be given several times.")] = ()
    since: Annotated[Instant | None, Field(description="Queued at this instant or later.")] = None
    until: Annotated[Instant | None, Field(description="Queued before this instant.")] = None


class LogQuery(Input):
    """Which lines of a log."""

    after: Annotated[int, Field(ge=0, le=MAX_ID, description="Only lines after the one with this id.")] = 0
    limit: Annotated[int, Field(ge=1, le=MAX_LOG_LINES, description="Most lines of the answer.")] = 500


class LogPage(Output):
    """Log lines in their order; `next_after` asks for those after them, whether there are any yet or not."""

    data: list[LogRead]
    next_after: int


@starting.post("/{name}/runs", status_code=202, summary="Run a workflow now", openapi_extra=needs(Role.OPERATOR))
def start_run(
    name: WorkflowName,
    work: WorkDep,
    response: Response,
    wanted: Annotated[RunCreate, Body(default_factory=RunCreate, examples=[examples.RUN_NOW])],
    idempotency_key: IdempotencyKey = None,
) -> RunRead:
    """Queue a run. `overrides` is a JSON merge patch of the config, for this run only; the whole must be valid.

    An operator may override `source.sourceConfig`, but for a connection in it; all else could send stored secrets
    elsewhere and is for an admin.
    """
    if not work.caller.role.includes(Role.ADMIN):
        _require_harmless(wanted.overrides, workflows.get(work.session, name).connector)
    row = operations.run_now(work.session, name, wanted, work.rules, idempotency_key)
    run = RunRead.of(row)
    if row.queued_at == workflows.database_now(work.session):  # else an earlier request with this key made it
        work.trail.record("run.start", f"runs/{run.id}", after=run_state(run))
    return _placed(run, response)


@starting.post(
    "/{name}/backfill",
    status_code=202,
    summary="Run a workflow for past ticks",
    openapi_extra=needs(Role.OPERATOR),
)
def backfill_workflow(
    name: WorkflowName,
    span: Annotated[Backfill, Body(examples=[examples.BACKFILL])],
    session: SessionDep,
    trail: TrailDep,
) -> Backfilled:
    """Queue a run for each past tick of the schedule that has none, the earliest first."""
    row = workflows.get(session, name)
    schedule = read_schedule(row.schedule)
    if schedule is None:
        message = f"workflow {name!r} has no schedule, so it has no ticks"
        raise Conflict(message)
    if span.to < span.from_:
        raise Invalid([Problem("to", "must not be before from")])
    if span.to > now():
        raise Invalid([Problem("to", "must not be in the future: only past ticks can be made up for")])
    ticks = ticks_between(schedule, span.from_, span.to, MAX_BACKFILL + 1)
    if len(ticks) > MAX_BACKFILL:
        message = f"there are more than {MAX_BACKFILL} ticks in this span; take the first up to {ticks[-2].isoformat()}"
        raise Invalid([Problem("to", message)])
    made = operations.backfill(session, name, ticks)
    if made:
        after: Json = {**span.model_dump(mode="json"), "runs": [str(run) for run in made]}
        trail.record("run.backfill", f"workflows/{name}", after=after)
    return Backfilled(runs=made)


@router.get("", summary="List runs", response_model=Page[RunRead])
async def list_runs(questions: QuestionsDep, which: Annotated[RunQuery, Query()]) -> Response:
    """The runs that match all conditions, the last queued first."""
    found = RunFilter(which.workflow, which.state, which.since, which.until)
    page = await questions.ask(runs.list_runs(found, which.cursor, which.limit))
    return Encoded({"data": page.data, "nextCursor": page.next_cursor})


@router.get("/{run}", summary="Read a run", response_model=RunRead)
async def read_run(run: RunId, questions: QuestionsDep) -> Response:
    """Its state, counts and progress, as its worker last told."""
    return Encoded(await questions.ask(runs.read(run)))


@router.get("/{run}/logs", summary="Read the log of a run")
def list_logs(run: RunId, session: SessionDep, which: Annotated[LogQuery, Query()]) -> LogPage:
    """The lines its attempts logged, in their order."""
    runs.get(session, run)
    lines = runs.list_logs(session, run, which.after, which.limit)
    return LogPage(data=lines, next_after=lines[-1].id if lines else which.after)


@router.get("/{run}/failures", summary="List what a run lost")
def list_failures(run: RunId, session: SessionDep, page: PageDep) -> Page[FailureRead]:
    """Every entity that was lost, with the stage, the cause and what to do about it."""
    runs.get(session, run)
    return runs.list_failures(session, run, page.cursor, page.limit)


@router.get("/{run}/attempts", summary="List the attempts of a run")
def list_attempts(run: RunId, session: SessionDep) -> Page[AttemptRead]:
    """Each claim of the run by a worker, the first one first."""
    runs.get(session, run)
    return Page(data=runs.list_attempts(session, run))


@router.post("/{run}/cancel", status_code=202, summary="Cancel a run", openapi_extra=needs(Role.OPERATOR))
def cancel_run(run: RunId, session: SessionDep, trail: TrailDep) -> RunRead:
    """A queued run ends at once, a running one within moments; 409 if it has ended already."""
    before = run_state(RunRead.of(runs.get(session, run)))
    cancelled = RunRead.of(runs.request_cancel(session, run, "cancelled by a request"))
    after = run_state(cancelled)
    if after != before:
        trail.record("run.cancel", f"runs/{run}", before, after)
    return cancelled


@router.post("/{run}/retry", status_code=202, summary="Run again", openapi_extra=needs(Role.OPERATOR))
def retry_run(run: RunId, session: SessionDep, trail: TrailDep, response: Response) -> RunRead:
    """Queue a new run with the same overrides; 409 while the run is still active."""
    new = RunRead.of(operations.retry(session, run))
    trail.record("run.retry", f"runs/{new.id}", after={**run_state(new), "retryOf": str(run)})
    return _placed(new, response)


def _placed(run: RunRead, response: Response) -> RunRead:
    response.status_code = status.HTTP_202_ACCEPTED
    response.headers["Location"] = f"{BASE}/runs/{run.id}"
    return run


def _require_harmless(overrides: Json, connector: str) -> None:
    source = overrides.get("source", {})
    if set(overrides) - {"source"} or not isinstance(source, dict) or set(source) - {"sourceConfig"}:
        message = "with the role operator only source.sourceConfig may be overridden; this needs the role admin"
        raise Forbidden(message)
    place = connector_named(connector).connection_path
    if value_at(overrides, place) is not None:
        message = f"with the role operator {'.'.join(place)} may not be overridden; this needs the role admin"
        raise Forbidden(message)
