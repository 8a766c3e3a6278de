from datetime import timedelta
from uuid import uuid4

import pytest

from service.database.engine import Database, answer
from service.errors import Invalid, NotFound
from service.runs import operations, repository
from service.runs.repository import Answers, Lease, LogLine, RunFilter, TickRun
from service.runs.status import RunState, Trigger
from service.workflows import operations as definitions
from service.workflows import repository as workflows
from service.workflows.wire import encode_cursor
from tests.integration.service.runs.makers import HOUR, QUEUE, TICK, claim, end, make, queue, read, start, states
from tests.integration.service.workflows.makers import ask

DAY = timedelta(days=1)


def page_of(database: Database, which: RunFilter, cursor: str | None, limit: int) -> Answers:
    with database.reading() as session:
        return answer(session, repository.list_runs(which, cursor, limit))


def listed(database: Database, which: RunFilter) -> list[str]:
    """The schedule hours of the runs that match."""
    data = page_of(database, which, None, 100).data
    return [str(int((run["scheduledFor"] - TICK) / HOUR)) if run["scheduledFor"] else run["workflow"] for run in data]


def ended(database: Database, count: int, state: RunState = RunState.SUCCEEDED, name: str = "shop") -> list[Lease]:
    """So many ended runs, a day older each."""
    leases = [start(database, name) for _ in range(count) if end_last(database, state)]
    end_last(database, state)
    for age, lease in enumerate(reversed(leases)):
        shift = "queued_at = queued_at - :age, finished_at = finished_at - :age"
        ask(database, f"update runs set {shift} where id = :id", age=age * DAY, id=lease.run_id)
    return leases


def end_last(database: Database, state: RunState) -> bool:
    for run_id, token in ask(database, "select id, token from runs where state = 'running'"):
        end(database, Lease(run_id, token), state)
    return True


def test_a_run_that_is_not_there_is_named(database: Database) -> None:
    missing = uuid4()
    with pytest.raises(NotFound, match=str(missing)), database.session() as session:
        repository.get(session, missing)


def test_a_run_is_read_as_it_is_now(database: Database) -> None:
    make(database)
    run_id = queue(database)
    with database.session() as session:
        row = repository.get(session, run_id)
        ask(database, "update runs set priority = 7")
        assert repository.get(session, run_id) is row
        assert row.priority == 7


class TestList:
    def test_the_last_queued_comes_first_page_by_page(self, database: Database) -> None:
        shop = make(database, policy=QUEUE)
        with database.session() as session:
            made = repository.enqueue_ticks(session, [TickRun(shop, TICK + HOUR * hour) for hour in range(7)])
        seen: list[object] = []
        cursor = None
        for size in (3, 3, 1):
            page = page_of(database, RunFilter(), cursor, 3)
            assert len(page.data) == size
            seen += [run["id"] for run in page.data]
            cursor = page.next_cursor
        assert cursor is None
        assert seen == made[::-1], "ticks of one workflow wait in their order"

    def test_pages_hold_while_runs_are_added(self, database: Database) -> None:
        make(database, policy=QUEUE)
        old = [queue(database) for _ in range(3)]
        first = page_of(database, RunFilter(), None, 2)
        queue(database)
        second = page_of(database, RunFilter(), first.next_cursor, 2)
        assert [run["id"] for run in [*first.data, *second.data]] == old[::-1]

    def test_all_conditions_hold_together(self, database: Database) -> None:
        make(database)
        make(database, "other")
        end(database, start(database), RunState.FAILED)
        queue(database)
        queue(database, "other")
        [(middle,)] = ask(database, "select queued_at from runs where workflow = 'shop' and state = 'queued'")
        assert listed(database, RunFilter()) == ["other", "shop", "shop"]
        assert listed(database, RunFilter(workflow="shop")) == ["shop", "shop"]
        assert listed(database, RunFilter(states=[RunState.QUEUED])) == ["other", "shop"]
        assert listed(database, RunFilter(states=[RunState.QUEUED, RunState.FAILED], workflow="shop")) == ["shop"] * 2
        assert listed(database, RunFilter(begun=True)) == ["shop"]
        assert listed(database, RunFilter(since=middle)) == ["other", "shop"]
        assert listed(database, RunFilter(until=middle)) == ["shop"]
        assert listed(database, RunFilter(since=middle, until=middle)) == []
        assert listed(database, RunFilter(workflow="no\x00pe")) == []

    def test_a_run_that_was_cancelled_while_it_waited_never_began(self, database: Database) -> None:
        make(database)
        begun = start(database)
        end(database, begun)
        waiting = queue(database)
        with database.session() as session:
            repository.request_cancel(session, waiting, "by hand")
        [found] = page_of(database, RunFilter("shop", begun=True), None, 9).data
        assert found["id"] == begun.run_id

    def test_history_survives_the_workflow(self, database: Database) -> None:
        make(database)
        end(database, start(database))
        with database.session() as session:
            operations.delete_workflow(session, "shop")
        assert listed(database, RunFilter(workflow="shop")) == ["shop"]

    @pytest.mark.parametrize(
        "parts", [("x", str(uuid4())), ("2026-11-22T01:00:00", str(uuid4())), ("2026-11-22T01:00:00Z", "x"), ("x",)]
    )
    def test_cursors_of_another_list_are_refused(self, database: Database, parts: tuple[str, ...]) -> None:
        with pytest.raises(Invalid, match="cursor"):
            page_of(database, RunFilter(), encode_cursor(*parts), 3)


