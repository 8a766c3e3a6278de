"""`make bench`: the whole service on catalogues of 1,000 and of 10,000 tables, and what it takes to start and to have.

The catalogue's API is a stand-in that answers every request at once, so that its own cost is not ours. The floor is
what fetching the same catalogue rows and dumping them as JSON costs this machine in the same run. CPU and memory are
those of the service's process, without the two Postgres servers.
"""

import argparse
import shutil
import statistics
import sys
import tempfile
import time
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import psycopg
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from benchmarks import families, peers, second_run, service_load, slow_api, slow_source
from benchmarks.fast_api import fast_api
from benchmarks.floor import floor_cpu_seconds
from benchmarks.ingesting import definition, ended
from benchmarks.installed import core_size
from benchmarks.postgres_catalogue import Size, build
from benchmarks.process import forget_peak, peak_megabytes, process_cpu_seconds
from benchmarks.results import Table
from benchmarks.running import Running, say, service, source
from benchmarks.starting import seconds_to_first_query

SIZES = (
    Size(tables=1_000, columns=20, views=100, schemas=10),
    Size(tables=10_000, columns=20, views=1_000, schemas=100),
)
LARGE = Size(tables=100_000, columns=20, views=10_000, schemas=1_000)
THREADS = (1, 4)
MEGABYTE = 1e6
STARTS = 3


@dataclass(frozen=True, slots=True)
class Run:
    """One run: what it cost. `peak` is the most memory that the service had meanwhile."""

    wall: float
    cpu: float
    peak: float


@dataclass(frozen=True, slots=True)
class Measured:
    """A catalogue of one size: its floor, its runs by the number of threads, and what a service had before them."""

    tables: int
    floor: float
    resting: float
    runs: tuple[Run, ...]


def main() -> int:
    """Measure and print; the exit code is 0 whatever the figures are."""
    parser = argparse.ArgumentParser("make bench", description="Measure what runs and starts cost.")
    parser.add_argument("--large", action="store_true", help="100,000 tables as well, which takes a quarter of an hour")
    sizes = (*SIZES, LARGE) if parser.parse_args().large else SIZES
    began = time.monotonic()
    folder = Path(tempfile.mkdtemp(prefix="headwater-bench-"))
    folder.chmod(0o755)
    with source(folder / "source") as url, fast_api() as catalogue:
        measured = [measure(folder, url, catalogue, size) for size in sizes]
        say("Measuring starts ...")
        starts = [service_start(folder / f"service-{SIZES[0].tables}") for _ in range(STARTS)]
        small = make_conninfo(url, dbname=f"bench_{SIZES[0].tables}")
        config, place = definition("bench-start", small, catalogue, 1), conninfo_to_dict(small)
        server = f"{place['host']}/.s.PGSQL.{place.get('port', 5432)}"
        firsts = [seconds_to_first_query(folder, config, server) for _ in range(STARTS)]
        say("Measuring a second run ...")
        again = second_run.measure(folder, small)
        say("Measuring others ...")
        beside = Table()
        peers.measure(beside, folder, small)
    say("Measuring topics and containers ...")
    families.measure(beside)
    say("Measuring what the service carries ...")
    carried = Table()
    service_load.measure(carried, folder)
    say("Measuring what is slow ...")
    in_flight, flows = slow_api.speedup(folder), slow_source.measure()
    shutil.rmtree(folder)
    say("")
    table = Table()
    print_runs(table, measured)
    print_slow(table, in_flight, flows)
    print_footprint(table, firsts, starts)
    second_run.report(table, *again)
    table.rows += carried.rows + beside.rows
    table.write()
    say("", f"Written to docs/performance.md. All of it took {time.monotonic() - began:.0f} s.")
    return 0


def print_slow(table: Table, in_flight: float, flows: slow_source.Flows) -> None:
    """What several at a time are worth where something is slow."""
    name = f"API of {1000 * slow_api.REQUEST_SECONDS:.0f} ms: {slow_api.IN_FLIGHT} in flight, times one"
    table.line(name, f"{in_flight:.1f}", "8")
    name = f"source of {1000 * slow_source.CALL_SECONDS:.0f} ms: {slow_source.THREADS} threads, times one"
    table.line(name, f"{flows.speedup:.1f}", "14")
    table.line("  two slow items among 2,000: the others done", f"{flows.quick_done:.2f} s")
    table.line("  the same at best", f"{flows.quick_best:.2f} s")


