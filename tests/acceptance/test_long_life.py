"""The short form of `make soak`: what a replica holds after many runs is what it held after a few."""

from collections.abc import Iterable

import pytest

from benchmarks.process import Holdings
from benchmarks.soak import grown
from tests.acceptance.api import Api, Json, config_of
from tests.acceptance.catalogues import Catalogue
from tests.acceptance.conftest import ClientOf, StartReplica
from tests.acceptance.sources import Source
from tests.eventually import eventually


@pytest.fixture
def workflows(shop: Source, catalogue: Catalogue, name: str) -> dict[str, Json]:
    """Six of them: to a file and to a catalogue, in both flows, one in processes of its own; by name."""
    found: dict[str, Json] = {}
    for number in range(6):
        each = f"{name}-{number}"
        sink = {"type": "file", "config": {"filename": f"{each}.jsonl"}} if number % 2 else None
        config = config_of(shop.connection(), catalogue, sink=sink, options={"threads": 1 + number % 4})
        isolation = "process" if number == 0 else "thread"
        found[each] = {"config": config, "policy": {"overlap": "queue", "isolation": isolation}}
    return found


def run_many(api: Api, names: Iterable[str], times: int) -> None:
    for run in [api.start(name) for _ in range(times) for name in names]:
        api.until(run, "succeeded")


@pytest.mark.timeout(120)
def test_many_runs_leave_nothing_behind(
    start_replica: StartReplica, client_of: ClientOf, database_url: str, workflows: dict[str, Json]
) -> None:
    replica = start_replica(database_pool_size="2")  # so that the first runs open all that are kept
    api, pid = client_of(replica), replica.process.pid
    for name, workflow in workflows.items():
        api.create(name, **workflow)
    run_many(api, workflows, 2)
    before = Holdings.of(pid, database_url)
    run_many(api, workflows, 3)
    eventually(lambda: not grown(before, Holdings.of(pid, database_url)), f"no more than {before}")
    assert 0 < Holdings.of(pid, database_url).connections < 10
