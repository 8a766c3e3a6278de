"""Ends of runs that come at about the same time are stored together, and none suffers from another."""

from collections.abc import Callable, Generator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import LiteralString

import psycopg
import pytest
from sqlalchemy.exc import DBAPIError

from service.database.engine import Database
from service.errors import Unavailable
from service.execution.finishing import GATHER_SECONDS, Finisher
from service.execution.journal import Journal, RunJournal, Words
from service.runs.repository import Ending, Lease, LogLine
from service.runs.schemas import RunError
from service.runs.status import RunState
from tests.eventually import eventually
from tests.integration.service.runs.makers import claim, make, queue, read
from tests.integration.service.workflows.makers import ask

NOW = datetime(2026, 11, 22, 1, tzinfo=UTC)
# Longer than any test may take.
PATIENCE_SECONDS = 600.0
SUCCEEDED = Ending(RunState.SUCCEEDED, {"written": 1})
FAILED = Ending(RunState.FAILED, error=RunError(title="bad"))
BLOCKED = "select count(*) from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'"
REFUSE = """
    create function refuse() returns trigger language plpgsql as
        $$ begin raise exception 'not %', new.workflow; end $$;
    create trigger refuse before update on runs for each row when (new.workflow = 'b') execute function refuse()"""
REFUSE_WORDS = """
    create function refuse() returns trigger language plpgsql as $$ begin raise exception 'not %', new.message; end $$;
    create trigger refuse before insert on run_logs for each row when (new.message = 'bad') execute function refuse()"""


class Watched(Finisher):
    """Tells how many wait, and takes runs that may have something to tell."""

    def __init__(self, database: Database, gather_seconds: float = GATHER_SECONDS) -> None:
        self.journal = Journal(database, 100)
        super().__init__(database, self.journal, gather_seconds)

    def end(self, lease: Lease, ending: Ending, *told: str) -> bool:
        """See `finish`."""
        journal = RunJournal(lease, lambda: False)
        for words in told:
            journal.logged(LogLine(NOW, "INFO", "of.a.test", words))
            journal.scope_done(words, {})
        return self.finish(Words.of(journal), ending)

    @property
    def waiting(self) -> int:
        return len(self._waiting)


def started(database: Database, *names: str) -> list[Lease]:
    """A running run of a new workflow of each name, in the order of the names."""
    for name in names:
        make(database, name)
        queue(database, name)
    return [claimed.lease for claimed in sorted(claim(database), key=lambda claimed: claimed.workflow)]


@contextmanager
def holding(database: Database, lock: LiteralString, *values: object) -> Generator[None]:
    """While inside, what this statement locks is locked."""
    with psycopg.connect(database.url.replace("+psycopg", "")) as connection:
        connection.execute(lock, values)
        yield


def meanwhile(
    database: Database, finisher: Watched, first: Lease, others: Sequence[Callable[[], bool]]
) -> list[Future[bool]]:
    """What comes of `others` when they all come while the end of the first is being stored."""
    with ThreadPoolExecutor() as crowd, holding(database, "lock table run_attempts in share mode"):
        ends = [crowd.submit(finisher.end, first, SUCCEEDED)]
        eventually(lambda: ask(database, BLOCKED) == [(1,)])
        ends += [crowd.submit(other) for other in others]
        eventually(lambda: finisher.waiting == len(others))
    return ends


def test_those_that_come_while_one_is_stored_share_a_transaction(database: Database) -> None:
    first, *others = started(database, "a", "b", "c", "d")
    finisher = Watched(database)
    calls = [
        lambda lease=lease, ending=ending: finisher.end(lease, ending)
        for lease, ending in zip(others, (SUCCEEDED, FAILED, SUCCEEDED), strict=True)
    ]
    assert all(end.result() for end in meanwhile(database, finisher, first, calls))
    assert [read(database, lease.run_id).state.value for lease in others] == ["succeeded", "failed", "succeeded"]
    assert ask(database, "select count(distinct finished_at), count(distinct xmin::text) from runs") == [(2, 2)]
    failures = "select name, consecutive_failures from workflows order by name"
    assert ask(database, failures) == [("a", 0), ("b", 0), ("c", 1), ("d", 0)]


def test_half_of_the_runs_in_hand_are_waited_for(database: Database) -> None:
    leases = started(database, "a", "b", "c", "d")
    finisher = Watched(database, gather_seconds=PATIENCE_SECONDS)
    for lease in leases:
        finisher.journal.open(lease)
    with ThreadPoolExecutor() as crowd:
        first = crowd.submit(finisher.end, leases[0], SUCCEEDED)
        eventually(lambda: finisher.waiting == 1)
        assert crowd.submit(finisher.end, leases[1], SUCCEEDED).result()
        assert first.result()
    ended = "select count(*), count(distinct xmin::text) from runs where state = 'succeeded'"
    assert ask(database, ended) == [(2, 1)]


