"""A second run in which nothing changed: what goes over the wire, and what it costs."""

import argparse
import tempfile
from dataclasses import dataclass
from pathlib import Path

from benchmarks.ingesting import definition, ended
from benchmarks.postgres_catalogue import Size, build
from benchmarks.process import process_cpu_seconds
from benchmarks.remembering_api import Memory, remembering_api
from benchmarks.results import Table
from benchmarks.running import Running, say, service, source

SIZE = Size(tables=1_000, columns=20, views=100, schemas=10)
MEGABYTE = 1e6


@dataclass(frozen=True, slots=True)
class Cost:
    """One run: requests, bytes of their bodies and of the answers', CPU seconds of the service."""

    requests: int
    bytes: int
    cpu: float
    unchanged: int


def measure(table: Table, folder: Path, url: str) -> None:
    """A first and a second run over the same database, with a service of their own."""
    with remembering_api() as (address, memory), service(folder / "second-run") as running:
        config = definition("second", url, address, 1)
        running.api.post("/api/v1/workflows", json={"name": "second", "config": config}).raise_for_status()
        memory.take_counts()
        first = once(running, memory)
        second = once(running, memory)
    report(table, first, second)


def once(running: Running, memory: Memory) -> Cost:
    """What a run costs."""
    before = process_cpu_seconds(running.pid)
    run = ended(running.api, "second")
    requests, size = memory.take_counts()
    return Cost(requests, size, process_cpu_seconds(running.pid) - before, run["counts"]["unchanged"])


def report(table: Table, first: Cost, second: Cost) -> None:
    """The rows of both."""
    table.part(f"A second run with nothing changed, {SIZE.tables:,} tables and {SIZE.views} views, threads 1")
    for name, cost in (("first run", first), ("second run", second)):
        table.line(f"  {name}: requests", f"{cost.requests:,}")
        table.line(f"  {name}: bodies of requests and answers", f"{cost.bytes / MEGABYTE:.2f} MB")
        table.line(f"  {name}: CPU of the service", f"{cost.cpu:.2f} s")
    table.line("  second run: entities left out as unchanged", f"{second.unchanged:,}")
    table.line("  bytes on the wire, first run / second run", f"{first.bytes / max(1, second.bytes):.1f}", ">= 5")


def main() -> None:
    """By itself."""
    description = "Measure a second run in which nothing changed."
    argparse.ArgumentParser("python -m benchmarks.second_run", description=description).parse_args()
    folder = Path(tempfile.mkdtemp(prefix="headwater-second-"))
    folder.chmod(0o755)
    with source(folder / "source") as url:
        say(f"Making {SIZE.tables:,} tables ...")
        build(url, SIZE)
        measure(Table(), folder, url)


if __name__ == "__main__":
    main()
