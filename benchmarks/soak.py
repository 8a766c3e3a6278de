"""`make soak`: many short runs of many kinds in one service, and what its process holds before and after.

Exit code 1 when threads, open files, sockets or connections grew, memory by more than a fifth, or a run did not end
as it should.
"""

import argparse
import contextlib
import itertools
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import psycopg
from cryptography.fernet import Fernet
from sqlalchemy.engine import make_url

from benchmarks.demo import load_shop, workflow
from benchmarks.fast_api import fast_api
from benchmarks.process import Holdings
from benchmarks.running import pause, say, source
from service.database import migrate
from tests.acceptance.processes import replica

UNDER_WAY = 20
WARM_UP = 100
PATIENCE_SECONDS = 1800
REST_SECONDS = 12.0
MORE_MEMORY = 1.2
ACTIVE = ("queued", "running")
PAGE = 500


@dataclass(frozen=True, slots=True)
class Kind:
    """Some workflows of the soak: how many of every twenty there are, what they say, and how their runs may end."""

    name: str
    workflows: int
    isolation: str = "thread"
    to_catalogue: bool = False
    reference: str = "secret:shop-pg"
    cancelled: bool = False
    ends: tuple[str, ...] = ("succeeded",)


KINDS = (
    Kind("thread-to-file", 9),
    Kind("thread-to-catalogue", 7, to_catalogue=True),
    Kind("process-to-file", 1, "process"),
    Kind("process-to-catalogue", 1, "process", to_catalogue=True),
    Kind("wrong-password", 1, reference="secret:wrong", ends=("failed",)),
    Kind("cancelled", 1, "process", cancelled=True, ends=("cancelled", "succeeded")),
)


