from datetime import UTC, datetime, timedelta
from itertools import pairwise
from uuid import UUID, uuid4

from hypothesis import given, settings
from hypothesis import strategies as st

from service.scheduling.triggers import fires_at, next_ticks
from service.workflows.schedule import AnySchedule, AtSchedule, CronSchedule, IntervalSchedule

NOW = datetime(2026, 11, 22, 1, tzinfo=UTC)
SHOP = UUID("12345678-1234-5678-1234-567812345678")
JITTERS = st.integers(0, 24 * 3600)
SCHEDULES: st.SearchStrategy[AnySchedule] = st.builds(
    IntervalSchedule, intervalSeconds=st.integers(1, 10_000), jitterSeconds=JITTERS
) | st.builds(
    CronSchedule,
    cron=st.sampled_from(["* * * * *", "0 2 * * *", "0,1 2 * * 1"]),
    timezone=st.sampled_from(["Europe/Berlin", "UTC"]),
    jitterSeconds=JITTERS,
)


@settings(deadline=None)
@given(SCHEDULES, st.uuids())
def test_it_delays_by_no_more_than_said_and_keeps_the_order(schedule: AnySchedule, workflow: UUID) -> None:
    assert not isinstance(schedule, AtSchedule)
    ticks = next_ticks(schedule, NOW, 6)
    for tick, following in pairwise(ticks):
        delay = fires_at(schedule, workflow, tick) - tick
        assert timedelta(0) <= delay <= timedelta(seconds=schedule.jitter_seconds)
        assert delay <= (following - tick) / 2


@settings(deadline=None)
@given(SCHEDULES, st.uuids())
def test_it_is_the_same_in_every_replica(schedule: AnySchedule, workflow: UUID) -> None:
    """Whatever release and process: the one of this tick is written down here."""
    [tick] = next_ticks(schedule, NOW, 1)
    again = type(schedule).model_validate_json(schedule.model_dump_json())
    assert fires_at(schedule, workflow, tick) == fires_at(again, UUID(str(workflow)), tick)
    hourly = IntervalSchedule(interval_seconds=3600, jitter_seconds=600)
    assert fires_at(hourly, SHOP, NOW) == NOW + timedelta(seconds=235.414)


def test_it_spreads_workflows_and_ticks() -> None:
    schedule = IntervalSchedule(interval_seconds=3600, jitter_seconds=600)
    delays = sorted(fires_at(schedule, uuid4(), NOW) - NOW for _ in range(500))
    assert delays[50] < timedelta(seconds=120)
    assert delays[450] > timedelta(seconds=480)
    ticks = next_ticks(schedule, NOW, 50)
    assert len({fires_at(schedule, SHOP, tick) - tick for tick in ticks}) > 40


def test_the_last_tick_may_be_delayed_beyond_the_end() -> None:
    schedule = IntervalSchedule(interval_seconds=60, jitter_seconds=3600, end=NOW)
    assert max(fires_at(schedule, uuid4(), NOW) for _ in range(50)) > NOW + timedelta(minutes=10)


def test_there_is_none_unless_it_is_asked_for() -> None:
    assert fires_at(IntervalSchedule(interval_seconds=60), SHOP, NOW) == NOW
    assert fires_at(AtSchedule(at=NOW), SHOP, NOW) == NOW
