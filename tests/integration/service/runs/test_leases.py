from uuid import uuid4

from service.database.engine import Database
from service.runs import operations, repository
from service.runs.repository import RUNS_CHANNEL, Lease
from service.runs.schemas import RunError
from service.runs.status import RunState
from service.workflows import operations as definitions
from tests.integration.service.runs.makers import QUEUE, claim, end, expire, make, queue, read, start, states
from tests.integration.service.workflows.makers import RULES, ask, config_of, definition_of, hearing


def names(database: Database, *pools: str, limit: int = 10, **limits: int) -> list[str]:
    return [one.workflow for one in claim(database, "w", pools or ("default",), limit, **limits)]


def reap(database: Database, max_losses: int = 3) -> list[tuple[str, str]]:
    with database.session() as session:
        return [(lost.worker, lost.state.value) for lost in repository.reap(session, max_losses)]


def outcomes(database: Database, lease: Lease) -> list[tuple[int, str]]:
    with database.session() as session:
        return [(one.attempt, one.outcome.value) for one in repository.list_attempts(session, lease.run_id)]


class TestClaim:
    def test_a_claim_hands_over_all_that_is_needed(self, database: Database) -> None:
        shop = make(database, policy={"maxAttempts": 7})
        run_id = queue(database, overrides={"source": {"user": "x", "type": None}})
        with database.session() as session:
            definitions.apply(session, definition_of(config=config_of(type="mysql")), RULES)
        [run] = claim(database, "w9")
        assert run.lease == Lease(run_id, 1)
        assert (run.workflow_id, run.workflow, run.connector, run.revision) == (shop, "shop", "postgres", 1)
        assert (run.attempt, run.losses, run.read_policy().max_attempts, run.checkpoints) == (1, 0, 7, {})
        assert "hunter2" not in str(run)
        config, secrets = run.definition(RULES.vault)
        assert (config, secrets) == ({"source": {"password": "hunter2", "user": "x"}, "threads": 1}, ["hunter2"])
        shown = read(database, run_id)
        assert (shown.state, shown.worker, shown.attempt) == (RunState.RUNNING, "w9", 1)
        assert shown.started_at == run.started_at
        assert outcomes(database, run.lease) == [(1, "running")]

    def test_no_attempt_begins_before_its_run(self, database: Database) -> None:
        make(database)
        queue(database)
        [run] = claim(database)
        with database.session() as session:
            [attempt] = repository.list_attempts(session, run.lease.run_id)
        assert attempt.started_at >= run.started_at

    def test_a_secret_that_an_override_removes_is_told_as_it_was(self, database: Database) -> None:
        make(database)
        queue(database, overrides={"source": {"password": None}})
        [run] = claim(database)
        assert run.definition(RULES.vault) == ({"source": {"type": "postgres"}, "threads": 1}, ["hunter2"])

    def test_urgency_then_age(self, database: Database) -> None:
        for name, priority in (("a", 0), ("b", 5), ("c", 5), ("d", -1)):
            make(database, name, policy={"priority": priority})
            queue(database, name)
        assert names(database, limit=3) == ["b", "c", "a"]
        assert names(database) == ["d"]
        assert names(database) == []

    def test_one_run_of_a_workflow_at_a_time(self, database: Database) -> None:
        make(database, policy=QUEUE)
        first, second = queue(database), queue(database)
        [one] = claim(database)
        assert one.lease.run_id == first
        assert claim(database) == []
        end(database, one.lease)
        [two] = claim(database)
        assert two.lease.run_id == second

    def test_the_most_urgent_of_a_workflow_first(self, database: Database) -> None:
        make(database, policy=QUEUE)
        queue(database)
        urgent = queue(database, priority=9)
        assert [one.lease.run_id for one in claim(database)] == [urgent]

    def test_only_the_pools_asked_for(self, database: Database) -> None:
        for name, pool in (("a", "big"), ("b", "small"), ("c", "default")):
            make(database, name, policy={"pool": pool})
            queue(database, name)
        assert names(database, "small", "big", "small", limit=1) == ["a"]
        assert names(database, "small", "big") == ["b"]
        assert names(database) == ["c"]

    def test_runs_of_one_workflow_in_two_pools_do_not_meet(self, database: Database) -> None:
        make(database, policy=QUEUE)
        queue(database)
        ask(database, "update runs set pool = 'big'")
        queue(database)
        assert names(database, "default", "big") == ["shop"]
        assert names(database, "default", "big") == []

    def test_a_pool_limit_counts_all_workers(self, database: Database) -> None:
        for name in "abcde":
            make(database, name, policy={"pool": "big"})
            queue(database, name)
        make(database, "free")
        queue(database, "free")
        first = claim(database, "w1", ("big",), big=2)
        assert [one.workflow for one in first] == ["a", "b"]
        assert names(database, "big", "default", big=2) == ["free"]
        end(database, first[0].lease)
        assert names(database, "big", big=2) == ["c"]
        assert names(database, "big", big=0) == []
        assert names(database, "big") == ["d", "e"]

    def test_rows_locked_for_nothing_are_announced(self, database: Database) -> None:
        for name, pool in (("a", "big"), ("b", "small")):
            make(database, name, policy={"pool": pool})
            queue(database, name)
        with hearing(database, RUNS_CHANNEL) as heard:
            assert names(database, "big", "small", limit=1) == ["a"]
        assert heard == [(RUNS_CHANNEL, "")]

    def test_a_run_that_waits_for_its_delay_is_left(self, database: Database) -> None:
        make(database, policy=QUEUE)
        lease = start(database)
        with database.session() as session:
            assert repository.retry_later(session, lease, RunError(title="x"), 60, {})
        assert names(database) == []
        later = queue(database)
        [claimed] = claim(database)
        assert claimed.lease.run_id == later

    def test_checkpoints_of_earlier_attempts_come_along(self, database: Database) -> None:
        make(database)
        lease = start(database)
        with database.session() as session:
            repository.checkpoint(session, lease, {"shop.sales": {"table": 3}, "shop.hr": {}})
            repository.release(session, lease)
        [again] = claim(database)
        assert again.checkpoints == {"shop.sales": {"table": 3}, "shop.hr": {}}

    def test_a_policy_of_a_later_release_can_be_read(self, database: Database) -> None:
        make(database)
        queue(database)
        ask(database, """update runs set policy = policy || '{"colour" : "red"}'""")
        assert names(database) == ["shop"]


