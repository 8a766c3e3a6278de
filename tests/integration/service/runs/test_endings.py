from typing import TYPE_CHECKING

import pytest

from service.database.engine import Database
from service.errors import Conflict
from service.runs import operations, repository
from service.runs.repository import RUNS_CHANNEL, Ending, Lease
from service.runs.schemas import AttemptRead, RunError
from service.runs.status import AttemptOutcome, RunState
from service.workflows.repository import CHANNEL
from tests.integration.service.runs.makers import QUEUE, claim, end, expire, make, queue, read, start
from tests.integration.service.workflows.makers import ask, hearing

if TYPE_CHECKING:
    from service.workflows.documents import Json

FAILED, SUCCEEDED = RunState.FAILED, RunState.SUCCEEDED
BAD = RunError(title="It broke", detail="a\x00b", advice="mend it")


def attempts(database: Database, lease: Lease) -> list[AttemptRead]:
    with database.session() as session:
        return repository.list_attempts(session, lease.run_id)


def failures_in_a_row(database: Database) -> int:
    [(count,)] = ask(database, "select consecutive_failures from workflows")
    return count


class TestFinish:
    @pytest.mark.parametrize("state", [SUCCEEDED, RunState.PARTIAL, FAILED, RunState.CANCELLED])
    def test_run_and_attempt_end_together(self, database: Database, state: RunState) -> None:
        make(database)
        lease = start(database)
        counts: Json = {"written": 3, "byType": {"table": {"written": 3}}}
        with database.session() as session:
            assert repository.finish(session, lease, Ending(state, counts, {"etaSeconds": 0}, BAD))
        run = read(database, lease.run_id)
        assert (run.state, run.worker, run.progress) == (state, "w1", {"etaSeconds": 0})
        assert run.finished_at is not None
        assert (run.counts.written, run.counts.by_type) == (3, {"table": {"written": 3}})
        assert run.error == RunError(title="It broke", detail="a\ufffdb", advice="mend it")
        [attempt] = attempts(database, lease)
        assert (attempt.outcome.value, attempt.error, attempt.counts) == (state.value, run.error, run.counts)
        assert attempt.finished_at is not None

    def test_progress_stays_unless_told(self, database: Database) -> None:
        make(database)
        lease = start(database)
        with database.session() as session:
            repository.update_progress(session, lease, {"etaSeconds": 4}, {})
            repository.finish(session, lease, Ending(FAILED, outcome=AttemptOutcome.LOST))
        assert read(database, lease.run_id).progress == {"etaSeconds": 4}
        assert attempts(database, lease)[0].outcome is AttemptOutcome.LOST

    def test_a_stale_token_changes_nothing(self, database: Database) -> None:
        make(database)
        stale = start(database)
        expire(database)
        with database.session() as session:
            repository.reap(session)
        assert not end(database, stale, FAILED)
        [again] = claim(database, "w2")
        assert not end(database, stale, FAILED)
        assert read(database, stale.run_id).state is RunState.RUNNING
        assert end(database, again.lease)
        assert not end(database, again.lease, FAILED)
        assert read(database, stale.run_id).state is SUCCEEDED
        assert failures_in_a_row(database) == 0

    def test_only_an_end_is_an_end(self, database: Database) -> None:
        make(database)
        lease = start(database)
        for state in (RunState.RUNNING, RunState.SKIPPED):
            with pytest.raises(Conflict):
                end(database, lease, state)
        with pytest.raises(ValueError, match="queued"):
            end(database, lease, RunState.QUEUED)
        assert read(database, lease.run_id).state is RunState.RUNNING

    def test_who_waited_for_it_is_woken(self, database: Database) -> None:
        make(database, policy=QUEUE)
        lease = start(database)
        with hearing(database, RUNS_CHANNEL) as heard:
            end(database, lease)
        assert heard == []
        lease = start(database)
        queue(database)
        with hearing(database, RUNS_CHANNEL) as heard:
            end(database, lease)
        assert heard == [(RUNS_CHANNEL, "")]


