"""Runs are answered as their model says, though no model makes the answers."""

import json

import msgspec
import pytest

from service.database.engine import Database
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


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
def test_a_run_is_answered_as_its_model_would(database: Database, change: str) -> None:
    make(database)
    run_id = queue(database)
    ask(database, f"update runs set {change}")
    expected = read(database, run_id).model_dump(mode="json")
    with database.asking() as asking:
        one = repository.read(asking, run_id)
        [listed] = repository.list_runs(asking, RunFilter(), None, 1).data
    assert json.loads(msgspec.json.encode(one)) == expected
    assert listed == one
    assert list(one) == list(expected)
    assert RunRead.model_validate(one) == read(database, run_id)


def test_runs_that_ended_are_answered_as_their_model_would(database: Database) -> None:
    make(database)
    lease = start(database)
    end(database, lease)
    with database.asking() as asking:
        one = repository.read(asking, lease.run_id)
    assert json.loads(msgspec.json.encode(one)) == read(database, lease.run_id).model_dump(mode="json")
