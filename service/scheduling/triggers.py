"""From a schedule as people write it to the instants at which it is due.

Cron is read on the wall clock of the schedule's zone: a wall time that a zone skips (spring) has no tick, one
that occurs twice (autumn) has one, the first. An interval counts from its anchor. So a tick is the same
instant in every replica, whenever it started. Jitter moves the firing, never the tick, by an amount derived
from the workflow and the tick, and by no more than half the way to the next tick: firings keep their order.
"""

import hashlib
from collections import deque
from collections.abc import Iterator
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from itertools import islice, takewhile
from uuid import UUID
from zoneinfo import ZoneInfo

from service.errors import Invalid, Problem
from service.scheduling.cron import parse_cron
from service.workflows.schedule import AnySchedule, AtSchedule, CronSchedule, IntervalSchedule

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
# Early enough for everybody, and no zone's wall clock shows a time before the first year.
BEGINNING = datetime(1, 1, 3, tzinfo=UTC)
INSTANT = timedelta(microseconds=1)
SHORTEST_WINDOW = timedelta(minutes=1)


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
    """Every tick later than `after`, in ascending order, in UTC; they end with the schedule or the calendar."""
    after = max(after, BEGINNING)
    with suppress(OverflowError):
        if isinstance(schedule, AtSchedule):
            if schedule.at > after:
                yield schedule.at.astimezone(UTC)
            return
        if schedule.start is not None and schedule.start > after:
            # A tick at the very start counts.
            after = schedule.start.astimezone(UTC) - INSTANT
        every = _cron_ticks(schedule, after) if isinstance(schedule, CronSchedule) else _interval_ticks(schedule, after)
        for tick in every:
            if schedule.end is not None and tick > schedule.end:
                return
            yield tick


def next_ticks(schedule: AnySchedule, after: datetime, count: int) -> list[datetime]:
    """The first `count` ticks later than `after`."""
    return list(islice(ticks_after(schedule, after), count))


def newest_ticks(schedule: AnySchedule, after: datetime, until: datetime, limit: int) -> list[datetime]:
    """The last `limit` ticks later than `after` and not later than `until`, in ascending order.

    It takes time for the ticks it returns and not for all there are: it looks back in growing windows.
    """
    window = SHORTEST_WINDOW
    while True:
        start = after if until - after <= window else until - window
        found = deque(takewhile(lambda tick: tick <= until, ticks_after(schedule, start)), limit)
        if len(found) == limit or start == after:
            return list(found)
        window *= 2


def ticks_between(schedule: AnySchedule, start: datetime, end: datetime, limit: int) -> list[datetime]:
    """The ticks from `start` to `end`, both included, at most `limit` of them, the earliest first."""
    every = ticks_after(schedule, max(start, BEGINNING) - INSTANT)
    return list(islice(takewhile(lambda tick: tick <= end, every), limit))


def fires_at(schedule: AnySchedule, workflow_id: UUID, tick: datetime) -> datetime:
    """When the run of a tick is to be enqueued: the tick and its jitter."""
    jitter = timedelta(0) if isinstance(schedule, AtSchedule) else timedelta(seconds=schedule.jitter_seconds)
    if not jitter:
        return tick
    following = next(ticks_after(schedule, tick), None)
    if following is not None:
        jitter = min(jitter, (following - tick) / 2)
    digest = hashlib.blake2b(f"{workflow_id}/{tick.isoformat()}".encode(), digest_size=8).digest()
    milliseconds = int.from_bytes(digest) % (jitter // timedelta(milliseconds=1) + 1)
    return tick + timedelta(milliseconds=milliseconds)


def _cron_ticks(schedule: CronSchedule, after: datetime) -> Iterator[datetime]:
    zone = ZoneInfo(schedule.timezone)
    expression = parse_cron(schedule.cron)
    # Wall times before this one had their (first) instant already; where clocks are set back, some after it had too.
    wall = expression.next_after(after.astimezone(zone).replace(tzinfo=None, fold=0))
    while wall is not None:
        tick = _instant(wall, zone)
        if tick is not None and tick > after:
            yield tick
        wall = expression.next_after(wall)


def _instant(wall: datetime, zone: ZoneInfo) -> datetime | None:
    """The first instant at which clocks of the zone show `wall`; None when they never do."""
    instant = wall.replace(tzinfo=zone, fold=0).astimezone(UTC)
    exists = instant.astimezone(zone).replace(tzinfo=None) == wall
    return instant if exists else None


def _interval_ticks(schedule: IntervalSchedule, after: datetime) -> Iterator[datetime]:
    tick = (schedule.anchor or EPOCH).astimezone(UTC)
    step = timedelta(seconds=schedule.interval_seconds)
    if tick <= after:
        tick += ((after - tick) // step + 1) * step
    while True:
        yield tick
        tick += step
