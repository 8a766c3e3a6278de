"""What people read about runs, and what the queue passes to workers."""

from datetime import datetime
from uuid import UUID

from pydantic import Field, JsonValue

from service.runs.status import AttemptOutcome, RunState, Trigger
from service.runs.tables import AttemptRow, FailureRow, LogRow, RunRow
from service.workflows.schemas import Document
from service.workflows.vault import mask
from service.workflows.wire import Input, Integer, Output


class RunCreate(Input):
    """A run by hand: `overrides` is a JSON merge patch of the config for this run only."""

    overrides: Document = Field(default_factory=dict, repr=False)
    priority: Integer | None = Field(default=None, ge=-1000, le=1000)


class RunError(Output):
    """Why a run or an attempt ended as it did, and what to do about it."""

    title: str
    detail: str = ""
    advice: str | None = None


class Counts(Output):
    """How many entities came to which outcome."""

    written: int = 0
    unchanged: int = 0
    filtered: int = 0
    failed: int = 0
    deleted: int = 0
    by_type: dict[str, dict[str, int]] = Field(default_factory=dict)


class RunRead(Output):
    """A run."""

    id: UUID
    workflow: str
    connector: str
    revision: int
    trigger: Trigger
    scheduled_for: datetime | None
    state: RunState
    priority: int
    pool: str
    attempt: int
    queued_at: datetime
    available_at: datetime
    started_at: datetime | None
    finished_at: datetime | None
    worker: str | None
    cancel_requested_at: datetime | None
    cancel_reason: str | None
    counts: Counts
    progress: dict[str, JsonValue]
    error: RunError | None
    overrides: dict[str, JsonValue]

    @classmethod
    def of(cls, row: RunRow) -> "RunRead":
        """The row as answered."""
        return cls(
            id=row.id,
            workflow=row.workflow,
            connector=row.connector,
            revision=row.revision,
            trigger=row.trigger,
            scheduled_for=row.scheduled_for,
            state=row.state,
            priority=row.priority,
            pool=row.pool,
            attempt=row.attempt,
            queued_at=row.queued_at,
            available_at=row.available_at,
            started_at=row.started_at,
            finished_at=row.finished_at,
            worker=row.worker,
            cancel_requested_at=row.cancel_requested_at,
            cancel_reason=row.cancel_reason,
            counts=Counts.model_validate(row.counts),
            progress=row.progress,
            error=None if row.error is None else RunError.model_validate(row.error),
            overrides=mask(row.overrides),
        )


class AttemptRead(Output):
    """One claim of a run by a worker."""

    attempt: int
    worker: str
    started_at: datetime
    finished_at: datetime | None
    outcome: AttemptOutcome
    error: RunError | None
    counts: Counts

    @classmethod
    def of(cls, row: AttemptRow) -> "AttemptRead":
        """The row as answered."""
        return cls(
            attempt=row.attempt,
            worker=row.worker,
            started_at=row.started_at,
            finished_at=row.finished_at,
            outcome=row.outcome,
            error=None if row.error is None else RunError.model_validate(row.error),
            counts=Counts.model_validate(row.counts),
        )


class FailureRead(Output):
    """One entity that a run lost."""

    id: int
    attempt: int
    entity: str
    name: str
    stage: str
    cause: str
    advice: str | None
    at: datetime

    @classmethod
    def of(cls, row: FailureRow) -> "FailureRead":
        """The row as answered."""
        return cls(**row.model_dump(exclude={"run_id"}))


class LogRead(Output):
    """One line that a run logged; `id` is what `after` takes."""

    id: int
    attempt: int
    at: datetime
    level: str
    logger: str
    message: str

    @classmethod
    def of(cls, row: LogRow) -> "LogRead":
        """The row as answered."""
        return cls(**row.model_dump(exclude={"run_id"}))
