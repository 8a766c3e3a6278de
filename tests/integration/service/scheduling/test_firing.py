"""Looking and firing by a clock that stands still, with all that can happen between the two."""

import time
from datetime import UTC, datetime, timedelta

import pytest

from service.database.engine import Database
from service.runs import operations as run_operations
from service.runs.status import RunState
from tests.integration.service.runs.makers import claim, end
from tests.integration.service.scheduling.clock import DatabaseClock
from tests.integration.service.scheduling.makers import crash, edit, fire_due, make, pause, resume, see, store, ticks
from tests.integration.service.workflows.makers import ask

NOON = datetime(2026, 11, 22, 12, tzinfo=UTC)
MINUTE, HOUR, DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)
EVERY_MINUTE = {"cron": "* * * * *"}


@pytest.fixture(autouse=True)
def half_past_eleven(clock: DatabaseClock) -> DatabaseClock:
    clock.freeze(NOON - HOUR / 2)
    return clock


def test_a_tick_is_fired_once_and_not_before_its_time(clock: DatabaseClock, database: Database) -> None:
    make(database)
    assert see(database).alarms == {"shop": NOON}
    clock.freeze(NOON - timedelta(microseconds=1))
    assert fire_due(database) == []
    clock.freeze(NOON)
    assert fire_due(database) == ["shop"]
    assert fire_due(database) == []
    assert ticks(database) == [NOON]
    assert see(database).alarms == {"shop": NOON + HOUR}


def test_of_two_replicas_that_see_a_tick_one_fires_it(clock: DatabaseClock, database: Database) -> None:
    make(database)
    clock.freeze(NOON)
    one, other = see(database), see(database)
    assert store(database, other) == ["shop"]
    assert store(database, one) == []
    assert ticks(database) == [NOON]


def test_a_replica_that_dies_before_its_commit_leaves_the_tick_to_the_next(
    clock: DatabaseClock, database: Database
) -> None:
    make(database)
    clock.freeze(NOON)
    crash(database, see(database))
    assert ticks(database) == []
    assert fire_due(database) == ["shop"]


class TestWhatHappensInBetween:
    def test_a_pause(self, clock: DatabaseClock, database: Database) -> None:
        make(database)
        clock.freeze(NOON)
        found = see(database)
        pause(database)
        assert store(database, found) == []
        clock.freeze(NOON + HOUR)
        resume(database)
        assert store(database, found) == []
        assert fire_due(database) == []
        assert ticks(database) == []

    def test_an_edit_of_the_schedule(self, clock: DatabaseClock, database: Database) -> None:
        """Ticks of the old schedule end with it, those of the new one begin with it."""
        make(database)
        clock.freeze(NOON)
        found = see(database)
        edit(database, schedule={"cron": "15,45 * * * *"})
        assert store(database, found) == []
        clock.freeze(NOON + HOUR / 4)
        assert fire_due(database) == ["shop"]
        assert ticks(database) == [NOON + HOUR / 4]

    def test_an_edit_of_anything_else(self, clock: DatabaseClock, database: Database) -> None:
        make(database)
        clock.freeze(NOON)
        found = see(database)
        edit(database, description="better", policy={"misfire": "skip"})
        assert store(database, found) == ["shop"]
        assert ask(database, "select revision from runs") == [(2,)]

    def test_a_deletion_and_another_of_the_same_name(self, clock: DatabaseClock, database: Database) -> None:
        make(database)
        clock.freeze(NOON)
        found = see(database)
        with database.session() as session:
            run_operations.delete_workflow(session, "shop")
        make(database)
        assert store(database, found) == []
        assert fire_due(database) == []


def test_what_was_missed_while_paused_is_not_made_up_for(clock: DatabaseClock, database: Database) -> None:
    make(database, policy={"misfire": "all"})
    pause(database)
    clock.freeze(NOON + 5 * HOUR + MINUTE)
    assert see(database).alarms == {}
    resume(database)
    assert fire_due(database) == []
    clock.freeze(NOON + 6 * HOUR)
    assert fire_due(database) == ["shop"]
    assert ticks(database) == [NOON + 6 * HOUR]


