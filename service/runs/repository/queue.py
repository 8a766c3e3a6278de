"""Putting runs into the queue: by hand, and by the clock in large numbers."""

from collections.abc import Iterator, Sequence
from datetime import datetime
from uuid import UUID, uuid4

import msgspec
from pydantic import JsonValue
from sqlalchemy import select, text
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session
from sqlmodel import col

from service.errors import Conflict
from service.runs.repository.cancel import cancel_active
from service.runs.status import ACTIVE, RunState, Trigger
from service.runs.tables import RunRow
from service.workflows import repository as workflows
from service.workflows.documents import Json, merge_patch
from service.workflows.schemas import Overlap, read_policy
from service.workflows.tables import WorkflowRow

CHANNEL = "headwater_runs"
CHUNK = 5000
PIPELINE = "ingestionPipelineFQN"
SUPERSEDED = "superseded by a newer run of the workflow"


class NewRun(msgspec.Struct, frozen=True):
    """A run to be made of the newest revision of a workflow. None: what its policy says."""

    workflow: str
    trigger: Trigger = Trigger.MANUAL
    overrides: Json = msgspec.field(default_factory=dict[str, JsonValue])
    connector: str | None = None
    priority: int | None = None
    overlap: Overlap | None = None
    idempotency_key: str | None = None


class TickRun(msgspec.Struct, frozen=True):
    """A run to be made for a tick of a schedule. `overlap` stands in for the policy's when ticks are made up for."""

    workflow_id: UUID
    scheduled_for: datetime
    overlap: Overlap | None = None


# Runs of one workflow wait in the order of their ticks: each is queued a microsecond after the one before.
# Under the locks of the workflows nobody else makes a run active, so what is seen here is so.
_ENQUEUE_TICKS = text("""
    with due as (
        select gen_random_uuid() as run, w.id, w.name, w.connector, w.revision, w.policy, t.scheduled_for,
            w.config ->> 'ingestionPipelineFQN' as pipeline,
            coalesce(t.overlap, w.policy ->> 'overlap') as overlap
        from unnest(cast(:ids as uuid[]), cast(:instants as timestamptz[]), cast(:overlaps as text[]))
            as t(workflow_id, scheduled_for, overlap)
        join workflows w on w.id = t.workflow_id
        where (w.enabled or cast(:trigger as text) <> 'schedule') and not exists (
            select from runs r where r.workflow_id = w.id and r.scheduled_for = t.scheduled_for)
    ), active as (
        select distinct on (workflow_id) workflow_id, id from runs
        where state in ('queued', 'running') and workflow_id = any(:ids) order by workflow_id, queued_at, id
    ), placed as (
        select d.*, coalesce(a.id, nullif(first_value(d.run) over of_workflow, d.run)) as before
        from due d left join active a on a.workflow_id = d.id
        window of_workflow as (partition by d.id order by d.scheduled_for)
    ), judged as (
        select *, overlap = 'skip' and before is not null as skipped from placed
    )
    insert into runs (id, workflow_id, workflow, connector, revision, trigger, scheduled_for, state, overlap, priority,
                      pool, policy, queued_at, finished_at, error, pipeline)
    select run, id, name, connector, revision, cast(:trigger as text), scheduled_for,
        case when skipped then 'skipped' else 'queued' end, overlap,
        coalesce(cast(policy ->> 'priority' as integer), 0), coalesce(policy ->> 'pool', 'default'), policy,
        statement_timestamp() + interval '1 microsecond' * row_number() over (partition by id order by scheduled_for),
        case when skipped then now() end,
        case when skipped then jsonb_build_object(
            'title', 'Skipped: an earlier run was still active', 'detail', 'run ' || before || ' had not ended',
            'advice', 'run the workflow less often, or set policy.overlap to queue or cancelRunning') end,
        case when not skipped then pipeline end
    from judged order by id, scheduled_for
    on conflict (workflow_id, scheduled_for) where scheduled_for is not null do nothing
    returning id, workflow_id, overlap""")


