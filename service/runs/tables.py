"""The rows that hold runs, what they left behind, the workers that run them, and automations under way."""

from collections.abc import Iterable
from datetime import datetime
from enum import StrEnum
from typing import Any, ClassVar
from uuid import UUID, uuid4

from sqlalchemy import BigInteger, CheckConstraint, Dialect, ForeignKey, Identity, Index, Text, func, text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.types import TypeDecorator
from sqlmodel import Field, SQLModel
from typing_extensions import override

from service.runs.status import AttemptOutcome, RunState, Trigger
from service.workflows.columns import Document, Timestamp
from service.workflows.documents import Json

OVERLAPS = "overlap in ('skip', 'queue', 'cancelRunning')"
ACTIVE = text("state in ('queued', 'running')")
QUEUED = text("state = 'queued'")
RUNNING = text("state = 'running'")
SUCCESSFUL = text("state in ('succeeded', 'partial')")
UNTOLD = text("pipeline is not null and told is distinct from state")
NOW: Any = {"server_default": func.now()}
ZERO: Any = {"server_default": text("0")}
EMPTY: Any = {"server_default": text("'{}'")}


class _Word(TypeDecorator[StrEnum]):
    """A word of a closed list, kept as text."""

    impl = Text
    cache_ok = True
    words: ClassVar[type[StrEnum]]

    @override
    def process_bind_param(self, value: StrEnum | None, dialect: Dialect) -> str | None:
        """The word itself."""
        return None if value is None else self.words(value).value

    @override
    def process_result_value(self, value: str | None, dialect: Dialect) -> StrEnum | None:
        """The member of the list."""
        return None if value is None else self.words(value)


class StateWord(_Word):
    """See RunState."""

    cache_ok = True
    words = RunState


class TriggerWord(_Word):
    """See Trigger."""

    cache_ok = True
    words = Trigger


class OutcomeWord(_Word):
    """See AttemptOutcome."""

    cache_ok = True
    words = AttemptOutcome


def _one_of(table: str, column: str, words: Iterable[StrEnum]) -> CheckConstraint:
    listed = ", ".join(f"'{word}'" for word in words)
    return CheckConstraint(f"{column} in ({listed})", name=f"ck_{table}_{column}")


class RunRow(SQLModel, table=True):
    """One execution of one revision; outlives its workflow.

    No index has `lease_until`, `progress` or `counts`, so that heartbeats touch no index. `pipeline` is the one of an
    OpenMetadata server that the run belongs to, `told` the last state that the server was told by others than the
    run's own worker while it ran, and `report_at` when somebody is to try that next. `last_config` is kept from a
    workflow that was deleted until the server was told.
    """

    __tablename__: ClassVar[Any] = "runs"
    __table_args__ = (
        _one_of("runs", "state", RunState),
        _one_of("runs", "trigger", Trigger),
        CheckConstraint(OVERLAPS, name="ck_runs_overlap"),
        CheckConstraint("(state = 'running') = (lease_until is not null)", name="ck_runs_lease"),
        CheckConstraint(
            "(state in ('queued', 'running')) = (finished_at is null)",
            name="ck_runs_finished",
        ),
        Index(
            "uq_runs_tick",
            "workflow_id",
            "scheduled_for",
            unique=True,
            postgresql_where=text("scheduled_for is not null"),
        ),
        Index(
            "uq_runs_idempotency_key",
            "workflow_id",
            "idempotency_key",
            unique=True,
            postgresql_where=text("idempotency_key is not null"),
        ),
        Index(
            "uq_runs_active",
            "workflow_id",
            unique=True,
            postgresql_where=text("overlap = 'skip' and state in ('queued', 'running')"),
        ),
        Index("uq_runs_running", "workflow_id", unique=True, postgresql_where=RUNNING),
        Index("ix_runs_claim", "pool", text("priority desc"), "queued_at", "id", postgresql_where=QUEUED),
        Index("ix_runs_waiting", "workflow_id", text("priority desc"), "queued_at", "id", postgresql_where=QUEUED),
        Index("ix_runs_workflow_id", "workflow_id"),
        Index("ix_runs_newest", text("queued_at desc"), text("id desc")),
        Index("ix_runs_workflow", "workflow", text("queued_at desc"), text("id desc")),
        Index("ix_runs_state", "state", text("queued_at desc"), text("id desc")),
        Index("ix_runs_finished_at", "finished_at", postgresql_where=text("finished_at is not null")),
        Index("ix_runs_untold", "report_at", postgresql_where=UNTOLD),
        Index("ix_runs_success", "workflow_id", text("finished_at desc"), postgresql_where=SUCCESSFUL),
        {"postgresql_with": {"fillfactor": 85}},
    )

    id: UUID = Field(default_factory=uuid4, primary_key=True)
    workflow_id: UUID | None = Field(
        sa_column_args=(ForeignKey("workflows.id", name="fk_runs_workflow_id", ondelete="SET NULL"),)
    )
    workflow: str = Field(sa_type=Text)
    connector: str = Field(sa_type=Text)
    revision: int
    trigger: Trigger = Field(sa_type=TriggerWord)
    scheduled_for: datetime | None = Field(default=None, sa_type=Timestamp)
    state: RunState = Field(sa_type=StateWord)
    overlap: str = Field(sa_type=Text)
    priority: int
    pool: str = Field(sa_type=Text)
    policy: Json = Field(sa_type=Document, nullable=False)
    overrides: Json = Field(default_factory=dict, sa_type=Document, nullable=False, sa_column_kwargs=EMPTY)
    idempotency_key: str | None = Field(default=None, sa_type=Text)
    attempt: int = Field(default=0, sa_column_kwargs=ZERO)
    losses: int = Field(default=0, sa_column_kwargs=ZERO)
    queued_at: datetime = Field(sa_type=Timestamp, sa_column_kwargs=NOW)
    available_at: datetime = Field(sa_type=Timestamp, sa_column_kwargs=NOW)
    started_at: datetime | None = Field(default=None, sa_type=Timestamp)
    finished_at: datetime | None = Field(default=None, sa_type=Timestamp)
    worker: str | None = Field(default=None, sa_type=Text)
    token: int = Field(default=0, sa_type=BigInteger, sa_column_kwargs=ZERO)
    lease_until: datetime | None = Field(default=None, sa_type=Timestamp)
    cancel_requested_at: datetime | None = Field(default=None, sa_type=Timestamp)
    cancel_reason: str | None = Field(default=None, sa_type=Text)
    counts: Json = Field(default_factory=dict, sa_type=Document, nullable=False, sa_column_kwargs=EMPTY)
    progress: Json = Field(default_factory=dict, sa_type=Document, nullable=False, sa_column_kwargs=EMPTY)
    error: Json | None = Field(default=None, sa_type=Document)
    pipeline: str | None = Field(default=None, sa_type=Text)
    told: str | None = Field(default=None, sa_type=Text)
    report_at: datetime = Field(sa_type=Timestamp, sa_column_kwargs=NOW)
    last_config: Json | None = Field(default=None, sa_type=Document)


