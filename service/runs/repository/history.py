"""Reading what runs were and left behind, and forgetting it in time."""

from collections.abc import Collection, Iterable, Sequence
from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy import Text, cast, func, or_, select, text
from sqlalchemy.orm import Session
from sqlmodel import col

from service.errors import NotFound
from service.runs.schemas import AttemptRead, FailureRead, LogRead
from service.runs.status import RunState
from service.runs.tables import AttemptRow, CheckpointRow, FailureRow, LogRow, RunRow
from service.workflows.documents import Json
from service.workflows.vault import SEALED
from service.workflows.wire import Page, decode_cursor_as, encode_cursor, page_of, read_integer

# Since then, all runs have done the same: none of them was told something else than the revision says.
_DEFINED = text("""
    select greatest(
        (select created_at from workflow_revisions where workflow_id = :workflow and revision = :revision),
        (select max(finished_at) from runs
         where workflow_id = :workflow and (overrides <> '{}' or revision <> :revision))
    )""")

# The last success of a workflow is spared: how long ago that was must stay known. The names are found by going from
# each to the next one in the index, which `distinct` would read as a whole.
_PRUNE = text("""
    with recursive named as (
        (select workflow from runs order by workflow limit 1)
        union all
        select (select workflow from runs where workflow > n.workflow order by workflow limit 1)
        from named n where n.workflow is not null
    ), spared as materialized (
        select r.id from workflows w cross join lateral (
            select id from runs where workflow_id = w.id and state in ('succeeded', 'partial')
            order by finished_at desc, id desc limit 1
        ) r
    ), counted as (
        select r.id from named w cross join lateral (
            select id from runs where workflow = w.workflow and finished_at is not null
            order by queued_at desc, id desc offset :keep
        ) r where r.id not in (select id from spared) limit :batch
    ), aged as (
        select id from runs where finished_at < now() - :age and id not in (select id from spared)
        order by finished_at limit :batch
    ), doomed as (
        select id from runs where id in (select id from counted union select id from aged)
        limit :batch for update skip locked
    )
    delete from runs r using doomed where r.id = doomed.id returning r.id""")


def get(session: Session, run_id: UUID) -> RunRow:
    """The run as it is now. Raises NotFound."""
    row = session.get(RunRow, run_id, populate_existing=True)
    if row is None:
        raise unknown(run_id)
    return row


def sealed_runs(session: Session) -> Sequence[RunRow]:
    """The runs that have sealed secrets, held until the transaction ends."""
    sealed = or_(*(cast(column, Text).contains(SEALED) for column in (RunRow.overrides, RunRow.last_config)))
    statement = select(RunRow).where(sealed).order_by(col(RunRow.id)).with_for_update(key_share=True)
    return session.scalars(statement, execution_options={"populate_existing": True}).all()


def list_logs(session: Session, run_id: UUID, after: int, limit: int) -> list[LogRead]:
    """The lines that a run logged after the one with this id, in their order."""
    statement = (
        select(LogRow).where(col(LogRow.run_id) == run_id, col(LogRow.id) > after).order_by(col(LogRow.id)).limit(limit)
    )
    return [LogRead.of(row) for row in session.scalars(statement)]


def list_failures(session: Session, run_id: UUID, cursor: str | None, limit: int) -> Page[FailureRead]:
    """The entities that a run lost, in the order they were reported."""
    statement = select(FailureRow).where(col(FailureRow.run_id) == run_id).order_by(col(FailureRow.id)).limit(limit + 1)
    if cursor is not None:
        (after,) = decode_cursor_as(cursor, read_integer)
        statement = statement.where(col(FailureRow.id) > after)
    rows = session.scalars(statement).all()
    return page_of(rows, limit, FailureRead.of, lambda row: encode_cursor(str(row.id)))


def list_attempts(session: Session, run_id: UUID) -> list[AttemptRead]:
    """Every claim of a run, the first one first."""
    statement = select(AttemptRow).where(col(AttemptRow.run_id) == run_id).order_by(col(AttemptRow.token))
    rows = session.scalars(statement, execution_options={"populate_existing": True})
    return [AttemptRead.of(row) for row in rows]


def checkpoints(session: Session, run_ids: Collection[UUID]) -> dict[UUID, dict[str, Json]]:
    """The finished scopes of each of these runs, with their counts."""
    found: dict[UUID, dict[str, Json]] = {run_id: {} for run_id in run_ids}
    columns = col(CheckpointRow.run_id), col(CheckpointRow.scope), col(CheckpointRow.records)
    statement = select(*columns).where(col(CheckpointRow.run_id).in_(run_ids))
    for run_id, scope, records in session.execute(statement):
        found[run_id][scope] = records
    return found


def count_by_state(session: Session, states: Collection[RunState] = tuple(RunState)) -> dict[RunState, int]:
    """How many runs are in each of these states."""
    statement = select(col(RunRow.state), func.count()).group_by(col(RunRow.state)).where(col(RunRow.state).in_(states))
    return dict.fromkeys(states, 0) | dict(session.execute(statement).all())


def count_by_pool(session: Session, served: Iterable[str] = ()) -> dict[str, dict[RunState, int]]:
    """How many runs of each pool run, and how many a free slot would take now.

    Pools that have none are left out, but for the `served`: what scales their workers has to see the 0.
    A run that waits for its next attempt, or for one of its workflow that runs, would not be taken.
    """
    statement = text("""
        select pool, 'running' as state, count(*) as number from runs where state = 'running' group by pool
        union all
        select pool, 'queued', count(*) from runs r where state = 'queued' and available_at <= now()
        and not exists (select from runs b where b.workflow_id = r.workflow_id and b.state = 'running')
        group by pool""")
    none = {RunState.QUEUED: 0, RunState.RUNNING: 0}
    found = {pool: dict(none) for pool in served}
    for row in session.execute(statement):
        found.setdefault(row.pool, dict(none))[RunState(row.state)] = row.number
    return found


def defined_at(session: Session, workflow_id: UUID, revision: int) -> datetime | None:
    """Since when all runs of a workflow did what this revision says; None where it is not there any more."""
    return session.execute(_DEFINED, {"workflow": workflow_id, "revision": revision}).scalar_one()


def last_successes(session: Session) -> dict[str, datetime]:
    """When each workflow last succeeded, if ever, be it in part."""
    statement = text(
        "select w.name, r.finished_at from workflows w cross join lateral ("
        " select finished_at from runs where workflow_id = w.id and state in ('succeeded', 'partial')"
        " order by finished_at desc limit 1) r"
    )
    return {row.name: row.finished_at for row in session.execute(statement)}


def first_successes_awaited(session: Session) -> dict[str, datetime]:
    """When each workflow was made that never succeeded, although it is on or failures alone switched it off."""
    statement = text("""
        select name, created_at from workflows w where schedule is not null
        and (enabled or consecutive_failures >= cast(policy ->> 'pauseAfterFailures' as integer))
        and not exists (select from runs where workflow_id = w.id and state in ('succeeded', 'partial'))""")
    return {row.name: row.created_at for row in session.execute(statement)}


def prune(session: Session, max_age: timedelta, keep_per_workflow: int, batch: int) -> int:
    """Forget at most `batch` ended runs that are older, or more of their workflow, than are kept; how many."""
    values = {"age": max_age, "keep": keep_per_workflow, "batch": batch}
    return len(session.execute(_PRUNE, values).all())


def unknown(run_id: UUID) -> NotFound:
    """The error for a run that is not there."""
    message = f"there is no run {run_id}"
    return NotFound(message)
