"""What OpenMetadata servers still have to be told of their pipelines' runs, by whichever replica comes to it."""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import msgspec
from sqlalchemy import Row, func, select, text
from sqlalchemy.orm import Session
from sqlmodel import col

from service.runs.schemas import RunError, read_error
from service.runs.status import RunState
from service.runs.tables import FailureRow, LogRow
from service.workflows.documents import Json, merge_patch

BATCH = 10
SHORTEST = timedelta(seconds=10)
LONGEST = timedelta(minutes=15)
GIVEN_UP_AFTER = timedelta(days=1)
FAILURES_TOLD = 10


class Untold(msgspec.Struct, frozen=True):
    """Where a run stands that waits or has ended, of which the server was not told; secrets in it are sealed.

    `config` is None when its workflow is gone. `given_up`: it was tried for too long and is no more to be told.
    """

    run_id: UUID
    workflow: str
    pipeline: str
    connector: str
    state: RunState
    queued_at: datetime
    started_at: datetime | None
    finished_at: datetime | None
    counts: Json
    progress: Json
    error: RunError | None
    config: Json | None
    overrides: Json
    given_up: bool

    def definition(self) -> Json:
        """The config of the run, its secrets sealed."""
        return merge_patch(self.config or {}, self.overrides)


class Losses(msgspec.Struct, frozen=True):
    """How many entities a run lost at each stage, the last of them, and how many warnings it logged."""

    by_stage: Mapping[str, int]
    last: Sequence[FailureRow]
    warnings: int


# Whoever takes a run has it until the next try is due, which is the later the longer it was tried: with these bounds
# about a hundred tries in a day. Most runs start at once: that those waited is not worth a word.
_TAKE = text("""
    with due as (
        select id, coalesce(finished_at, greatest(queued_at, available_at)) as since from runs
        where pipeline is not null and told is distinct from state and report_at <= now()
        and state <> 'running' and (state <> 'queued' or queued_at < now() - interval '1 second')
        order by report_at limit :batch for update skip locked
    ), taken as (
        update runs r set report_at = now() + greatest(:shortest, least(:longest, (now() - due.since) / 2)),
            told = case when due.since < now() - :age then r.state else r.told end,
            last_config = case when due.since >= now() - :age then r.last_config end
        from due where r.id = due.id
        returning r.*, due.since < now() - :age as given_up
    )
    select t.*, coalesce(t.last_config, v.snapshot -> 'config') as config from taken t
    left join workflow_revisions v on v.workflow_id = t.workflow_id and v.revision = t.revision
    order by coalesce(t.finished_at, t.queued_at), t.id""")

_TOLD = text("""
    update runs set told = case when state = :state then state end,
        last_config = case when state <> :state then last_config end
    where id = :run""")
_KEEP = text("""
    update runs r set last_config = v.snapshot -> 'config' from workflow_revisions v
    where r.workflow_id = :workflow and r.pipeline is not null and r.told is distinct from r.state
    and v.workflow_id = r.workflow_id and v.revision = r.revision""")
_STILL = text("select state = :state and told is distinct from state from runs where id = :run")
_MISSED = text("update runs set told = null where id = :run and state <> :state")
_HAND_OVER = text("update runs set report_at = now() where id = :run and told is distinct from state")


def take_untold(session: Session, age: timedelta = GIVEN_UP_AFTER) -> list[Untold]:
    """Runs to be told of now, for this caller alone; whatever is older than `age` is given up."""
    values = {"batch": BATCH, "shortest": SHORTEST, "longest": LONGEST, "age": age}
    return [_untold(row) for row in session.execute(_TAKE, values)]


def keep_config(session: Session, workflow_id: UUID) -> None:
    """Before a workflow is deleted: keep what its server is to be reached by, until it was told of every run."""
    session.execute(_KEEP, {"workflow": workflow_id})


def is_due(session: Session, run_id: UUID, state: RunState) -> bool:
    """Whether the run is still in this state, and nobody has told of it meanwhile."""
    return bool(session.scalar(_STILL, {"run": run_id, "state": state.value}))


def note_told(session: Session, run_id: UUID, state: RunState) -> None:
    """The server knows that the run is in this state; if it is in another by now, that is still to be told."""
    session.execute(_TOLD, {"run": run_id, "state": state.value})


def note_missed(session: Session, run_id: UUID, state: RunState) -> None:
    """The server may have heard of this state or not; if the run has left it, the present one is to be told again."""
    session.execute(_MISSED, {"run": run_id, "state": state.value})


def hand_over(session: Session, run_id: UUID) -> None:
    """The run's own worker could not tell: others may do so from now on."""
    session.execute(_HAND_OVER, {"run": run_id})


def losses(session: Session, run_id: UUID) -> Losses:
    """What a run lost, as far as it is kept."""
    of_run = col(FailureRow.run_id) == run_id
    counted = session.execute(select(col(FailureRow.stage), func.count()).where(of_run).group_by(col(FailureRow.stage)))
    latest = select(FailureRow).where(of_run).order_by(col(FailureRow.id).desc()).limit(FAILURES_TOLD)
    warned = select(func.count()).where(col(LogRow.run_id) == run_id, col(LogRow.level) == "WARNING")
    return Losses(dict(counted.all()), session.scalars(latest).all()[::-1], session.scalar(warned) or 0)


def _untold(row: Row[*tuple[Any, ...]]) -> Untold:
    return Untold(
        run_id=row.id,
        workflow=row.workflow,
        pipeline=row.pipeline,
        connector=row.connector,
        state=RunState(row.state),
        queued_at=row.queued_at,
        started_at=row.started_at,
        finished_at=row.finished_at,
        counts=row.counts,
        progress=row.progress,
        error=read_error(row.error),
        config=row.config,
        overrides=row.overrides,
        given_up=row.given_up,
    )
