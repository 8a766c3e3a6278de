"""Runs over a Postgres of 1,000 and of 10,000 tables: what they cost, and whether that or memory grows with them.

The floor is what fetching the same catalogue rows and dumping them as JSON costs this machine in the same run. CPU and
memory are those of the service's process, without the two Postgres servers.
"""

from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import psycopg
from psycopg.conninfo import make_conninfo

from benchmarks.floor import floor_of
from benchmarks.ingesting import definition, ended
from benchmarks.postgres_catalogue import Size, build
from benchmarks.process import forget_peak, peak_megabytes, process_cpu_seconds
from benchmarks.results import Table
from benchmarks.running import Running, say, service

SIZES = (
    Size(tables=1_000, columns=20, views=100, schemas=10),
    Size(tables=10_000, columns=20, views=1_000, schemas=100),
)
LARGE = Size(tables=100_000, columns=20, views=10_000, schemas=1_000)
# The first run of a process loads what later ones have.
RUNS = (("threads 1, the first run of its process", 1), ("threads 1", 1), ("threads 4", 4))


@dataclass(frozen=True, slots=True)
class Run:
    """One run: what it cost. `peak` is the most memory that the service had meanwhile."""

    wall: float
    cpu: float
    peak: float


@dataclass(frozen=True, slots=True)
class Measured:
    """A catalogue of one size and its runs, in the order of RUNS."""

    tables: int
    runs: tuple[Run, ...]


def database_of(server: str, size: Size) -> str:
    """The URL of a catalogue of this size, made on that server unless it has one; half of one has another name."""
    name, half = f"bench_{size.tables}", f"half_{size.tables}"
    with psycopg.connect(server, autocommit=True) as admin:
        if admin.execute("select 1 from pg_database where datname = %s", (name,)).fetchone() is None:
            say(f"Making {size.tables:,} tables x {size.columns} columns, {size.views:,} views ...")
            admin.execute(f"drop database if exists {half}".encode())
            admin.execute(f"create database {half}".encode())
            build(make_conninfo(server, dbname=half), size)
            admin.execute(f"alter database {half} rename to {name}".encode())
    return make_conninfo(server, dbname=name)


def measure(table: Table, folder: Path, server: str, catalogue: str, size: Size) -> Measured:
    """Run with a service of its own, so that nothing is left of another size."""
    place = database_of(server, size)
    floor = floor_of(place)
    with service(folder / f"service-{size.tables}") as running:
        resting = peak_megabytes(running.pid)
        runs = tuple(
            measure_run(running, definition(f"bench-{number}", place, catalogue, threads))
            for number, (_, threads) in enumerate(RUNS)
        )
    title = f"{size.tables:,} tables, {size.views:,} views: floor, rows fetched and dumped"
    table.line(f"{title}: CPU", f"{floor.cpu:.2f} s")
    table.line(f"{title}: wall", f"{floor.wall:.2f} s")
    for (name, _), run in zip(RUNS, runs, strict=True):
        goal = "<= 2.5" if size.tables >= SIZES[-1].tables else ""
        table.line(f"  {name}: CPU, POST to succeeded", f"{run.cpu:.2f} s")
        table.line(f"  {name}: wall, POST to succeeded", f"{run.wall:.2f} s")
        table.line(f"  {name}: CPU, times the floor", f"{run.cpu / floor.cpu:.1f}", goal)
        table.line(f"  {name}: wall, times the floor", f"{run.wall / floor.wall:.1f}", goal)
        table.line(f"  {name}: peak memory", f"{run.peak:.0f} MB", "< 200 MB")
    table.line("  memory before the first run", f"{resting:.0f} MB")
    return Measured(size.tables, runs)


def report_growth(table: Table, first: Measured, last: Measured) -> None:
    """Whether a table of the last costs what one of the first does; not for first runs of a process."""
    for (name, _), small, large in list(zip(RUNS, first.runs, last.runs, strict=True))[1:]:
        title = f"{last.tables:,} beside {first.tables:,} tables, {name}"
        per_table = (large.cpu / last.tables) / (small.cpu / first.tables)
        table.line(f"  {title}: CPU per table", f"x {per_table:.2f}", "<= x 1.15")
        table.line(f"  {title}: peak memory", f"x {large.peak / small.peak:.2f}", "<= x 1.5")


def measure_run(running: Running, config: dict[str, Any]) -> Run:
    """One run from POST to its end."""
    api, name = running.api, config["source"]["serviceName"]
    forget_peak(running.pid)
    began, before = datetime.now(UTC), process_cpu_seconds(running.pid)
    api.post("/api/v1/workflows", json={"name": name, "config": config}).raise_for_status()
    run = ended(api, name)
    wall = (datetime.fromisoformat(run["finishedAt"] or run["queuedAt"]) - began).total_seconds()
    done = Run(wall, process_cpu_seconds(running.pid) - before, peak_megabytes(running.pid))
    written = {entity: counts.get("written", 0) for entity, counts in run["counts"]["byType"].items()}
    say(f"  {name}: {run['state']} {written} {run['error'] or ''}")
    return done
