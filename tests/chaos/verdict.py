"""What is left when the dust has settled, held against what had to come of it."""

import time
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from tests.chaos.world import World
from tests.fake_openmetadata import FakeOpenMetadata
from tests.fake_openmetadata.catalogue import COLLECTIONS

TAKEOVER_SLACK_SECONDS = 5.0
CANCEL_SECONDS = 5.0
PAGES_OF_ONE_REQUEST = 600.0


@dataclass(frozen=True, slots=True)
class Line:
    """One promise: what was looked at, what was found, what it had to be."""

    promise: str
    found: str
    wanted: str
    kept: bool


def judge(world: World, ends: dict[str, datetime], folder: Path, takeovers: list[float]) -> Iterator[Line]:
    """Every promise, kept or not."""
    runs = [run for name in world.names for run in world.everything("/runs", workflow=name)]
    yield from _of_ticks(world, ends, runs)
    with FakeOpenMetadata(keep_requests=False) as undisturbed:
        delivered = world.ingest_undisturbed(undisturbed, folder)
        yield from _of_catalogue(world.catalogue, undisturbed)
    yield _of_counts(runs, delivered)
    limit = world.scale.lease_seconds + TAKEOVER_SLACK_SECONDS
    slowest = max(takeovers, default=0.0)
    found = f"{slowest:.1f} s, of {len(takeovers)}"
    yield Line(
        "longest from kill -9 to the run elsewhere", found, f"< {limit:g} s", bool(takeovers) and slowest < limit
    )
    took = cancel_stuck_run(world)
    yield Line("cancel of a stuck run in a process", f"{took:.1f} s", f"< {CANCEL_SECONDS:g} s", took < CANCEL_SECONDS)


def _of_ticks(world: World, ends: dict[str, datetime], runs: list[dict[str, Any]]) -> Iterator[Line]:
    due = {(name, tick) for name in world.names for tick in world.ticks_until(ends[name])}
    made = Counter((run["workflow"], datetime.fromisoformat(run["scheduledFor"])) for run in runs)
    yield Line("ticks with a run", str(len(made.keys() & due)), str(len(due)), made.keys() >= due)
    stray = sorted(made.keys() - due)
    yield Line("runs for no tick", _count(stray), "0", not stray)
    twice = sum(count > 1 for count in made.values())
    yield Line("ticks with two runs", str(twice), "0", twice == 0)
    open_still = sum(not run["finishedAt"] for run in runs)
    yield Line("runs that did not end", str(open_still), "0", open_still == 0)
    states = Counter(run["state"] for run in runs)
    told = ", ".join(f"{count} {state}" for state, count in sorted(states.items()))
    unexpected = states.keys() - {"succeeded", "skipped", "partial", "failed"}
    yield Line("how runs ended", told, "no run cancelled", not unexpected)


def _of_catalogue(catalogue: FakeOpenMetadata, undisturbed: FakeOpenMetadata) -> Iterator[Line]:
    wanted = {name: undisturbed.entities(name) for name in COLLECTIONS}
    found = {name: catalogue.entities(name) for name in COLLECTIONS}
    count = sum(map(len, wanted.values()))
    different = sorted(
        entity
        for name in COLLECTIONS
        for entity in wanted[name].keys() | found[name].keys()
        if wanted[name].get(entity) != found[name].get(entity)
    )
    yield Line(f"of {count} entities, unlike an undisturbed catalogue", _count(different), "0", not different)
    deleted = {entity for name in COLLECTIONS for entity in catalogue.deleted(name)}
    mistakes = sorted(entity for entity in deleted if not entity.endswith(".sales.doomed"))
    yield Line("entities deleted by mistake", _count(mistakes), "0", not mistakes)


def _of_counts(runs: list[dict[str, Any]], delivered: dict[str, dict[str, int]]) -> Line:
    """A run that says it succeeded has delivered every table, whatever its attempts went through."""
    wanted = delivered["table"]["written"]
    short = [run["id"] for run in runs if run["state"] == "succeeded" and _tables_of(run) < wanted]
    return Line("succeeded runs that delivered less", _count(short), "0", not short)


def _count(found: Sequence[object]) -> str:
    """How many, and the first of them."""
    return f"{len(found)}: {found[0]}" if found else "0"


def _tables_of(run: dict[str, Any]) -> int:
    tables = run["counts"]["byType"].get("table", {})
    return int(tables.get("written", 0) + tables.get("unchanged", 0))


def cancel_stuck_run(world: World) -> float:
    """The seconds from the request to cancel to the end of a run whose catalogue never answers."""
    with FakeOpenMetadata(seconds=PAGES_OF_ONE_REQUEST, keep_requests=False) as silent:
        config = world.config("stuck", 1, silent.host_port)
        world.create("stuck", policy={"isolation": "process"}, config=config)
        client = world.replicas[0].client
        run = client.post("/api/v1/workflows/stuck/runs").raise_for_status().json()
        world.await_that("the run meets the silence", lambda: silent.in_flight > 0)
        began = time.monotonic()
        client.post(f"/api/v1/runs/{run['id']}/cancel").raise_for_status()
        world.await_that("the cancel", lambda: world.ask(f"/runs/{run['id']}")["state"] == "cancelled")
        return time.monotonic() - began


def table_of(lines: list[Line]) -> str:
    """The promises as a table."""
    rows = [("promise", "found", "wanted", "")]
    rows += [(line.promise, line.found, line.wanted, "kept" if line.kept else "BROKEN") for line in lines]
    widths = [max(len(row[column]) for row in rows) for column in range(4)]
    return "\n".join("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)) for row in rows)
