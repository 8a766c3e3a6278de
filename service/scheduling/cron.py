"""Five-field cron expressions as cron itself reads them, on APScheduler's trigger.

APScheduler counts weekdays from Monday and joins day and weekday with AND; cron counts from Sunday (7 is
Sunday too) and, where both are given, fires on either.
"""

import re
from datetime import UTC, datetime
from typing import Protocol

from apscheduler.triggers.combining import OrTrigger
from apscheduler.triggers.cron import CronTrigger

MACROS = (
    ("@hourly", "0 * * * *"),
    ("@daily", "0 0 * * *"),
    ("@midnight", "0 0 * * *"),
    ("@weekly", "0 0 * * 0"),
    ("@monthly", "0 0 1 * *"),
    ("@yearly", "0 0 1 1 *"),
    ("@annually", "0 0 1 1 *"),
)
FIELDS = 5
LAST_WEEKDAY = 7
WEEKDAYS = ("sun", "mon", "tue", "wed", "thu", "fri", "sat")
_PART = re.compile(r"(?P<first>\*|\w+)(-(?P<last>\w+))?(/(?P<step>\d+))?")


class CronExpression(Protocol):
    """Finds the next wall-clock time an expression names; wall-clock times are written as UTC."""

    def get_next_fire_time(self, previous_fire_time: datetime | None, now: datetime) -> datetime | None:
        """The first time at or after `now`; after `previous_fire_time` when that is given."""
        ...


def parse_cron(text: str) -> CronExpression:
    """Read an expression or a macro like @daily.

    Raises:
        ValueError: It is not one, or never comes true; the message says why.
    """
    expression = dict(MACROS).get(text.strip().lower(), text)
    fields = expression.split()
    if len(fields) != FIELDS:
        msg = f"{text!r} has {len(fields)} fields; a cron expression has 5: minute hour day month weekday"
        raise ValueError(msg)
    minute, hour, day, month, weekday = fields
    names = _weekdays(weekday)
    try:
        trigger = _trigger(minute, hour, day, month, names)
    except ValueError as error:
        msg = f"{text!r} is not a cron expression: {error}"
        raise ValueError(msg) from error
    if trigger.get_next_fire_time(None, datetime(2000, 1, 1, tzinfo=UTC)) is None:
        msg = f"{text!r} never comes true"
        raise ValueError(msg)
    return trigger


def _trigger(minute: str, hour: str, day: str, month: str, weekday: str) -> CronExpression:
    def of(day: str, weekday: str) -> CronTrigger:
        return CronTrigger(minute=minute, hour=hour, day=day, month=month, day_of_week=weekday, timezone=UTC)

    if day == "*" or weekday == "*":
        return of(day, weekday)
    return OrTrigger([of(day, "*"), of("*", weekday)])


def _weekdays(field: str) -> str:
    if field == "*":
        return field
    days = {day % 7 for part in field.split(",") for day in _weekday_range(part)}
    return ",".join(name for number, name in enumerate(WEEKDAYS) if number in days)


def _weekday_range(part: str) -> range:
    match = _PART.fullmatch(part)
    if match is None:
        msg = f"{part!r} is not a weekday; write 0 to 7 or sun to sat"
        raise ValueError(msg)
    step = int(match["step"] or 1)
    if match["first"] == "*":
        first, last = 0, 6
    else:
        first = _weekday(match["first"])
        last = _weekday(match["last"]) if match["last"] else (6 if match["step"] else first)
    if last < first and last == 0:
        last = LAST_WEEKDAY
    if step < 1 or last < first:
        msg = f"{part!r} is not a range of weekdays"
        raise ValueError(msg)
    return range(first, last + 1, step)


def _weekday(text: str) -> int:
    if text.lower() in WEEKDAYS:
        return WEEKDAYS.index(text.lower())
    if not text.isdecimal() or int(text) > LAST_WEEKDAY:
        msg = f"{text!r} is not a weekday; write 0 to 7 or sun to sat"
        raise ValueError(msg)
    return int(text)
