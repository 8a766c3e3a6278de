"""What is a tick: over days on which clocks are set, at the ends of schedules and of the calendar."""

from datetime import UTC, datetime, timedelta, timezone
from itertools import pairwise, takewhile
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from service.errors import Invalid
from service.scheduling.triggers import (
    EPOCH,
    check_schedule,
    newest_ticks,
    next_ticks,
    ticks_after,
    ticks_between,
)
from service.workflows.schedule import AnySchedule, AtSchedule, CronSchedule, IntervalSchedule
from tests.unit.service.scheduling.expressions import (
    CRONS,
    DAY,
    HOURS,
    MINUTES,
    ZONES,
    Cron,
    Field,
    changes,
    walls_once,
)

NOW = datetime(2026, 11, 22, 1, tzinfo=UTC)
EVERY_DAY = [Field("*", frozenset(range(first, last))) for first, last in ((1, 32), (1, 13), (0, 7))]
OF_DAY = st.builds(Cron, MINUTES, HOURS, *map(st.just, EVERY_DAY))
INSTANTS = st.datetimes(
    datetime.fromisoformat("2020-01-01"), datetime.fromisoformat("2030-01-01"), timezones=st.just(UTC)
)
ANY_INSTANT = st.datetimes(timezones=st.sampled_from([timezone(timedelta(hours=hours)) for hours in (-14, 0, 14)]))
ANY_SCHEDULE: st.SearchStrategy[AnySchedule] = (
    st.builds(AtSchedule, at=ANY_INSTANT)
    | st.builds(
        CronSchedule,
        cron=st.sampled_from(["* * * * *", "0 0 29 2 *", "59 23 31 12 *"]),
        timezone=st.sampled_from(ZONES),
        start=st.none() | ANY_INSTANT,
    )
    | st.builds(
        IntervalSchedule,
        intervalSeconds=st.integers(1, 366 * 86400),
        anchor=st.none() | ANY_INSTANT,
        end=st.none() | ANY_INSTANT,
    )
)


def seen(zone: str, cron: str, day: str) -> list[str]:
    """The ticks of a local day and of the night after it, as its clocks show them."""
    place = ZoneInfo(zone)
    begin = datetime.fromisoformat(day).replace(tzinfo=place).astimezone(UTC)
    ticks = ticks_between(CronSchedule(cron=cron, timezone=zone), begin, begin + timedelta(hours=30), 10_000)
    assert all(tick.tzinfo is UTC for tick in ticks)
    local = [tick.astimezone(place).isoformat(" ", "minutes") for tick in ticks]
    return [text.removeprefix(f"{day} ") for text in local if text.startswith(day)]


@pytest.mark.parametrize(
    ("zone", "cron", "day", "expected"),
    [
        ("Europe/Berlin", "30 2 * * *", "2026-03-28", ["02:30+01:00"]),
        ("Europe/Berlin", "30 2 * * *", "2026-03-29", []),
        ("Europe/Berlin", "0 3 * * *", "2026-03-29", ["03:00+02:00"]),
        ("Europe/Berlin", "30 2 * * *", "2026-10-25", ["02:30+02:00"]),
        ("Europe/Berlin", "0 1-4 * * *", "2026-03-29", ["01:00+01:00", "03:00+02:00", "04:00+02:00"]),
        ("Europe/Berlin", "0 1-3 * * *", "2026-10-25", ["01:00+02:00", "02:00+02:00", "03:00+01:00"]),
        ("Europe/Dublin", "30 1 * * *", "2026-03-29", []),
        ("America/New_York", "30 2 * * *", "2026-03-08", []),
        ("America/New_York", "30 1 * * *", "2026-11-01", ["01:30-04:00"]),
        ("America/Sao_Paulo", "0 0 * * *", "2018-11-04", []),
        ("America/Sao_Paulo", "30 23 * * *", "2018-02-17", ["23:30-02:00"]),
        ("Australia/Lord_Howe", "*/15 2 * * *", "2026-10-04", ["02:30+11:00", "02:45+11:00"]),
        ("Australia/Lord_Howe", "*/20 1 * * *", "2026-04-05", ["01:00+11:00", "01:20+11:00", "01:40+11:00"]),
        ("Antarctica/Troll", "0 1-3 * * *", "2026-03-29", ["03:00+02:00"]),
        ("Antarctica/Troll", "0 1-3 * * *", "2026-10-25", ["01:00+02:00", "02:00+02:00", "03:00+00:00"]),
        ("Africa/Casablanca", "30 2 * * *", "2026-02-15", ["02:30+01:00"]),
        ("Africa/Casablanca", "30 2 * * *", "2026-03-22", []),
        ("Asia/Tehran", "30 0 * * *", "2022-03-22", []),
        ("Asia/Tehran", "30 23 * * *", "2022-09-21", ["23:30+04:30"]),
        ("Pacific/Apia", "0 12 * * *", "2011-12-30", []),
        ("Pacific/Apia", "0 12 * * *", "2011-12-31", ["12:00+14:00"]),
    ],
)  # fmt: skip
def test_days_on_which_clocks_are_set(zone: str, cron: str, day: str, expected: list[str]) -> None:
    """A time that does not exist has no tick, one that occurs twice has one, the first."""
    assert seen(zone, cron, day) == expected


