"""The timer and the queue: many schedules due in one second, many schedules at all, many empty runs."""

import time
from collections.abc import Callable, Generator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from statistics import median
from typing import Any

import httpx
import psycopg
from cryptography.fernet import Fernet

from benchmarks.process import peak_megabytes, process_cpu_seconds
from benchmarks.results import Table
from benchmarks.running import PATIENCE_SECONDS, say
from benchmarks.store import add_pattern, add_workflows, make_store
from service.clock import monotonic
from service.database.engine import Database
from service.scheduling.firing import look
from tests.acceptance.processes import Replica, replica

DUE, LARGE = 10_000, 50_000
CROWDS, RUNS = 3, 2_000
SPARSE, SPARSE_SECONDS = 100, 0.1
LOOK_SECONDS = 0.1
# A look at the runs opens a connection and reads them all, on the cores that are measured.
SELDOM_SECONDS = 1.0
FIRED = """
    select count(*), count(distinct (workflow_id, scheduled_for)),
        coalesce(extract(epoch from max(queued_at) - min(scheduled_for)), 0) from runs where workflow like %s"""
RAN = """
    select count(*) filter (where state = 'succeeded'), count(*),
        extract(epoch from max(finished_at) - min(started_at)),
        percentile_cont(0.99) within group (order by extract(epoch from started_at - scheduled_for))
    from runs where workflow like %s"""


@dataclass(frozen=True, slots=True)
class Site:
    """A store, a folder, and the settings of its replicas."""

    folder: Path
    store: str
    settings: dict[str, str]

    @contextmanager
    def replica(self, name: str, **settings: str) -> Generator[tuple[Replica, httpx.Client]]:
        """One that runs, and a client for it."""
        with ExitStack() as stack:
            running = stack.enter_context(replica(self.settings | settings, self.folder / f"{name}.log"))
            yield running, stack.enter_context(httpx.Client(base_url=running.url, timeout=60, trust_env=False))

    def ask(self, query: str, *values: object) -> tuple[Any, ...]:
        """The one row that a query gives."""
        with psycopg.connect(self.store) as connection:
            row = connection.execute(query.encode(), values).fetchone()
        return row or ()


def site(folder: Path, server: str, name: str) -> Site:
    """A new store on that server and what its replicas need."""
    place = folder / name
    place.mkdir()
    settings = {
        "HEADWATER_DATA_DIR": str(place),
        "HEADWATER_DATABASE_URL": make_store(server, name),
        "HEADWATER_SECRET_KEY": Fernet.generate_key().decode(),
    }
    return Site(place, settings["HEADWATER_DATABASE_URL"], settings)


def every_hour(first: datetime) -> dict[str, Any]:
    """A schedule that is due then and each hour after it."""
    return {"intervalSeconds": 3600, "anchor": first.isoformat()}


def measure_same_second(table: Table, here: Site) -> None:
    """Two replicas, whose timers only are on, and a great many schedules that are due at one moment."""
    with here.replica("a", HEADWATER_ROLES="api,timer") as (_, api), here.replica("b", HEADWATER_ROLES="timer"):
        add_pattern(api, here.folder)
        due = datetime.now(UTC) + timedelta(seconds=45)
        add_workflows(here.store, "due", DUE, every_hour(due))
        until(lambda: here.ask(FIRED, "due-%")[0] >= DUE)
        time.sleep(2.0)  # a second run of the same tick would come now
        made, ticks, seconds = here.ask(FIRED, "due-%")
    table.part(f"{DUE:,} schedules due in the same second, two replicas")
    table.line("  the last one enqueued after", f"{seconds:.1f} s", "<= 5 s")
    table.line("  runs made, and ticks that have one", f"{made:,} of {ticks:,}", f"{DUE:,}")


def measure_many(table: Table, here: Site) -> None:
    """A replica that starts with a great many schedules."""
    with here.replica("first", HEADWATER_ROLES="api") as (_, api):
        add_pattern(api, here.folder)
        add_workflows(here.store, "many", LARGE, every_hour(datetime.now(UTC) + timedelta(minutes=50)))
    began = time.monotonic()
    with here.replica("many", HEADWATER_ROLES="api,timer") as (running, api):
        until(lambda: api.get("/health/ready").is_success)
        ready = time.monotonic() - began
        peak, cpu = peak_megabytes(running.process.pid), process_cpu_seconds(running.process.pid)
    database = Database(here.store, 1)
    began = monotonic()
    with database.session() as session:
        look(session)
    reading = monotonic() - began
    database.dispose()
    table.part(f"{LARGE:,} schedules, one replica")
    table.line("  start of its process until it takes work", f"{ready:.1f} s", "< 15 s")
    table.line("  CPU until then", f"{cpu:.1f} s")
    table.line("  one reading of all of them (reconcile)", f"{reading:.1f} s", "< 5 s")
    table.line("  peak memory", f"{peak:.0f} MB", "< 400 MB")


def measure_empty_runs(table: Table, here: Site) -> None:
    """One replica: a few empty runs, one after another, with slots free, and crowds of them."""
    with here.replica("worker", HEADWATER_WORKER_SLOTS="16") as (running, api):
        add_pattern(api, here.folder)
        first = datetime.now(UTC) + timedelta(seconds=20)
        for number in range(SPARSE):
            at = first + timedelta(seconds=SPARSE_SECONDS * number)
            add_workflows(here.store, f"sparse-{number}", 1, every_hour(at))
        until(lambda: here.ask(RAN, "sparse-%")[0] >= SPARSE)
        lag = here.ask(RAN, "sparse-%")[3]
        crowds = sorted(_crowd(here, running, f"crowd{number}") for number in range(CROWDS))
    table.part("Empty runs through the queue, one replica of 16 slots")
    rates = [rate for rate, _ in crowds]
    table.line(f"  runs a second, the middle of {CROWDS} crowds of {RUNS:,}", f"{median(rates):.0f}", ">= 200")
    table.line("  the slowest and the fastest of them", f"{rates[0]:.0f} and {rates[-1]:.0f}")
    table.line("  CPU per run", f"{1000 * median(cpu for _, cpu in crowds):.1f} ms")
    table.line("  tick to started with slots free, p99", f"{1000 * lag:.0f} ms", "< 500 ms")


def _crowd(here: Site, running: Replica, name: str) -> tuple[float, float]:
    """Runs a second of very many that are due at once, and seconds of CPU for each."""
    add_workflows(here.store, name, RUNS, every_hour(datetime.now(UTC) + timedelta(seconds=10)))
    until(lambda: here.ask(RAN, f"{name}-%")[1] >= RUNS)
    before, ran = process_cpu_seconds(running.process.pid), here.ask(RAN, f"{name}-%")[0]
    until(lambda: here.ask(RAN, f"{name}-%")[0] >= RUNS, SELDOM_SECONDS)
    cpu = process_cpu_seconds(running.process.pid) - before
    done, _, seconds, _ = here.ask(RAN, f"{name}-%")
    return done / seconds, cpu / max(1, done - ran)


def until(done: Callable[[], object], look_seconds: float = LOOK_SECONDS) -> None:
    """Wait for something that comes to pass."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not done():
        if time.monotonic() > deadline:
            say("  (not reached in time)")
            return
        time.sleep(look_seconds)
