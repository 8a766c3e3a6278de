"""Which runs a server is still to be told of, and who tells it."""

from datetime import timedelta
from uuid import UUID

from sqlalchemy import text

from service.database.engine import Database
from service.runs import operations, repository
from service.runs.repository import Ending, TickRun, reports
from service.runs.repository.reports import Untold
from service.runs.status import RunState
from tests.integration.service.runs.makers import QUEUE, TICK, claim, end, make, queue, start
from tests.integration.service.workflows.makers import ask

DAY = timedelta(days=1)
PIPELINE = "shop.nightly"
CONFIG = {"source": {"type": "postgres", "serviceName": "shop"}, "ingestionPipelineFQN": PIPELINE}


def pipeline(database: Database) -> UUID:
    """A workflow that belongs to one."""
    return make(database, config=CONFIG, policy=QUEUE)


def take(database: Database, age: timedelta = DAY) -> list[Untold]:
    with database.session() as session:
        return reports.take_untold(session, age)


def told(database: Database, run_id: UUID, state: RunState) -> None:
    with database.session() as session:
        reports.note_told(session, run_id, state)


def earlier(database: Database, run_id: UUID, seconds: int) -> None:
    """Have everything about a run be so long ago."""
    moved = ", ".join(
        f"{column} = {column} - :ago" for column in ("queued_at", "available_at", "finished_at", "report_at")
    )
    with database.session() as session:
        values = {"ago": timedelta(seconds=seconds), "run": run_id}
        session.connection().execute(text(f"update runs set {moved} where id = :run"), values)


def test_a_run_that_just_began_to_wait_is_not_worth_a_word(database: Database) -> None:
    pipeline(database)
    run = queue(database)
    assert take(database) == []
    earlier(database, run, 5)
    [untold] = take(database)
    assert (untold.run_id, untold.pipeline, untold.state) == (run, PIPELINE, RunState.QUEUED)


def test_a_running_one_is_told_by_its_worker(database: Database) -> None:
    pipeline(database)
    lease = start(database)
    earlier(database, lease.run_id, 5)
    assert take(database) == []


def test_one_takes_a_run_and_others_leave_it(database: Database) -> None:
    pipeline(database)
    end(database, start(database))
    assert [each.state for each in take(database)] == [RunState.SUCCEEDED]
    assert take(database) == []


def test_an_error_that_was_edited_to_be_none_keeps_no_other_run_from_being_told(database: Database) -> None:
    pipeline(database)
    edited = start(database)
    end(database, edited, RunState.FAILED)
    ask(database, "update runs set error = '[1]'")
    end(database, start(database))
    assert [(each.state, each.error) for each in take(database)] == [
        (RunState.FAILED, None),
        (RunState.SUCCEEDED, None),
    ]


def test_what_could_not_be_told_is_tried_again_later_and_later(database: Database) -> None:
    pipeline(database)
    lease = start(database)
    end(database, lease)
    assert len(take(database)) == 1
    earlier(database, lease.run_id, 11)
    assert len(take(database)) == 1
    earlier(database, lease.run_id, 3600)
    assert len(take(database)) == 1
    earlier(database, lease.run_id, 600)
    assert take(database) == []
    earlier(database, lease.run_id, 301)
    assert len(take(database)) == 1


def test_what_was_told_is_done_with(database: Database) -> None:
    pipeline(database)
    lease = start(database)
    end(database, lease)
    told(database, lease.run_id, RunState.SUCCEEDED)
    earlier(database, lease.run_id, 60)
    assert take(database) == []


def test_a_state_that_was_told_late_is_corrected(database: Database) -> None:
    pipeline(database)
    lease = start(database)
    end(database, lease)
    told(database, lease.run_id, RunState.QUEUED)
    assert [each.state for each in take(database)] == [RunState.SUCCEEDED]


def test_a_run_that_waits_again_is_told_again(database: Database) -> None:
    pipeline(database)
    run = queue(database)
    told(database, run, RunState.QUEUED)
    [claimed] = claim(database)
    with database.session() as session:
        assert repository.release(session, claimed.lease)
    earlier(database, run, 5)
    assert [each.state for each in take(database)] == [RunState.QUEUED]


