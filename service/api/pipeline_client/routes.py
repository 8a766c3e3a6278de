"""What the OpenMetadata server does with its pipelines: each is a workflow of this service."""

from datetime import datetime
from typing import Annotated, Any

from fastapi import APIRouter, Body, Query, Request
from pydantic import BaseModel, ConfigDict, Field, JsonValue
from sqlalchemy.orm import Session

from service.access.audit import Trail
from service.api.changes import run_state, workflow_change
from service.api.connectors import connector_named
from service.api.dependencies import ServicesDep, SessionDep, TrailDep, WorkDep, actor_of
from service.api.pipeline_client.credentials import ContractRoute
from service.api.pipeline_client.logs import chunk_of, lines_of
from service.api.pipeline_client.pipelines import (
    PIPELINE,
    IngestionPipeline,
    connector_of,
    require_no_references,
    require_same,
    require_supported,
    workflow_name,
)
from service.database.engine import answer
from service.errors import Invalid, NotFound, Problem
from service.execution.pipeline_states import STATES
from service.runs import operations as run_operations
from service.runs import repository as runs
from service.runs.repository import RunFilter
from service.runs.schemas import RunCreate, RunRead
from service.runs.status import RunState
from service.workflows import operations, repository
from service.workflows.documents import Json, value_at
from service.workflows.tables import WorkflowRow

RUNS_TOLD = 10
KILLED = "killed by the OpenMetadata server"
TASKS = (
    "ingestion_task",
    "profiler_task",
    "auto_classification_task",
    "lineage_task",
    "dbt_task",
    "usage_task",
    "test_suite_task",
    "data_insight_task",
    "elasticsearch_reindex_task",
    "application_task",
)

router = APIRouter(route_class=ContractRoute)
DagId = Annotated[str, Query(min_length=1, description="The pipeline's name.")]


class Message(BaseModel):
    """What was done, for people."""

    message: str


class Conf(BaseModel):
    """What holds for one run only; the config of the pipeline's source, in part."""

    app_config_override: dict[str, JsonValue] = Field(default_factory=dict[str, JsonValue], alias="appConfigOverride")


class Dag(BaseModel):
    """Names a pipeline."""

    dag_id: str = Field(min_length=1)


class Trigger(Dag):
    """Starts a run."""

    conf: Conf | None = None


class Status(BaseModel):
    """A run; the times are in milliseconds, its id is the one it reports to the server."""

    model_config = ConfigDict(populate_by_name=True)

    run_id: str = Field(serialization_alias="runId")
    pipeline_state: str = Field(serialization_alias="pipelineState")
    start_date: int | None = Field(serialization_alias="startDate")
    end_date: int | None = Field(serialization_alias="endDate")
    timestamp: int | None

    @classmethod
    def of(cls, run: RunRead) -> "Status":
        """The run in the server's words."""
        return cls(
            run_id=str(run.id),
            pipeline_state=STATES[run.state],
            start_date=_milliseconds(run.started_at),
            end_date=_milliseconds(run.finished_at),
            timestamp=_milliseconds(run.started_at or run.queued_at),
        )


@router.post("/deploy")
def deploy(pipeline: Annotated[IngestionPipeline, Body()], services: ServicesDep, request: Request) -> Message:
    """Make or change the workflow of a pipeline, and switch its schedule on or off as the pipeline says."""
    require_supported(pipeline)
    kind = services.openmetadata.service_type(pipeline.server, pipeline.service.type, pipeline.service.name)
    # No connection to the store is held while the server takes its time.
    with services.database.session() as session:
        name = workflow_name(pipeline.name)
        definition = pipeline.definition(connector_of(pipeline, kind))
        with workflow_change(session, Trail(session, actor_of(request)), "apply", name):
            stored = operations.apply(session, definition, services.rules, lambda row: require_same(row, pipeline))
    became = "is as it was" if stored.change == "unchanged" else f"has been {stored.change}"
    return Message(message=f"Workflow [{name}] {became}")


@router.post("/trigger")
def trigger(wanted: Annotated[Trigger, Body()], work: WorkDep) -> Message:
    """Queue a run."""
    workflow = _deployed(work.session, wanted.dag_id)
    override = wanted.conf.app_config_override if wanted.conf else {}
    require_no_references(override)
    overrides: dict[str, JsonValue] = {"source": {"sourceConfig": {"config": override}}} if override else {}
    _require_no_connection(overrides, workflow.connector)
    run = run_operations.run_now(work.session, workflow.name, RunCreate(overrides=overrides), work.rules)
    work.trail.record("run.start", f"runs/{run.id}", after=run_state(RunRead.of(run)))
    return Message(message=f"Workflow [{workflow.name}] has been triggered: run {run.id}")


