"""Five-field cron expressions, as Airflow reads them.

Weekdays count from Sunday (7 is Sunday too). Where both day and weekday are given, either is enough; only a bare
`*` counts as not given, where cron itself takes `*/2` for that, too.
"""

import calendar
import re
from bisect import bisect_left
from datetime import date, datetime, time, timedelta
from functools import lru_cache

import msgspec

MACROS = (
    ("@hourly", "0 * * * *"),
    ("@daily", "0 0 * * *"),
    ("@midnight", "0 0 * * *"),
    ("@weekly", "0 0 * * 0"),
    ("@monthly", "0 0 1 * *"),
    ("@yearly", "0 0 1 1 *"),
    ("@annually", "0 0 1 1 *"),
)
MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
WEEKDAYS = ("sun", "mon", "tue", "wed", "thu", "fri", "sat")
SUNDAY_TOO = 7
LAST_DAY = 32
# A 29th of February may be eight years off, as from 2096 to 2104.
LONGEST_PAUSE = timedelta(days=8 * 366)
_PART = re.compile(r"(?P<first>\*|[a-z]+|\d+)(-(?P<last>[a-z]+|\d+))?(/(?P<step>\d+))?", re.ASCII)


class _Field(msgspec.Struct, frozen=True):
    name: str
    first: int
    last: int
    names: tuple[str, ...] = ()

    def values(self, text: str) -> frozenset[int]:
        """The numbers that a list of values, ranges and steps names."""
        return frozenset(value for part in text.lower().split(",") for value in self._part(part))

    def _part(self, part: str) -> range:
        match = _PART.fullmatch(part)
        if match is None or (match["first"] == "*" and match["last"]):
            raise self._refusal(part)
        step = int(match["step"] or 1)
        if match["first"] == "*":
            first, last = self.first, self.last
        else:
            first = self._value(match["first"])
            last = self._value(match["last"]) if match["last"] else (self.last if match["step"] else first)
        if self.names is WEEKDAYS and match["last"] and last == 0 < first:
            last = SUNDAY_TOO
        if step < 1 or last < first:
            raise self._refusal(part)
        return range(first, last + 1, step)

    def _value(self, text: str) -> int:
        if text in self.names:
            return self.names.index(text) + self.first
        last = SUNDAY_TOO if self.names is WEEKDAYS else self.last
        if not text.isdecimal() or not self.first <= int(text) <= last:
            raise self._refusal(text)
        return int(text)

    def _refusal(self, part: str) -> ValueError:
        names = f", or {self.names[0]} to {self.names[-1]}" if self.names else ""
        return ValueError(f"{part!r} is no {self.name}, nor a range of them; write {self.first} to {self.last}{names}")


MINUTE = _Field("minute", 0, 59)
HOUR = _Field("hour", 0, 23)
DAY = _Field("day", 1, 31)
MONTH = _Field("month", 1, 12, MONTHS)
WEEKDAY = _Field("weekday", 0, 6, WEEKDAYS)
FIELDS = (MINUTE, HOUR, DAY, MONTH, WEEKDAY)


class CronExpression(msgspec.Struct, frozen=True):
    """The wall-clock minutes that an expression names."""

    minutes: tuple[int, ...]
    hours: tuple[int, ...]
    days: frozenset[int]
    months: frozenset[int]
    weekdays: frozenset[int]
    either_day: bool

    def next_after(self, wall: datetime) -> datetime | None:
        """The first minute later than `wall`, both on a clock without a zone; None if there is none."""
        try:
            begin = wall.replace(second=0, microsecond=0) + timedelta(minutes=1)
            day = begin.date()
            if self._names(day) and (found := self._time(begin.hour, begin.minute)) is not None:
                return datetime.combine(day, found)
            last = min(day, date.max - LONGEST_PAUSE) + LONGEST_PAUSE
            day = self._following(day)
            while day <= last:
                if self._names(day):
                    return datetime.combine(day, time(self.hours[0], self.minutes[0]))
                day = self._following(day)
        except OverflowError:
            return None
        return None

    def _time(self, hour: int, minute: int) -> time | None:
        """The first time of day from this one on."""
        at = bisect_left(self.hours, hour)
        if at < len(self.hours) and self.hours[at] == hour:
            of_hour = bisect_left(self.minutes, minute)
            if of_hour < len(self.minutes):
                return time(hour, self.minutes[of_hour])
            at += 1
        return time(self.hours[at], self.minutes[0]) if at < len(self.hours) else None

    def _names(self, day: date) -> bool:
        if day.month not in self.months:
            return False
        by_day = day.day in self.days or (LAST_DAY in self.days and day.day == _length(day))
        by_weekday = day.isoweekday() % 7 in self.weekdays
        return by_day or by_weekday if self.either_day else by_day and by_weekday

    def _following(self, day: date) -> date:
        """The next day that may be one."""
        if day.month in self.months:
            return day + timedelta(days=1)
        return day.replace(day=1) + timedelta(days=_length(day))


@lru_cache(maxsize=1024)
def parse_cron(text: str) -> CronExpression:
    """Read an expression or a macro like @daily.

    Raises:
        ValueError: It is not one, or never comes true; the message says why.
    """
    expression = dict(MACROS).get(text.strip().lower(), text)
    fields = expression.split()
    if len(fields) != len(FIELDS):
        msg = f"{text!r} has {len(fields)} fields; a cron expression has 5: minute hour day month weekday"
        raise ValueError(msg)
    try:
        parsed = _expression(*fields)
    except ValueError as error:
        msg = f"{text!r} is not a cron expression: {error}"
        raise ValueError(msg) from error
    if parsed.next_after(datetime.combine(date.min, time.min)) is None:
        msg = f"{text!r} never comes true"
        raise ValueError(msg)
    return parsed


def _expression(minute: str, hour: str, day: str, month: str, weekday: str) -> CronExpression:
    return CronExpression(
        minutes=tuple(sorted(MINUTE.values(minute))),
        hours=tuple(sorted(HOUR.values(hour))),
        days=frozenset({LAST_DAY}) if day.lower() == "l" else DAY.values(day),
        months=MONTH.values(month),
        weekdays=frozenset(value % SUNDAY_TOO for value in WEEKDAY.values(weekday)),
        either_day="*" not in {day, weekday},
    )


def _length(day: date) -> int:
    return calendar.monthrange(day.year, day.month)[1]
