"""Runs that are told to stop: by hand, by their time, by a lost lease."""

import threading

import pytest

from service.runs.status import RunState
from tests.eventually import eventually
from tests.integration.service.execution.replicas import Site, working
from tests.integration.service.workflows.makers import ask


@pytest.mark.parametrize("isolation", ["thread", "process"])
@pytest.mark.parametrize("behaviour", ["gate", "hang"])
def test_a_cancel_ends_a_run_whatever_it_does(site: Site, isolation: str, behaviour: str) -> None:
    with working(site, worker_slots=1) as worker:
        run_id = site.queue(behaviour, policy={"isolation": isolation})
        eventually(lambda: site.ready)
        site.cancel(run_id, worker)
        run = site.ended(run_id, 5)
        assert (run.state, site.outcomes(run_id)) == (RunState.CANCELLED, ["cancelled"])
        assert run.error is not None
        assert run.error.detail == "by hand"
        assert site.ended(site.queue(name="next")).state is RunState.SUCCEEDED


@pytest.mark.parametrize("isolation", ["thread", "process"])
@pytest.mark.parametrize("behaviour", ["gate", "hang"])
def test_a_timeout_ends_an_attempt(site: Site, isolation: str, behaviour: str) -> None:
    with working(site, worker_slots=1):
        run = site.ended(site.queue(behaviour, policy={"isolation": isolation, "timeoutSeconds": 1}))
        assert run.state is RunState.FAILED
        assert run.error is not None
        assert (run.error.title, run.error.detail) == ("The run took too long", "timed out after 1 s")
        assert site.ended(site.queue(name="next")).state is RunState.SUCCEEDED


def test_a_timeout_is_tried_again(site: Site) -> None:
    with working(site):
        policy = {"timeoutSeconds": 1, "maxAttempts": 2, "retryDelaySeconds": 0}
        run_id = site.queue("gate", policy=policy)
        eventually(lambda: site.outcomes(run_id)[:1] == ["retrying"])
        site.go()
        assert site.ended(run_id).state is RunState.SUCCEEDED
    assert site.outcomes(run_id) == ["retrying", "succeeded"]


def test_a_thread_left_behind_writes_nothing(site: Site) -> None:
    before = set(threading.enumerate())
    with working(site) as worker:
        run_id = site.queue("hang")
        eventually(lambda: site.ready)
        site.cancel(run_id, worker)
        ended, lines = site.ended(run_id), site.lines(run_id)
        left = [thread for thread in threading.enumerate() if thread.name == f"run-{run_id}" and thread not in before]
        assert len(left) == 1
        site.go()
        eventually(lambda: left[0].name != f"run-{run_id}")
        assert not (site.folder / "files" / "w.jsonl").exists()
        assert site.read(run_id) == ended
    assert (site.read(run_id), site.lines(run_id)) == (ended, lines)


def test_a_run_taken_over_by_another_stops_without_a_word(site: Site) -> None:
    with working(site):
        run_id = site.queue("gate")
        eventually(lambda: site.ready)
        ask(site.database, "update runs set token = token + 1, worker = 'another'")
        eventually(lambda: not any(thread.name == f"run-{run_id}" for thread in threading.enumerate()))
        site.go()
        run = site.read(run_id)
        assert (run.state, run.worker, run.counts.written) == (RunState.RUNNING, "another", 0)
        assert site.ended(site.queue(name="next")).state is RunState.SUCCEEDED


@pytest.mark.parametrize("isolation", ["thread", "process"])
def test_a_lease_that_cannot_be_renewed_ends_the_run_by_the_local_clock(site: Site, isolation: str) -> None:
    """The pulse is held up by a lock, as it would be by a store that hangs."""
    with working(site, lease_seconds=2.0) as worker:
        run_id = site.queue("gate", policy={"isolation": isolation})
        eventually(lambda: site.ready)
        with site.database.engine.begin() as connection:
            connection.exec_driver_sql("lock table workers in exclusive mode")
            eventually(lambda: not any(thread.name == f"run-{run_id}" for thread in threading.enumerate()))
            eventually(lambda: not worker.healthy)
            [(written,)] = ask(site.database, "select counts from runs")
        site.go()
        run = site.ended(run_id)
        assert (run.state, site.outcomes(run_id)) == (RunState.SUCCEEDED, ["lost", "succeeded"])
    assert written.get("written", 0) <= 1


def test_leases_are_renewed_while_a_run_goes_on(site: Site) -> None:
    with working(site, lease_seconds=2.0):
        run_id = site.queue("gate")
        eventually(lambda: site.ready)
        [(first,)] = ask(site.database, "select lease_until from runs")
        eventually(lambda: ask(site.database, "select lease_until from runs")[0][0] > first)
        site.go()
        assert site.ended(run_id).state is RunState.SUCCEEDED
