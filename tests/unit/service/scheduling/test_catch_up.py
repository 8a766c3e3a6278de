"""Which ticks get a run, after a downtime and without one."""

from datetime import UTC, datetime, timedelta
from itertools import takewhile
from uuid import UUID

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from service.scheduling.catch_up import due_ticks
from service.scheduling.triggers import fires_at, ticks_after
from service.workflows.schedule import AnySchedule, AtSchedule, CronSchedule, IntervalSchedule
from service.workflows.schemas import Misfire, Policy

NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)
SHOP = UUID("12345678-1234-5678-1234-567812345678")
SECOND, HOUR, DAY = timedelta(seconds=1), timedelta(hours=1), timedelta(days=1)
HOURLY = IntervalSchedule(interval_seconds=3600)
SCHEDULES: st.SearchStrategy[AnySchedule] = (
    st.builds(IntervalSchedule, intervalSeconds=st.integers(60, 7200), jitterSeconds=st.integers(0, 9000))
    | st.builds(
        CronSchedule,
        cron=st.sampled_from(["*/5 * * * *", "0 * * * *", "30 2 * * *", "0,1 11 * * *"]),
        timezone=st.sampled_from(["Europe/Berlin", "UTC"]),
        jitterSeconds=st.integers(0, 9000),
    )
    | st.builds(AtSchedule, at=st.timedeltas(-DAY, DAY).map(lambda away: NOW + away))
)
POLICIES = st.builds(
    Policy,
    misfire=st.sampled_from(Misfire),
    misfireGraceSeconds=st.integers(0, 7200),
    catchUpLimit=st.integers(1, 30),
)


def runs(policy: dict[str, object], cursor: datetime, now: datetime, schedule: AnySchedule = HOURLY) -> list[datetime]:
    return [tick.at for tick in due_ticks(schedule, Policy.model_validate(policy), SHOP, cursor, now).ticks]


def oracle(schedule: AnySchedule, policy: Policy, cursor: datetime, now: datetime) -> list[datetime]:
    """The same from the list of all ticks."""
    every = takewhile(lambda tick: tick <= now, ticks_after(schedule, cursor))
    due = [tick for tick in every if fires_at(schedule, SHOP, tick) <= now]
    if policy.misfire is Misfire.ALL:
        return due[-policy.catch_up_limit :]
    grace = max(30, policy.misfire_grace_seconds) if policy.misfire is Misfire.LATEST else 30
    return [tick for tick in due[-1:] if now - fires_at(schedule, SHOP, tick) <= timedelta(seconds=grace)]


@settings(max_examples=70, deadline=None)
@given(SCHEDULES, POLICIES, st.timedeltas(timedelta(0), DAY), st.timedeltas(-HOUR, HOUR))
def test_after_any_downtime(schedule: AnySchedule, policy: Policy, down: timedelta, shift: timedelta) -> None:
    now = NOW + shift
    due = due_ticks(schedule, policy, SHOP, now - down, now)
    assert [tick.at for tick in due.ticks] == oracle(schedule, policy, now - down, now)
    again = due_ticks(schedule, policy, SHOP, due.cursor, now)
    assert (again.ticks, again.cursor, again.next_firing) == ((), due.cursor, due.next_firing)
    assert due.next_firing is None or due.next_firing > now


@settings(deadline=None)
@given(SCHEDULES, POLICIES, st.lists(st.integers(0, 2_400), max_size=8))
def test_a_timer_that_is_never_more_than_a_moment_late_gets_every_tick_once(
    schedule: AnySchedule, policy: Policy, delays: list[int]
) -> None:
    """Whatever the jitter: no tick is lost, doubled, early, or out of turn."""
    cursor = now = looked = NOW - HOUR
    found: list[datetime] = []
    for delay in delays:
        due = due_ticks(schedule, policy, SHOP, cursor, now)
        assert due.passed_over is None
        found += [tick.at for tick in due.ticks]
        cursor, looked = due.cursor, now
        if due.next_firing is None:
            break
        now = due.next_firing + timedelta(milliseconds=delay)
    every = takewhile(lambda tick: tick <= looked, ticks_after(schedule, NOW - HOUR))
    assert found == [tick for tick in every if fires_at(schedule, SHOP, tick) <= looked]


