"""Many replicas at once, each on a connection of its own."""

import contextlib
from collections.abc import Iterator
from contextlib import suppress

import pytest

from service.database.engine import Database
from service.errors import Conflict, NotFound
from service.runs import operations, repository
from service.runs.repository import ClaimedRun, Lease, LogLine, NewRun, TickRun
from service.runs.status import RunState
from service.workflows import operations as definitions
from service.workflows import repository as workflows
from tests.integration.service.runs.makers import (
    HOUR,
    QUEUE,
    TICK,
    claim,
    end,
    expire,
    make,
    queue,
    start,
    states,
    together,
)
from tests.integration.service.workflows.makers import RULES, ask, definition_of

REPLICAS = 8


@pytest.fixture
def database(database_url: str) -> Iterator[Database]:
    """Room for all replicas."""
    database = Database(database_url, pool_size=REPLICAS)
    yield database
    database.dispose()


def test_no_two_workers_get_the_same_run(database: Database) -> None:
    for number in range(40):
        make(database, f"w{number}")
        queue(database, f"w{number}")

    def work(number: int) -> list[ClaimedRun]:
        mine: list[ClaimedRun] = []
        while claimed := claim(database, f"worker-{number}", limit=3):
            mine += claimed
        return mine

    claimed = [run for mine in together(REPLICAS, work) for run in mine]
    claimed += claim(database)
    assert len({run.lease.run_id for run in claimed}) == len(claimed) == 40
    assert {run.lease.token for run in claimed} == {1}


def test_no_workflow_runs_twice_at_a_time(database: Database) -> None:
    """Urgent runs come in between, so that claims begun at different moments want different runs of a workflow."""
    for name in "abc":
        make(database, name, policy=QUEUE)

    def work(number: int) -> int:
        done = 0
        for turn in range(15):
            queue(database, "abc"[(number + turn) % 3], priority=turn)
            for run in claim(database, f"worker-{number}"):
                assert ask(database, "select max(n) from (select count(*) n from runs where state = 'running'"
                                     " group by workflow_id) r") == [(1,)]  # fmt: skip
                done += end(database, run.lease)
        return done

    done = sum(together(REPLICAS, work))
    while claimed := claim(database):
        done += sum(end(database, run.lease) for run in claimed)
    assert done == REPLICAS * 15


def test_pool_limits_hold_over_all_workers(database: Database) -> None:
    for number in range(20):
        make(database, f"w{number}", policy={"pool": "big"})
        queue(database, f"w{number}")
    claimed = together(REPLICAS, lambda number: claim(database, f"worker-{number}", ("big",), 2, big=5))
    assert sum(map(len, claimed)) == 5


@pytest.mark.parametrize("overlap", ["skip", "queue", "cancelRunning"])
def test_a_tick_that_all_replicas_fire_makes_one_run(database: Database, overlap: str) -> None:
    ids = [make(database, f"w{number}", policy={"overlap": overlap}) for number in range(10)]
    ticks = [TickRun(workflow_id, TICK + HOUR * hour) for workflow_id in ids for hour in range(3)]

    def fire(number: int) -> int:
        with database.session() as session:
            made = repository.enqueue_ticks(session, ticks if number % 2 else ticks[::-1])
            workflows.move_cursors(session, {tick.workflow_id: tick.scheduled_for for tick in ticks})
            return len(made)

    assert sum(together(REPLICAS, fire)) == 30
    assert ask(database, "select count(*), count(distinct (workflow_id, scheduled_for)) from runs") == [(30, 30)]
    expected = {"skip": {"queued": 10, "skipped": 20}, "queue": {"queued": 30}}
    found = dict(ask(database, "select state, count(*) from runs group by state"))
    assert found == expected.get(overlap, {"queued": 10, "cancelled": 20})


def test_replicas_at_different_ticks_leave_one_active_run(database: Database) -> None:
    ids = [make(database, f"w{number}") for number in range(10)]

    def fire(number: int) -> int:
        with database.session() as session:
            return len(repository.enqueue_ticks(session, [TickRun(one, TICK + HOUR * number) for one in ids]))

    assert together(REPLICAS, fire) == [10] * REPLICAS
    assert sorted(states(database)) == ["queued"] * 10 + ["skipped"] * 10 * (REPLICAS - 1)


def test_ticks_and_people_meet_in_one_active_run(database: Database) -> None:
    shop = make(database)

    def fire(number: int) -> bool:
        try:
            with database.session() as session:
                if number % 2:
                    repository.enqueue(session, NewRun("shop"))
                else:
                    repository.enqueue_ticks(session, [TickRun(shop, TICK + HOUR * number)])
        except Conflict:
            return False
        return True

    together(REPLICAS, fire)
    assert states(database).count("queued") == 1


