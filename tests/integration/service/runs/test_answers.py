"""Runs are answered as their model says, though no model makes the answers."""

import asyncio
import json
from typing import Any
from uuid import UUID

import msgspec
import pytest

from service.database.engine import Database, answer
from service.runs import repository
from service.runs.repository import RunFilter
from service.runs.schemas import RunRead
from tests.integration.service.runs.makers import end, make, queue, read, start
from tests.integration.service.workflows.makers import ask

CHANGES = {
    "as it was queued": "priority = 0",
    "counts": """counts = '{"written": 3, "byType": {"table": {"written": 3}}}'""",
    "an error without advice": """error = '{"title": "bad"}'""",
    "an error": """error = '{"title": "bad", "detail": "d", "advice": "a"}'""",
    "overrides": """overrides = '{"a": [1, 1.5, {"b": "ü\\n"}], "password": {"$sealed": "x"}, "c": "secret:d"}'""",
    "numbers": """overrides = '{"large": 123456789012345678901234567890, "small": 1e-7}'""",
    "progress": """progress = '{"stage": "tables", "done": 5}'""",
    "instants": "started_at = '2026-01-01 00:00:00+05', scheduled_for = '2026-01-01 00:00:00.000001+00'",
    "a reason": "cancel_reason = 'no', cancel_requested_at = now(), worker = 'w'",
}


async def on_the_loop(database: Database, run_id: UUID) -> list[dict[str, Any]]:
    """The run, read and listed."""
    try:
        one = await database.questions.ask(repository.read(run_id))
        page = await database.questions.ask(repository.list_runs(RunFilter(), None, 1))
    finally:
        await database.questions.close()
    return [one, *page.data]


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
def test_a_run_is_answered_as_its_model_would(database: Database, change: str) -> None:
    make(database)
    run_id = queue(database)
    ask(database, f"update runs set {change}")
    expected = read(database, run_id).model_dump(mode="json")
    with database.reading() as session:
        one = answer(session, repository.read(run_id))
        [listed] = answer(session, repository.list_runs(RunFilter(), None, 1)).data
    assert json.loads(msgspec.json.encode(one)) == expected
    assert listed == one
    assert list(one) == list(expected)
    assert RunRead.model_validate(one) == read(database, run_id)
    assert asyncio.run(on_the_loop(database, run_id)) == [one, one]


def test_runs_that_ended_are_answered_as_their_model_would(database: Database) -> None:
    make(database)
    lease = start(database)
    end(database, lease)
    with database.reading() as session:
        one = answer(session, repository.read(lease.run_id))
    assert json.loads(msgspec.json.encode(one)) == read(database, lease.run_id).model_dump(mode="json")


@pytest.mark.parametrize("edited", ["[1]", "7", "null", '"none"', "[]", '""', "0"])
def test_what_was_edited_to_be_no_object_is_answered_as_if_there_were_none(database: Database, edited: str) -> None:
    make(database)
    run_id = queue(database)
    expected = read(database, run_id)
    changes = [f"{column} = '{edited}'" for column in ("counts", "error", "overrides", "progress")]
    ask(database, f"update runs set {', '.join(changes)}")
    with database.reading() as session:
        [listed] = answer(session, repository.list_runs(RunFilter(), None, 1)).data
    assert json.loads(msgspec.json.encode(listed)) == expected.model_dump(mode="json")
    assert read(database, run_id) == expected


@pytest.mark.parametrize("counts", ["[1]", "null", '{"written": "many"}', '{"byType": 7}'])
@pytest.mark.parametrize(
    "error",
    ["[1]", '{"title": 7}', '{"detail": "no title"}', '{"title": "a", "detail": 7}', '{"title": "a", "advice": []}'],
)
def test_what_was_edited_to_be_no_counts_and_no_error_is_read_as_if_there_were_none(
    database: Database, counts: str, error: str
) -> None:
    make(database)
    lease = start(database)
    for table in ("runs", "run_attempts"):
        ask(database, f"update {table} set counts = '{counts}', error = '{error}'")
    with database.reading() as session:
        one = answer(session, repository.read(lease.run_id))
        [attempt] = repository.list_attempts(session, lease.run_id)
    for shown in (RunRead.model_validate(one), read(database, lease.run_id), attempt):
        assert (shown.counts.written, shown.counts.by_type) == (0, {})
        assert shown.error is None
    assert one["error"] is None
