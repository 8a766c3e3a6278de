"""Runs: start, follow, cancel, retry, read what they left behind."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Body, Header, Path, Query, Response, status
from pydantic import Field

from service.api import examples
from service.api.bodies import DocumentRoute
from service.api.dependencies import BASE, MAX_ID, Cursor, Instant, Limit, ServicesDep, SessionDep, WorkflowName
from service.clock import now
from service.errors import Conflict, Invalid
from service.runs import operations
from service.runs import repository as runs
from service.runs.repository import RunFilter
from service.runs.schemas import AttemptRead, FailureRead, LogRead, RunCreate, RunRead
from service.runs.status import RunState
from service.scheduling.triggers import ticks_between
from service.workflows import repository as workflows
from service.workflows.schedule import read_schedule
from service.workflows.wire import Input, Output, Page

MAX_BACKFILL = 1000
MAX_LOG_LINES = 2000

router = APIRouter(prefix=f"{BASE}/runs", tags=["runs"], route_class=DocumentRoute)
starting = APIRouter(prefix=f"{BASE}/workflows", tags=["runs"], route_class=DocumentRoute)

RunId = Annotated[UUID, Path(description="The run's id.")]
IdempotencyKey = Annotated[
    str | None,
    Header(
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


class LogPage(Output):
    """Log lines in their order; `next_after` asks for those after them, whether there are any yet or not."""

    data: list[LogRead]
    next_after: int


@starting.post("/{name}/runs", status_code=202, summary="Run a workflow now")
def start_run(
    name: WorkflowName,
    session: SessionDep,
    services: ServicesDep,
    response: Response,
    request: Annotated[RunCreate | None, Body(examples=[{"priority": 10}])] = None,
    idempotency_key: IdempotencyKey = None,
) -> RunRead:
    """Queue a run. `overrides` is a JSON merge patch of the config, for this run only; the whole must be valid."""
    run = operations.run_now(session, name, request or RunCreate(), services.rules, idempotency_key)
    return _placed(RunRead.of(run), response)


@starting.post("/{name}/backfill", status_code=202, summary="Run a workflow for past ticks")
def backfill_workflow(name: WorkflowName, span: Annotated[Backfill, Body()], session: SessionDep) -> Backfilled:
    """Queue a run for each past tick of the schedule that has none, the earliest first."""
    row = workflows.get(session, name)
    schedule = read_schedule(row.schedule)
    if schedule is None:
        message = f"workflow {name!r} has no schedule, so it has no ticks"
        raise Conflict(message)
    if span.to < span.from_:
        raise Invalid.at("to", "must not be before from")
    if span.to > now():
        raise Invalid.at("to", "must not be in the future: only past ticks can be made up for")
    ticks = ticks_between(schedule, span.from_, span.to, MAX_BACKFILL + 1)
    if len(ticks) > MAX_BACKFILL:
        message = f"there are more than {MAX_BACKFILL} ticks in this span; take the first up to {ticks[-2].isoformat()}"
        raise Invalid.at("to", message)
    return Backfilled(runs=operations.backfill(session, name, ticks))


@router.get("", summary="List runs")
def list_runs(
    session: SessionDep,
    workflow: Annotated[str | None, Query(description="Only those of this workflow.", max_length=128)] = None,
    state: Annotated[list[RunState], Query(description="In one of these states; may be given several times.")] = [],
    since: Annotated[Instant | None, Query(description="Queued at this instant or later.")] = None,
    until: Annotated[Instant | None, Query(description="Queued before this instant.")] = None,
    cursor: Cursor = None,
    limit: Limit = 50,
) -> Page[RunRead]:
    """The runs that match all conditions, the last queued first."""
    return runs.list_runs(session, RunFilter(workflow, state, since, until), cursor, limit)


@router.get("/{run_id}", summary="Read a run")
def read_run(run_id: RunId, session: SessionDep) -> RunRead:
    """Its state, counts and progress, as its worker last told."""
    return RunRead.of(runs.get(session, run_id))


@router.get("/{run_id}/logs", summary="Read the log of a run")
def list_logs(
    run_id: RunId,
    session: SessionDep,
    after: Annotated[int, Query(ge=0, le=MAX_ID, description="Only lines after the one with this id.")] = 0,
    limit: Annotated[int, Query(ge=1, le=MAX_LOG_LINES, description="Most lines of the answer.")] = 500,
) -> LogPage:
    """The lines its attempts logged, in their order."""
    runs.get(session, run_id)
    lines = runs.list_logs(session, run_id, after, limit)
    return LogPage(data=lines, next_after=lines[-1].id if lines else after)


@router.get("/{run_id}/failures", summary="List what a run lost")
def list_failures(run_id: RunId, session: SessionDep, cursor: Cursor = None, limit: Limit = 50) -> Page[FailureRead]:
    """Every entity that was lost, with the stage, the cause and what to do about it."""
    runs.get(session, run_id)
    return runs.list_failures(session, run_id, cursor, limit)


@router.get("/{run_id}/attempts", summary="List the attempts of a run")
def list_attempts(run_id: RunId, session: SessionDep) -> Page[AttemptRead]:
    """Each claim of the run by a worker, the first one first."""
    runs.get(session, run_id)
    return Page(data=runs.list_attempts(session, run_id))


@router.post("/{run_id}/cancel", status_code=202, summary="Cancel a run")
def cancel_run(run_id: RunId, session: SessionDep) -> RunRead:
    """A queued run ends at once, a running one within moments; 409 if it has ended already."""
    return RunRead.of(runs.request_cancel(session, run_id, "cancelled by a request"))


@router.post("/{run_id}/retry", status_code=202, summary="Run again")
def retry_run(run_id: RunId, session: SessionDep, response: Response) -> RunRead:
    """Queue a new run with the same overrides; 409 while the run is still active."""
    return _placed(RunRead.of(operations.retry(session, run_id)), response)


def _placed(run: RunRead, response: Response) -> RunRead:
    response.status_code = status.HTTP_202_ACCEPTED
    response.headers["Location"] = f"{BASE}/runs/{run.id}"
    return run
