"""What people send about definitions and what they get back."""

from collections.abc import Mapping
from datetime import datetime
from enum import StrEnum
from typing import Annotated, cast
from uuid import UUID

from pydantic import (
    AfterValidator,
    Field,
    JsonValue,
    StringConstraints,
    ValidationInfo,
    field_validator,
    model_validator,
)

from service.errors import Invalid
from service.references import NAME
from service.workflows.documents import Json, check_document
from service.workflows.schedule import Schedule, read_schedule
from service.workflows.tables import RevisionRow, WorkflowRow
from service.workflows.vault import mask
from service.workflows.wire import Boolean, Input, Integer, Number, Output, Storable

NAME_PATTERN = f"^{NAME}$"
DAY = 24 * 3600
MAX_LABELS = 64


class Overlap(StrEnum):
    """What becomes of a due run while another of the same workflow is active."""

    SKIP = "skip"
    QUEUE = "queue"
    CANCEL_RUNNING = "cancelRunning"


class Misfire(StrEnum):
    """Which of the ticks that nobody fired are made up for."""

    LATEST = "latest"
    ALL = "all"
    SKIP = "skip"


class Isolation(StrEnum):
    """Where a run lives."""

    THREAD = "thread"
    PROCESS = "process"


def _document(document: Json) -> Json:
    try:
        return check_document(document)
    except Invalid as error:
        raise ValueError(error.message) from error


Name = Annotated[str, StringConstraints(pattern=NAME_PATTERN)]
Description = Annotated[str, StringConstraints(max_length=4000), Storable]
LabelKey = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9]([A-Za-z0-9._/-]{0,62}[A-Za-z0-9])?$")]
LabelValue = Annotated[str, StringConstraints(max_length=256), Storable]
Labels = Annotated[dict[LabelKey, LabelValue], Field(max_length=MAX_LABELS)]
Document = Annotated[dict[str, JsonValue], AfterValidator(_document)]


class Policy(Input):
    """How runs of a workflow are made, retried and bounded."""

    overlap: Overlap = Overlap.SKIP
    misfire: Misfire = Misfire.LATEST
    misfire_grace_seconds: Integer = Field(default=3600, ge=0, le=31 * DAY)
    catch_up_limit: Integer = Field(default=100, ge=1, le=1000, description="Most runs made at once by misfire: all.")
    max_attempts: Integer = Field(default=3, ge=1, le=100)
    retry_delay_seconds: Number = Field(default=60, ge=0, le=DAY)
    retry_backoff: Number = Field(default=2.0, ge=1, le=10)
    timeout_seconds: Integer | None = Field(default=7200, ge=1, le=31 * DAY, description="Of one attempt; null: none.")
    priority: Integer = Field(default=0, ge=-1000, le=1000, description="Higher is claimed first.")
    pool: Name = "default"
    isolation: Isolation = Isolation.THREAD
    memory_limit_mb: Integer | None = Field(
        default=None, ge=128, le=1_048_576, description="MiB that a run may allocate; needs isolation: process."
    )
    pause_after_failures: Integer | None = Field(default=None, ge=1, le=1000)

    @field_validator("memory_limit_mb")
    @classmethod
    def _limits_a_process(cls, value: int | None, info: ValidationInfo) -> int | None:
        if value is not None and info.data.get("isolation") is Isolation.THREAD:
            message = "needs isolation process: runs in threads share the memory of the service"
            raise ValueError(message)
        return value


class WorkflowCreate(Input):
    """A whole definition, for POST and PUT. With PUT, an `enabled` left out keeps what is.

    What only the service can say of a definition is passed over, so that what was read can be sent back.
    """

    name: Name
    description: Description = ""
    labels: Labels = Field(default_factory=dict)
    enabled: Boolean = True
    schedule: Schedule | None = None
    policy: Policy = Policy()
    config: Document = Field(repr=False)

    @model_validator(mode="before")
    @classmethod
    def _as_it_was_read(cls, value: object) -> object:
        if not isinstance(value, Mapping):
            return value
        own = {info.alias or name for name, info in WorkflowStored.model_fields.items() if name not in cls.model_fields}
        return {key: item for key, item in cast("Mapping[str, object]", value).items() if key not in own}


class WorkflowPatch(Input):
    """A JSON merge patch of a definition; `schedule` is replaced as a whole, and null makes it on demand."""

    description: Description = ""
    labels: dict[LabelKey, LabelValue | None] = Field(default_factory=dict, max_length=2 * MAX_LABELS)
    enabled: Boolean = True
    schedule: Schedule | None = None
    policy: dict[str, JsonValue] = Field(default_factory=dict)
    config: Document = Field(default_factory=dict, repr=False)


class Rollback(Input):
    """The revision to go back to."""

    revision: Integer = Field(ge=1, le=2**31 - 1)


class WorkflowRead(Output):
    """A definition with its secrets masked."""

    id: UUID
    name: str
    description: str
    labels: dict[str, str]
    enabled: bool
    schedule: Schedule | None
    policy: Policy
    config: dict[str, JsonValue]
    connector: str
    revision: int
    consecutive_failures: int
    paused_reason: str | None
    created_at: datetime
    updated_at: datetime

    @classmethod
    def of(cls, row: WorkflowRow) -> "WorkflowRead":
        """The row as answered."""
        return cls(
            id=row.id,
            name=row.name,
            description=row.description,
            labels=read_labels(row.labels),
            enabled=row.enabled,
            schedule=read_schedule(row.schedule),
            policy=read_policy(row.policy),
            config=mask(row.config),
            connector=row.connector,
            revision=row.revision,
            consecutive_failures=row.consecutive_failures,
            paused_reason=row.paused_reason,
            created_at=row.created_at,
            updated_at=row.updated_at,
        )


class WorkflowStored(WorkflowRead):
    """A definition as it was stored, with notes for its author."""

    notes: list[str] = Field(default_factory=list[str])


class RevisionRead(Output):
    """What a definition was after one of its changes, with its secrets masked."""

    revision: int
    created_at: datetime
    description: str
    labels: dict[str, str]
    enabled: bool
    schedule: Schedule | None
    policy: Policy
    config: dict[str, JsonValue]
    connector: str

    @classmethod
    def of(cls, row: RevisionRow) -> "RevisionRead":
        """The row as answered."""
        snapshot = Snapshot.model_validate(row.snapshot, extra="ignore")
        return cls(
            revision=row.revision,
            created_at=row.created_at,
            description=snapshot.description,
            labels=snapshot.labels,
            enabled=snapshot.enabled,
            schedule=snapshot.schedule,
            policy=snapshot.policy,
            config=mask(snapshot.config),
            connector=snapshot.connector,
        )


class Snapshot(Output):
    """What a revision keeps; its config is sealed like that of the workflow."""

    description: str
    labels: dict[str, str]
    enabled: bool
    schedule: Schedule | None
    policy: Policy
    config: dict[str, JsonValue] = Field(repr=False)
    connector: str


def read_policy(stored: Json) -> Policy:
    """A policy as it was stored, by this release or a later one."""
    return Policy.model_validate(stored, extra="ignore")


def read_labels(stored: Json) -> dict[str, str]:
    """Labels as they were stored."""
    return {key: value for key, value in stored.items() if isinstance(value, str)}
