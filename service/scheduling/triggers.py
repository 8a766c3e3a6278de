"""From a schedule as people write it to the instants at which it is due.

Cron is read on the wall clock of the schedule's zone: a wall time that a zone skips (spring) has no tick, one
that occurs twice (autumn) has one, the first. An interval counts from its anchor. So a tick is the same
instant in every replica, whenever it started. Jitter moves the firing, never the tick, by an amount derived
from the workflow and the tick.
"""

import hashlib
import math
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from itertools import islice
from uuid import UUID
from zoneinfo import ZoneInfo

from service.errors import Invalid, Problem
from service.scheduling.cron import parse_cron
from service.workflows.schedule import AtSchedule, CronSchedule, IntervalSchedule

AnySchedule = CronSchedule | IntervalSchedule | AtSchedule
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
MAX_IDLE_WALL_TIMES = 100_000


def check_schedule(schedule: AnySchedule) -> None:
    """See whether a schedule can ever be due.

    Raises:
        Invalid: Its cron text is wrong, or names no time at all.
    """
    if isinstance(schedule, CronSchedule):
        try:
            parse_cron(schedule.cron)
        except ValueError as error:
            raise Invalid([Problem("cron", str(error))]) from error


def ticks_after(schedule: AnySchedule, after: datetime) -> Iterator[datetime]:
    """Every tick later than `after`, in ascending order, in UTC; endless unless the schedule ends."""
    if isinstance(schedule, AtSchedule):
        if schedule.at > after:
            yield schedule.at.astimezone(UTC)
        return
    if schedule.start is not None:
        # A tick at the very start counts.
        after = max(after, schedule.start - timedelta(microseconds=1))
    every = _cron_ticks(schedule, after) if isinstance(schedule, CronSchedule) else _interval_ticks(schedule, after)
    for tick in every:
        if schedule.end is not None and tick > schedule.end:
            return
        yield tick


def next_ticks(schedule: AnySchedule, after: datetime, count: int) -> list[datetime]:
    """The first `count` ticks later than `after`."""
    return list(islice(ticks_after(schedule, after), count))


def ticks_between(schedule: AnySchedule, start: datetime, end: datetime, limit: int) -> list[datetime]:
    """The ticks from `start` to `end`, both included, at most `limit` of them, the earliest first."""
    found: list[datetime] = []
    for tick in ticks_after(schedule, start - timedelta(microseconds=1)):
        if tick > end or len(found) == limit:
            break
        found.append(tick)
    return found


def fires_at(schedule: AnySchedule, workflow_id: UUID, tick: datetime) -> datetime:
    """When the run of a tick is to be enqueued: the tick and its jitter."""
    jitter = 0 if isinstance(schedule, AtSchedule) else schedule.jitter_seconds
    if jitter == 0:
        return tick
    digest = hashlib.blake2b(f"{workflow_id}/{tick.isoformat()}".encode(), digest_size=8).digest()
    return tick + timedelta(seconds=int.from_bytes(digest) % (jitter * 1000 + 1) / 1000)


def _cron_ticks(schedule: CronSchedule, after: datetime) -> Iterator[datetime]:
    zone = ZoneInfo(schedule.timezone)
    expression = parse_cron(schedule.cron)
    # The expression is evaluated on wall times that are labelled UTC, so that no zone's rules meddle with it.
    wall = after.astimezone(zone).replace(tzinfo=UTC, fold=0)
    previous: datetime | None = wall - timedelta(hours=3)
    idle = 0
    while previous is not None and idle < MAX_IDLE_WALL_TIMES:
        previous = expression.get_next_fire_time(previous, previous + timedelta(microseconds=1))
        tick = None if previous is None else _instant(previous, zone)
        idle += 1
        if tick is not None and tick > after:
            idle = 0
            yield tick


def _instant(wall: datetime, zone: ZoneInfo) -> datetime | None:
    """The first instant at which clocks of the zone show `wall`; None when they never do."""
    local = wall.replace(tzinfo=zone, fold=0)
    instant = local.astimezone(UTC)
    exists = instant.astimezone(zone).replace(tzinfo=None) == local.replace(tzinfo=None)
    return instant if exists else None


def _interval_ticks(schedule: IntervalSchedule, after: datetime) -> Iterator[datetime]:
    anchor = (schedule.anchor or EPOCH).astimezone(UTC)
    step = timedelta(seconds=schedule.interval_seconds)
    number = math.floor((after - anchor) / step) + 1
    while True:
        tick = anchor + number * step
        if tick > after and tick >= anchor:
            yield tick
        number = number + 1 if tick >= anchor else 0
