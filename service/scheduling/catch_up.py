"""Which ticks a workflow gets runs for, now: those due since the last one considered, by its misfire policy."""

from datetime import datetime, timedelta
from uuid import UUID

import msgspec

from service.scheduling.triggers import fires_at, newest_ticks, next_ticks
from service.workflows.schedule import AnySchedule
from service.workflows.schemas import Misfire, Policy

ON_TIME = timedelta(seconds=30)
OLDEST_CONSIDERED = timedelta(days=366)
CLOCK_SLACK = timedelta(minutes=1)


class DueTick(msgspec.Struct, frozen=True):
    """A tick that gets a run, and when it was to fire."""

    at: datetime
    fires_at: datetime


class Due(msgspec.Struct, frozen=True):
    """What to enqueue, the last tick considered, the first passed over for good, and when to look again."""

    ticks: tuple[DueTick, ...]
    cursor: datetime
    passed_over: datetime | None
    next_firing: datetime | None


def due_ticks(schedule: AnySchedule, policy: Policy, workflow_id: UUID, cursor: datetime, now: datetime) -> Due:
    """Apply the misfire policy to the ticks after `cursor` whose time has come.

    Of those due at once `latest` and `skip` keep the newest, `all` the newest `catch_up_limit`. Of these, what is more
    than 30 seconds late was missed: `skip` drops it, `latest` keeps it within the grace.

    A cursor far in the future was set by a clock that was wrong: ticks count from now on, as if it had not been.
    """
    if cursor > now + CLOCK_SLACK:
        cursor = now
    upcoming = _first(schedule, workflow_id, cursor)
    if upcoming is None or upcoming.fires_at > now:
        return Due((), cursor, None, None if upcoming is None else upcoming.fires_at)
    limit = policy.catch_up_limit if policy.misfire is Misfire.ALL else 1
    since = max(cursor, now - OLDEST_CONSIDERED)
    # One more, since the last may still wait for its jitter.
    newest = newest_ticks(schedule, since, now, limit + 1)
    due = [tick for tick in (_due(schedule, workflow_id, at) for at in newest) if tick.fires_at <= now][-limit:]
    kept = tuple(tick for tick in due if _keeps(policy, now - tick.fires_at))
    last = due[-1].at if due else since
    following = _first(schedule, workflow_id, last)
    passed_over = None if kept and kept[0] == upcoming else upcoming.at
    return Due(kept, last, passed_over, None if following is None else following.fires_at)


def _keeps(policy: Policy, late: timedelta) -> bool:
    if late <= ON_TIME or policy.misfire is Misfire.ALL:
        return True
    return policy.misfire is Misfire.LATEST and late <= timedelta(seconds=policy.misfire_grace_seconds)


def _first(schedule: AnySchedule, workflow_id: UUID, after: datetime) -> DueTick | None:
    return next((_due(schedule, workflow_id, tick) for tick in next_ticks(schedule, after, 1)), None)


def _due(schedule: AnySchedule, workflow_id: UUID, tick: datetime) -> DueTick:
    return DueTick(tick, fires_at(schedule, workflow_id, tick))
