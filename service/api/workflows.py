"""Definitions: create, apply, read, change, delete, and their schedules."""

from collections.abc import Sequence
from datetime import datetime
from typing import Annotated

from fastapi import APIRouter, Body, Query, Response, status
from fastapi.exceptions import RequestValidationError
from pydantic import Field, ValidationError

from service.access.roles import Role
from service.api import examples
from service.api.bodies import DocumentRoute
from service.api.callers import needs
from service.api.changes import APPLY, workflow_change
from service.api.connectors import CheckReport, connector_named, tested
from service.api.dependencies import BASE, PageDep, PageQuery, ServicesDep, SessionDep, TrailDep, WorkDep, WorkflowName
from service.api.preconditions import ExpectedDep, documented, tagged
from service.clock import now
from service.errors import Invalid, Problem
from service.runs import operations as run_operations
from service.scheduling.triggers import next_ticks
from service.workflows import operations, repository
from service.workflows.documents import Json, value_at
from service.workflows.operations import Stored
from service.workflows.repository import WorkflowFilter
from service.workflows.schedule import AnySchedule, read_schedule
from service.workflows.schemas import (
    MAX_LABELS,
    Labels,
    Policy,
    RevisionRead,
    Rollback,
    Schedule,
    WorkflowCreate,
    WorkflowPatch,
    WorkflowRead,
    WorkflowStored,
)
from service.workflows.vault import mask
from service.workflows.wire import Output, Page

PREVIEWED_TICKS = 5

router = APIRouter(prefix=f"{BASE}/workflows", tags=["workflows"], route_class=DocumentRoute)


class WorkflowQuery(PageQuery):
    """Which workflows to list."""

    enabled: Annotated[bool | None, Field(description="Only those whose schedule is on, or off.")] = None
    label: Annotated[
        tuple[str, ...], Field(description="`key:value`; may be given several times.", max_length=MAX_LABELS)
    ] = ()
    q: Annotated[str | None, Field(description="A part of the name or description.", max_length=256)] = None


class ValidatedWorkflow(Output):
    """A definition that would be stored, as it would be read back, and when it would be due next."""

    name: str
    description: str
    labels: Labels
    enabled: bool
    schedule: Schedule | None
    policy: Policy
    config: Json
    connector: str
    notes: list[str]
    ticks: list[datetime]


class Ticks(Output):
    """When the schedule is due next; a schedule that is off makes no runs at them."""

    enabled: bool
    data: list[datetime]


def stored_answer(stored: Stored, response: Response) -> WorkflowStored:
    """The definition as answered, 201 with its place if it is new."""
    if stored.change == "created":
        response.status_code = status.HTTP_201_CREATED
    response.headers["Location"] = f"{BASE}/workflows/{stored.row.name}"
    tagged(response, stored.row.id, stored.row.revision)
    read = WorkflowRead.of(stored.row)
    return WorkflowStored(**dict(read), notes=[*stored.notes, *notes_on(read.schedule)])


def notes_on(schedule: AnySchedule | None) -> list[str]:
    """What the author of a schedule should know."""
    if schedule is None or next_ticks(schedule, now(), 1):
        return []
    return ["schedule has no tick to come, so it makes no run; POST .../runs starts one now"]


@router.post("", status_code=201, summary="Create a workflow", responses=documented(201))
def create_workflow(
    definition: Annotated[WorkflowCreate, Body(examples=[examples.SHOP])],
    work: WorkDep,
    response: Response,
) -> WorkflowStored:
    """Store a new definition; 409 if its name is taken. Nothing is stored unless everything in it is right."""
    with workflow_change(work.session, work.trail, "create", definition.name):
        stored = operations.create(work.session, definition, work.rules)
    return stored_answer(stored, response)


@router.get("", summary="List workflows")
def list_workflows(session: SessionDep, which: Annotated[WorkflowQuery, Query()]) -> Page[WorkflowRead]:
    """The workflows that match all conditions, by name."""
    found = WorkflowFilter(which.enabled, _labels(which.label), which.q)
    return repository.list_workflows(session, found, which.cursor, which.limit)


@router.post("/validate", summary="Validate a definition", openapi_extra=needs(Role.OPERATOR))
def validate_workflow(
    definition: Annotated[WorkflowCreate, Body(examples=[examples.SHOP])], work: WorkDep
) -> ValidatedWorkflow:
    """Everything that creating or applying checks, storing nothing. A mask stands for the stored secret."""
    row = repository.find(work.session, definition.name)
    candidate = operations.check(definition, work.rules, None if row is None else row.config)
    ticks = [] if definition.schedule is None else next_ticks(definition.schedule, now(), PREVIEWED_TICKS)
    shown = candidate.snapshot.model_copy(update={"config": mask(candidate.sealed)})
    notes = [*candidate.notes, *notes_on(definition.schedule)]
    return ValidatedWorkflow(**dict(shown), name=definition.name, notes=notes, ticks=ticks)


@router.get("/{name}", summary="Read a workflow", responses=documented(200))
def read_workflow(name: WorkflowName, session: SessionDep, response: Response) -> WorkflowRead:
    """The newest revision, which `ETag` tells; secrets are masked."""
    row = repository.get(session, name)
    tagged(response, row.id, row.revision)
    return WorkflowRead.of(row)


