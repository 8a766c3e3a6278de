"""Who runs what: claiming queued runs, keeping them, and taking them back from workers that are gone."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

import msgspec
from pydantic import ValidationError
from sqlalchemy import text
from sqlalchemy.orm import Session

from service.database.engine import rows
from service.errors import Invalid
from service.runs.repository import history
from service.runs.repository.cancel import ERROR as CANCELLED
from service.runs.repository.endings import count_failures
from service.runs.repository.journal import Lease
from service.runs.repository.queue import CHANNEL
from service.runs.status import RunState, Trigger
from service.workflows import repository as workflows
from service.workflows.documents import Json, merge_patch
from service.workflows.schemas import Policy, read_policy
from service.workflows.vault import Vault
from service.workflows.wire import problems_of

REAP_BATCH = 500
# First keys of advisory locks, so that locks of ours on other things never meet.
POOL_LOCKS = 4_817_001
WORKFLOW_LOCKS = 4_817_002


class ClaimRequest(msgspec.Struct, frozen=True):
    """Who wants how many runs of which pools; `pool_limits` hold over all workers together."""

    worker: str
    pools: Sequence[str]
    limit: int
    lease_seconds: float
    pool_limits: Mapping[str, int] = msgspec.field(default_factory=dict[str, int])


class ClaimedRun(msgspec.Struct, frozen=True):
    """A run with everything its owner needs; secrets in `config` and `overrides` are sealed.

    Its policy is read by its owner: one that this release cannot read must not keep others in the queue.
    """

    lease: Lease
    workflow: str
    workflow_id: UUID
    connector: str
    revision: int
    trigger: Trigger
    scheduled_for: datetime | None
    queued_at: datetime
    available_at: datetime
    started_at: datetime
    attempt: int
    losses: int
    config: Json
    overrides: Json
    pool: str
    stored_policy: Json
    checkpoints: Mapping[str, Json]

    def read_policy(self) -> Policy:
        """How it is to be run. Raises Invalid for one that a later release has stored, say."""
        try:
            return read_policy(self.stored_policy)
        except ValidationError as error:
            unreadable = Invalid(problems_of(error.errors())).under("policy")
            raise unreadable from None

    def definition(self, vault: Vault) -> tuple[Json, list[str]]:
        """The config to run, its secrets in plain text, and these. Raises Invalid for those that cannot be opened."""
        config, secrets = vault.unseal(self.config)
        overrides, others = vault.unseal(self.overrides)
        return merge_patch(config, overrides), secrets + others


class LostRun(msgspec.Struct, frozen=True):
    """A run taken back from a worker that stopped renewing it, and where it stands now."""

    run_id: UUID
    workflow: str
    connector: str
    worker: str
    state: RunState


_LOCK_POOLS = text("""
    select pg_advisory_xact_lock(:space, key)
    from (select distinct hashtext(pool) as key from unnest(cast(:limited as text[])) as pool order by key) keys""")

# The oldest of the most urgent runs of each workflow that has none running, by pool, so that an index gives the order.
# What is before a run is looked for by its workflow: `|| ''` keeps the planner from the index of the pool, which is the
# whole queue. Statistics know little of queues.
# What runs of a workflow is looked up for each by itself: `offset 0` keeps the planner from joining it to all that run,
# for which it reads every run that has ended since the last vacuum. Those of a pool are counted for a limit alone.
# Locking the workflow by its number lets one claim at a time decide about it; the other goes on without waiting.
_PICK = b"""
    with asked as (
        select a.pool, case when l.most is null then %(limit)s else least(%(limit)s, l.most - (
            select count(*) from runs busy where busy.pool = a.pool and busy.state = 'running')) end as room
        from unnest(cast(%(pools)s as text[])) as a(pool)
        left join unnest(cast(%(limited)s as text[]), cast(%(most)s as integer[])) as l(pool, most) on l.pool = a.pool
    ), picked as materialized (
        select p.* from asked cross join lateral (
            select r.id, r.workflow_id, r.priority, r.queued_at from runs r
            where r.pool = asked.pool and r.state = 'queued' and r.available_at <= now() and r.workflow_id is not null
            and not exists (
                select from runs b where b.workflow_id = r.workflow_id and b.state = 'running' offset 0)
            and not exists (
                select from runs e where e.workflow_id = r.workflow_id and e.state = 'queued' and e.pool || '' = r.pool
                and e.available_at <= now()
                and (-e.priority, e.queued_at, e.id) < (-r.priority, r.queued_at, r.id))
            order by r.priority desc, r.queued_at, r.id
            limit greatest(asked.room, 0)
            for update of r skip locked
        ) p
    )
    select id, workflow_id, pg_try_advisory_xact_lock(%(space)s, hashtext(cast(workflow_id as text))) as free
    from picked order by priority desc, queued_at, id"""

# Begun after the locks were taken, this sees every claim that was decided before. What _PICK locked is queued: to ask
# for that again would have the planner read the index of the queue.
_TAKE = b"""
    with taken as (
        update runs r set state = 'running', worker = %(worker)s, token = token + 1, attempt = attempt + 1,
            started_at = coalesce(started_at, clock_timestamp()),
            lease_until = now() + make_interval(secs => %(seconds)s),
            progress = '{}', error = null, told = null
        where r.id = any(%(ids)s)
        and not exists (select from runs b where b.workflow_id = r.workflow_id and b.state = 'running' offset 0)
        returning r.id, r.token, r.workflow, r.workflow_id, r.connector, r.revision, r.trigger, r.scheduled_for,
            r.queued_at, r.available_at, r.started_at, r.attempt, r.losses, r.overrides, r.policy, r.priority,
            r.pool
    ), noted as (
        insert into run_attempts (run_id, token, attempt, worker, outcome, started_at)
        select id, token, attempt, %(worker)s, 'running', clock_timestamp() from taken
    )
    select t.*, v.snapshot -> 'config' as config from taken t
    join workflow_revisions v on v.workflow_id = t.workflow_id and v.revision = t.revision
    order by t.priority desc, t.queued_at, t.id"""

_RENEW = text("""
    with mine as (
        select r.id from runs r
        join unnest(cast(:ids as uuid[]), cast(:tokens as bigint[])) as o(id, token) using (id, token)
        where r.state = 'running' and r.worker = :worker order by r.id for update of r
    )
    update runs r set lease_until = now() + make_interval(secs => :seconds) from mine where r.id = mine.id
    returning r.id, case when cancel_requested_at is not null then coalesce(cancel_reason, 'cancelled') end reason""")

_EXPIRED = text("""
    select id, workflow_id, losses from runs where state = 'running' and lease_until < now()
    order by lease_until limit :batch""")

_TAKE_BACK = text(
    """
    with held as (
        select id, worker as was, cancel_requested_at is not null or workflow_id is null as unwanted,
            losses >= :most as hopeless
        from runs where id = any(:ids) and state = 'running' and lease_until < now() order by id for update skip locked
    ), lost as (
        select *, case when unwanted then 'cancelled' when hopeless then 'failed' else 'queued' end as next from held
    ), moved as (
        update runs r set state = next, losses = losses + 1, lease_until = null, available_at = now(),
            report_at = now(),
            worker = case next when 'queued' then null else r.worker end,
            finished_at = case next when 'queued' then null else now() end,
            error = case next
                when 'cancelled' then $cancelled
                else jsonb_build_object(
                    'title', 'The worker was lost', 'detail', 'worker ' || was || ' stopped renewing its lease'
                    || case next when 'failed' then '; this happened ' || losses + 1 || ' times' else '' end,
                    'advice', 'see why workers end, for want of memory perhaps; policy.isolation process contains it')
                end
        from lost where r.id = lost.id
        returning r.id, r.workflow_id, r.workflow, r.connector, r.state, r.token, r.error, lost.was
    ), noted as (
        update run_attempts a set outcome = 'lost', finished_at = now(), error = m.error
        from moved m where a.run_id = m.id and a.token = m.token
    )
    select id, workflow_id, workflow, connector, state, was from moved""".replace("$cancelled", CANCELLED)
)


def claim(session: Session, request: ClaimRequest) -> list[ClaimedRun]:
    """Take the most urgent, then oldest, runs of these pools; never two of one workflow at a time."""
    limited = sorted(set(request.pools) & set(request.pool_limits))
    if limited:
        session.execute(_LOCK_POOLS, {"space": POOL_LOCKS, "limited": limited})
    values = {
        "space": WORKFLOW_LOCKS,
        "limit": request.limit,
        "pools": list(dict.fromkeys(request.pools)),
        "limited": limited,
        "most": [request.pool_limits[pool] for pool in limited],
    }
    picked = rows(session, _PICK, values)
    first = {row["workflow_id"]: row["id"] for row in reversed(picked) if row["free"]}
    chosen = list(first.values())[::-1][: request.limit]
    if len(chosen) < len(picked):
        # Others passed over the rows that were locked here for nothing.
        workflows.notify(session, CHANNEL)
    if not chosen:
        return []
    values = {"ids": chosen, "worker": request.worker, "seconds": request.lease_seconds}
    taken = rows(session, _TAKE, values)
    again = [row["id"] for row in taken if row["token"] > 1]
    done = history.checkpoints(session, again) if again else {}
    return [_claimed(row, done.get(row["id"], {})) for row in taken]


def renew(session: Session, worker: str, tokens: Mapping[UUID, int], lease_seconds: float) -> dict[UUID, str | None]:
    """Prolong the leases; the runs that are still this worker's, each with the reason to cancel it, if any."""
    if not tokens:
        return {}
    values = {"ids": list(tokens), "tokens": list(tokens.values()), "worker": worker, "seconds": lease_seconds}
    return {row.id: row.reason for row in session.execute(_RENEW, values)}


