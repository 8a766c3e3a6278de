"""The store goes away and comes back while runs are on."""

import threading

import pytest

from service.execution import worker as module
from service.runs.status import RunState
from tests.eventually import eventually
from tests.integration.service.execution.replicas import Site, outage, working
from tests.postgres import Server


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "RETRY_SECONDS", 0.05)


def test_a_run_goes_on_through_a_short_outage(site: Site, postgres_server: Server) -> None:
    with working(site, lease_seconds=30.0):
        run_id = site.queue("gate", count=5)
        eventually(lambda: site.ready)
        with outage(postgres_server, site.database):
            pass
        site.go()
        run = site.ended(run_id)
    assert (run.state, run.attempt, run.counts.written) == (RunState.SUCCEEDED, 1, 5)


def test_an_end_is_stored_when_the_store_is_back(
    site: Site, postgres_server: Server, caplog: pytest.LogCaptureFixture
) -> None:
    with working(site, lease_seconds=30.0):
        run_id = site.queue("gate", count=5)
        eventually(lambda: site.ready)
        with outage(postgres_server, site.database):
            site.go()
            eventually(lambda: "could not be stored yet" in caplog.text)
        run = site.ended(run_id)
    assert (run.state, run.attempt, run.counts.written) == (RunState.SUCCEEDED, 1, 5)
    assert site.lines(run_id)[-1].startswith("Attempt 1 ended")


def test_an_outage_longer_than_the_lease_stops_the_run_cleanly(site: Site, postgres_server: Server) -> None:
    with working(site, lease_seconds=2.0) as worker:
        run_id = site.queue("gate")
        eventually(lambda: site.ready)
        with outage(postgres_server, site.database):
            eventually(lambda: not any(thread.name == f"run-{run_id}" for thread in threading.enumerate()))
            eventually(lambda: not worker.healthy)
        site.go()
        run = site.ended(run_id)
        assert worker.healthy
    assert (run.state, site.outcomes(run_id)) == (RunState.SUCCEEDED, ["lost", "succeeded"])


def test_a_worker_ends_while_the_store_is_away(site: Site, postgres_server: Server) -> None:
    with working(site, lease_seconds=30.0) as worker:
        run_id = site.queue("gate")
        eventually(lambda: site.ready)
        with outage(postgres_server, site.database):
            worker.stop()
            eventually(lambda: not any(str(run_id) in thread.name for thread in threading.enumerate()))
    assert site.read(run_id).state is RunState.RUNNING