def main() -> int:
    """Run them and compare."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=1000)
    count = parser.parse_args().runs
    folder = Path(tempfile.mkdtemp(prefix="headwater-soak-"))
    folder.chmod(0o755)
    with source(folder / "postgres") as server, fast_api() as target:
        connection, store = load_shop(server), make_store(server)
        databases = (store, database_of(server, "shop"))
        with contextlib.ExitStack() as stack:
            running = stack.enter_context(replica(settings(store, folder), folder / "service.log"))
            api = stack.enter_context(httpx.Client(base_url=running.url, timeout=30, trust_env=False))
            kinds = dict(make_workflows(api, connection, target))
            run_all(api, kinds, WARM_UP)
            before = at_rest(running.process.pid, databases)
            began = time.monotonic()
            run_all(api, kinds, count)
            seconds = time.monotonic() - began
            after = at_rest(running.process.pid, databases, before)
            wrong = show_ends(api, kinds)
    say("", f"{count} runs in {seconds:.0f} s, {count / seconds:.1f} a second, after {WARM_UP} to warm up")
    say(*table(before, after))
    return 1 if grown(before, after) or wrong else 0


def make_store(server: str) -> str:
    """A migrated store on that server."""
    with psycopg.connect(server, autocommit=True) as admin:
        admin.execute("create database store")
    migrate.upgrade(store := database_of(server, "store"))
    return store


def database_of(server: str, name: str) -> str:
    """The URL of a database of that server."""
    return make_url(server).set(database=name).render_as_string(hide_password=False)


def settings(store: str, folder: Path) -> dict[str, str]:
    """Those of the service; few connections are kept, so that warming up opens all of them."""
    return {
        "HEADWATER_DATABASE_POOL_SIZE": "3",
        "HEADWATER_DATABASE_URL": store,
        "HEADWATER_DATA_DIR": str(folder / "data"),
        "HEADWATER_SECRET_KEY": Fernet.generate_key().decode(),
        "HEADWATER_SECRET_SHOP_PG": "shop-reader",
        "HEADWATER_SECRET_WRONG": "not-the-readers",
    }


def make_workflows(api: httpx.Client, connection: dict[str, Any], host_port: str) -> Iterable[tuple[str, Kind]]:
    """Twenty workflows over the shop that run on demand, in both flows; their names and kinds."""
    token = {"jwtToken": "soak"}
    server = {"openMetadataServerConfig": {"hostPort": host_port, "securityConfig": token}}
    for kind in KINDS:
        for number in range(kind.workflows):
            name = f"{kind.name}-{number}"
            policy = {"overlap": "queue", "maxAttempts": 1, "isolation": kind.isolation}
            definition = workflow(name, connection | {"authType": {"password": kind.reference}})
            definition |= {"schedule": None, "policy": policy}
            config = definition["config"]
            config["source"]["sourceConfig"]["config"]["threads"] = 1 + number % 4
            config["sink"] = {"type": "file", "config": {"filename": f"{name}.jsonl"}}
            if kind.to_catalogue:
                config |= {"sink": {"type": "metadata-rest", "config": {}}, "workflowConfig": server}
            api.post("/api/v1/workflows", json=definition).raise_for_status()
            yield name, kind


def run_all(api: httpx.Client, kinds: Mapping[str, Kind], count: int) -> None:
    """Start so many runs, the workflows in turn, some at a time, and wait for their end."""
    deadline, to_cancel = time.monotonic() + PATIENCE_SECONDS, list[str]()
    for name, kind in itertools.islice(itertools.cycle(kinds.items()), count):
        wait_until_fewer(api, UNDER_WAY, deadline)
        run = api.post(f"/api/v1/workflows/{name}/runs", json={}).raise_for_status().headers["Location"]
        to_cancel = [each for each in (*to_cancel, *([run] * kind.cancelled)) if not cancel_if_running(api, each)]
    wait_until_fewer(api, 1, deadline)


def cancel_if_running(api: httpx.Client, run: str) -> bool:
    """Cancel a run that has begun; whether there is no more to be done about it."""
    state = api.get(run).raise_for_status().json()["state"]
    if state == "running":
        api.post(f"{run}/cancel")
    return state != "queued"


def wait_until_fewer(api: httpx.Client, limit: int, deadline: float) -> None:
    """Return when fewer runs than that wait or go on."""
    query = {"state": ACTIVE, "limit": limit}
    while len(api.get("/api/v1/runs", params=query).raise_for_status().json()["data"]) >= limit:
        if time.monotonic() > deadline:
            message = "the runs do not come to an end; see service.log in the soak's folder"
            raise SystemExit(message)
        pause()


def at_rest(pid: int, databases: tuple[str, ...], bound: Holdings | None = None) -> Holdings:
    """What the process holds when it has let go of what it can, or after some time; no need to wait within `bound`."""
    deadline = time.monotonic() + REST_SECONDS
    found = Holdings.of(pid, *databases)
    while time.monotonic() < deadline and (bound is None or grown(bound, found)):
        pause()
        found = Holdings.of(pid, *databases)
    return found


def show_ends(api: httpx.Client, kinds: Mapping[str, Kind]) -> int:
    """Print how the runs of each kind ended; the number of those that should have ended otherwise."""
    ends: dict[Kind, Counter[str]] = {kind: Counter() for kind in KINDS}
    for name, kind in kinds.items():
        answer = api.get("/api/v1/runs", params={"workflow": name, "limit": PAGE}).raise_for_status()
        ends[kind].update(run["state"] for run in answer.json()["data"])
    for kind, states in ends.items():
        say(f"{kind.name:22} {', '.join(f'{number} {state}' for state, number in states.items())}")
    return sum(number for kind, states in ends.items() for state, number in states.items() if state not in kind.ends)


def grown(before: Holdings, after: Holdings) -> list[str]:
    """What there is more of."""
    counted = ("threads", "files", "sockets", "connections")
    kinds = [kind for kind in counted if getattr(after, kind) > getattr(before, kind)]
    return [*kinds, *(["megabytes"] if after.megabytes > MORE_MEMORY * before.megabytes else [])]


def table(before: Holdings, after: Holdings) -> Iterable[str]:
    """Both side by side."""
    more = grown(before, after)
    yield f"{'the process holds':22} {'before':>8} {'after':>8}"
    for kind in Holdings.__slots__:
        first, last = getattr(before, kind), getattr(after, kind)
        yield f"{kind:22} {first:8.0f} {last:8.0f}{'  GREW' if kind in more else ''}"


if __name__ == "__main__":
    sys.exit(main())
