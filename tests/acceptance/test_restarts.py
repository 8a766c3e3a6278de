"""Replicas that end, crash, or come to a stand: no run is lost and none is run by two."""

import os
import signal

from tests.acceptance.api import Api, config_of
from tests.acceptance.catalogues import Catalogue
from tests.acceptance.conftest import ClientOf, StartReplica
from tests.acceptance.processes import is_alive, runs_of
from tests.acceptance.sources import Source
from tests.eventually import eventually

ISOLATIONS = ("thread", "process")
LAPSING = {"lease_seconds": "5"}


def outcomes(api: Api, run: str) -> list[tuple[int, str]]:
    """What became of each attempt."""
    return [(each["attempt"], each["outcome"]) for each in api.attempts(run)]


def held_run(api: Api, shop: Source, catalogue: Catalogue, isolation: str = "thread") -> str:
    """A run that goes on until the catalogue is released."""
    catalogue.hold("/tables/bulk")
    api.create(isolation, config_of(shop.connection(), catalogue), policy={"isolation": isolation})
    run = api.start(isolation)
    catalogue.wait_until_held()
    return run


def test_runs_cut_short_by_sigterm_are_finished_by_the_next_process(
    start_replica: StartReplica, client_of: ClientOf, shop: Source, catalogue: Catalogue
) -> None:
    first = start_replica(shutdown_grace_seconds="0")
    runs = [held_run(client_of(first), shop, catalogue, isolation) for isolation in ISOLATIONS]
    children = runs_of(first.process.pid)
    assert (len(children), first.terminate()) == (1, 0)
    assert not any(map(is_alive, children))
    catalogue.release()
    api = client_of(start_replica())
    for run in runs:
        ended = api.until(run, "succeeded")
        assert (ended["attempt"], outcomes(api, run)) == (1, [(1, "released"), (1, "succeeded")])
        counts = ended["counts"]
        assert counts["written"] + counts["unchanged"] == sum(map(len, shop.golden_names().values()))
    assert catalogue.names() == shop.golden_names()


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


def test_the_runs_of_a_killed_replica_are_taken_over(
    start_replica: StartReplica, client_of: ClientOf, shop: Source, catalogue: Catalogue
) -> None:
    first = start_replica(**LAPSING)
    runs = [held_run(client_of(first), shop, catalogue, isolation) for isolation in ISOLATIONS]
    owner, children = client_of(first).run(runs[0])["worker"], runs_of(first.process.pid)
    assert len(children) == 1
    first.kill()
    catalogue.release()
    api = client_of(start_replica())
    for run in runs:
        ended = api.until(run, "succeeded")
        assert (ended["attempt"], outcomes(api, run)) == (2, [(1, "lost"), (2, "succeeded")])
        assert ended["worker"] != owner == api.attempts(run)[0]["worker"]
    assert catalogue.names() == shop.golden_names()
    eventually(lambda: not any(map(is_alive, children)), "no process of the dead replica is left")


def test_a_replica_that_stood_still_writes_nothing_when_it_goes_on(
    start_replica: StartReplica, client_of: ClientOf, shop: Source, catalogue: Catalogue
) -> None:
    first = start_replica(**LAPSING)
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
    eventually(lambda: stalled.http.get("/health/ready").is_success, "it takes work again")
    two_replicas_make_one_run_of_each_tick(api, stalled, shop)


def two_replicas_make_one_run_of_each_tick(api: Api, other: Api, shop: Source) -> None:
    """Both fire; what they make is told by whichever is asked."""
    sink = {"type": "file", "config": {"filename": "ticks.jsonl"}}
    api.create("ticks", config_of(shop.connection(), sink=sink), schedule={"intervalSeconds": 1})
    runs = other.some_runs("ticks", 3)
    other.post("/workflows/ticks/pause")
    ticks = [run["scheduledFor"] for run in runs]
    assert len(ticks) == len(set(ticks))
    assert {api.ended(run["id"])["state"] for run in runs} <= {"succeeded", "skipped"}