def enqueue(session: Session, new: NewRun) -> RunRow:
    """Make a run. One that was made under the same idempotency key is given back as it is.

    Raises NotFound, or Conflict when the policy skips and another run is active.
    """
    workflow = workflows.lock(session, new.workflow)
    replayed = _made_before(session, workflow, new.idempotency_key)
    if replayed is not None:
        return replayed
    overlap = new.overlap or read_policy(workflow.policy).overlap
    if overlap is Overlap.SKIP:
        _refuse_second(session, workflow)
    elif overlap is Overlap.CANCEL_RUNNING:
        cancel_active(session, [workflow.id], SUPERSEDED)
    row = _insert(session, workflow, new, overlap)
    workflows.notify(session, CHANNEL)
    return row


def enqueue_ticks(session: Session, ticks: Sequence[TickRun], trigger: Trigger = Trigger.SCHEDULE) -> list[UUID]:
    """Make a run for each tick that has none, queued or skipped as its policy says; the ids of the new ones.

    Any number of replicas may do so at once. Ticks of a workflow that is gone, or switched off, make no run.
    Call it once per transaction, before anything else locks workflows.
    """
    made: list[UUID] = []
    distinct = {(tick.workflow_id, tick.scheduled_for): tick for tick in ticks}
    for chunk in _chunks([distinct[key] for key in sorted(distinct)]):
        workflows.lock_all(session, list({tick.workflow_id for tick in chunk}))
        values = {
            "ids": [tick.workflow_id for tick in chunk],
            "instants": [tick.scheduled_for for tick in chunk],
            "overlaps": [None if tick.overlap is None else tick.overlap.value for tick in chunk],
            "trigger": trigger.value,
        }
        inserted = session.execute(_ENQUEUE_TICKS, values).all()
        made += [row.id for row in inserted]
        # Of several ticks of one workflow the last stays: rows come in their order.
        last = {row.workflow_id: row.id for row in inserted if row.overlap == Overlap.CANCEL_RUNNING.value}
        if last:
            cancel_active(session, list(last), SUPERSEDED, spared=list(last.values()))
    if made:
        workflows.notify(session, CHANNEL)
    return made


def _chunks(ticks: Sequence[TickRun]) -> Iterator[Sequence[TickRun]]:
    """Pieces that never part the ticks of one workflow."""
    start = 0
    while start < len(ticks):
        end = min(start + CHUNK, len(ticks))
        while end < len(ticks) and ticks[end].workflow_id == ticks[end - 1].workflow_id:
            end += 1
        yield ticks[start:end]
        start = end


def _made_before(session: Session, workflow: WorkflowRow, idempotency_key: str | None) -> RunRow | None:
    if idempotency_key is None:
        return None
    statement = select(RunRow).where(
        col(RunRow.workflow_id) == workflow.id, col(RunRow.idempotency_key) == idempotency_key
    )
    return session.scalars(statement, execution_options={"populate_existing": True}).one_or_none()


def _refuse_second(session: Session, workflow: WorkflowRow) -> None:
    statement = (
        select(col(RunRow.id), col(RunRow.state))
        .where(col(RunRow.workflow_id) == workflow.id, col(RunRow.state).in_(ACTIVE))
        .order_by(col(RunRow.queued_at))
        .limit(1)
    )
    active = session.execute(statement).one_or_none()
    if active is not None:
        run_id, state = active
        message = (
            f"run {run_id} of workflow {workflow.name!r} is still {state}; "
            "wait for it, cancel it, or set policy.overlap to queue or cancelRunning"
        )
        raise Conflict(message)


def _insert(session: Session, workflow: WorkflowRow, new: NewRun, overlap: Overlap) -> RunRow:
    policy = read_policy(workflow.policy)
    statement = insert(RunRow).values(
        id=uuid4(),
        workflow_id=workflow.id,
        workflow=workflow.name,
        connector=new.connector or workflow.connector,
        revision=workflow.revision,
        trigger=new.trigger,
        state=RunState.QUEUED,
        overlap=overlap.value,
        priority=policy.priority if new.priority is None else new.priority,
        pool=policy.pool,
        policy=workflow.policy,
        overrides=new.overrides,
        idempotency_key=new.idempotency_key,
        pipeline=merge_patch(workflow.config, new.overrides).get(PIPELINE),
    )
    return session.scalars(statement.returning(RunRow)).one()
