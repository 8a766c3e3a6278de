"""`make soak`: many short runs in one service, and what its process holds before and after.

Exit code 1 when threads, open files or sockets grew, or memory by more than a fifth.
"""

import argparse
import itertools
import sys
import tempfile
import time
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import httpx

from benchmarks.demo import load_shop, workflow
from benchmarks.process import Holdings
from benchmarks.running import pause, say, service, source

WORKFLOWS = 8
UNDER_WAY = 40
WARM_UP = 100
PATIENCE_SECONDS = 1800
SETTLE_SECONDS = 3.0
MORE_MEMORY = 1.2
ACTIVE = ("queued", "running")


def main() -> int:
    """Run them and compare."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=1000)
    count = parser.parse_args().runs
    folder = Path(tempfile.mkdtemp(prefix="headwater-soak-"))
    folder.chmod(0o755)
    with source(folder / "source") as url, service(folder / "service") as running:
        api, pid = running.api, running.pid
        names = list(make_workflows(api, load_shop(url)))
        run_all(api, names, WARM_UP)
        before = Holdings.of(pid)
        began = time.monotonic()
        run_all(api, names, count)
        seconds = time.monotonic() - began
        time.sleep(SETTLE_SECONDS)
        after = Holdings.of(pid)
    say("", f"{count} runs in {seconds:.0f} s, {count / seconds:.1f} a second", *table(before, after))
    return 1 if grown(before, after) else 0


def make_workflows(api: httpx.Client, connection: dict[str, Any]) -> Iterable[str]:
    """Workflows over the shop that run on demand, both flows, one of them in processes of its own; their names."""
    for number in range(WORKFLOWS):
        definition = workflow(f"soak-{number}", connection)
        definition["schedule"] = None
        isolation = "process" if number == 0 else "thread"
        definition["policy"] = {"overlap": "queue", "isolation": isolation}
        definition["config"]["sink"]["config"]["filename"] = f"soak-{number}.jsonl"
        definition["config"]["source"]["sourceConfig"]["config"]["threads"] = 1 + number % 4
        api.post("/api/v1/workflows", json=definition).raise_for_status()
        yield definition["name"]


def run_all(api: httpx.Client, names: Iterable[str], count: int) -> None:
    """Start so many runs, the workflows in turn, some at a time, and wait for their end."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    for name in itertools.islice(itertools.cycle(names), count):
        while active(api) >= UNDER_WAY and time.monotonic() < deadline:
            pause()
        api.post(f"/api/v1/workflows/{name}/runs", json={}).raise_for_status()
    while active(api) and time.monotonic() < deadline:
        pause()


def active(api: httpx.Client) -> int:
    """How many runs wait or go on."""
    answer = api.get("/api/v1/runs", params={"state": ACTIVE, "limit": UNDER_WAY})
    return len(answer.raise_for_status().json()["data"])


def grown(before: Holdings, after: Holdings) -> list[str]:
    """What there is more of."""
    kinds = [kind for kind in ("threads", "files", "sockets") if getattr(after, kind) > getattr(before, kind)]
    return [*kinds, *(["megabytes"] if after.megabytes > MORE_MEMORY * before.megabytes else [])]


def table(before: Holdings, after: Holdings) -> Iterable[str]:
    """Both side by side."""
    more = grown(before, after)
    yield f"{'the process holds':20} {'before':>8} {'after':>8}"
    for kind in Holdings.__slots__:
        first, last = getattr(before, kind), getattr(after, kind)
        yield f"{kind:20} {first:8.0f} {last:8.0f}{'  GREW' if kind in more else ''}"


if __name__ == "__main__":
    sys.exit(main())