def _run_key(table: str) -> tuple[ForeignKey]:
    return (ForeignKey("runs.id", name=f"fk_{table}_run_id", ondelete="CASCADE"),)


class AttemptRow(SQLModel, table=True):
    """One claim of a run. A released one is not counted, so `attempt` may repeat; the token never does."""

    __tablename__: ClassVar[Any] = "run_attempts"
    __table_args__ = (_one_of("run_attempts", "outcome", AttemptOutcome),)

    run_id: UUID = Field(primary_key=True, sa_column_args=_run_key("run_attempts"))
    token: int = Field(primary_key=True, sa_type=BigInteger)
    attempt: int
    worker: str = Field(sa_type=Text)
    started_at: datetime = Field(sa_type=Timestamp, sa_column_kwargs=NOW)
    finished_at: datetime | None = Field(default=None, sa_type=Timestamp)
    outcome: AttemptOutcome = Field(sa_type=OutcomeWord)
    error: Json | None = Field(default=None, sa_type=Document)
    counts: Json = Field(default_factory=dict, sa_type=Document, nullable=False, sa_column_kwargs=EMPTY)


class FailureRow(SQLModel, table=True):
    """One entity that a run lost."""

    __tablename__: ClassVar[Any] = "run_failures"
    __table_args__ = (Index("ix_run_failures_run_id", "run_id", "id"),)

    id: int = Field(primary_key=True, sa_type=BigInteger, sa_column_args=(Identity(always=True),))
    run_id: UUID = Field(sa_column_args=_run_key("run_failures"))
    attempt: int
    entity: str = Field(sa_type=Text)
    name: str = Field(sa_type=Text)
    stage: str = Field(sa_type=Text)
    cause: str = Field(sa_type=Text)
    advice: str | None = Field(default=None, sa_type=Text)
    at: datetime = Field(sa_type=Timestamp, sa_column_kwargs=NOW)


class LogRow(SQLModel, table=True):
    """One line that a run logged."""

    __tablename__: ClassVar[Any] = "run_logs"
    __table_args__ = (Index("ix_run_logs_run_id", "run_id", "id"),)

    id: int = Field(primary_key=True, sa_type=BigInteger, sa_column_args=(Identity(always=True),))
    run_id: UUID = Field(sa_column_args=_run_key("run_logs"))
    attempt: int
    at: datetime = Field(sa_type=Timestamp)
    level: str = Field(sa_type=Text)
    logger: str = Field(sa_type=Text)
    message: str = Field(sa_type=Text)


class CheckpointRow(SQLModel, table=True):
    """A scope that a run has finished, with its counts; later attempts leave it out."""

    __tablename__: ClassVar[Any] = "run_checkpoints"

    run_id: UUID = Field(primary_key=True, sa_column_args=_run_key("run_checkpoints"))
    scope: str = Field(primary_key=True, sa_type=Text)
    records: Json = Field(sa_type=Document, nullable=False)
    at: datetime = Field(sa_type=Timestamp, sa_column_kwargs=NOW)


class WorkerRow(SQLModel, table=True):
    """A process that claims runs, as it last said of itself."""

    __tablename__: ClassVar[Any] = "workers"

    id: str = Field(primary_key=True, sa_type=Text)
    host: str = Field(sa_type=Text)
    pid: int
    pools: list[str] = Field(sa_type=JSONB)
    slots: int
    started_at: datetime = Field(sa_type=Timestamp, sa_column_kwargs=NOW)
    seen_at: datetime = Field(sa_type=Timestamp, sa_column_kwargs=NOW)


class AutomationRow(SQLModel, table=True):
    """A test of a connection that an OpenMetadata server waits for, and when others tell that it was lost."""

    __tablename__: ClassVar[Any] = "automations"

    id: UUID = Field(primary_key=True)
    document: Json = Field(sa_type=Document, nullable=False)
    began_at: datetime = Field(sa_type=Timestamp, sa_column_kwargs=NOW)
    tell_at: datetime = Field(sa_type=Timestamp)