@router.put(
    "/{name}",
    summary="Apply a workflow",
    responses={
        **documented(200),
        201: {"model": WorkflowStored, "description": "The workflow is new."} | documented(201)[201],
    },
    openapi_extra={
        "requestBody": {"content": {"application/json": {"schema": {"$ref": "#/components/schemas/WorkflowCreate"}}}}
    },
)
def apply_workflow(
    name: WorkflowName,
    document: Annotated[Json, Body(examples=[examples.SHOP])],
    work: WorkDep,
    response: Response,
    expected: ExpectedDep,
) -> WorkflowStored:
    """Make the definition what is stored: 201 if it is new, else 200; a new revision only if something changed.

    The name may be left out of the body. An `enabled` left out keeps what is.
    """
    definition = _definition_named(name, document)
    with workflow_change(work.session, work.trail, APPLY, name, expected):
        stored = operations.apply(work.session, definition, work.rules)
    return stored_answer(stored, response)


@router.patch("/{name}", summary="Change a workflow in part", responses=documented(200))
def patch_workflow(
    name: WorkflowName,
    changes: Annotated[WorkflowPatch, Body(examples=[examples.PATCH])],
    work: WorkDep,
    response: Response,
    expected: ExpectedDep,
) -> WorkflowStored:
    """A JSON merge patch of config and labels; fields of the policy are replaced, a schedule is as a whole."""
    with workflow_change(work.session, work.trail, "patch", name, expected):
        stored = operations.patch(work.session, name, changes, work.rules)
    return stored_answer(stored, response)


@router.delete("/{name}", status_code=204, summary="Delete a workflow")
def delete_workflow(name: WorkflowName, session: SessionDep, trail: TrailDep, expected: ExpectedDep) -> None:
    """Its active runs are cancelled first; its ended runs stay as history."""
    with workflow_change(session, trail, "delete", name, expected):
        run_operations.delete_workflow(session, name)


@router.get("/{name}/revisions", summary="List the revisions of a workflow")
def list_revisions(name: WorkflowName, session: SessionDep, page: PageDep) -> Page[RevisionRead]:
    """What the definition was after each change, newest first."""
    return repository.list_revisions(session, repository.get(session, name), page.cursor, page.limit)


@router.post("/{name}/rollback", summary="Go back to a revision", responses=documented(200))
def rollback_workflow(
    name: WorkflowName,
    target: Annotated[Rollback, Body(examples=[examples.ROLLBACK])],
    work: WorkDep,
    response: Response,
    expected: ExpectedDep,
) -> WorkflowStored:
    """Make an earlier revision the newest one; whether the schedule is on stays as it is."""
    with workflow_change(work.session, work.trail, "rollback", name, expected):
        stored = operations.rollback(work.session, name, target.revision, work.rules)
    return stored_answer(stored, response)


@router.post("/{name}/pause", summary="Switch the schedule off", openapi_extra=needs(Role.OPERATOR))
def pause_workflow(name: WorkflowName, session: SessionDep, trail: TrailDep) -> WorkflowRead:
    """Active runs go on, and runs can still be started by hand."""
    with workflow_change(session, trail, "pause", name):
        row = operations.pause(session, name)
    return WorkflowRead.of(row)


@router.post("/{name}/resume", summary="Switch the schedule on", openapi_extra=needs(Role.OPERATOR))
def resume_workflow(name: WorkflowName, session: SessionDep, trail: TrailDep) -> WorkflowRead:
    """From now on; ticks missed meanwhile are not made up for."""
    with workflow_change(session, trail, "resume", name):
        row = operations.resume(session, name)
    return WorkflowRead.of(row)


@router.get("/{name}/ticks", summary="Preview the schedule")
def list_ticks(
    name: WorkflowName,
    session: SessionDep,
    count: Annotated[int, Query(ge=1, le=100, description="How many ticks.")] = 10,
) -> Ticks:
    """The instants at which the schedule is due next; none for a workflow on demand."""
    row = repository.get(session, name)
    schedule = read_schedule(row.schedule)
    return Ticks(enabled=row.enabled, data=[] if schedule is None else next_ticks(schedule, now(), count))


@router.post("/{name}/check", summary="Test the connection of a workflow", openapi_extra=needs(Role.OPERATOR))
def check_workflow(name: WorkflowName, services: ServicesDep) -> CheckReport:
    """Try the stored connection step by step; another one is tried by POST /connectors/{name}/check."""
    with services.database.session() as session:
        row = repository.get(session, name)
    # No connection to the store is held while the source takes its time.
    place = connector_named(row.connector).connection_path
    with operations.problems_under("config"):
        config = services.rules.vault.open(row.config)
    connection, path = value_at(config, place), ".".join(("config", *place))
    return tested(services, row.connector, connection if isinstance(connection, dict) else {}, path, config)


def _labels(pairs: Sequence[str]) -> dict[str, str]:
    labels: dict[str, str] = {}
    for pair in pairs:
        key, colon, value = pair.partition(":")
        if not (key and colon):
            raise Invalid([Problem("label", "write it as key:value")])
        if labels.setdefault(key, value) != value:
            raise Invalid([Problem("label", f"{key} cannot have two values")])
    return labels


def _definition_named(name: str, document: Json) -> WorkflowCreate:
    if document.get("name", name) != name:
        raise Invalid([Problem("name", f"must be {name}, as in the address, or be left out")])
    try:
        return WorkflowCreate.model_validate(document | {"name": name})
    except ValidationError as error:
        faults = [{**fault, "loc": ("body", *fault["loc"])} for fault in error.errors(include_url=False)]
        raise RequestValidationError(faults) from None
