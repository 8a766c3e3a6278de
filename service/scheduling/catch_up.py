"""Which ticks a workflow gets runs for, now: those due since the last one considered, by its misfire policy."""

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from service.scheduling.triggers import AnySchedule, fires_at, ticks_after
from service.workflows.schemas import Misfire, Policy

ON_TIME = timedelta(seconds=30)
OLDEST_CONSIDERED = timedelta(days=366)


@dataclass(frozen=True, slots=True)
class DueTick:
    """A tick that gets a run; `missed` when it comes later than it should have."""

    at: datetime
    missed: bool


@dataclass(frozen=True, slots=True)
class Due:
    """What to enqueue, the last tick considered, how many were passed over, and when to look again."""

    ticks: tuple[DueTick, ...]
    cursor: datetime
    passed_over: int
    next_firing: datetime | None


def due_ticks(schedule: AnySchedule, policy: Policy, workflow_id: UUID, cursor: datetime, now: datetime) -> Due:
    """Apply the misfire policy to the ticks after `cursor` whose time has come.

    `latest` keeps the newest tick when it is on time or missed by no more than the grace; `all` keeps every one,
    of more than `catch_up_limit` missed ones the newest; `skip` keeps only ticks that are on time.
    """
    start = max(cursor, now - OLDEST_CONSIDERED)
    kept: deque[DueTick] = deque(maxlen=policy.catch_up_limit if policy.misfire is Misfire.ALL else 1)
    last, count, next_firing = cursor, 0, None
    for tick, firing in _firings(schedule, workflow_id, start):
        if firing > now:
            next_firing = firing
            break
        last, count = tick, count + 1
        due = DueTick(tick, now - firing > ON_TIME)
        if not due.missed or _makes_up(policy, now - firing):
            kept.append(due)
    return Due(tuple(kept), last, count - len(kept), next_firing)


def _makes_up(policy: Policy, late: timedelta) -> bool:
    if policy.misfire is Misfire.SKIP:
        return False
    return policy.misfire is Misfire.ALL or late <= timedelta(seconds=policy.misfire_grace_seconds)


def _firings(schedule: AnySchedule, workflow_id: UUID, after: datetime) -> Iterator[tuple[datetime, datetime]]:
    for tick in ticks_after(schedule, after):
        yield tick, fires_at(schedule, workflow_id, tick)
