"""The timer of a replica, by the true time: threads, notifications, outages."""

from collections.abc import Callable, Generator, Iterator
from contextlib import ExitStack, contextmanager
from datetime import datetime, timedelta

import pytest
from psycopg import sql

from service.database.engine import Database
from service.database.listen import Listener
from service.metrics import Metrics
from service.runs import operations as run_operations
from service.scheduling.scheduler import Scheduler
from service.workflows import repository as workflows
from tests.integration.service.scheduling.clock import DatabaseClock
from tests.integration.service.scheduling.makers import edit, eventually, make, pause, resume, ticks
from tests.integration.service.workflows.makers import ask
from tests.postgres import Server

SECOND = timedelta(seconds=1)
NEVER = 3600
EVERY_SECOND = {"intervalSeconds": 1}
QUEUE = {"overlap": "queue", "misfire": "all"}

Start = Callable[..., Scheduler]


@pytest.fixture
def start(database: Database) -> Iterator[Start]:
    """Starts a timer; one that `hears` is told of changes."""
    with ExitStack() as started:

        def start(reconcile_seconds: float = NEVER, *, hears: bool = False) -> Scheduler:
            scheduler = Scheduler(database, Metrics(), reconcile_seconds)
            scheduler.start()
            started.callback(scheduler.stop)
            eventually(lambda: scheduler.healthy)
            if hears:
                listener = Listener(database.url, [workflows.CHANNEL], lambda _, name: scheduler.changed(name))
                started.callback(listener.close)
                listener.start()
                assert listener.wait_connected(60)
            return scheduler

        yield start


def soon(database: Database, seconds: float = 2) -> dict[str, str]:
    """A schedule that is due in a moment by the database's clock."""
    [(now,)] = ask(database, "select now()")
    assert isinstance(now, datetime)
    return {"at": (now + timedelta(seconds=seconds)).isoformat()}


def delays(database: Database) -> list[float]:
    """How long after its tick each run was queued, in the order of the ticks."""
    rows = ask(database, "select extract(epoch from queued_at - scheduled_for) from runs order by scheduled_for")
    return [float(delay) for (delay,) in rows]


def test_two_timers_fire_every_tick_once_on_time(database: Database, start: Start) -> None:
    start(hears=True)
    start(hears=True)
    make(database, schedule=EVERY_SECOND, policy=QUEUE)
    eventually(lambda: len(ticks(database)) >= 3)
    found = ticks(database)
    assert found == [found[0] + number * SECOND for number in range(len(found))]
    assert all(0 <= delay < 10 for delay in delays(database))


class TestChangesAreHeard:
    """By a timer that would not read the table again for an hour."""

    @pytest.fixture(autouse=True)
    def _timer(self, start: Start) -> None:
        start(hears=True)

    def test_a_new_workflow(self, database: Database) -> None:
        make(database, schedule=soon(database))
        eventually(lambda: ticks(database))

    def test_a_new_schedule_and_a_resumed_one(self, database: Database) -> None:
        make(database)
        make(database, "paused", schedule=soon(database))
        pause(database, "paused")
        edit(database, schedule=soon(database))
        resume(database, "paused")
        eventually(lambda: ticks(database) and ticks(database, "paused"))

    def test_a_paused_a_deleted_and_an_edited_one_are_silent(self, database: Database) -> None:
        schedule = soon(database, 5)
        for name in ("paused", "deleted", "edited"):
            make(database, name, schedule=schedule)
        pause(database, "paused")
        edit(database, "edited", schedule=None)
        with database.session() as session:
            run_operations.delete_workflow(session, "deleted")
        make(database, "later", schedule=soon(database, 5.1))
        eventually(lambda: bool(ticks(database, "later")))
        assert ask(database, "select distinct workflow from runs") == [("later",)]


def test_a_change_that_nobody_was_told_of_is_found_by_the_next_full_reading(database: Database, start: Start) -> None:
    start(1)
    make(database, schedule=soon(database))
    eventually(lambda: ticks(database))


