"""REST with a great many runs stored: reading one, and pages of them, at a steady pace.

Who asks has the same two cores as the service and Postgres: each of the threads keeps one connection of `http.client`,
which costs 0.2 ms of CPU a request, where one of httpx costs 1.1 ms.
"""

import gc
import threading
import time
from collections.abc import Generator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from http import HTTPStatus
from http.client import HTTPConnection
from urllib.parse import urlsplit

from benchmarks.process import process_cpu_seconds
from benchmarks.queue import Site
from benchmarks.results import Table
from benchmarks.running import say
from benchmarks.store import LINE_CHARACTERS, add_lines, add_pattern, add_runs, add_workflows

RUNS, WORKFLOWS, LINES = 1_000_000, 1_000, 100_000
A_SECOND, SECONDS = 200, 15
CLIENTS = 16
STRIDE = 7919
PAGES = (
    "/api/v1/runs?limit=50",
    "/api/v1/runs?workflow=kept-7&limit=50",
    "/api/v1/runs?state=failed&limit=50",
    "/api/v1/runs?state=running&limit=50",
    "/api/v1/runs?workflow=kept-50&state=failed&limit=50",
)


@dataclass(slots=True)
class Times:
    """Seconds from when a request was due to its answer, so that a stall counts for all that it held up."""

    seconds: list[float] = field(default_factory=list[float])
    lock: threading.Lock = field(default_factory=threading.Lock)

    def p(self, share: float) -> float:
        """The share of them that is quicker."""
        return sorted(self.seconds)[int(share * (len(self.seconds) - 1))]


class Clients(threading.local):
    """The connection that each thread keeps to a service."""

    def __init__(self, place: str) -> None:
        self.here = HTTPConnection(place, timeout=60)


def measure(table: Table, here: Site) -> None:
    """Fill the store, then ask."""
    with here.replica("rest", HEADWATER_ROLES="api") as (running, api):
        add_pattern(api, here.folder)
        add_workflows(here.store, "kept", WORKFLOWS, None)
        say(f"Storing {RUNS:,} runs ...")
        add_runs(here.store, RUNS)
        ids = [run["id"] for run in api.get("/api/v1/runs?limit=500").raise_for_status().json()["data"]]
        (size,) = here.ask("select pg_total_relation_size('runs')")
        add_lines(here.store, LINES)
        (lines,) = here.ask("select pg_total_relation_size('run_logs')")
        table.part(f"REST with {RUNS:,} runs of {WORKFLOWS:,} workflows stored, {A_SECOND} requests a second")
        table.line("  a stored run with its index entries, without its log", f"{size / RUNS:.0f} bytes")
        table.line(f"  a log line of {LINE_CHARACTERS} characters with its index entries", f"{lines / LINES:.0f} bytes")
        for name, paths in (("GET /runs/{id}", [f"/api/v1/runs/{run}" for run in ids]), ("list pages of 50", PAGES)):
            before = process_cpu_seconds(running.process.pid)
            times = steadily(running.url, paths)
            cpu = process_cpu_seconds(running.process.pid) - before
            table.line(f"  {name}: p50", f"{1000 * times.p(0.5):.0f} ms")
            table.line(f"  {name}: p99", f"{1000 * times.p(0.99):.0f} ms", "< 50 ms")
            table.line(f"  {name}: CPU per request", f"{1000 * cpu / len(times.seconds):.1f} ms")


def steadily(url: str, paths: list[str] | tuple[str, ...]) -> Times:
    """Ask for some of them at a steady pace, whether or not the answers keep up."""
    clients = Clients(urlsplit(url).netloc)
    with ThreadPoolExecutor(CLIENTS) as crowd, uncollected():
        times, begin = Times(), time.monotonic() + 0.5
        asked: list[Future[None]] = []
        for number in range(A_SECOND * SECONDS):
            due = begin + number / A_SECOND
            time.sleep(max(0.0, due - time.monotonic()))
            asked.append(crowd.submit(ask, clients, paths[number * STRIDE % len(paths)], due, times))
    for each in asked:
        each.result()
    return times


@contextmanager
def uncollected() -> Generator[None]:
    """Without the collector, which would stop those who ask for 150 ms now and then, and the service seem slow."""
    gc.collect()
    gc.disable()
    try:
        yield
    finally:
        gc.enable()


def ask(clients: Clients, path: str, due: float, times: Times) -> None:
    """One request. Raises RuntimeError for an answer that is none, which no figure could make up for."""
    clients.here.request("GET", path)
    answer = clients.here.getresponse()
    answer.read()
    if answer.status != HTTPStatus.OK:
        message = f"GET {path} was answered with {answer.status}"
        raise RuntimeError(message)
    with times.lock:
        times.seconds.append(time.monotonic() - due)
