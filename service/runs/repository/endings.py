"""How an attempt ends: for good, for another try, or because its worker shuts down."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from pydantic import JsonValue
from sqlalchemy import Row, TextClause, text
from sqlalchemy.orm import Session

from service.runs.repository.cancel import ERROR as CANCELLED
from service.runs.repository.journal import Lease, packed
from service.runs.repository.queue import CHANNEL
from service.runs.schemas import RunError
from service.runs.status import AttemptOutcome, RunState, move
from service.workflows import repository as workflows
from service.workflows.documents import Json


@dataclass(frozen=True, slots=True)
class Ending:
    """What a run came to. `progress` None leaves the last one; `outcome` None is the attempt's own word for `state`.

    For `head_start` seconds nobody else tells an OpenMetadata server of it: its worker does.
    """

    state: RunState
    counts: Json = field(default_factory=dict[str, JsonValue])
    progress: Json | None = None
    error: RunError | None = None
    outcome: AttemptOutcome | None = None
    head_start: float = 0.0


# Taken before the run itself, as by everybody else; most successes change nothing and wait for nobody.
_LOCK_WORKFLOW = text("""
    select w.id from workflows w join runs r on r.workflow_id = w.id
    where r.id = :run and r.token = :token and r.state = 'running' and (:failed or w.consecutive_failures <> 0)
    for no key update of w""")

_FINISH = text("""
    with ended as (
        update runs set state = :state, finished_at = now(), lease_until = null,
            counts = cast(:counts as jsonb), progress = coalesce(cast(:progress as jsonb), progress),
            error = cast(:error as jsonb), report_at = now() + make_interval(secs => :head_start)
        where id = :run and token = :token and state = 'running'
        returning id, workflow_id, pool
    ), noted as (
        update run_attempts a set finished_at = now(), outcome = :outcome, counts = cast(:counts as jsonb),
            error = cast(:error as jsonb)
        from ended where a.run_id = ended.id and a.token = :token
    )
    select workflow_id, exists (select from runs q where q.pool = ended.pool and q.state = 'queued') as waiting
    from ended""")

# A run that nobody wants any more does not go back to the queue.
_REQUEUE = text(
    """
    with held as (
        select id, cancel_requested_at is not null or workflow_id is null as unwanted from runs
        where id = :run and token = :token and state = 'running' for update
    ), ended as (
        update runs r set state = case when unwanted then 'cancelled' else 'queued' end,
            finished_at = case when unwanted then now() end,
            worker = case when unwanted then worker end, lease_until = null, report_at = now(),
            available_at = now() + make_interval(secs => :delay),
            attempt = case when unwanted or cast(:counted as boolean) then attempt else attempt - 1 end,
            counts = coalesce(cast(:counts as jsonb), counts),
            error = case when unwanted then $cancelled else cast(:error as jsonb) end
        from held where r.id = held.id
        returning r.id, r.state, r.pool
    ), noted as (
        update run_attempts a set finished_at = now(), counts = coalesce(cast(:counts as jsonb), a.counts),
            error = cast(:error as jsonb),
            outcome = case ended.state when 'cancelled' then 'cancelled' else :outcome end
        from ended where a.run_id = ended.id and a.token = :token
    )
    select state, exists (select from runs q where q.pool = ended.pool and q.state = 'queued') or :delay = 0 as waiting
    from ended""".replace("$cancelled", CANCELLED)
)

_SUCCEED = text("update workflows set consecutive_failures = 0 where id = :workflow and consecutive_failures <> 0")

_FAIL = text("""
    with last as (
        select w.id, t.run, w.enabled and coalesce(
            w.consecutive_failures + 1 >= cast(w.policy ->> 'pauseAfterFailures' as integer), false) as pausing
        from workflows w
        join unnest(cast(:workflows as uuid[]), cast(:runs as uuid[])) as t(workflow, run) on t.workflow = w.id
    )
    update workflows w set consecutive_failures = consecutive_failures + 1, enabled = enabled and not pausing,
        paused_reason = case when pausing then 'paused after ' || consecutive_failures + 1
            || ' failed runs in a row, the last of them ' || run else paused_reason end
    from last where last.id = w.id
    returning w.name, last.pausing""")


def finish(session: Session, lease: Lease, ending: Ending) -> bool:
    """End the run for good and count failures in a row; false, and nothing done, if it is no longer the owner's."""
    move(RunState.RUNNING, ending.state)
    failed = ending.state is RunState.FAILED
    locked = None
    if ending.state is not RunState.CANCELLED:
        owner = {"run": lease.run_id, "token": lease.token}
        locked = session.execute(_LOCK_WORKFLOW, owner | {"failed": failed}).one_or_none()
    ended = _end(
        session,
        _FINISH,
        lease,
        state=ending.state.value,
        outcome=(ending.outcome or AttemptOutcome(ending.state.value)).value,
        counts=packed(ending.counts),
        progress=packed(ending.progress),
        error=_packed_error(ending.error),
        head_start=ending.head_start,
    )
    if ended is None:
        return False
    if failed and ended.workflow_id is not None:
        count_failures(session, {ended.workflow_id: lease.run_id})
    elif locked is not None:
        session.execute(_SUCCEED, {"workflow": ended.workflow_id})
    return True


def retry_later(session: Session, lease: Lease, error: RunError, delay_seconds: float, counts: Json) -> RunState | None:
    """Put the run back for another attempt after the delay, or end it if it was cancelled; its state from now on.

    None, and nothing done, if it is no longer the owner's.
    """
    return _requeue(
        session,
        lease,
        AttemptOutcome.RETRYING,
        counted=True,
        delay=float(delay_seconds),
        counts=packed(counts),
        error=_packed_error(error),
    )


def release(session: Session, lease: Lease) -> RunState | None:
    """Give the run back unfinished, as if this attempt had not been made, or end it if it was cancelled; its state.

    None, and nothing done, if it is no longer the owner's.
    """
    return _requeue(session, lease, AttemptOutcome.RELEASED, counted=False, delay=0.0, counts=None, error=None)


def count_failures(session: Session, failed: Mapping[UUID, UUID]) -> None:
    """Count one more failed run of each workflow, given its run, and pause those at their limit. They are locked."""
    if not failed:
        return
    values = {"workflows": list(failed), "runs": list(failed.values())}
    for row in session.execute(_FAIL, values):
        if row.pausing:
            workflows.notify(session, workflows.CHANNEL, row.name)


def _requeue(session: Session, lease: Lease, outcome: AttemptOutcome, **values: object) -> RunState | None:
    requeued = _end(session, _REQUEUE, lease, outcome=outcome.value, **values)
    return None if requeued is None else RunState(requeued.state)


def _end(session: Session, statement: TextClause, lease: Lease, **values: object) -> Row[*tuple[Any, ...]] | None:
    ended = session.execute(statement, values | {"run": lease.run_id, "token": lease.token}).one_or_none()
    if ended is not None and ended.waiting:
        # Whatever waited for this workflow or for room in the pool may run now.
        workflows.notify(session, CHANNEL)
    return ended


def _packed_error(error: RunError | None) -> str | None:
    return None if error is None else packed(error.model_dump(mode="json"))