def test_a_run_that_ran_for_days_and_waits_again_is_not_too_old_to_be_told(database: Database) -> None:
    pipeline(database)
    lease = start(database)
    earlier(database, lease.run_id, 3 * 24 * 3600)
    with database.session() as session:
        assert repository.release(session, lease)
    [untold] = take(database)
    assert (untold.state, untold.given_up) == (RunState.QUEUED, False)


def test_a_run_that_moved_on_meanwhile_is_not_to_be_told_any_more(database: Database) -> None:
    pipeline(database)
    lease = start(database)
    with database.session() as session:
        assert not reports.is_due(session, lease.run_id, RunState.QUEUED)
        assert reports.is_due(session, lease.run_id, RunState.RUNNING)
    told(database, lease.run_id, RunState.RUNNING)
    with database.session() as session:
        assert not reports.is_due(session, lease.run_id, RunState.RUNNING)


def test_a_state_that_may_have_been_told_late_is_corrected(database: Database) -> None:
    pipeline(database)
    lease = start(database)
    end(database, lease)
    told(database, lease.run_id, RunState.SUCCEEDED)
    with database.session() as session:
        reports.note_missed(session, lease.run_id, RunState.QUEUED)
    assert [each.state for each in take(database)] == [RunState.SUCCEEDED]


def test_a_worker_has_the_first_word(database: Database) -> None:
    pipeline(database)
    lease = start(database)
    with database.session() as session:
        repository.finish(session, lease, Ending(RunState.SUCCEEDED, head_start=60))
    assert take(database) == []
    with database.session() as session:
        reports.hand_over(session, lease.run_id)
    assert len(take(database)) == 1


def test_what_is_too_old_is_given_up(database: Database) -> None:
    pipeline(database)
    lease = start(database)
    end(database, lease)
    earlier(database, lease.run_id, 2 * 24 * 3600)
    assert [each.given_up for each in take(database)] == [True]
    earlier(database, lease.run_id, 3600)
    assert take(database) == []


def test_a_run_whose_workflow_is_gone_has_no_definition(database: Database) -> None:
    pipeline(database)
    run = queue(database)
    with database.session() as session:
        repository.request_cancel(session, run, "enough")
        session.connection().execute(text("delete from workflows"))
    assert [(each.state, each.config) for each in take(database)] == [(RunState.CANCELLED, None)]


def test_what_a_deleted_workflow_leaves_untold_can_be_told_once(database: Database) -> None:
    pipeline(database)
    running = start(database)
    waiting, over = queue(database), queue(database)
    told(database, waiting, RunState.QUEUED)
    with database.session() as session:
        repository.request_cancel(session, over, "enough")
    told(database, over, RunState.CANCELLED)
    with database.session() as session:
        operations.delete_workflow(session, "shop")
    end(database, running, RunState.CANCELLED)
    left = {each.run_id: (each.state, each.definition()["source"]) for each in take(database)}
    assert left == dict.fromkeys((waiting, running.run_id), (RunState.CANCELLED, CONFIG["source"]))
    for run in left:
        told(database, run, RunState.CANCELLED)
    assert take(database) == []
    assert ask(database, "select count(*) from runs where last_config is not null") == [(0,)]


def test_what_is_given_up_is_not_kept(database: Database) -> None:
    pipeline(database)
    run = queue(database)
    with database.session() as session:
        operations.delete_workflow(session, "shop")
    earlier(database, run, 2 * 24 * 3600)
    assert [each.given_up for each in take(database)] == [True]
    assert ask(database, "select last_config from runs") == [(None,)]


def test_ticks_belong_to_the_pipeline_but_not_those_that_were_skipped(database: Database) -> None:
    workflow = make(database, config=CONFIG)
    with database.session() as session:
        ids = repository.enqueue_ticks(session, [TickRun(workflow, TICK), TickRun(workflow, TICK + DAY)])
    assert len(ids) == 2
    for run in ids:
        earlier(database, run, 5)
    assert [each.state for each in take(database)] == [RunState.QUEUED]
