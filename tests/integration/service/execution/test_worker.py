"""What a worker does with the runs it claims."""

import json
import threading
from collections.abc import Sequence
from contextlib import ExitStack
from itertools import pairwise

import pytest
from sqlalchemy.orm import Session

from service.errors import Unavailable
from service.execution import worker as module
from service.metrics import Metrics
from service.runs import repository
from service.runs.repository import ClaimRequest, endings, leases
from service.runs.repository.journal import Lease
from service.runs.status import RunState
from tests.eventually import eventually
from tests.integration.service.execution.replicas import Site, working
from tests.integration.service.runs.makers import expire
from tests.integration.service.workflows.makers import ask

FULL = "can't start new thread"
REFUSE = """
    create function refuse() returns trigger language plpgsql as
        $$ begin raise exception 'no % here', new.state; end $$;
    create trigger refuse before update on runs for each row when (new.state = 'succeeded') execute function refuse()"""


def test_a_run_is_done_and_its_end_is_told(site: Site) -> None:
    with working(site) as worker:
        run = site.ended(run_id := site.queue())
        assert worker.healthy
    assert (run.state, run.attempt, run.error) == (RunState.SUCCEEDED, 1, None)
    assert run.counts.written == 3
    assert run.progress["databaseService"] == {"processed": 3, "expected": None}
    assert run.worker == worker.id
    assert site.outcomes(run_id) == ["succeeded"]
    written = (site.folder / "files" / "w.jsonl").read_text().splitlines()
    assert [json.loads(line)["request"]["name"] for line in written] == ["item0", "item1", "item2"]
    assert site.lines(run_id)[0] == "Attempt 1 of workflow w begins"


def test_lost_entities_are_listed_and_judged(site: Site) -> None:
    with working(site):
        run = site.ended(run_id := site.queue("fail", count=2))
    assert (run.state, run.counts.failed) == (RunState.FAILED, 2)
    assert run.error is not None
    assert run.error.title == "Too many entities failed"
    assert site.causes(run_id) == ["no item0", "no item1"]


@pytest.mark.parametrize(
    ("behaviour", "state", "outcomes", "title"),
    [
        ("unavailable", RunState.FAILED, ["retrying", "failed"], "The source does not answer"),
        ("wrong", RunState.FAILED, ["failed"], "The definition cannot be run"),
        ("exit", RunState.FAILED, ["retrying", "failed"], "The run broke off"),
        ("unspeakable", RunState.FAILED, ["retrying", "failed"], "The run broke off"),
        ("curious", RunState.FAILED, ["failed"], "The run cannot go on"),
    ],
)
def test_what_ends_an_attempt_decides_about_another(
    site: Site, behaviour: str, state: RunState, outcomes: list[str], title: str
) -> None:
    with working(site):
        run = site.ended(run_id := site.queue(behaviour, policy={"maxAttempts": 2, "retryDelaySeconds": 0}))
    assert (run.state, site.outcomes(run_id)) == (state, outcomes)
    assert run.error is not None
    assert run.error.title == title


def test_no_more_runs_than_slots(site: Site) -> None:
    with working(site, worker_slots=2):
        runs = [site.queue("gate", name) for name in ("a", "b", "c")]
        eventually(lambda: sum(site.read(run).state is RunState.RUNNING for run in runs) == 2)
        assert sorted(site.read(run).state for run in runs) == [RunState.QUEUED, RunState.RUNNING, RunState.RUNNING]
        site.go()
        assert {site.ended(run).state for run in runs} == {RunState.SUCCEEDED}


def test_the_last_free_slot_is_taken_too(site: Site) -> None:
    with working(site, worker_slots=5):
        waiting = [site.queue("gate", name) for name in ("a", "b", "c", "d")]
        eventually(lambda: {site.read(run).state for run in waiting} == {RunState.RUNNING})
        assert site.ended(site.queue("list", "e")).state is RunState.SUCCEEDED
        site.go()
        assert {site.ended(run).state for run in waiting} == {RunState.SUCCEEDED}


def test_a_pools_limit_holds_over_two_workers(site: Site) -> None:
    with ExitStack() as stack:
        for _ in range(2):
            stack.enter_context(working(site, pool_limits={"default": 1}))
        runs = [site.queue("gate", name) for name in ("a", "b", "c")]
        eventually(lambda: site.ready)
        assert [site.read(run).state for run in runs].count(RunState.RUNNING) == 1
        site.go()
        ended = [site.ended(run) for run in runs]
    assert {run.state for run in ended} == {RunState.SUCCEEDED}
    spans = sorted((run.started_at, run.finished_at) for run in ended if run.started_at and run.finished_at)
    assert all(before[1] <= after[0] for before, after in pairwise(spans))


def test_a_run_whose_worker_is_gone_is_taken_over(site: Site) -> None:
    run_id = site.queue()
    with site.database.session() as session:
        assert repository.claim(session, ClaimRequest("dead", ("default",), 1, 60))
    expire(site.database)
    with working(site) as worker:
        run = site.ended(run_id)
    assert (run.state, run.worker, run.attempt) == (RunState.SUCCEEDED, worker.id, 2)
    assert site.outcomes(run_id) == ["lost", "succeeded"]


def test_a_shutdown_lets_runs_end_within_the_grace(site: Site) -> None:
    with working(site, shutdown_grace_seconds=20) as worker:
        run_id = site.queue("gate")
        eventually(lambda: site.ready)
        stopping = threading.Thread(target=worker.stop)
        stopping.start()
        site.go()
        stopping.join()
        assert site.read(run_id).state is RunState.SUCCEEDED
    assert ask(site.database, "select * from workers") == []


