from collections.abc import Sequence
from datetime import UTC, datetime, timedelta, timezone
from uuid import uuid4

import pytest

from service.database.engine import Database
from service.errors import Invalid, NotFound
from service.workflows import operations, repository
from service.workflows.repository import WorkflowFilter
from tests.integration.service.workflows.makers import RULES, ask, definition_of, make_workflow

DAILY = {"cron": "0 2 * * *"}
INSTANT = datetime(2100, 1, 1, tzinfo=UTC)


def make(database: Database, *names: str, **fields: object) -> None:
    with database.session() as session:
        for name in names:
            make_workflow(session, name, **fields)


def names(database: Database, which: WorkflowFilter) -> Sequence[str]:
    with database.session() as session:
        return [one.name for one in repository.list_workflows(session, which, None, 10).data]


def test_a_name_that_is_not_there_is_named(database: Database) -> None:
    with database.session() as session:
        for name in ("nope", "no\x00pe", "\ud800"):
            with pytest.raises(NotFound, match="there is no workflow"):
                repository.get(session, name)
            with pytest.raises(NotFound):
                repository.lock(session, name)


def test_pages_follow_one_another_by_name(database: Database) -> None:
    make(database, "b", "d", "a", "c", "e")
    seen: list[str] = []
    cursor = None
    with database.session() as session:
        for size in (2, 2, 1):
            page = repository.list_workflows(session, WorkflowFilter(), cursor, 2)
            assert len(page.data) == size
            seen += [one.name for one in page.data]
            cursor = page.next_cursor
    assert (seen, cursor) == (["a", "b", "c", "d", "e"], None)


def test_all_conditions_hold_together(database: Database) -> None:
    make(database, "a", labels={"team": "data", "tier": "1"})
    make(database, "b", labels={"team": "data"}, enabled=False)
    make(database, "c", description="100% Data_Shop")
    assert names(database, WorkflowFilter()) == ["a", "b", "c"]
    assert names(database, WorkflowFilter(enabled=True)) == ["a", "c"]
    assert names(database, WorkflowFilter(enabled=False)) == ["b"]
    assert names(database, WorkflowFilter(labels={"team": "data"})) == ["a", "b"]
    assert names(database, WorkflowFilter(labels={"team": "data", "tier": "1"}, enabled=True)) == ["a"]
    assert names(database, WorkflowFilter(labels={"team": "ops"})) == []
    assert names(database, WorkflowFilter(text="data_")) == ["c"]
    assert names(database, WorkflowFilter(text="0%")) == ["c"]
    assert names(database, WorkflowFilter(text="A")) == ["a", "c"]
    assert names(database, WorkflowFilter(text="%")) == ["c"]


@pytest.mark.parametrize("which", [WorkflowFilter(text="a\x00"), WorkflowFilter(labels={"a": "\ud800"})])
def test_conditions_that_the_database_cannot_hold_are_refused(database: Database, which: WorkflowFilter) -> None:
    with pytest.raises(Invalid, match="cannot be stored"):
        names(database, which)


def test_revisions_come_newest_first(database: Database) -> None:
    make(database, "shop")
    for description in ("x", "y"):
        with database.session() as session:
            row = operations.apply(session, definition_of(description=description), RULES).row
    with database.session() as session:
        row = repository.get(session, "shop")
        page = repository.list_revisions(session, row, None, 2)
        assert [(one.revision, one.description) for one in page.data] == [(3, "y"), (2, "x")]
        rest = repository.list_revisions(session, row, page.next_cursor, 2)
        assert ([one.revision for one in rest.data], rest.next_cursor) == ([1], None)


def test_the_timer_sees_enabled_workflows_with_a_schedule(database: Database) -> None:
    make(database, "a", schedule=DAILY)
    make(database, "b", schedule=DAILY, enabled=False)
    make(database, "c")
    with database.session() as session:
        [one] = repository.scan_scheduled(session)
        assert (one.name, one.schedule["cron"], one.policy["misfire"], one.revision) == ("a", "0 2 * * *", "latest", 1)
        assert list(repository.scan_scheduled(session, ["a", "b", "c", "nope"])) == [one]


def test_the_scan_is_streamed(database: Database) -> None:
    make(database, *(f"w{number}" for number in range(5)), schedule=DAILY)
    with database.session() as session:
        assert [one.id for one in repository.scan_scheduled(session)] == sorted(
            one.id for one in repository.scan_scheduled(session)
        )


def test_cursors_move_forward_and_back(database: Database) -> None:
    make(database, "a", "b")
    with database.session() as session:
        first, second = (repository.get(session, name).id for name in ("a", "b"))
        repository.move_cursors(session, {first: INSTANT + timedelta(1), uuid4(): INSTANT})
        repository.move_cursors(session, {})
        repository.move_cursors(session, {first: INSTANT, second: INSTANT.astimezone(timezone(timedelta(hours=2)))})
    with database.session() as session:
        assert [repository.get(session, name).tick_cursor for name in ("a", "b")] == [INSTANT, INSTANT]
        assert repository.get(session, "b").tick_cursor.tzinfo is UTC


def test_a_workflow_is_unmoved_while_it_is_enabled_and_has_its_cursor(database: Database) -> None:
    make(database, "a", "b", "c", "d")
    with database.session() as session:
        rows = [repository.get(session, name) for name in "abcd"]
        read = {row.id: row.tick_cursor for row in rows}
        repository.move_cursors(session, {rows[1].id: INSTANT})
        rows[2].enabled = False
        repository.delete(session, rows[3])
        assert repository.lock_unmoved(session, read) == {rows[0].id}
        assert repository.lock_unmoved(session, {uuid4(): INSTANT}) == set()
        assert repository.lock_unmoved(session, {}) == set()


def test_instants_without_a_zone_do_not_reach_the_store(database: Database) -> None:
    make(database, "a")
    with pytest.raises(Exception, match="has no time zone"), database.session() as session:
        repository.get(session, "a").tick_cursor = INSTANT.replace(tzinfo=None)


def test_no_document_is_sql_null(database: Database) -> None:
    make(database, "a")
    assert ask(database, "select count(*) from workflows where schedule is null") == [(1,)]


def test_secrets_are_kept_replaced_listed_and_forgotten(database: Database) -> None:
    with database.session() as session:
        repository.store_secret(session, "b", b"1")
        repository.store_secret(session, "a", b"2")
        repository.store_secret(session, "b", b"3")
    with database.session() as session:
        assert repository.list_secrets(session) == ["a", "b"]
        assert repository.find_secret(session, "b") == b"3"
        assert repository.find_secret(session, "\x00") is None
        assert repository.delete_secret(session, "b")
        assert not repository.delete_secret(session, "b")
        assert not repository.delete_secret(session, "\x00")
        assert repository.find_secret(session, "b") is None