class TestRenew:
    def test_leases_last_longer_and_cancellations_are_told(self, database: Database) -> None:
        make(database, "a")
        make(database, "b")
        first, second = start(database, "a"), start(database, "b")
        expire(database)
        with database.session() as session:
            repository.request_cancel(session, second.run_id, "enough")
            tokens = {first.run_id: first.token, second.run_id: second.token, uuid4(): 1}
            assert repository.renew(session, "w1", tokens, 30) == {first.run_id: None, second.run_id: "enough"}
        assert reap(database) == []

    def test_only_what_is_ones_own(self, database: Database) -> None:
        make(database)
        lease = start(database)
        with database.session() as session:
            assert repository.renew(session, "w2", {lease.run_id: lease.token}, 30) == {}
            assert repository.renew(session, "w1", {lease.run_id: lease.token + 1}, 30) == {}
            assert repository.renew(session, "w1", {}, 30) == {}
        end(database, lease)
        with database.session() as session:
            assert repository.renew(session, "w1", {lease.run_id: lease.token}, 30) == {}


class TestReap:
    def test_a_lost_run_is_the_next_attempt(self, database: Database) -> None:
        make(database)
        lease = start(database)
        assert reap(database) == []
        expire(database)
        with hearing(database, RUNS_CHANNEL) as heard:
            assert reap(database) == [("w1", "queued")]
        assert heard == [(RUNS_CHANNEL, "")]
        waiting = read(database, lease.run_id)
        assert (waiting.state, waiting.worker, waiting.attempt) == (RunState.QUEUED, None, 1)
        assert waiting.error is not None
        assert waiting.error.detail == "worker w1 stopped renewing its lease"
        [again] = claim(database, "w2")
        assert (again.lease.token, again.attempt, again.losses) == (2, 2, 1)
        assert outcomes(database, lease) == [(1, "lost"), (2, "running")]

    def test_lost_too_often_it_fails_and_counts_as_a_failure(self, database: Database) -> None:
        make(database, policy={"pauseAfterFailures": 1})
        queue(database)
        for expected in ("queued", "queued", "failed"):
            claim(database)
            expire(database)
            assert reap(database, 2) == [("w1", expected)]
        assert ask(database, "select enabled, consecutive_failures from workflows") == [(False, 1)]
        [(run_id,)] = ask(database, "select id from runs")
        failed = read(database, run_id)
        assert (failed.state, failed.worker) == (RunState.FAILED, "w1")
        assert failed.error is not None
        assert failed.error.detail.endswith("; this happened 3 times")

    def test_what_was_cancelled_ends(self, database: Database) -> None:
        make(database)
        lease = start(database)
        with database.session() as session:
            repository.request_cancel(session, lease.run_id, "enough")
        expire(database)
        assert reap(database) == [("w1", "cancelled")]
        cancelled = read(database, lease.run_id)
        assert cancelled.error is not None
        assert (cancelled.error.title, cancelled.error.detail) == ("Cancelled", "enough")

    def test_so_does_a_run_whose_workflow_was_deleted(self, database: Database) -> None:
        make(database)
        lease = start(database)
        with database.session() as session:
            operations.delete_workflow(session, "shop")
        expire(database)
        assert reap(database) == [("w1", "cancelled")]
        assert read(database, lease.run_id).workflow == "shop"
        assert states(database) == ["cancelled"]