@router.post("/enable")
def enable(wanted: Annotated[Dag, Body()], session: SessionDep, trail: TrailDep) -> Message:
    """Switch the schedule on."""
    name = _deployed(session, wanted.dag_id).name
    with workflow_change(session, trail, "resume", name):
        operations.resume(session, name)
    return Message(message=f"Workflow [{name}] has been enabled")


@router.post("/disable")
def disable(wanted: Annotated[Dag, Body()], session: SessionDep, trail: TrailDep) -> Message:
    """Switch the schedule off."""
    name = _deployed(session, wanted.dag_id).name
    with workflow_change(session, trail, "pause", name):
        operations.pause(session, name, "disabled by the OpenMetadata server")
    return Message(message=f"Workflow [{name}] has been disabled")


@router.post("/kill")
def kill(wanted: Annotated[Dag, Body()], session: SessionDep, trail: TrailDep) -> Message:
    """Cancel every run that waits or goes on."""
    workflow = _deployed(session, wanted.dag_id)
    cancelled = runs.cancel_active(session, [workflow.id], KILLED)
    if not cancelled:
        message = f"no run of the workflow {workflow.name!r} waits or goes on"
        raise NotFound(message)
    for run in cancelled:
        trail.record("run.cancel", f"runs/{run}", after={"workflow": workflow.name, "cancelReason": KILLED})
    return Message(message=f"Workflow [{workflow.name}]: {len(cancelled)} runs are being stopped")


@router.delete("/delete")
def delete(dag_id: DagId, session: SessionDep, trail: TrailDep) -> Message:
    """Delete the workflow; one that is not there is deleted already."""
    try:
        name = _deployed(session, dag_id).name
        with workflow_change(session, trail, "delete", name):
            run_operations.delete_workflow(session, name)
    except NotFound:
        return Message(message=f"Workflow [{dag_id}] was not deployed")
    return Message(message=f"Workflow [{name}] has been deleted")


@router.get("/status")
def status(
    dag_id: DagId, session: SessionDep, only_queued: Annotated[bool, Query(description="Only runs that wait.")] = False
) -> list[Status]:
    """The last runs, the newest first."""
    workflow = _deployed(session, dag_id)
    states = (RunState.QUEUED,) if only_queued else tuple(STATES)
    found = answer(session, runs.list_runs(RunFilter(workflow.name, states), None, RUNS_TOLD))
    return [Status.of(RunRead.model_validate(run)) for run in found.data]


@router.get("/last_dag_logs")
def last_dag_logs(
    dag_id: DagId,
    session: SessionDep,
    task_id: Annotated[str, Query(description="Any of the names that OpenMetadata has for the tasks of a pipeline.")],
    after: Annotated[int, Query(ge=0, description="Which chunk.")] = 0,
) -> dict[str, str | int]:
    """The log of the last run that began, in chunks: its text under the task's name."""
    workflow = _deployed(session, dag_id)
    if task_id not in TASKS:
        raise Invalid([Problem("task_id", f"{task_id!r} is no task; there are: {', '.join(TASKS)}")])
    last = answer(session, runs.list_runs(RunFilter(workflow.name, begun=True), None, 1)).data
    if not last:
        message = f"no run of the workflow {workflow.name!r} has begun yet"
        raise NotFound(message)
    text, total = chunk_of(lines_of(session, last[0]["id"]), after)
    following = {"after": after + 1} if after + 1 < total else {}
    return {task_id: text, "total": total, **following}


@router.post("/run_automation")
def run_automation(workflow: Annotated[dict[str, Any], Body()], services: ServicesDep) -> Message:
    """Test a connection in the background; the server is told of each step."""
    name = services.openmetadata.automate(workflow)
    return Message(message=f"Workflow [{name}] has been triggered.")


@router.post("/run_application")
def run_application(application: Annotated[dict[str, Any], Body()]) -> Message:
    """Applications of OpenMetadata are not run here."""
    name = application.get("name") or "of no name"
    message = f"the application {name} cannot be run: Headwater ingests metadata and runs no applications"
    raise Invalid([Problem("", message)])


def _deployed(session: Session, dag_id: str) -> WorkflowRow:
    """The workflow of a pipeline. Raises NotFound, also for one that was not deployed by a server."""
    row = repository.get(session, workflow_name(dag_id))
    if PIPELINE not in row.config:
        message = f"the workflow {row.name!r} was not deployed by OpenMetadata"
        raise NotFound(message)
    return row


def _require_no_connection(overrides: Json, connector: str) -> None:
    """Raises Invalid for an override that could send the secrets of the definition elsewhere."""
    place = connector_named(connector).connection_path
    if value_at(overrides, place) is not None:
        message = f"may not hold {place[-1]}, which says where secrets are sent; deploy the pipeline with it instead"
        raise Invalid([Problem("conf.appConfigOverride", message)])


def _milliseconds(instant: datetime | None) -> int | None:
    return None if instant is None else int(instant.timestamp() * 1000)