@settings(max_examples=40, deadline=None)
@given(OF_DAY, st.sampled_from(ZONES), st.data())
def test_each_wall_time_is_a_tick_the_first_time_it_is_shown(cron: Cron, zone: str, data: st.DataObject) -> None:
    change = data.draw(st.sampled_from(changes(zone) or [NOW]), "change")
    after = change + data.draw(st.timedeltas(-timedelta(hours=4), timedelta(hours=4)), "after")
    until = change + timedelta(hours=30)
    expected = [instant for instant, wall in walls_once(zone, after, until) if cron.names(wall)]
    schedule = CronSchedule(cron=str(cron), timezone=zone)
    assert list(takewhile(lambda tick: tick <= until, ticks_after(schedule, after))) == expected


@settings(max_examples=60, deadline=None)
@given(CRONS, st.sampled_from(ZONES), INSTANTS, st.integers(1, 6), st.integers(0, 5))
def test_ticks_are_the_same_whenever_they_are_asked_for(
    cron: Cron, zone: str, after: datetime, count: int, skipped: int
) -> None:
    schedule = CronSchedule(cron=str(cron), timezone=zone)
    try:
        check_schedule(schedule)
    except Invalid:
        return
    ticks = next_ticks(schedule, after, count + skipped)
    assert ticks == sorted(set(ticks))
    assert next_ticks(schedule, ticks[skipped - 1] if skipped else after, count) == ticks[skipped:]


@settings(deadline=None)
@given(st.integers(1, 100_000), st.none() | INSTANTS, st.none() | INSTANTS, INSTANTS)
def test_an_interval_counts_from_its_anchor(
    seconds: int, anchor: datetime | None, start: datetime | None, after: datetime
) -> None:
    schedule = IntervalSchedule(interval_seconds=seconds, anchor=anchor, start=start)
    ticks = next_ticks(schedule, after, 5)
    origin, step = anchor or EPOCH, timedelta(seconds=seconds)
    assert all((tick - origin) % step == timedelta(0) and tick >= origin for tick in ticks)
    assert all(later - tick == step for tick, later in pairwise(ticks))
    earliest = max(after, start - timedelta(microseconds=1)) if start else after
    assert ticks[0] > earliest
    assert ticks[0] - step <= earliest or ticks[0] == origin


@pytest.mark.parametrize("kind", [{"cron": "0 * * * *"}, {"intervalSeconds": 3600}])
def test_start_and_end_belong_to_the_schedule(kind: dict[str, object]) -> None:
    bounds = {"start": NOW, "end": NOW + timedelta(hours=2)}
    schedule = (CronSchedule if "cron" in kind else IntervalSchedule).model_validate(kind | bounds)
    assert list(ticks_after(schedule, NOW - DAY)) == [NOW, NOW + timedelta(hours=1), NOW + timedelta(hours=2)]
    assert list(ticks_after(schedule, NOW)) == [NOW + timedelta(hours=1), NOW + timedelta(hours=2)]
    assert list(ticks_after(schedule, NOW + timedelta(hours=2))) == []


def test_an_instant_is_one_tick() -> None:
    schedule = AtSchedule(at=NOW.astimezone(ZoneInfo("Asia/Tehran")))
    assert list(ticks_after(schedule, NOW - DAY)) == [NOW]
    assert list(ticks_after(schedule, NOW)) == []


@settings(deadline=None)
@given(ANY_SCHEDULE, ANY_INSTANT)
def test_ticks_end_with_the_calendar(schedule: AnySchedule, after: datetime) -> None:
    ticks = next_ticks(schedule, after, 3)
    assert ticks == sorted(ticks)
    assert all(tick > after and tick.tzinfo is UTC for tick in ticks)
    assert ticks_between(schedule, after, after, 1) in ([], [after])


@settings(max_examples=60, deadline=None)
@given(
    st.builds(CronSchedule, cron=st.sampled_from(["*/7 * * * *", "0 5 1 * *", "30 2 * * *", "* 3 29 2 *"]),
              timezone=st.sampled_from(ZONES), start=st.none() | INSTANTS)
    | st.builds(IntervalSchedule, intervalSeconds=st.integers(600, 1_000_000), start=st.none() | INSTANTS)
    | st.builds(AtSchedule, at=INSTANTS),
    INSTANTS,
    st.timedeltas(timedelta(0), timedelta(days=20)),
    st.integers(1, 20),
)  # fmt: skip
def test_the_newest_ticks_are_the_last_of_all(
    schedule: AnySchedule, after: datetime, span: timedelta, limit: int
) -> None:
    expected = list(takewhile(lambda tick: tick <= after + span, ticks_after(schedule, after)))
    assert newest_ticks(schedule, after, after + span, limit) == expected[-limit:]


def test_the_newest_ticks_of_a_year_are_found_at_once() -> None:
    """Going through all 31 million of them would take minutes."""
    [tick] = newest_ticks(IntervalSchedule(interval_seconds=1), NOW - 366 * DAY, NOW, 1)
    assert tick == NOW


def test_the_span_and_the_count_of_ticks_are_bounded() -> None:
    schedule = IntervalSchedule(interval_seconds=60)
    minutes = [NOW + timedelta(minutes=number) for number in range(4)]
    assert ticks_between(schedule, NOW, NOW + timedelta(minutes=3), 10) == minutes
    assert ticks_between(schedule, NOW, NOW + DAY, 2) == minutes[:2]
    assert ticks_between(schedule, NOW, NOW - DAY, 2) == []


def test_a_wrong_expression_is_refused_by_its_field() -> None:
    check_schedule(AtSchedule(at=NOW))
    check_schedule(CronSchedule(cron="@daily"))
    with pytest.raises(Invalid) as refusal:
        check_schedule(CronSchedule(cron="0 0 30 2 *"))
    [problem] = refusal.value.problems
    assert (problem.path, problem.message) == ("cron", "'0 0 30 2 *' never comes true")