def print_footprint(table: Table, firsts: list[float], starts: list[float]) -> None:
    """What it takes to start and to have."""
    distributions, size = core_size()
    table.line("headwater run, start to its first query", f"{statistics.median(firsts):.2f} s", "1 s")
    table.line("serve on a warm embedded store, ready after", f"{statistics.median(starts):.2f} s", "3 s")
    table.line("installed core without embedded database", f"{size / MEGABYTE:.0f} MB", "110 MB")
    table.line("  its distributions, Headwater's own included", str(distributions), "42")


def print_runs(table: Table, measured: list[Measured]) -> None:
    """What the runs cost, and whether that grows with the number of tables."""
    table.part("Runs over a Postgres, from POST to succeeded")
    for each in measured:
        small = each is measured[0]
        table.line(f"{each.tables:,} tables: floor, rows fetched and dumped", f"{each.floor:.2f} s", "")
        for threads, run in zip(THREADS, each.runs, strict=True):
            name = f"  threads {threads}"
            table.line(f"{name}: CPU, POST to succeeded", f"{run.cpu:.2f} s", "3 s" if small else "")
            table.line(f"{name}: wall, POST to succeeded", f"{run.wall:.2f} s", "")
            table.line(f"{name}: CPU per table", f"{1000 * run.cpu / each.tables:.2f} ms", "")
            table.line(f"{name}: CPU, times the floor", f"{run.cpu / each.floor:.1f}", "")
            table.line(f"{name}: peak memory", f"{run.peak:.0f} MB", "")
        table.line("  memory before the first run", f"{each.resting:.0f} MB", "")
    first, last = measured[0], measured[-1]
    for threads, small, large in zip(THREADS, first.runs, last.runs, strict=True):
        name = f"{last.tables // first.tables} x the tables, threads {threads}"
        per_table = (large.cpu / last.tables) / (small.cpu / first.tables)
        table.line(f"{name}: CPU per table", f"x {per_table:.2f}", "flat")
        table.line(f"{name}: peak memory", f"{large.peak - small.peak:+.0f} MB", "flat")


def measure(folder: Path, url: str, catalogue: str, size: Size) -> Measured:
    """Make a catalogue and run over it with a service of its own, so that nothing is left of another size."""
    say(f"Making {size.tables:,} tables x {size.columns} columns, {size.views:,} views, {size.schemas} schemas ...")
    name = f"bench_{size.tables}"
    with psycopg.connect(url, autocommit=True) as admin:
        admin.execute(f"create database {name}".encode())
    place = make_conninfo(url, dbname=name)
    build(place, size)
    floor = floor_cpu_seconds(place)
    with service(folder / f"service-{size.tables}") as running:
        resting = peak_megabytes(running.pid)
        runs = tuple(measure_run(running, definition(f"bench-{n}", place, catalogue, n), n) for n in THREADS)
    return Measured(size.tables, floor, resting, runs)


def measure_run(running: Running, config: dict[str, Any], threads: int) -> Run:
    """One run from POST to its end."""
    api, name = running.api, f"bench-{threads}"
    forget_peak(running.pid)
    began, before = datetime.now(UTC), process_cpu_seconds(running.pid)
    api.post("/api/v1/workflows", json={"name": name, "config": config}).raise_for_status()
    run = ended(api, name)
    wall = (datetime.fromisoformat(run["finishedAt"] or run["queuedAt"]) - began).total_seconds()
    done = Run(wall, process_cpu_seconds(running.pid) - before, peak_megabytes(running.pid))
    written = {entity: counts.get("written", 0) for entity, counts in run["counts"]["byType"].items()}
    say(f"  threads {threads}: {run['state']} {written} {run['error'] or ''}")
    return done


def service_start(data_dir: Path) -> float:
    """Seconds from the start of the process until it takes work, on a store that exists."""
    with service(data_dir) as running:
        return running.seconds_to_ready


if __name__ == "__main__":
    sys.exit(main())
