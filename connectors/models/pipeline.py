"""Pipelines, their tasks and what became of their runs, as OpenMetadata's requests name them."""

from typing import ClassVar, Literal

from connectors.models.base import CreateRequest, EntityReference, Request, TagLabel, Wire
from connectors.models.services import CreateServiceRequest

ExecutionStatus = Literal["Successful", "Failed", "Pending", "Skipped"]


class Task(Wire, frozen=True, kw_only=True):
    """One task of a pipeline; `downstream_tasks` names those that follow it."""

    name: str
    display_name: str | None = None
    description: str | None = None
    source_url: str | None = None
    downstream_tasks: tuple[str, ...] = ()
    task_type: str | None = None
    task_sql: str | None = None
    start_date: str | None = None
    end_date: str | None = None


class CreatePipelineServiceRequest(CreateServiceRequest, frozen=True, kw_only=True):
    """A pipeline service."""

    entity: ClassVar[str] = "pipelineService"
    collection: ClassVar[str] = "services/pipelineServices"


class CreatePipelineRequest(CreateRequest, frozen=True, kw_only=True):
    """A pipeline of a service."""

    entity: ClassVar[str] = "pipeline"
    collection: ClassVar[str] = "pipelines"
    rank: ClassVar[int] = 2
    bulk: ClassVar[bool] = False
    leaf: ClassVar[bool] = True

    service: str
    source_url: str | None = None
    concurrency: int | None = None
    pipeline_location: str | None = None
    schedule_interval: str | None = None
    state: Literal["Active", "Inactive"] | None = None
    tasks: tuple[Task, ...] = ()
    tags: tuple[TagLabel, ...] = ()
    owners: tuple[EntityReference, ...] = ()

    @property
    def parent(self) -> str:
        """The service."""
        return self.service


class TaskStatus(Wire, frozen=True, kw_only=True):
    """What became of one task of a run; times in milliseconds since 1970."""

    name: str
    execution_status: ExecutionStatus
    start_time: int | None = None
    end_time: int | None = None
    log_link: str | None = None


class PipelineStatus(Wire, frozen=True, kw_only=True, omit_defaults=False):
    """What became of one run; `timestamp`, in milliseconds since 1970, tells it from the pipeline's others."""

    timestamp: int
    execution_status: ExecutionStatus
    task_status: tuple[TaskStatus, ...] = ()


class AddPipelineStatusRequest(Request, frozen=True, kw_only=True):
    """One run of a pipeline, which has to be there; it is sent after all entities."""

    entity: ClassVar[str] = "pipelineStatus"
    collection: ClassVar[str] = "pipelines/status"
    rank: ClassVar[int] = 101
    bulk: ClassVar[bool] = False
    hashed: ClassVar[bool] = False
    leaf: ClassVar[bool] = True
    joins: ClassVar[bool] = True

    pipeline: str
    status: PipelineStatus

    @property
    def fqn(self) -> str:
        """The pipeline."""
        return self.pipeline