def test_counts_by_state(database: Database) -> None:
    make(database, policy=QUEUE)
    end(database, start(database), RunState.PARTIAL)
    start(database)
    queue(database)
    with database.session() as session:
        counts = repository.count_by_state(session)
        assert {state.value: count for state, count in counts.items() if count} == {
            "queued": 1,
            "running": 1,
            "partial": 1,
        }
        assert set(counts) == set(RunState)
        assert repository.count_by_state(session, [RunState.FAILED]) == {RunState.FAILED: 0}


def test_counts_by_pool_are_of_what_runs_and_what_could(database: Database) -> None:
    def counted(*served: str) -> dict[str, tuple[int, int]]:
        with database.session() as session:
            found = repository.count_by_pool(session, served)
        return {pool: (states[RunState.QUEUED], states[RunState.RUNNING]) for pool, states in found.items()}

    assert counted() == {}
    assert counted("default") == {"default": (0, 0)}, "it is served"
    make(database, policy=QUEUE)
    make(database, "heavy", policy={"pool": "heavy"})
    start(database)
    queue(database)
    assert counted() == {"default": (0, 1)}, "it waits for the run of its own workflow"
    queue(database, "heavy")
    assert counted() == counted("heavy") == {"default": (0, 1), "heavy": (1, 0)}
    ask(database, "update runs set available_at = now() + interval '1 hour' where pool = 'heavy'")
    assert counted() == {"default": (0, 1)}, "it waits for its next attempt"


def test_last_successes(database: Database) -> None:
    for name in ("shop", "partly", "failing", "idle"):
        make(database, name)
    latest = ended(database, 2)[-1]
    ended(database, 1, RunState.PARTIAL, "partly")
    ended(database, 1, RunState.FAILED, "failing")
    with database.session() as session:
        found = repository.last_successes(session)
    assert set(found) == {"shop", "partly"}
    assert found["shop"] == read(database, latest.run_id).finished_at


def test_first_successes_that_are_awaited(database: Database) -> None:
    daily = {"cron": "0 2 * * *"}
    for name in ("shop", "partly", "failing", "new"):
        make(database, name, schedule=daily)
    make(database, "given-up", schedule=daily, policy={"pauseAfterFailures": 1})
    make(database, "paused", schedule=daily)
    make(database, "on-demand")
    ended(database, 1)
    ended(database, 1, RunState.PARTIAL, "partly")
    ended(database, 1, RunState.FAILED, "failing")
    ended(database, 1, RunState.FAILED, "given-up")
    with database.session() as session:
        assert not workflows.get(session, "given-up").enabled
        definitions.pause(session, "paused", "maintenance")
        assert set(repository.first_successes_awaited(session)) == {"failing", "new", "given-up"}


class TestPrune:
    def prune(self, database: Database, age: timedelta, keep: int, batch: int = 100) -> int:
        with database.session() as session:
            return repository.prune(session, age, keep, batch)

    def test_old_runs_are_forgotten_with_all_they_left(self, database: Database) -> None:
        make(database)
        lease = start(database)
        with database.session() as session:
            repository.add_logs(session, {lease: [LogLine(TICK, "INFO", "a", "b")]}, 10)
            repository.checkpoint(session, lease, {"a": {}})
        end(database, lease, RunState.FAILED)
        assert self.prune(database, DAY, 10) == 0
        ask(database, "update runs set finished_at = finished_at - interval '2 days'")
        assert self.prune(database, DAY, 10) == 1
        assert ask(database, "select count(*) from run_logs") == [(0,)]
        assert ask(database, "select count(*) from run_attempts") == [(0,)]

    def test_so_are_those_beyond_the_count(self, database: Database) -> None:
        make(database)
        make(database, "other")
        ended(database, 5)
        ended(database, 2, name="other")
        assert self.prune(database, 100 * DAY, 3) == 2
        assert [len(listed(database, RunFilter(workflow=name))) for name in ("shop", "other")] == [3, 2]
        [(oldest,)] = ask(database, "select now() - min(finished_at) < interval '3 days' from runs")
        assert oldest, "the newest are kept"

    def test_in_small_batches(self, database: Database) -> None:
        make(database)
        ended(database, 6, RunState.FAILED)
        assert [self.prune(database, timedelta(0), 1, 4) for _ in range(3)] == [4, 2, 0]

    def test_what_is_spared_does_not_fill_the_batch(self, database: Database) -> None:
        for name in "abc":
            make(database, name)
            ended(database, 1, name=name)
        ended(database, 2, RunState.FAILED, name="c")
        assert self.prune(database, timedelta(0), 1, batch=2) == 2
        assert sorted(states(database)) == ["succeeded"] * 3

    def test_active_runs_and_the_last_success_stay(self, database: Database) -> None:
        shop = make(database, policy=QUEUE)
        ended(database, 3)
        ended(database, 2, RunState.FAILED)
        with database.session() as session:
            repository.enqueue_ticks(session, [TickRun(shop, TICK)], Trigger.BACKFILL)
        claim(database)
        queue(database)
        ask(database, "update runs set queued_at = queued_at - interval '9 days', started_at = null")
        assert self.prune(database, timedelta(0), 1) == 4
        assert sorted(states(database)) == ["queued", "running", "succeeded"]

    def test_runs_of_deleted_workflows_go_too(self, database: Database) -> None:
        make(database)
        ended(database, 2)
        with database.session() as session:
            operations.delete_workflow(session, "shop")
        assert self.prune(database, timedelta(0), 5) == 2