def reap(session: Session, max_losses: int = 3) -> list[LostRun]:
    """Take runs back whose lease has expired: to the queue, or to an end if cancelled or lost too often."""
    expired = session.execute(_EXPIRED, {"batch": REAP_BATCH}).all()
    if not expired:
        return []
    hopeless = [row.workflow_id for row in expired if row.losses >= max_losses and row.workflow_id is not None]
    workflows.lock_all(session, hopeless)
    values = {"ids": [row.id for row in expired], "most": max_losses}
    moved = session.execute(_TAKE_BACK, values).all()
    count_failures(session, {row.workflow_id: row.id for row in moved if row.state == "failed" and row.workflow_id})
    if moved:  # what goes back to the queue may be claimed, and what waited behind what ended
        workflows.notify(session, CHANNEL)
    return [LostRun(row.id, row.workflow, row.connector, row.was, RunState(row.state)) for row in moved]


def _claimed(row: Mapping[str, Any], done: Mapping[str, Json]) -> ClaimedRun:
    return ClaimedRun(
        lease=Lease(row["id"], row["token"]),
        workflow=row["workflow"],
        workflow_id=row["workflow_id"],
        connector=row["connector"],
        revision=row["revision"],
        trigger=Trigger(row["trigger"]),
        scheduled_for=row["scheduled_for"],
        queued_at=row["queued_at"],
        available_at=row["available_at"],
        started_at=row["started_at"],
        attempt=row["attempt"],
        losses=row["losses"],
        config=row["config"],
        overrides=row["overrides"],
        pool=row["pool"],
        stored_policy=row["policy"],
        checkpoints=done,
    )