def test_a_workflow_that_failed_too_often_fires_no_more_until_it_is_resumed(
    clock: DatabaseClock, database: Database
) -> None:
    make(database, policy={"pauseAfterFailures": 2})
    for hour in range(2):
        clock.freeze(NOON + hour * HOUR)
        assert fire_due(database) == ["shop"]
        [run] = claim(database)
        end(database, run.lease, RunState.FAILED)
    clock.freeze(NOON + 2 * HOUR)
    assert (fire_due(database), see(database).alarms) == ([], {})
    resume(database)
    clock.freeze(NOON + 3 * HOUR)
    assert fire_due(database) == ["shop"]
    assert ticks(database) == [NOON, NOON + HOUR, NOON + 3 * HOUR]


@pytest.mark.parametrize("overlap", ["skip", "queue", "cancelRunning"])
def test_all_ticks_of_a_downtime_get_a_run_one_after_the_other(
    clock: DatabaseClock, database: Database, overlap: str
) -> None:
    make(database, policy={"misfire": "all", "overlap": overlap, "catchUpLimit": 4})
    clock.freeze(NOON + 5 * HOUR)
    fire_due(database)
    rows = ask(database, "select scheduled_for, state from runs order by queued_at, id")
    assert rows == [(NOON + hour * HOUR, "queued") for hour in range(2, 6)]


def test_a_tick_that_is_passed_over_is_told_once(
    clock: DatabaseClock, database: Database, caplog: pytest.LogCaptureFixture
) -> None:
    make(database, policy={"misfire": "skip"})
    clock.freeze(NOON + 5 * HOUR + MINUTE)
    fire_due(database)
    fire_due(database)
    assert ticks(database) == []
    told = [line for line in caplog.messages if "passed over" in line]
    assert told == ["Workflow shop: ticks missed since 2026-11-22 12:00:00+00:00 are passed over"]


class TestClockSteps:
    def test_a_clock_that_is_set_back_fires_nothing_twice(self, clock: DatabaseClock, database: Database) -> None:
        make(database, schedule=EVERY_MINUTE)
        for minute in (0, 1, 2, 1, 0, -3, -2, -1, 0, 1, 2, 3):
            clock.freeze(NOON + minute * MINUTE)
            fire_due(database)
        assert ticks(database) == [NOON + minute * MINUTE for minute in range(-2, 4)]

    def test_a_clock_that_was_a_year_ahead_silences_nothing(self, clock: DatabaseClock, database: Database) -> None:
        make(database)
        clock.freeze(NOON + 365 * DAY)
        fire_due(database)
        clock.freeze(NOON - MINUTE)
        assert see(database).alarms == {"shop": NOON}
        fire_due(database)
        clock.freeze(NOON)
        fire_due(database)
        assert ticks(database) == [NOON, NOON + 365 * DAY]


def test_a_row_that_cannot_be_read_holds_up_no_other(
    clock: DatabaseClock, database: Database, caplog: pytest.LogCaptureFixture
) -> None:
    for name in ("a", "b", "c"):
        make(database, name)
    ask(database, """update workflows set schedule = '{"cron": "a b c d e"}' where name = 'a'""")
    ask(database, """update workflows set policy = '{"misfire": 1}' where name = 'b'""")
    clock.freeze(NOON)
    assert fire_due(database) == ["c"]
    assert "Workflow a cannot be scheduled" in caplog.messages
    assert "Workflow b cannot be scheduled" in caplog.messages


def test_ten_thousand_workflows_that_are_due_at_once(clock: DatabaseClock, database: Database) -> None:
    make(database)
    columns = "labels, enabled, description, schedule, policy, config, connector, revision"
    ask(
        database,
        f"insert into workflows (id, name, {columns}) select gen_random_uuid(), 'w' || number, {columns}"
        " from workflows, generate_series(2, 10000) as number",
    )
    clock.freeze(NOON)
    began = time.process_time()
    found = see(database)
    assert max(map(len, found.batches())) <= 1000
    assert len(store(database, found)) == 10_000
    assert time.process_time() - began < 10
    assert ask(database, "select count(*), count(distinct workflow_id), min(scheduled_for) from runs") == [
        (10_000, 10_000, NOON)
    ]
    assert set(see(database).alarms.values()) == {NOON + HOUR}
