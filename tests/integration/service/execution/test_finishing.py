"""Ends of runs that are stored together, and one that is stored alone."""

from concurrent.futures import ThreadPoolExecutor
from typing import LiteralString

import msgspec
import pytest
from psycopg.errors import RaiseException
from sqlalchemy.exc import DBAPIError

from service.database.engine import Database
from service.errors import Unavailable
from service.execution.attempt import Attempt
from service.execution.finishing import Finisher
from service.execution.outcome import Finished
from service.runs.repository import Lease
from tests.eventually import eventually
from tests.integration.service.execution.ending import (
    BLOCKED,
    FAILED,
    LOCKS,
    REFUSE,
    SUCCEEDED,
    failures,
    finisher_of,
    holding,
    started,
    states,
    tell,
)
from tests.integration.service.workflows.makers import ask

REFUSE_WORDS = """
    create function refuse() returns trigger language plpgsql as $$ begin raise exception 'not %', new.message; end $$;
    create trigger refuse before insert on run_logs for each row when (new.message = 'bad') execute function refuse()"""


def finish_free(finisher: Finisher, *ends: tuple[Attempt, Finished]) -> set[str]:
    """End these together; the workflows of those that are stored."""
    stored = finisher.finish_free([finisher.end_of(attempt, outcome) for attempt, outcome in ends])
    return {end.attempt.claim.workflow for end in stored}


def stale(attempt: Attempt) -> Attempt:
    """The same as whoever had the run before sees it."""
    lease = Lease(attempt.claim.lease.run_id, attempt.claim.lease.token - 1)
    attempt.journal.lease = lease
    return msgspec.structs.replace(attempt, claim=msgspec.structs.replace(attempt.claim, lease=lease))


def test_several_share_a_transaction(database: Database) -> None:
    finisher = finisher_of(database)
    a, b, c, d = started(finisher, database, "a", "b", "c", "d")
    assert finish_free(finisher, (a, SUCCEEDED), (b, FAILED), (c, SUCCEEDED)) == {"a", "b", "c"}
    assert finish_free(finisher, (d, SUCCEEDED)) == {"d"}
    assert states(database) == {"a": "succeeded", "b": "failed", "c": "succeeded", "d": "succeeded"}
    assert ask(database, "select count(distinct finished_at), count(distinct xmin::text) from runs") == [(2, 2)]
    assert failures(database) == {"a": 0, "b": 1, "c": 0, "d": 0}


@pytest.mark.parametrize("lock", LOCKS)
def test_one_that_is_locked_is_waited_for_alone(database: Database, lock: LiteralString) -> None:
    finisher = finisher_of(database)
    locked, *others = started(finisher, database, "a", "b", "c")
    tell(locked, "last")
    with ThreadPoolExecutor() as crowd:
        with holding(database, lock):
            ends = [(attempt, FAILED) for attempt in (locked, *others)]
            assert finish_free(finisher, *ends) == {"b", "c"}
            end = crowd.submit(finisher.store, locked, FAILED)
            eventually(lambda: ask(database, BLOCKED) == [(1,)])
            assert not end.done()
        assert end.result()
    assert failures(database) == {"a": 1, "b": 1, "c": 1}


def test_the_last_words_of_a_run_are_stored_with_its_end(database: Database) -> None:
    finisher = finisher_of(database)
    a, b = started(finisher, database, "a", "b")
    tell(a, "one", "more")
    tell(b, "two")
    assert finish_free(finisher, (a, SUCCEEDED), (b, FAILED)) == {"a", "b"}
    logged = "select workflow, message from run_logs l join runs r on r.id = l.run_id order by l.id"
    assert sorted(ask(database, logged)) == [("a", "more"), ("a", "one"), ("b", "two")]
    together = "select count(*) from runs r join run_logs l on l.run_id = r.id and l.xmin = r.xmin"
    assert ask(database, together) == [(3,)]


def test_last_words_that_cannot_be_stored_leave_the_end(database: Database) -> None:
    finisher = finisher_of(database)
    a, b = started(finisher, database, "a", "b")
    ask(database, REFUSE_WORDS)
    tell(a, "bad")
    tell(b, "good")
    ends = [finisher.end_of(attempt, SUCCEEDED) for attempt in (a, b)]
    with pytest.raises(DBAPIError):
        finisher.finish_free(ends)
    assert states(database) == {"a": "running", "b": "running"}
    for end in ends:
        end.words.give_back()
    assert all(finisher.store(attempt, SUCCEEDED) for attempt in (a, b))
    assert states(database) == {"a": "succeeded", "b": "succeeded"}
    assert ask(database, "select message from run_logs") == [("good",)]


def test_who_has_lost_a_run_stores_neither_end_nor_last_words(database: Database) -> None:
    finisher = finisher_of(database)
    taken, other = started(finisher, database, "a", "b")
    former = stale(taken)
    tell(former, "stale")
    assert finish_free(finisher, (former, FAILED), (other, SUCCEEDED)) == {"b"}
    tell(former, "stale")
    assert not finisher.store(former, FAILED)
    assert states(database) == {"a": "running", "b": "succeeded"}
    assert failures(database) == {"a": 0, "b": 0}
    assert ask(database, "select count(*) from run_logs union all select count(*) from run_checkpoints") == [(0,), (0,)]


def test_an_end_that_cannot_be_stored_is_told(database: Database) -> None:
    finisher = finisher_of(database)
    a, b = started(finisher, database, "a", "b")
    ask(database, REFUSE)
    with pytest.raises(RaiseException, match="not b"):
        finish_free(finisher, (a, SUCCEEDED), (b, SUCCEEDED))
    assert finisher.store(a, SUCCEEDED)
    with pytest.raises(RaiseException, match="not b"):
        finisher.store(b, SUCCEEDED)
    assert states(database) == {"a": "succeeded", "b": "running"}


def test_while_the_store_is_away_what_was_told_is_kept(database: Database) -> None:
    away = finisher_of(Database("postgresql://headwater@127.0.0.1:1/headwater"))
    [attempt] = started(away, database, "a")
    tell(attempt, "one", "more")
    for _ in range(2):
        with pytest.raises(Unavailable, match="not available"):
            away.store(attempt, SUCCEEDED)
    words = away.end_of(attempt, SUCCEEDED).words
    with pytest.raises(Unavailable, match="not available"):
        finish_free(away, (attempt, SUCCEEDED))
    assert [line.message for line in words.lines[0]] == ["one", "more"]
    assert states(database) == {"a": "running"}