def test_runs_that_go_on_hold_up_no_end(database: Database) -> None:
    first, *others = started(database, "a", "b", "c", "d")
    finisher = Watched(database)
    for lease in (first, *others):
        finisher.journal.open(lease)
    assert finisher.end(first, SUCCEEDED)
    assert [read(database, lease.run_id).state for lease in others] == [RunState.RUNNING] * 3


@pytest.mark.parametrize(
    "lock",
    [
        "select from runs where workflow = 'a' for update",
        "select from workflows where name = 'a' for no key update",
    ],
)
def test_one_that_is_locked_holds_up_no_other(database: Database, lock: LiteralString) -> None:
    locked, *others = started(database, "a", "b", "c")
    finisher = Watched(database)
    with ThreadPoolExecutor() as crowd:
        with holding(database, lock):
            end = crowd.submit(finisher.end, locked, FAILED)
            eventually(lambda: ask(database, BLOCKED) == [(1,)])
            assert all(finisher.end(lease, FAILED) for lease in others)
            assert not end.done()
        assert end.result()
    assert ask(database, "select sum(consecutive_failures), count(*) from workflows") == [(3, 3)]
    assert read(database, locked.run_id).state is RunState.FAILED


def test_the_last_words_of_a_run_are_stored_with_its_end(database: Database) -> None:
    first, one, two = started(database, "a", "b", "c")
    finisher = Watched(database)
    calls = [lambda: finisher.end(one, SUCCEEDED, "one", "more"), lambda: finisher.end(two, FAILED, "two")]
    assert all(end.result() for end in meanwhile(database, finisher, first, calls))
    logged = "select workflow, message from run_logs l join runs r on r.id = l.run_id order by l.id"
    assert sorted(ask(database, logged)) == [("b", "more"), ("b", "one"), ("c", "two")]
    assert ask(database, "select count(distinct xmin::text) from run_logs") == [(1,)]
    together = "select count(*) from runs r join run_logs l on l.run_id = r.id and l.xmin = r.xmin"
    assert ask(database, together) == [(3,)]


def test_last_words_that_cannot_be_stored_leave_the_end(database: Database) -> None:
    first, one, two = started(database, "a", "b", "c")
    ask(database, REFUSE_WORDS)
    finisher = Watched(database)
    calls = [lambda: finisher.end(one, SUCCEEDED, "bad"), lambda: finisher.end(two, SUCCEEDED, "good")]
    assert all(end.result() for end in meanwhile(database, finisher, first, calls))
    assert [read(database, lease.run_id).state for lease in (one, two)] == [RunState.SUCCEEDED] * 2
    assert ask(database, "select message from run_logs") == [("good",)]


def test_who_has_lost_a_run_leaves_no_last_words(database: Database) -> None:
    [lease] = started(database, "a")
    assert not Watched(database).end(Lease(lease.run_id, lease.token - 1), SUCCEEDED, "stale")
    assert ask(database, "select count(*) from run_logs union all select count(*) from run_checkpoints") == [(0,), (0,)]


def test_an_end_that_cannot_be_stored_is_told_to_its_run_alone(database: Database) -> None:
    first, broken, other = started(database, "a", "b", "c")
    ask(database, REFUSE)
    finisher = Watched(database)
    calls = [lambda: finisher.end(broken, SUCCEEDED), lambda: finisher.end(other, SUCCEEDED)]
    one, two, three = meanwhile(database, finisher, first, calls)
    assert (one.result(), three.result()) == (True, True)
    assert isinstance(two.exception(), DBAPIError)
    assert [read(database, lease.run_id).state for lease in (broken, other)] == [RunState.RUNNING, RunState.SUCCEEDED]


def test_who_has_lost_a_run_is_told_so_beside_others(database: Database) -> None:
    first, taken, other = started(database, "a", "b", "c")
    stale = Lease(taken.run_id, taken.token - 1)
    finisher = Watched(database)
    calls = [lambda: finisher.end(stale, FAILED), lambda: finisher.end(other, SUCCEEDED)]
    assert [end.result() for end in meanwhile(database, finisher, first, calls)] == [True, False, True]
    assert read(database, taken.run_id).state is RunState.RUNNING
    assert ask(database, "select sum(consecutive_failures) from workflows") == [(0,)]


def test_a_store_that_is_away_is_told_to_all(database: Database) -> None:
    [lease] = started(database, "a")
    away = Database("postgresql://headwater@127.0.0.1:1/headwater")
    finisher = Watched(away)
    with ThreadPoolExecutor() as crowd:
        ends = [crowd.submit(finisher.end, lease, SUCCEEDED) for _ in range(3)]
    for end in ends:
        with pytest.raises(Unavailable, match="not available"):
            end.result()
    assert read(database, lease.run_id).state is RunState.RUNNING