def test_an_idempotency_key_holds_for_requests_at_one_moment(database: Database) -> None:
    make(database, policy=QUEUE)
    assert len(set(together(REPLICAS, lambda _: queue(database, idempotency_key="k")))) == 1


def test_a_lost_run_is_taken_back_once(database: Database) -> None:
    for number in range(10):
        make(database, f"w{number}", policy={"pauseAfterFailures": 1})
        start(database, f"w{number}")
    expire(database)

    def reap(number: int) -> int:
        with database.session() as session:
            return len(repository.reap(session, number % 2))

    assert sum(together(REPLICAS, reap)) == 10
    assert ask(database, "select count(*) from run_attempts where outcome = 'lost'") == [(10,)]
    assert ask(database, "select distinct losses from runs") == [(1,)]


def test_the_old_and_the_new_owner_do_not_mix(database: Database) -> None:
    """Whatever the moment at which a lease is lost, exactly one owner finishes, and no stale line is written."""
    make(database)
    line = [LogLine(TICK, "INFO", "a", "b")]
    stale = start(database)
    expire(database)

    def act(number: int) -> list[Lease]:
        if number:
            with database.session() as session:
                repository.reap(session)
            claimed = claim(database, f"worker-{number}")
            return [run.lease for run in claimed if end(database, run.lease)]
        with database.session() as session:
            repository.add_logs(session, {stale: line}, 10)
        return [stale] if end(database, stale, RunState.FAILED) else []

    winners = [lease for leases in together(REPLICAS, act) for lease in leases]
    winners += [run.lease for run in claim(database) if end(database, run.lease)]
    assert len(winners) == 1
    [(state, token)] = ask(database, "select state, token from runs")
    assert (state, token) == ("failed" if winners == [stale] else "succeeded", winners[0].token)


def test_nothing_waits_in_a_circle(database: Database) -> None:
    """Ticks, cancels, endings, claims, reaping and edits of the same workflows, in every order."""
    ids = [make(database, f"w{number}", policy={"overlap": "cancelRunning"}) for number in range(6)]

    def fire(turn: int) -> None:
        with database.session() as session:
            ticks = [TickRun(one, TICK + HOUR * turn) for one in ids[:: (-1) ** turn]]
            repository.enqueue_ticks(session, ticks)
            workflows.move_cursors(session, dict.fromkeys(ids, TICK + HOUR * turn))

    def work(turn: int) -> None:
        for run in claim(database, "worker"):
            with database.session() as session:
                repository.renew(session, "worker", {run.lease.run_id: run.lease.token}, 30)
            end(database, run.lease, (RunState.FAILED, RunState.SUCCEEDED)[turn % 2])

    def lose(_: int) -> None:
        expire(database)
        with database.session() as session:
            repository.reap(session, 0)

    def edit(turn: int) -> None:
        with database.session() as session:
            definitions.apply(session, definition_of(name=f"w{turn % 6}", description=str(turn)), RULES)
        with suppress(Conflict), database.session() as session:
            repository.enqueue(session, NewRun(f"w{turn % 6}"))

    acts = (fire, work, lose, edit, fire, work, work, edit)

    def act(number: int) -> None:
        for turn in range(12):
            acts[number](turn)

    together(REPLICAS, act)
    assert ask(database, "select deadlocks from pg_stat_database where datname = current_database()") == [(0,)]


def test_a_name_is_given_once(database: Database) -> None:
    def create(number: int) -> str:
        with contextlib.suppress(Conflict), database.session() as session:
            if number % 2:
                return definitions.create(session, definition_of(), RULES).change
            return definitions.apply(session, definition_of(), RULES).change
        return "refused"

    changes = together(REPLICAS, create)
    assert changes.count("created") == 1
    assert "changed" not in changes
    assert ask(database, "select count(*), max(revision) from workflow_revisions") == [(1, 1)]


def test_deleting_meets_queueing(database: Database) -> None:
    """Whichever comes first, no run stays queued without its workflow."""
    for turn in range(10):
        make(database, f"w{turn}", policy=QUEUE)

    def act(number: int) -> None:
        for turn in range(10):
            with contextlib.suppress(NotFound), database.session() as session:
                if number == turn % REPLICAS:
                    operations.delete_workflow(session, f"w{turn}")
                else:
                    repository.enqueue(session, NewRun(f"w{turn}"))

    together(REPLICAS, act)
    assert ask(database, "select count(*) from workflows") == [(0,)]
    assert set(states(database)) <= {"cancelled"}
