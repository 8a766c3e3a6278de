"""Expressions against what they were made to mean, by going through all minutes, and against a table by hand."""

from datetime import datetime, timedelta

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from service.scheduling.cron import MACROS, parse_cron
from tests.unit.service.scheduling.expressions import (
    CRONS,
    DAY,
    DAYS,
    HOURS,
    MINUTE,
    MINUTES,
    MONTH_FIELDS,
    WEEKDAY_FIELDS,
    Cron,
    Field,
    exactly,
)

ANY_DAY = Field("*", frozenset(range(1, 32)))
ANY_MONTH = Field("*", frozenset(range(1, 13)))
ANY_WEEKDAY = Field("*", frozenset(range(7)))
WALLS = st.datetimes(datetime.fromisoformat("1999-01-01"), datetime.fromisoformat("2101-01-01"))
OF_DAY = st.builds(Cron, MINUTES, HOURS, st.just(ANY_DAY), st.just(ANY_MONTH), st.just(ANY_WEEKDAY))
OF_YEAR = st.builds(Cron, st.just(exactly(59)), st.just(exactly(23)), DAYS, MONTH_FIELDS, WEEKDAY_FIELDS)


def named(text: str, after: str, until: str) -> list[str]:
    """What an expression names later than `after`, up to `until`."""
    return [wall.isoformat(" ", "minutes") for wall in walls(text, *map(datetime.fromisoformat, (after, until)))]


def walls(text: str, after: datetime, until: datetime) -> list[datetime]:
    found: list[datetime] = []
    wall = parse_cron(text).next_after(after)
    while wall is not None and wall <= until:
        found.append(wall)
        wall = parse_cron(text).next_after(wall)
    return found


def refusal(text: str) -> str | None:
    """Why it is no expression, if it is none."""
    try:
        parse_cron(text)
    except ValueError as error:
        return str(error)
    return None


def floor(wall: datetime) -> datetime:
    return wall.replace(second=0, microsecond=0)


@settings(max_examples=40, deadline=None)
@given(OF_DAY, WALLS)
def test_every_minute_of_two_days(cron: Cron, after: datetime) -> None:
    minutes = [floor(after) + number * MINUTE for number in range(1, 2 * 24 * 60)]
    assert walls(str(cron), after, minutes[-1]) == [wall for wall in minutes if cron.names(wall)]


@settings(max_examples=60, deadline=None)
@given(OF_YEAR, WALLS)
def test_every_day_of_three_years(cron: Cron, after: datetime) -> None:
    days = [after.replace(hour=23, minute=59, second=0, microsecond=0) + number * DAY for number in range(3 * 366)]
    expected = [wall for wall in days if cron.names(wall) and wall > after]
    # Such as the 31st of February.
    found = walls(str(cron), after, days[-1]) if refusal(str(cron)) is None else []
    assert found == expected


@settings(max_examples=60, deadline=None)
@given(CRONS, WALLS)
def test_what_it_finds_is_named_and_later_and_nothing_stands_between(cron: Cron, after: datetime) -> None:
    assume(refusal(str(cron)) is None)
    found = parse_cron(str(cron)).next_after(after)
    assert found is not None
    assert found > after
    assert cron.names(found)
    assert found == floor(found)
    between = [floor(after) + number * MINUTE for number in range(1, 600)]
    assert not any(cron.names(wall) for wall in between if wall < found)


@pytest.mark.parametrize(("macro", "meaning"), MACROS)
def test_macros_are_abbreviations(macro: str, meaning: str) -> None:
    assert parse_cron(macro) == parse_cron(meaning) == parse_cron(f" {macro.upper()} ")


