from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter, ValidationError

from service.workflows.schedule import (
    AtSchedule,
    CronSchedule,
    IntervalSchedule,
    Schedule,
    read_schedule,
    stored_schedule,
)

ADAPTER: TypeAdapter[CronSchedule | IntervalSchedule | AtSchedule] = TypeAdapter(Schedule)
INSTANTS = st.integers(0, 4_000_000_000).map(lambda seconds: datetime.fromtimestamp(seconds, UTC))
ZONES = st.sampled_from(["UTC", "Europe/Berlin", "America/New_York", "Asia/Kathmandu"])
CRONS = st.builds(
    CronSchedule,
    cron=st.text(min_size=1, max_size=20),
    timezone=ZONES,
    start=st.none() | INSTANTS,
    end=st.none(),
)
INTERVALS = st.builds(
    IntervalSchedule,
    intervalSeconds=st.integers(1, 10_000),
    anchor=st.none() | INSTANTS,
    jitterSeconds=st.integers(0, 3600),
    timezone=ZONES,
    start=st.none(),
    end=st.none() | INSTANTS,
)
SCHEDULES = CRONS | INTERVALS | st.builds(AtSchedule, at=INSTANTS)


@given(SCHEDULES)
def test_schedules_come_back_from_the_store(schedule: CronSchedule | IntervalSchedule | AtSchedule) -> None:
    stored = stored_schedule(schedule)
    assert read_schedule(stored) == schedule
    assert ADAPTER.validate_python(stored) == schedule
    assert ADAPTER.validate_python(schedule) == schedule


def test_on_demand_is_no_schedule() -> None:
    assert read_schedule(None) is None
    assert stored_schedule(None) is None


def test_what_a_later_release_stored_can_be_read() -> None:
    assert read_schedule({"cron": "0 2 * * *", "moon": "full"}) == CronSchedule(cron="0 2 * * *")


@pytest.mark.parametrize(
    "wrong",
    [
        {},
        [],
        "0 2 * * *",
        {"cron": "* * * * *", "intervalSeconds": 5},
        {"timezone": "UTC"},
        {"cron": ""},
        {"cron": "* * * * *", "timezone": "Europe/Atlantis"},
        {"cron": "* * * * *", "timezone": "../../etc/passwd"},
        {"cron": "* * * * *", "timezone": ""},
        {"cron": "* * * * *", "second": 1},
        {"intervalSeconds": 0},
        {"intervalSeconds": 10**10},
        {"intervalSeconds": 5, "anchor": "2026-01-01T00:00:00"},
        {"at": "2026-01-01T00:00:00"},
        {"at": "2026-01-01T00:00:00Z", "timezone": "UTC"},
        {"cron": "* * * * *", "jitterSeconds": -1},
    ],
)
def test_what_is_no_schedule_is_refused(wrong: object) -> None:
    with pytest.raises(ValidationError):
        ADAPTER.validate_python(wrong)


def test_the_three_kinds_are_named_when_none_is_given() -> None:
    with pytest.raises(ValidationError, match="exactly one of cron, intervalSeconds or at"):
        ADAPTER.validate_python({"every": "day"})


def test_it_ends_after_its_start() -> None:
    start = datetime(2026, 1, 1, tzinfo=UTC)
    assert CronSchedule(cron="* * * * *", start=start, end=start + timedelta(seconds=1)).end
    with pytest.raises(ValidationError, match="end must be after start"):
        IntervalSchedule(interval_seconds=5, start=start, end=start)