@pytest.mark.parametrize(
    ("policy", "late", "expected"),
    [
        ({"misfire": "latest"}, SECOND, 1),
        ({"misfire": "latest"}, HOUR - SECOND, 1),
        ({"misfire": "latest", "misfireGraceSeconds": 60}, 60 * SECOND, 1),
        ({"misfire": "latest", "misfireGraceSeconds": 60}, 61 * SECOND, 0),
        ({"misfire": "latest", "misfireGraceSeconds": 0}, 30 * SECOND, 1),
        ({"misfire": "skip"}, 30 * SECOND, 1),
        ({"misfire": "skip"}, 31 * SECOND, 0),
        ({"misfire": "all"}, HOUR - SECOND, 5),
        ({"misfire": "all", "catchUpLimit": 3}, HOUR - SECOND, 3),
    ],
)
def test_policies_after_five_missed_ticks(policy: dict[str, object], late: timedelta, expected: int) -> None:
    """The newest of them, the oldest first."""
    due = due_ticks(HOURLY, Policy.model_validate(policy), SHOP, NOW - 5 * HOUR, NOW + late)
    assert [tick.at for tick in due.ticks] == [NOW - number * HOUR for number in reversed(range(expected))]
    assert (due.cursor, due.next_firing) == (NOW, NOW + HOUR)
    assert due.passed_over == (None if expected == 5 else NOW - 4 * HOUR)


def test_nothing_is_made_up_for_that_is_older_than_a_year() -> None:
    [tick] = runs({"misfire": "all"}, NOW - 800 * DAY, NOW, CronSchedule(cron="0 0 1 1 *"))
    assert tick == datetime(2026, 1, 1, tzinfo=UTC)
    once = AtSchedule(at=NOW - 500 * DAY)
    due = due_ticks(once, Policy(misfire=Misfire.ALL), SHOP, NOW - 800 * DAY, NOW)
    assert (due.ticks, due.passed_over, due.next_firing) == ((), once.at, None)
    assert due_ticks(once, Policy(misfire=Misfire.ALL), SHOP, due.cursor, NOW).passed_over is None


def test_an_instant_fires_once_and_is_made_up_for() -> None:
    once = AtSchedule(at=NOW)
    assert runs({}, NOW - DAY, NOW - SECOND, once) == []
    assert runs({}, NOW - DAY, NOW, once) == [NOW]
    assert runs({}, NOW - DAY, NOW + HOUR, once) == [NOW]
    assert runs({}, NOW, NOW + HOUR, once) == []


def test_the_next_tick_waits_for_its_jitter() -> None:
    schedule = IntervalSchedule(interval_seconds=3600, jitter_seconds=1800)
    firing = fires_at(schedule, SHOP, NOW)
    assert NOW < firing < NOW + HOUR / 2
    before = due_ticks(schedule, Policy(), SHOP, NOW - HOUR, firing - timedelta(milliseconds=1))
    assert (before.ticks, before.cursor, before.next_firing) == ((), NOW - HOUR, firing)
    assert runs({}, NOW - HOUR, firing, schedule) == [NOW]
    # After a downtime, too, the ticks before it are what is due.
    assert runs({"misfireGraceSeconds": 7200}, NOW - DAY, firing - timedelta(milliseconds=1), schedule) == [NOW - HOUR]


class TestClockSteps:
    def test_a_little_back_fires_nothing_again(self) -> None:
        due = due_ticks(HOURLY, Policy(), SHOP, NOW, NOW - 59 * SECOND)
        assert (due.ticks, due.cursor, due.next_firing) == ((), NOW, NOW + HOUR)

    def test_far_back_ticks_count_from_now(self) -> None:
        """Else one look by a clock that is a year ahead would silence the schedule for a year."""
        due = due_ticks(HOURLY, Policy(), SHOP, NOW + 365 * DAY, NOW - SECOND)
        assert (due.ticks, due.cursor, due.next_firing) == ((), NOW - SECOND, NOW)

    def test_forward_is_a_downtime(self) -> None:
        assert runs({"misfire": "latest"}, NOW, NOW + 10 * DAY) == [NOW + 10 * DAY]
        assert runs({"misfire": "skip"}, NOW, NOW + 10 * DAY + HOUR / 2) == []
