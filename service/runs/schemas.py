"""What people read about runs, and what the queue passes to workers."""

from collections.abc import Callable
from datetime import datetime
from typing import Annotated
from uuid import UUID

from pydantic import (
    AfterValidator,
    Field,
    JsonValue,
    TypeAdapter,
    ValidationError,
    ValidatorFunctionWrapHandler,
    WrapValidator,
)

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


def _or(none: Callable[[], object]) -> WrapValidator:
    """Takes what somebody made something else in the database, which must not end a page, for none."""

    def read(stored: object, validate: ValidatorFunctionWrapHandler) -> object:
        try:
            return validate(stored)
        except ValidationError:
            return none()

    return WrapValidator(read)


StoredCounts = Annotated[Counts, _or(Counts)]
StoredError = Annotated[RunError | None, _or(lambda: None)]
StoredObject = Annotated[dict[str, JsonValue], _or(dict)]
_ERROR = TypeAdapter[RunError | None](StoredError)


def read_error(stored: object) -> RunError | None:
    """An error as it was stored; none for what somebody made something else."""
    return _ERROR.validate_python(stored)


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
    counts: StoredCounts
    progress: StoredObject
    error: StoredError
    overrides: Annotated[StoredObject, AfterValidator(mask)]

    @classmethod
    def of(cls, row: RunRow) -> "RunRead":
        """The row as answered."""
        return cls.model_validate(row, from_attributes=True)


class AttemptRead(Output):
    """One claim of a run by a worker."""

    attempt: int
    worker: str
    started_at: datetime
    finished_at: datetime | None
    outcome: AttemptOutcome
    error: StoredError
    counts: StoredCounts

    @classmethod
    def of(cls, row: AttemptRow) -> "AttemptRead":
        """The row as answered."""
        return cls.model_validate(row, from_attributes=True)


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
