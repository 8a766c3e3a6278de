"""What runs tell, on its way to the store."""

import threading
from datetime import UTC, datetime
from uuid import UUID

import pytest

from connectors.report import Failure
from service.database.engine import Database
from service.errors import Unavailable
from service.execution.journal import KEPT_FAILURES, Journal
from service.logs import RunContext
from service.runs import repository
from service.runs.repository import Lease
from service.runs.repository.journal import LogLine
from tests.eventually import eventually
from tests.integration.service.execution.replicas import outage
from tests.integration.service.runs.makers import claim, expire, make, read, start
from tests.integration.service.workflows.makers import ask
from tests.postgres import Server

NOW = datetime(2026, 11, 22, tzinfo=UTC)


@pytest.fixture
def lease(database: Database) -> Lease:
    """A running run's."""
    make(database)
    return start(database)


def of(lease: Lease) -> RunContext:
    """The attempt that logs."""
    return RunContext(str(lease.run_id), "shop", 1, token=lease.token)


def messages(database: Database, run_id: UUID) -> list[str]:
    with database.session() as session:
        return [line.message for line in repository.list_logs(session, run_id, 0, 100_000)]


def names(database: Database, run_id: UUID) -> list[str]:
    with database.session() as session:
        return [one.name for one in repository.list_failures(session, run_id, None, 100_000).data]


def failure(name: str) -> Failure:
    return Failure("table", name, "table", "why", "mend")


def test_all_that_is_told_is_written_now_and_then(database: Database, lease: Lease) -> None:
    journal = Journal(database, 100)
    journal.start()
    try:
        run = journal.open(lease)
        journal.log(of(lease), NOW, "INFO", "of.a.test", "hello")
        run.failed(failure("a"))
        run.scope_done("shop.sales", {"table": 2})
        run.report.expected("table", 4)
        run.report.counted("table", "written", 2)
        eventually(lambda: read(database, lease.run_id).counts.written == 2)
    finally:
        journal.stop()
    assert (messages(database, lease.run_id), names(database, lease.run_id)) == (["hello"], ["a"])
    assert read(database, lease.run_id).progress["table"] == {"processed": 0, "expected": 4}
    assert ask(database, "select scope, records from run_checkpoints") == [("shop.sales", {"table": 2})]
    assert "headwater-journal" not in {thread.name for thread in threading.enumerate()}


def test_progress_is_shown_before_anything_is_written(database: Database, lease: Lease) -> None:
    journal = Journal(database, 100)
    run = journal.open(lease)
    journal.write(run)
    run.report.expected("table", 4)
    journal.write(run)
    assert read(database, lease.run_id).progress["table"] == {"processed": 0, "expected": 4}


def test_a_run_that_has_just_begun_writes_nothing_on_its_own(database: Database, lease: Lease) -> None:
    make(database, "other")
    young = start(database, "other")
    journal = Journal(database, 100)
    journal.open(young).began += 3600
    journal.open(lease).began -= 3600
    for each in (young, lease):
        journal.log(of(each), NOW, "INFO", "of.a.test", "hello")
    journal.start()
    try:
        eventually(lambda: messages(database, lease.run_id) == ["hello"])
        assert messages(database, young.run_id) == []
    finally:
        journal.stop()
    assert messages(database, young.run_id) == ["hello"]


def test_stopping_writes_what_is_left(database: Database, lease: Lease) -> None:
    journal = Journal(database, 100)
    journal.start()
    journal.open(lease)
    journal.log(of(lease), NOW, "INFO", "of.a.test", "last words")
    journal.stop()
    assert messages(database, lease.run_id) == ["last words"]


def test_what_an_outage_holds_up_is_written_later_in_order(
    database: Database, lease: Lease, postgres_server: Server
) -> None:
    journal = Journal(database, 100)
    run = journal.open(lease)
    with outage(postgres_server, database):
        for words in ("one", "two"):
            journal.log(of(lease), NOW, "INFO", "of.a.test", words)
            run.failed(failure(words))
            run.scope_done(words, {})
            with pytest.raises(Unavailable):
                journal.write(run)
    journal.log(of(lease), NOW, "INFO", "of.a.test", "three")
    journal.write(run)
    assert messages(database, lease.run_id) == ["one", "two", "three"]
    assert names(database, lease.run_id) == ["one", "two"]
    assert ask(database, "select scope from run_checkpoints order by scope") == [("one",), ("two",)]


