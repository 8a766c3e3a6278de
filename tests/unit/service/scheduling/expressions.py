"""Cron expressions made together with what they mean, so that nothing here has to read one; zones to read them in."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cache
from zoneinfo import ZoneInfo

from hypothesis import strategies as st

MINUTE = timedelta(minutes=1)
DAY = timedelta(days=1)
MONTHS = ["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"]
WEEKDAYS = ["sun", "mon", "tue", "wed", "thu", "fri", "sat"]
ZONES = [
    "Africa/Casablanca", "America/New_York", "America/Sao_Paulo", "Antarctica/Troll", "Asia/Kathmandu", "Asia/Tehran",
    "Australia/Lord_Howe", "Europe/Berlin", "Europe/Dublin", "Pacific/Apia", "UTC",
]  # fmt: skip


@dataclass(frozen=True)
class Field:
    """A text and the numbers it stands for."""

    text: str
    values: frozenset[int]

    @property
    def given(self) -> bool:
        return self.text != "*"


@dataclass(frozen=True)
class Cron:
    """An expression field by field."""

    minute: Field
    hour: Field
    day: Field
    month: Field
    weekday: Field

    def __str__(self) -> str:
        return " ".join(field.text for field in (self.minute, self.hour, self.day, self.month, self.weekday))

    def names(self, wall: datetime) -> bool:
        """Whether it comes true in this minute of a wall clock."""
        by_day, by_weekday = wall.day in self.day.values, wall.isoweekday() % 7 in self.weekday.values
        either = self.day.given and self.weekday.given
        return (
            wall.minute in self.minute.values
            and wall.hour in self.hour.values
            and wall.month in self.month.values
            and (by_day or by_weekday if either else by_day and by_weekday)
        )


def fields(first: int, last: int, names: list[str] | None = None) -> st.SearchStrategy[Field]:
    """A star, or a list of values, ranges and steps between these bounds, written with names here and there."""
    values = st.integers(first, last)
    steps = st.integers(1, last + 3)

    def written(value: int) -> st.SearchStrategy[str]:
        spellings = [str(value), f"{value:02}"]
        if names:
            name = names[value - first]
            spellings += [name, name.upper()]
        return st.sampled_from(spellings)

    def part(bounds: tuple[int, int], step: int, kind: str) -> st.SearchStrategy[Field]:
        low, high = min(bounds), max(bounds)
        one, other = written(low), written(high)
        return {
            "value": one.map(lambda text: Field(text, frozenset({low}))),
            "range": st.tuples(one, other).map(lambda two: Field("-".join(two), frozenset(range(low, high + 1)))),
            "step": st.tuples(one, other).map(
                lambda two: Field(f"{'-'.join(two)}/{step}", frozenset(range(low, high + 1, step)))
            ),
            "open": one.map(lambda text: Field(f"{text}/{step}", frozenset(range(low, last + 1, step)))),
            "star": st.just(Field(f"*/{step}", frozenset(range(first, last + 1, step)))),
        }[kind]

    kinds = st.sampled_from(["value", "range", "step", "open", "star"])
    parts = st.tuples(st.tuples(values, values), steps, kinds).flatmap(lambda drawn: part(*drawn))
    lists = st.lists(parts, min_size=1, max_size=3).map(
        lambda some: Field(",".join(one.text for one in some), frozenset[int]().union(*(one.values for one in some)))
    )
    return st.just(Field("*", frozenset(range(first, last + 1)))) | lists


def exactly(value: int) -> Field:
    return Field(str(value), frozenset({value}))


MINUTES = fields(0, 59)
HOURS = fields(0, 23)
DAYS = fields(1, 31)
MONTH_FIELDS = fields(1, 12, MONTHS)
WEEKDAY_FIELDS = fields(0, 6, WEEKDAYS)
CRONS = st.builds(Cron, MINUTES, HOURS, DAYS, MONTH_FIELDS, WEEKDAY_FIELDS)


@cache
def changes(zone: str) -> list[datetime]:
    """The hours, of twenty years, in which the clocks of a zone are set."""
    hour, begin = timedelta(hours=1), datetime(2008, 1, 1, tzinfo=UTC)
    days = [begin + number * DAY for number in range(20 * 365)]
    shifts = {day: day.astimezone(ZoneInfo(zone)).utcoffset() for day in days}
    changing = [day for day in days[:-1] if shifts[day] != shifts[day + DAY]]
    return [
        day + number * hour
        for day in changing
        for number in range(24)
        if (day + number * hour).astimezone(ZoneInfo(zone)).utcoffset()
        != (day + (number + 1) * hour).astimezone(ZoneInfo(zone)).utcoffset()
    ]


def walls_once(zone: str, begin: datetime, end: datetime) -> Iterator[tuple[datetime, datetime]]:
    """Every minute later than `begin` up to `end` as (instant, wall), without wall times that were shown before."""
    seen: set[datetime] = set()
    instant = begin.replace(second=0, microsecond=0) - DAY
    while instant <= end:
        wall = instant.astimezone(ZoneInfo(zone)).replace(tzinfo=None)
        if wall not in seen and instant > begin:
            yield instant, wall
        seen.add(wall)
        instant += MINUTE