class TestFailuresInARow:
    def test_they_are_counted_until_a_success(self, database: Database) -> None:
        make(database)
        counted: list[int] = []
        for state in (FAILED, FAILED, RunState.CANCELLED, FAILED, RunState.PARTIAL, FAILED, SUCCEEDED, SUCCEEDED):
            end(database, start(database), state)
            counted.append(failures_in_a_row(database))
        assert counted == [1, 2, 2, 3, 0, 1, 0, 0]
        assert ask(database, "select enabled, paused_reason from workflows") == [(True, None)]

    def test_at_its_limit_the_workflow_is_paused(self, database: Database) -> None:
        make(database, policy={"pauseAfterFailures": 2})
        with hearing(database, CHANNEL) as heard:
            end(database, start(database), FAILED)
        assert heard == []
        lease = start(database)
        with hearing(database, CHANNEL) as heard:
            end(database, lease, FAILED)
        assert heard == [(CHANNEL, "shop")]
        [(enabled, reason)] = ask(database, "select enabled, paused_reason from workflows")
        assert (enabled, reason) == (False, f"paused after 2 failed runs in a row, the last of them {lease.run_id}")
        with hearing(database, CHANNEL) as heard:
            end(database, start(database), FAILED)
        assert heard == []

    def test_a_deleted_workflow_counts_nothing(self, database: Database) -> None:
        make(database)
        lease = start(database)
        with database.session() as session:
            operations.delete_workflow(session, "shop")
        assert end(database, lease, FAILED)
        assert read(database, lease.run_id).state is FAILED


class TestRetryLater:
    def test_it_waits_for_its_delay_and_tells_why(self, database: Database) -> None:
        make(database)
        lease = start(database)
        with hearing(database, RUNS_CHANNEL) as heard, database.session() as session:
            assert repository.retry_later(session, lease, BAD, 60, {"written": 2}) is RunState.QUEUED
        assert heard == []
        run = read(database, lease.run_id)
        assert (run.state, run.worker, run.attempt, run.counts.written) == (RunState.QUEUED, None, 1, 2)
        assert 59 <= (run.available_at - run.queued_at).total_seconds() <= 120
        assert run.error is not None
        [attempt] = attempts(database, lease)
        assert (attempt.outcome, attempt.error, attempt.counts) == (AttemptOutcome.RETRYING, run.error, run.counts)

    def test_without_a_delay_it_is_there_at_once(self, database: Database) -> None:
        make(database)
        lease = start(database)
        with hearing(database, RUNS_CHANNEL) as heard, database.session() as session:
            repository.retry_later(session, lease, BAD, 0, {})
        assert heard == [(RUNS_CHANNEL, "")]
        [again] = claim(database)
        assert (again.attempt, again.lease.token) == (2, 2)
        assert read(database, lease.run_id).error is None

    def test_a_cancelled_run_is_not_tried_again(self, database: Database) -> None:
        make(database)
        lease = start(database)
        with database.session() as session:
            repository.request_cancel(session, lease.run_id, "enough")
            assert repository.retry_later(session, lease, BAD, 0, {}) is RunState.CANCELLED
        run = read(database, lease.run_id)
        assert (run.state, run.worker) == (RunState.CANCELLED, "w1")
        assert run.error == RunError(title="Cancelled", detail="enough")
        [attempt] = attempts(database, lease)
        assert (attempt.outcome, attempt.error and attempt.error.title) == (AttemptOutcome.CANCELLED, BAD.title)

    def test_a_stale_token_changes_nothing(self, database: Database) -> None:
        make(database)
        lease = start(database)
        end(database, lease)
        with database.session() as session:
            assert not repository.retry_later(session, lease, BAD, 0, {})
        assert read(database, lease.run_id).state is SUCCEEDED


class TestRelease:
    def test_it_is_not_counted(self, database: Database) -> None:
        make(database)
        lease = start(database)
        with hearing(database, RUNS_CHANNEL) as heard, database.session() as session:
            assert repository.release(session, lease)
        assert heard == [(RUNS_CHANNEL, "")]
        run = read(database, lease.run_id)
        assert (run.state, run.worker, run.attempt, run.error) == (RunState.QUEUED, None, 0, None)
        [again] = claim(database, "w2")
        assert (again.attempt, again.lease.token) == (1, 2)
        made = [(one.attempt, one.worker, one.outcome.value) for one in attempts(database, lease)]
        assert made == [(1, "w1", "released"), (1, "w2", "running")]

    def test_a_cancelled_run_ends(self, database: Database) -> None:
        make(database)
        lease = start(database)
        with database.session() as session:
            repository.request_cancel(session, lease.run_id, "enough")
            assert repository.release(session, lease)
        run = read(database, lease.run_id)
        assert (run.state, run.attempt, run.error) == (
            RunState.CANCELLED,
            1,
            RunError(title="Cancelled", detail="enough"),
        )

    def test_a_stale_token_changes_nothing(self, database: Database) -> None:
        make(database)
        lease = start(database)
        with database.session() as session:
            assert not repository.release(session, Lease(lease.run_id, lease.token + 1))
            assert repository.release(session, lease)
            assert not repository.release(session, lease)
