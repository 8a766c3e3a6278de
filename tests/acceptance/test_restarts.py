"""Replicas that end, crash, or come to a stand: no run is lost and none is run by two."""

import os
import signal

import pytest

from tests.acceptance.api import Api, config_of
from tests.acceptance.catalogues import Catalogue
from tests.acceptance.conftest import ClientOf, StartReplica
from tests.acceptance.processes import is_alive, runs_of
from tests.acceptance.sources import Source
from tests.acceptance.waiting import eventually


def outcomes(api: Api, run: str) -> list[tuple[int, str]]:
    """What became of each attempt."""
    return [(each["attempt"], each["outcome"]) for each in api.attempts(run)]


def held_run(api: Api, shop: Source, catalogue: Catalogue, **policy: object) -> str:
    """A run that goes on until the catalogue is released."""
    catalogue.hold("/tables/bulk")
    api.create("held", config_of(shop.connection(), catalogue), policy=policy)
    run = api.start("held")
    catalogue.wait_until_held()
    return run


@pytest.mark.parametrize("isolation", ["thread", "process"])
def test_a_run_cut_short_by_sigterm_is_finished_by_the_next_process(
    start_replica: StartReplica, client_of: ClientOf, shop: Source, catalogue: Catalogue, isolation: str
) -> None:
    first = start_replica(shutdown_grace_seconds="0")
    run = held_run(client_of(first), shop, catalogue, isolation=isolation)
    children = runs_of(first.process.pid)
    assert first.terminate() == 0
    assert not any(map(is_alive, children))
    catalogue.release()
    api = client_of(start_replica())
    ended = api.until(run, "succeeded")
    assert (ended["attempt"], outcomes(api, run)) == (1, [(1, "released"), (1, "succeeded")])
    assert catalogue.names() == shop.golden_names()
    counts = ended["counts"]
    assert counts["written"] + counts["unchanged"] == sum(map(len, shop.golden_names().values()))


def test_within_the_grace_a_run_ends_and_none_begins(
    start_replica: StartReplica, client_of: ClientOf, shop: Source, catalogue: Catalogue
) -> None:
    first = start_replica(worker_slots="1")
    api = client_of(first)
    run = held_run(api, shop, catalogue)
    api.create("later", config_of(shop.connection(), catalogue))
    queued = api.start("later")
    first.process.terminate()
    eventually(lambda: "Shutting down" in first.said(), "the replica shuts down")
    catalogue.release()
    assert first.process.wait(40) == 0
    api = client_of(start_replica())
    assert (api.run(run)["state"], outcomes(api, run)) == ("succeeded", [(1, "succeeded")])
    ended = api.until(queued, "succeeded")
    assert (ended["worker"] == api.run(run)["worker"], outcomes(api, queued)) == (False, [(1, "succeeded")])


@pytest.mark.parametrize(("isolation", "second"), [("thread", "before"), ("process", "after")])
def test_a_killed_replicas_run_is_taken_over(
    start_replica: StartReplica, client_of: ClientOf, shop: Source, isolation: str, second: str
) -> None:
    first = start_replica()
    with Catalogue() as catalogue:
        run = held_run(client_of(first), shop, catalogue, isolation=isolation)
        owner, children = client_of(first).run(run)["worker"], runs_of(first.process.pid)
        assert len(children) == (1 if isolation == "process" else 0)
        other = start_replica() if second == "before" else None
        first.kill()
        catalogue.release()
        api = client_of(other or start_replica())
        ended = api.until(run, "succeeded")
        assert (ended["attempt"], outcomes(api, run)) == (2, [(1, "lost"), (2, "succeeded")])
        assert ended["worker"] != owner == api.attempts(run)[0]["worker"]
        assert catalogue.names() == shop.golden_names()
    eventually(lambda: not any(map(is_alive, children)), "no process of the dead replica is left")


def test_a_replica_that_stood_still_writes_nothing_when_it_goes_on(
    start_replica: StartReplica, client_of: ClientOf, shop: Source, catalogue: Catalogue
) -> None:
    first = start_replica()
    run = held_run(client_of(first), shop, catalogue)
    api = client_of(start_replica())
    os.kill(first.process.pid, signal.SIGSTOP)
    eventually(lambda: len(api.attempts(run)) == 2, "another replica takes the run over")
    catalogue.release()
    ended = api.until(run, "succeeded")
    os.kill(first.process.pid, signal.SIGCONT)
    stalled = client_of(first)
    eventually(lambda: stalled.metrics()['headwater_worker_slots{state="busy"}'] == 0, "it gives its slot back")
    assert stalled.metrics()["headwater_leases_lost_total"] == 1
    assert api.run(run) == ended
    assert outcomes(api, run) == [(1, "lost"), (2, "succeeded")]
    assert stalled.http.get("/health/ready").status_code == 200
