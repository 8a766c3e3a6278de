from uuid import uuid4

import pytest

from service.database.engine import Database
from service.errors import Conflict, NotFound
from service.runs import repository
from service.runs.repository import CANCEL_CHANNEL
from service.runs.schemas import RunError
from service.runs.status import RunState
from tests.integration.service.runs.makers import QUEUE, end, make, queue, read, start
from tests.integration.service.workflows.makers import hearing


def test_a_queued_run_ends_at_once(database: Database) -> None:
    make(database)
    run_id = queue(database)
    with hearing(database, CANCEL_CHANNEL) as heard, database.session() as session:
        row = repository.request_cancel(session, run_id, "enough\x00")
    assert (row.state, heard) == (RunState.CANCELLED, [])
    run = read(database, run_id)
    assert (run.state, run.cancel_reason) == (RunState.CANCELLED, "enough\ufffd")
    assert run.error == RunError(title="Cancelled", detail="enough\ufffd")
    assert run.finished_at is not None


def test_the_worker_of_a_running_one_is_told(database: Database) -> None:
    make(database)
    lease = start(database)
    with hearing(database, CANCEL_CHANNEL) as heard, database.session() as session:
        row = repository.request_cancel(session, lease.run_id, "enough")
    assert row.state is RunState.RUNNING
    assert heard == [(CANCEL_CHANNEL, str(lease.run_id))]
    first = read(database, lease.run_id)
    with database.session() as session:
        repository.request_cancel(session, lease.run_id, "really")
    assert read(database, lease.run_id) == first
    assert first.cancel_reason == "enough"
    assert end(database, lease, RunState.CANCELLED)


def test_an_ended_run_is_a_conflict_that_names_its_state(database: Database) -> None:
    make(database)
    lease = start(database)
    end(database, lease)
    with pytest.raises(Conflict, match="it is already succeeded"), database.session() as session:
        repository.request_cancel(session, lease.run_id, "enough")


def test_a_run_that_is_not_there_is_named(database: Database) -> None:
    missing = uuid4()
    with pytest.raises(NotFound, match=str(missing)), database.session() as session:
        repository.request_cancel(session, missing, "enough")


def test_all_active_runs_of_a_workflow_but_the_spared(database: Database) -> None:
    shop = make(database, policy=QUEUE)
    make(database, "other")
    old = start(database)
    end(database, old)
    running = start(database)
    waiting, spared, elsewhere = queue(database), queue(database), queue(database, "other")
    with database.session() as session:
        asked = repository.cancel_active(session, [shop], "enough", spared=[spared])
    assert set(asked) == {running.run_id, waiting}
    assert read(database, old.run_id).cancel_requested_at is None
    assert read(database, waiting).state is RunState.CANCELLED
    assert {read(database, run_id).state for run_id in (spared, elsewhere)} == {RunState.QUEUED}