def test_what_was_missed_while_no_timer_ran_is_made_up_for(database: Database, start: Start) -> None:
    for misfire in ("latest", "all", "skip"):
        make(database, misfire, policy={"misfire": misfire, "overlap": "skip", "misfireGraceSeconds": 7200})
    ask(database, "update workflows set tick_cursor = date_trunc('hour', now()) - interval '5 hours 1 second'")
    [(late,)] = ask(database, "select now() - date_trunc('hour', now())")
    start()
    eventually(lambda: len(ticks(database, "all")) == 6 and ticks(database, "latest"))
    assert ticks(database, "latest") == ticks(database, "all")[-1:]
    assert len(ticks(database, "skip")) == (late <= 30 * SECOND)


@contextmanager
def outage(server: Server, database: Database) -> Generator[None]:
    """No connection to the database, old or new, while inside."""
    name = database.engine.url.database or ""
    allow = sql.SQL("alter database {} allow_connections {}")
    with server.admin() as connection:
        connection.execute(allow.format(sql.Identifier(name), sql.SQL("false")))
        connection.execute("select pg_terminate_backend(pid) from pg_stat_activity where datname = %s", [name])
        yield
        connection.execute(allow.format(sql.Identifier(name), sql.SQL("true")))


def test_an_outage_delays_ticks_and_loses_none(
    database: Database, start: Start, postgres_server: Server, caplog: pytest.LogCaptureFixture
) -> None:
    make(database, schedule=EVERY_SECOND, policy=QUEUE)
    start()
    eventually(lambda: bool(ticks(database)))
    with outage(postgres_server, database):
        eventually(lambda: caplog.text.count("The schedules could not be read, next try in 1 s") >= 2)
    count = len(ticks(database))
    eventually(lambda: len(ticks(database)) > count + 1)
    found = ticks(database)
    assert found == [found[0] + number * SECOND for number in range(len(found))]
    # It tries again every second, not as fast as it can.
    assert caplog.text.count("The schedules could not be read") < 8


def test_it_outlives_an_error_that_nobody_thought_of(
    database: Database, start: Start, caplog: pytest.LogCaptureFixture
) -> None:
    scheduler = start()
    ask(database, "alter table workflows rename to elsewhere")
    scheduler.changed("")
    eventually(lambda: "The schedules could not be read" in caplog.text)
    ask(database, "alter table elsewhere rename to workflows")
    make(database, schedule=soon(database))
    eventually(lambda: ticks(database))


def test_a_run_that_cannot_be_stored_holds_up_no_other(
    database: Database, start: Start, caplog: pytest.LogCaptureFixture
) -> None:
    ask(database, "create function no() returns trigger language plpgsql as 'begin raise exception ''no''; end'")
    each = "before insert on runs for each row when (new.workflow = 'bad') execute function no()"
    ask(database, f"create trigger refuse {each}")
    for name in ("a", "bad", "z"):
        make(database, name, schedule=EVERY_SECOND, policy=QUEUE)
    start()
    eventually(lambda: len(ticks(database, "a")) >= 2 and len(ticks(database, "z")) >= 2)
    assert "Workflow bad cannot be scheduled" in caplog.messages
    ask(database, "drop trigger refuse on runs")
    eventually(lambda: len(ticks(database, "bad")) >= 4)
    found = ticks(database, "bad")
    assert found == [found[0] + number * SECOND for number in range(len(found))]


class TestClocks:
    @pytest.mark.parametrize("hours", [-7, 7])
    def test_a_replica_whose_clock_is_wrong_fires_by_that_of_the_database(
        self, clock: DatabaseClock, database: Database, start: Start, hours: int
    ) -> None:
        clock.shift(hours * 3600)
        start(hears=True)
        schedule = soon(database)
        make(database, schedule=schedule)
        eventually(lambda: ticks(database))
        [tick] = ticks(database)
        assert timedelta(0) <= clock.now() - tick < 60 * SECOND

    def test_a_clock_that_is_set_is_noticed_by_the_next_full_reading(
        self, clock: DatabaseClock, database: Database, start: Start
    ) -> None:
        make(database)
        start(1)
        clock.shift(3600)
        eventually(lambda: ticks(database))


def test_it_stops_at_once(start: Start) -> None:
    scheduler = start()
    assert eventually(lambda: scheduler.stop() is None) < 10
    scheduler.changed("")