@pytest.mark.parametrize("isolation", ["thread", "process"])
def test_a_shutdown_gives_the_rest_back_without_counting(site: Site, isolation: str) -> None:
    with working(site) as worker:
        run_id = site.queue("gate", policy={"isolation": isolation})
        eventually(lambda: site.ready)
        worker.stop()
        run = site.read(run_id)
    assert (run.state, run.attempt, run.worker) == (RunState.QUEUED, 0, None)
    assert site.outcomes(run_id) == ["released"]


def test_a_run_that_was_cancelled_unheard_ends_with_the_shutdown_and_is_counted(site: Site) -> None:
    metrics = Metrics()
    with working(site, metrics=metrics, heartbeat_seconds=20.0, lease_seconds=60.0) as worker:
        run_id = site.queue("gate")
        eventually(lambda: site.ready)
        with site.database.session() as session:
            repository.request_cancel(session, run_id, "by hand")
        worker.stop()
    assert site.read(run_id).state is RunState.CANCELLED
    assert b'headwater_runs_total{connector="misbehaving",state="cancelled"} 1.0' in metrics.render()


def test_a_shutdown_does_not_wait_for_a_thread_that_hangs(site: Site) -> None:
    with working(site) as worker:
        run_id = site.queue("hang")
        eventually(lambda: site.ready)
        worker.stop()
        assert site.read(run_id).state is RunState.QUEUED
        assert site.outcomes(run_id) == ["released"]


def test_errors_that_nobody_thought_of_end_neither_the_claims_nor_the_pulse(
    site: Site, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(module, "RETRY_SECONDS", 0.05)
    ask(site.database, "alter table runs rename to elsewhere")
    with working(site) as worker:
        wanted = ("Could not take runs from the queue", "Could not look for runs whose worker is gone")
        eventually(lambda: all(caplog.text.count(words) > 1 for words in wanted))
        assert caplog.text.count(wanted[0]) < 100
        ask(site.database, "alter table elsewhere rename to runs")
        assert site.ended(site.queue()).state is RunState.SUCCEEDED
        assert worker.healthy


def test_claims_go_on_after_an_outage_of_any_length(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "RETRY_SECONDS", 0.0)
    real, refusals = leases.claim, [Unavailable("it is away")] * 1100

    def claim(session: Session, request: ClaimRequest) -> Sequence[leases.ClaimedRun]:
        if refusals:
            raise refusals.pop()
        return real(session, request)

    monkeypatch.setattr(leases, "claim", claim)
    with working(site):
        assert site.ended(site.queue()).state is RunState.SUCCEEDED


def test_without_a_thread_to_be_had_runs_go_back(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "RETRY_SECONDS", 0.05)
    real, refused = threading.Thread.start, [2]

    def start(thread: threading.Thread) -> None:
        if thread.name.startswith("run-") and refused[0]:
            refused[0] -= 1
            raise RuntimeError(FULL)
        real(thread)

    monkeypatch.setattr(threading.Thread, "start", start)
    with working(site):
        run = site.ended(run_id := site.queue())
    assert (run.state, run.attempt) == (RunState.SUCCEEDED, 1)
    assert site.outcomes(run_id) == ["released", "released", "succeeded"]


def test_when_the_store_goes_away_between_claim_and_start_what_was_claimed_goes_back(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "RETRY_SECONDS", 0.05)
    broken = site.queue(policy={"priority": 1})
    ask(site.database, "insert into run_checkpoints (run_id, scope, records) values (:run, 'x', '[1]')", run=broken)
    ask(site.database, "update runs set token = 1")
    other, real, away = site.queue(name="other"), endings.finish, [Unavailable("it is away")]

    def finish(session: Session, lease: Lease, ending: endings.Ending) -> bool:
        if away:
            raise away.pop()
        return real(session, lease, ending)

    monkeypatch.setattr(endings, "finish", finish)
    with working(site):
        assert site.ended(other).state is RunState.SUCCEEDED
        assert site.ended(broken).state is RunState.FAILED
    assert [site.outcomes(each) for each in (broken, other)] == [["released", "failed"], ["released", "succeeded"]]


def test_a_run_that_cannot_begin_fails(site: Site) -> None:
    run_id = site.queue()
    broken = "insert into run_checkpoints (run_id, scope, records) values (:run, 'x', '[1]')"
    ask(site.database, broken, run=run_id)
    ask(site.database, "update runs set token = 1")
    metrics = Metrics()
    with working(site, metrics=metrics):
        run = site.ended(run_id)
    assert run.state is RunState.FAILED
    assert run.error is not None
    assert "AttributeError" in run.error.detail
    assert b'headwater_runs_total{connector="misbehaving",state="failed"} 1.0' in metrics.render()


def test_a_run_whose_policy_cannot_be_read_fails_and_holds_up_no_other(site: Site) -> None:
    run_id, other = site.queue(policy={"priority": 1}), site.queue(name="other")
    ask(site.database, 'update runs set policy = policy || \'{"isolation": "island"}\' where id = :run', run=run_id)
    with working(site, worker_slots=1):
        run = site.ended(run_id)
        assert site.ended(other).state is RunState.SUCCEEDED
    assert run.state is RunState.FAILED
    assert run.error is not None
    assert run.error.detail == "Invalid: policy.isolation: must be 'thread' or 'process'"


def test_an_end_that_cannot_be_stored_fails_the_run(site: Site) -> None:
    ask(site.database, REFUSE)
    metrics = Metrics()
    with working(site, metrics=metrics):
        run = site.ended(site.queue())
    assert run.state is RunState.FAILED
    assert run.error is not None
    assert "could not be stored" in run.error.detail
    assert b'headwater_runs_total{connector="misbehaving",state="failed"} 1.0' in metrics.render()
