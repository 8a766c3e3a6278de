"""The short form of `make soak`: what a replica holds after many runs is what it held after a few."""

from benchmarks.process import Holdings
from benchmarks.soak import grown
from tests.acceptance.api import Api, config_of
from tests.acceptance.conftest import ClientOf, StartReplica
from tests.acceptance.sources import Source
from tests.acceptance.waiting import eventually


def run_many(api: Api, name: str, count: int) -> None:
    for run in [api.start(name) for _ in range(count)]:
        api.until(run, "succeeded")


def test_many_runs_leave_nothing_behind(
    start_replica: StartReplica, client_of: ClientOf, shop: Source, name: str
) -> None:
    replica = start_replica()
    api, pid = client_of(replica), replica.process.pid
    sink = {"type": "file", "config": {"filename": f"{name}.jsonl"}}
    config = config_of(shop.connection(), sink=sink, options={"threads": 3})
    api.create(name, config, policy={"overlap": "queue"})
    run_many(api, name, 15)
    before = Holdings.of(pid)
    run_many(api, name, 40)
    eventually(lambda: not grown(before, Holdings.of(pid)), f"no more than {before}: {Holdings.of(pid)}")