@pytest.mark.parametrize(
    ("text", "after", "expected"),
    [
        ("@hourly", "2026-01-01 00:00", ["2026-01-01 01:00", "2026-01-01 02:00"]),
        ("@weekly", "2026-11-22 00:00", ["2026-11-29 00:00", "2026-12-06 00:00"]),
        ("@monthly", "2026-11-22 00:00", ["2026-12-01 00:00", "2027-01-01 00:00"]),
        ("@yearly", "2026-11-22 00:00", ["2027-01-01 00:00", "2028-01-01 00:00"]),
        ("*/20 9-10 * * *", "2026-01-01 09:20", ["2026-01-01 09:40", "2026-01-01 10:00"]),
        ("5/25 0 * * *", "2026-01-01 00:05", ["2026-01-01 00:30", "2026-01-01 00:55"]),
        ("0 2 * * mon-fri", "2026-11-20 02:00", ["2026-11-23 02:00", "2026-11-24 02:00"]),
        ("0 2 * * SAT-SUN", "2026-11-20 02:00", ["2026-11-21 02:00", "2026-11-22 02:00"]),
        ("0 2 * * 6-7", "2026-11-20 02:00", ["2026-11-21 02:00", "2026-11-22 02:00"]),
        ("0 2 * * 7", "2026-11-20 02:00", ["2026-11-22 02:00", "2026-11-29 02:00"]),
        ("0 2 * * 5-0/2", "2026-11-20 02:00", ["2026-11-22 02:00", "2026-11-27 02:00"]),
        ("0 0 13 * fri", "2026-11-01 00:00", ["2026-11-06 00:00", "2026-11-13 00:00"]),
        ("0 0 13 * 5", "2026-11-06 00:00", ["2026-11-13 00:00", "2026-11-20 00:00"]),
        ("0 0 */30 * 1", "2026-11-02 00:00", ["2026-11-09 00:00", "2026-11-16 00:00"]),
        ("0 0 L * *", "2028-01-31 00:00", ["2028-02-29 00:00", "2028-03-31 00:00"]),
        ("0 0 l feb *", "2026-01-31 00:00", ["2026-02-28 00:00", "2027-02-28 00:00"]),
        ("0 0 29 2 *", "2096-02-29 00:00", ["2104-02-29 00:00", "2108-02-29 00:00"]),
        ("0 0 31 * *", "2026-03-31 00:00", ["2026-05-31 00:00", "2026-07-31 00:00"]),
        ("\t0  0 1\t1 *\n", "2026-03-31 00:00", ["2027-01-01 00:00", "2028-01-01 00:00"]),
    ],
)
def test_examples(text: str, after: str, expected: list[str]) -> None:
    assert named(text, after, expected[-1]) == expected


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("", "0 fields"),
        ("* * * *", "4 fields; a cron expression has 5: minute hour day month weekday"),
        ("0 * * * * *", "6 fields"),
        ("@reboot", "1 fields"),
        ("60 * * * *", "'60' is no minute, nor a range of them; write 0 to 59"),
        ("* 24 * * *", "'24' is no hour"),
        ("* * 0 * *", "'0' is no day"),
        ("* * 32 * *", "'32' is no day"),
        ("* * * 13 *", "write 1 to 12, or jan to dec"),
        ("* * * mon *", "'mon' is no month"),
        ("* * * * 8", "write 0 to 6, or sun to sat"),
        ("* * * * jan", "'jan' is no weekday"),
        ("* * * * -1", "'-1' is no weekday"),
        ("30-10 * * * *", "'30-10' is no minute"),
        ("* * * * fri-mon", "'fri-mon' is no weekday"),
        ("*/0 * * * *", "no minute"),
        ("*-5 * * * *", "no minute"),
        ("1,,2 * * * *", "'' is no minute"),
        ("a * * * *", "'a' is no minute"),
        ("1.5 * * * *", "no minute"),
        ("٣ * * * *", "no minute"),
        ("0 0 30 2 *", "never comes true"),
        ("0 0 31 4,6,9,11 *", "never comes true"),
    ],
)
def test_what_is_none_is_refused_saying_why(text: str, why: str) -> None:
    assert why in (refusal(text) or "")


@settings(deadline=None)
@given(
    st.text(st.characters(codec="latin-1"), max_size=30)
    | st.lists(st.text("0123456789*/-,@LlA ", max_size=8), max_size=6).map(" ".join)
)
def test_any_text_is_read_or_refused(text: str) -> None:
    assert repr(text) in (refusal(text) or repr(text))


def test_it_ends_with_the_calendar() -> None:
    last = datetime.fromisoformat("9999-12-31T23:59:59.999999")
    assert parse_cron("* * * * *").next_after(last) is None
    assert parse_cron("0 0 1 1 *").next_after(last - timedelta(days=200)) is None
    assert parse_cron("59 23 31 12 *").next_after(last - timedelta(days=200)) == floor(last)
