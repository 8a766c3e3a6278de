"""How an attempt ends: for good, for another try, or because its worker shuts down."""

from collections.abc import Mapping, Set
from string import Template
from uuid import UUID

import msgspec
from pydantic import JsonValue
from sqlalchemy import text
from sqlalchemy.orm import Session

from service.database.engine import rows
from service.runs.repository.cancel import ERROR as CANCELLED
from service.runs.repository.journal import Lease, packed
from service.runs.repository.queue import CHANNEL
from service.runs.schemas import RunError
from service.runs.status import AttemptOutcome, RunState, move
from service.workflows import repository as workflows
from service.workflows.documents import Json


class Ending(msgspec.Struct, frozen=True):
    """What a run came to. `progress` None leaves the last one; `outcome` None is the attempt's own word for `state`.

    For `head_start` seconds nobody else tells an OpenMetadata server of it: its worker does.
    """

    state: RunState
    counts: Json = msgspec.field(default_factory=dict[str, JsonValue])
    progress: Json | None = None
    error: RunError | None = None
    outcome: AttemptOutcome | None = None
    head_start: float = 0.0


# One document tells of all: quotes in an array of texts are escaped one by one, which took longer than the rest.
# Workflows are locked before the runs, as by everybody else; most successes change nothing and wait for nobody.
# `offset 0` and `|| ''` keep the planner from the index of what runs: for that it reads every run that has ended since
# the last vacuum.
# Whatever waited for the workflows of these runs or for room in their pools is woken: it may run now.
_TOLD = """
    with told as materialized (
        select t.*, w.id as workflow_id, w.id is not null and (
            t.state = 'failed' or (t.state <> 'cancelled' and w.consecutive_failures <> 0)) as counting
        from jsonb_to_recordset(cast(%(told)s as jsonb) -> 'ends') as t(
            run uuid, token bigint, state text, outcome text, counts jsonb, progress jsonb, error jsonb,
            head_start float8)
        cross join lateral (
            select workflow_id from runs where id = t.run and token = t.token and state = 'running' offset 0
        ) r
        left join workflows w on w.id = r.workflow_id
    ),"""
_HELD = Template("""
    locked as materialized (
        select id from workflows where id = any(array(select workflow_id from told where counting))
        order by id for no key update $skip
    ), held as materialized (
        select t.* from runs r join told t on t.run = r.id and t.token = r.token
        where r.id = any(array(select run from told)) and r.state || '' = 'running'
        and (select count(*) from locked) >= 0 $counted
        order by r.id for update of r $skip
    ),""")
_ENDED = """
    ended as (
        update runs r set state = held.state, finished_at = now(), lease_until = null,
            counts = held.counts, progress = coalesce(held.progress, r.progress), error = held.error,
            report_at = now() + make_interval(secs => held.head_start)
        from held where r.id = held.run
        returning r.id, r.token, r.workflow_id, r.pool, r.state
    ), noted as (
        update run_attempts a set finished_at = now(), outcome = held.outcome, counts = held.counts,
            error = held.error
        from held where a.run_id = held.run and a.token = held.token
    ), succeeded as (
        update workflows w set consecutive_failures = 0 from locked, ended
        where w.id = locked.id and ended.workflow_id = w.id and ended.state <> 'failed'
    )
    select id, token, workflow_id, case when pool in (
        select p.pool from (select distinct pool from ended) p
        where exists (select from runs q where q.pool = p.pool and q.state = 'queued')
    ) then pg_notify(%(channel)s, '') end
    from ended"""
_FINISH = (_TOLD + _HELD.substitute(skip="", counted="") + _ENDED).encode()
# Those whose run, or workflow where it counts, somebody else has locked are left out.
_COUNTED = "and (not t.counting or r.workflow_id in (select id from locked))"
_FINISH_FREE = (_TOLD + _HELD.substitute(skip="skip locked", counted=_COUNTED) + _ENDED).encode()

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
    select state, case when :delay = 0 or exists (
        select from runs q where q.pool = ended.pool and q.state = 'queued') then pg_notify(:channel, '') end
    from ended""".replace("$cancelled", CANCELLED)
)

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
    return lease in _finished(session, _FINISH, {lease: ending})


def finish_free(session: Session, endings: Mapping[Lease, Ending]) -> Set[Lease]:
    """The same for several runs at once, waiting for nobody; those that ended.

    The others are no longer their owner's, or somebody has locked them.
    """
    return _finished(session, _FINISH_FREE, endings)


def _finished(session: Session, statement: bytes, endings: Mapping[Lease, Ending]) -> Set[Lease]:
    found = rows(session, statement, {"told": _told(endings), "channel": CHANNEL})
    ended: dict[Lease, UUID | None] = {Lease(row["id"], row["token"]): row["workflow_id"] for row in found}
    failed = {
        workflow: lease.run_id
        for lease, workflow in ended.items()
        if workflow is not None and endings[lease].state is RunState.FAILED
    }
    count_failures(session, failed)
    return ended.keys()


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
    own = {"run": lease.run_id, "token": lease.token, "outcome": outcome.value, "channel": CHANNEL}
    row = session.execute(_REQUEUE, values | own).one_or_none()
    return None if row is None else RunState(row.state)


def _told(endings: Mapping[Lease, Ending]) -> str | None:
    """What they have to say, as one parameter."""
    ends: list[JsonValue] = []
    for lease, ending in endings.items():
        move(RunState.RUNNING, ending.state)
        ends.append(
            {
                "run": str(lease.run_id),
                "token": lease.token,
                "state": ending.state.value,
                "outcome": (ending.outcome or AttemptOutcome(ending.state.value)).value,
                "counts": ending.counts,
                "progress": ending.progress,
                "error": None if ending.error is None else ending.error.model_dump(mode="json"),
                "head_start": ending.head_start,
            }
        )
    return packed({"ends": ends})


def _packed_error(error: RunError | None) -> str | None:
    return None if error is None else packed(error.model_dump(mode="json"))
