"""A source whose every call takes 20 ms, in both flows; and what two slow items do to the others."""

import threading
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from benchmarks.results import Table
from connectors.cancellation import Cancellation
from connectors.models.database import CreateTableRequest, TableType
from connectors.models.records import Record
from connectors.report import Report
from connectors.runner import TopologyRunner
from connectors.topology import Node

CALL_SECONDS = 0.02
ITEMS = 2000
THREADS = 16
SLOW_SECONDS = 2.0
SLOW_ITEMS = frozenset({100, 101})


@dataclass(frozen=True, slots=True)
class Flows:
    """How many times as fast 16 threads are; when the quick items were done beside two slow ones, and at best."""

    speedup: float
    quick_done: float
    quick_best: float


def measure() -> Flows:
    """Takes 45 s, as long as the standard flow."""
    one, many = walk(1, lambda _: CALL_SECONDS), walk(THREADS, lambda _: CALL_SECONDS)
    uneven = walk(THREADS, lambda item: SLOW_SECONDS if item in SLOW_ITEMS else CALL_SECONDS)
    # While the two are held up, the other threads do all that is quick.
    best = (ITEMS * CALL_SECONDS + len(SLOW_ITEMS) * SLOW_SECONDS) / THREADS
    return Flows(one / many, uneven, max(best, SLOW_SECONDS))


def report(table: Table, flows: Flows) -> None:
    """Its rows."""
    table.part(f"A source of {ITEMS:,} items that takes {1000 * CALL_SECONDS:.0f} ms for each")
    table.line(f"  {THREADS} threads, times as fast as one", f"{flows.speedup:.1f}", ">= 14")
    table.line(f"  two of them take {SLOW_SECONDS:.0f} s: the others done after", f"{flows.quick_done:.2f} s")
    table.line("  the same at best", f"{flows.quick_best:.2f} s")


def walk(threads: int, seconds: Callable[[int], float]) -> float:
    """Seconds until the last quick item was made."""
    lock, ends = threading.Lock(), [0.0]

    def call(item: int) -> Iterable[Record]:
        time.sleep(seconds(item))
        if item not in SLOW_ITEMS:
            with lock:
                ends[0] = max(ends[0], time.monotonic())
        yield CreateTableRequest(
            name=f"table_{item}",
            table_type=TableType.REGULAR,
            database_schema="slow.shop.public",
            columns=(),
            table_constraints=(),
        )

    root: Node[None, int] = Node(
        entity="table", name=str, produce=lambda _: range(ITEMS), stages=(call,), parallel=True
    )
    written: list[Record] = []
    began = time.monotonic()
    TopologyRunner(Report(), Cancellation(), threads).run(root, written.append)
    if len(written) != ITEMS:
        message = f"{len(written)} of {ITEMS} items came out"
        raise SystemExit(message)
    return ends[0] - began
