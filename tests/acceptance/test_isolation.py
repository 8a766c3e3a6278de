"""Runs in a process of their own: the same result, a real kill, and a crash that stays there."""

import os
import signal

import pytest

from tests.acceptance.api import Api, Json, config_of
from tests.acceptance.catalogues import Catalogue
from tests.acceptance.processes import Replica, runs_of
from tests.acceptance.sources import Source
from tests.eventually import eventually

IN_A_PROCESS = {"isolation": "process", "maxAttempts": 1}


@pytest.fixture
def held(api: Api, name: str, shop: Source, catalogue: Catalogue) -> str:
    """A run in a process of its own that goes on until the catalogue is released."""
    catalogue.hold()
    api.create(name, config_of(shop.connection(), catalogue), policy=IN_A_PROCESS)
    run = api.start(name)
    catalogue.wait_until_held()
    return run


def only_child(service: Replica) -> int:
    """The one process of a run that the service has."""
    [child] = runs_of(service.process.pid)
    return child


def test_a_process_delivers_what_a_thread_delivers(api: Api, name: str, shop: Source) -> None:
    delivered: dict[str, Json] = {}
    log = ""
    for isolation in ("thread", "process"):
        with Catalogue() as catalogue:
            sink = {"type": "metadata-rest", "config": {"api_endpoint": "http://elsewhere/api"}}
            config = config_of(shop.connection(), catalogue, sink=sink, options={"threads": 4, "includeDDL": True})
            api.create(f"{name}-{isolation}", config, policy={"isolation": isolation})
            run = api.until(api.start(f"{name}-{isolation}"), "succeeded")
            delivered[isolation] = {**catalogue.contents(), "counts": run["counts"], "progress": run["progress"]}
            log = api.log(run["id"])
    assert delivered["process"] == delivered["thread"]
    assert "sink.config.api_endpoint is not used" in log


def test_the_process_ends_with_its_run(api: Api, service: Replica, held: str, catalogue: Catalogue) -> None:
    assert only_child(service) != service.process.pid
    catalogue.release()
    api.until(held, "succeeded")
    eventually(lambda: runs_of(service.process.pid) == [], "the process has ended")


def test_a_cancel_ends_the_process(api: Api, service: Replica, held: str) -> None:
    api.post(f"/runs/{held}/cancel")
    run = api.until(held, "cancelled")
    assert run["error"]["detail"] == "cancelled by a request"
    eventually(lambda: runs_of(service.process.pid) == [], "the process has ended")


def test_a_process_that_does_not_react_is_killed(api: Api, service: Replica, held: str) -> None:
    os.kill(only_child(service), signal.SIGSTOP)
    api.post(f"/runs/{held}/cancel")
    api.until(held, "cancelled")
    eventually(lambda: runs_of(service.process.pid) == [], "the process was killed")


def test_a_process_that_dies_takes_nothing_with_it(
    api: Api, service: Replica, held: str, catalogue: Catalogue, shop: Source
) -> None:
    os.kill(only_child(service), signal.SIGKILL)
    run = api.until(held, "failed")
    assert run["error"]["detail"] == "the run's own process was killed by SIGKILL"
    assert "out of memory" in run["error"]["advice"]
    catalogue.release()
    api.until(api.start(run["workflow"]), "succeeded")
    assert catalogue.names() == shop.golden_names()