def test_a_flood_keeps_the_head_and_the_tail(database: Database, lease: Lease) -> None:
    journal = Journal(database, 10)
    run = journal.open(lease)
    for number in range(8_000):
        journal.log(of(lease), NOW, "INFO", "of.a.test", str(number))
    for number in range(KEPT_FAILURES + 500):
        run.failed(failure(str(number)))
    journal.write(run)
    kept = messages(database, lease.run_id)
    assert kept[:5] == ["0", "1", "2", "3", "4"]
    assert kept[5:] == [str(number) for number in range(7_995, 8_000)]
    assert names(database, lease.run_id) == [str(number) for number in range(KEPT_FAILURES)]


def test_a_long_text_is_held_in_short(database: Database, lease: Lease) -> None:
    journal = Journal(database, 10)
    run = journal.open(lease)
    journal.log(of(lease), NOW, "INFO", "of.a.test", "x" * 100_000)
    first, _, _ = run.lines.take()
    assert len(first[0].message) < 20_000


def test_a_stale_token_writes_nothing(database: Database, lease: Lease) -> None:
    journal = Journal(database, 100)
    run = journal.open(lease)
    expire(database)
    with database.session() as session:
        repository.reap(session)
    journal.log(of(lease), NOW, "INFO", "of.a.test", "too late")
    run.failed(failure("a"))
    run.scope_done("shop", {})
    run.report.counted("table", "written", 2)
    journal.write(run)
    assert messages(database, lease.run_id) == names(database, lease.run_id) == []
    assert ask(database, "select * from run_checkpoints") == []
    assert read(database, lease.run_id).counts.written == 0


def test_an_attempt_that_was_given_up_does_not_talk_into_the_next(database: Database, lease: Lease) -> None:
    journal = Journal(database, 100)
    journal.open(lease)
    expire(database)
    with database.session() as session:
        repository.reap(session)
    ask(database, "update runs set available_at = now()")
    [second] = claim(database)
    run = journal.open(second.lease)
    journal.log(of(lease), NOW, "INFO", "of.a.test", "of the first")
    journal.log(of(second.lease), NOW, "INFO", "of.a.test", "of the second")
    journal.write(run)
    assert messages(database, lease.run_id) == ["of the second"]


def test_while_a_lease_may_be_over_nothing_is_written(database: Database, lease: Lease) -> None:
    journal = Journal(database, 100)
    journal.open(lease, lambda: True)
    journal.log(of(lease), NOW, "INFO", "of.a.test", "too late")
    journal.start()
    journal.stop()
    assert messages(database, lease.run_id) == []


def test_a_closed_journal_takes_nothing_more(database: Database, lease: Lease) -> None:
    journal = Journal(database, 100)
    run = journal.open(lease)
    journal.close(run)
    journal.log(of(lease), NOW, "INFO", "of.a.test", "too late")
    run.failed(failure("a"))
    run.scope_done("shop", {})
    assert not any((*run.lines.take()[:2], *run.failures.take()[:2], *run.scopes.take()[:2]))


def test_one_run_that_cannot_be_written_holds_up_no_other(database: Database, lease: Lease) -> None:
    make(database, "other")
    other = start(database, "other")
    ask(database, "create function no() returns trigger language plpgsql as $$ begin raise exception 'no'; end $$")
    mine = f"when (new.run_id = '{lease.run_id}')"
    ask(database, f"create trigger no before insert on run_logs for each row {mine} execute function no()")
    journal = Journal(database, 100)
    for each in (lease, other):
        journal.open(each)
        journal.log(of(each), NOW, "INFO", "of.a.test", "hello")
    journal.start()
    journal.stop()
    assert messages(database, other.run_id) == ["hello"]
    assert messages(database, lease.run_id) == []


def test_who_listens_hears_the_early_lines_first_whoever_else_talks(database: Database, lease: Lease) -> None:
    run = Journal(database, 10).open(lease)
    heard: list[str] = []
    another = threading.Thread(target=run.logged, args=(LogLine(NOW, "INFO", "of.a.test", "three"),))

    def hear(line: LogLine) -> None:
        heard.append(line.message)
        if len(heard) == 1:
            another.start()
            another.join(0.1)

    for words in ("one", "two"):
        run.logged(LogLine(NOW, "INFO", "of.a.test", words))
    run.listen(hear)
    another.join()
    assert heard == ["one", "two", "three"]
