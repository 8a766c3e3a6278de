from collections.abc import Callable
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pytest
from sqlalchemy.orm import Session

from service.database.engine import Database
from service.runs import repository
from service.runs.repository import Lease, LogLine, LostEntity
from service.runs.repository.journal import MAX_TEXT
from service.workflows.documents import Json
from tests.integration.service.runs.makers import claim, end, expire, make, read, start
from tests.integration.service.workflows.makers import ask

if TYPE_CHECKING:
    from service.workflows.documents import Json

AT = datetime(2026, 11, 22, tzinfo=UTC)


def lines(first: int, last: int) -> list[LogLine]:
    return [LogLine(AT, "INFO", "headwater", str(number)) for number in range(first, last)]


def log(database: Database, lease: Lease, first: int, last: int, keep: int) -> list[str]:
    """The messages kept after these lines were added."""
    with database.session() as session:
        assert repository.add_logs(session, {lease: lines(first, last)}, keep) == {lease}
        return [line.message for line in repository.list_logs(session, lease.run_id, 0, 1000)]


def test_progress_and_counts_are_shown(database: Database) -> None:
    make(database)
    lease = start(database)
    progress: Json = {"table": {"processed": 8, "expected": float("inf")}, "etaSeconds": 4}
    with database.session() as session:
        assert repository.update_progress(session, lease, progress, {"written": 8})
    run = read(database, lease.run_id)
    assert run.progress == {"table": {"processed": 8, "expected": "inf"}, "etaSeconds": 4}
    assert run.counts.written == 8
    with database.session() as session:
        repository.release(session, lease)
    claim(database)
    assert read(database, lease.run_id).progress == {}


def test_lines_keep_their_order_and_what_they_say(database: Database) -> None:
    make(database)
    lease = start(database)
    with database.session() as session:
        repository.add_logs(session, {lease: [LogLine(AT, "ERROR", "a.b", "x\x00" + "y" * MAX_TEXT)]}, 10)
        repository.add_logs(session, {lease: lines(1, 4)}, 10)
        first, *rest = repository.list_logs(session, lease.run_id, 0, 3)
        assert (first.at, first.level, first.logger, first.attempt) == (AT, "ERROR", "a.b", 1)
        assert first.message.startswith("x\ufffdy")
        assert len(first.message) == MAX_TEXT + 1
        assert [line.message for line in rest] == ["1", "2"]
        assert [line.message for line in repository.list_logs(session, lease.run_id, rest[-1].id, 9)] == ["3"]


@pytest.mark.parametrize(
    ("keep", "kept"),
    [(6, "0 1 2 27 28 29"), (5, "0 1 2 28 29"), (1, "0"), (0, ""), (29, None), (30, None), (1000, None)],
)
def test_of_too_many_lines_the_first_and_the_last_are_kept(database: Database, keep: int, kept: str | None) -> None:
    make(database)
    lease = start(database)
    messages: list[str] = []
    messages: list[str] = []
    for first in range(0, 30, 3):
        messages = log(database, lease, first, first + 3, keep)
        assert len(messages) == min(keep, first + 3)
    numbers = [str(number) for number in range(30)]
    expected = numbers if keep >= 30 else numbers[: keep - keep // 2] + numbers[30 - keep // 2 :]
    assert messages == expected
    if kept is not None:
        assert messages == kept.split()


def test_failures_are_kept_up_to_a_bound(database: Database) -> None:
    make(database)
    lease = start(database)
    lost = [LostEntity("table", f"shop.{number}", "tables", "no\x00 rights", "grant") for number in range(5)]
    with database.session() as session:
        assert repository.add_failures(session, lease, lost[:2], keep=4)
        assert repository.add_failures(session, lease, lost[2:], keep=4)
        assert repository.add_failures(session, lease, lost, keep=4)
        page = repository.list_failures(session, lease.run_id, None, 3)
        rest = repository.list_failures(session, lease.run_id, page.next_cursor, 3)
    assert [one.name for one in [*page.data, *rest.data]] == [f"shop.{number}" for number in range(4)]
    first = page.data[0]
    assert (first.entity, first.stage, first.cause, first.advice, first.attempt) == (
        "table",
        "tables",
        "no\ufffd rights",
        "grant",
        1,
    )
    assert rest.next_cursor is None


def test_checkpoints_are_noted_once(database: Database) -> None:
    make(database)
    lease = start(database)
    with database.session() as session:
        assert repository.checkpoint(session, lease, {"a": {"table": 1}, "b": {}})
        assert repository.checkpoint(session, lease, {"a": {"table": 2}})
        found = repository.checkpoints(session, [lease.run_id])
    assert found == {lease.run_id: {"a": {"table": 2}, "b": {}}}


def test_lines_of_several_runs_are_kept_by_run(database: Database) -> None:
    leases: list[Lease] = []
    for name in ("a", "b", "c"):
        make(database, name)
        leases.append(start(database, name))
    one, two, ended = leases
    end(database, ended)
    told = {lease: lines(number, number + 9) for number, lease in enumerate(leases)}
    with database.session() as session:
        assert repository.add_logs(session, told, 4) == {one, two}
        kept = {lease: [line.message for line in repository.list_logs(session, lease.run_id, 0, 9)] for lease in leases}
    assert kept == {one: ["0", "1", "7", "8"], two: ["1", "2", "8", "9"], ended: []}


def test_nothing_to_write_still_tells_who_owns_it(database: Database) -> None:
    make(database)
    lease = start(database)
    with database.session() as session:
        assert repository.add_failures(session, lease, [])
        assert repository.checkpoint(session, lease, {})
    end(database, lease)
    with database.session() as session:
        assert not repository.checkpoint(session, lease, {})


WRITES: dict[str, Callable[[Session, Lease], bool]] = {
    "progress": lambda session, lease: repository.update_progress(session, lease, {"a": 1}, {"written": 99}),
    "logs": lambda session, lease: bool(repository.add_logs(session, {lease: lines(0, 1)}, 10)),
    "failures": lambda session, lease: repository.add_failures(session, lease, [LostEntity("a", "b", "c", "d")]),
    "checkpoints": lambda session, lease: repository.checkpoint(session, lease, {"a": {}}),
}


@pytest.mark.parametrize("name", WRITES)
def test_stale_tokens_write_nothing(database: Database, name: str) -> None:
    make(database)
    stale = start(database)
    expire(database)
    write = WRITES[name]
    with database.session() as session:
        repository.reap(session)
        assert not write(session, stale)
    [owner] = claim(database, "w2")
    with database.session() as session:
        assert not write(session, stale)
    end(database, owner.lease)
    with database.session() as session:
        assert not write(session, owner.lease)
    tables = "select count(*) from run_logs union all select count(*) from run_failures"
    assert ask(database, f"{tables} union all select count(*) from run_checkpoints") == [(0,)] * 3
    assert read(database, stale.run_id).counts.written == 1
