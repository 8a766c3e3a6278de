"""What ends a walk early, and that it ends everywhere."""

import itertools
import threading
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

import pytest

from connectors import runner
from connectors.cancellation import Cancellation
from connectors.errors import (
    ConnectorError,
    FatalError,
    RunCancelled,
    SinkUnavailable,
    SourceUnavailable,
)
from connectors.models.records import Record
from connectors.report import Report
from connectors.runner import TopologyRunner
from connectors.topology import Filtered, Node
from tests.in_memory import RecordingSink
from tests.unit.connectors.forests import request, run, wide

LONG = 30.0
FLOWS = pytest.mark.parametrize("threads", [1, 4])
STOPS = pytest.mark.parametrize("kind", [FatalError, SourceUnavailable, SinkUnavailable, RunCancelled])

pytestmark = pytest.mark.usefixtures("threads_end")


@dataclass
class Endless:
    """A source that never ends, one parallel level deep; what becomes of its listing."""

    stage: Callable[[int], None] = lambda _number: None
    records_per_item: int = 1
    produced: int = 0
    closed: list[str] = field(default_factory=list[str])

    def numbers(self, _nothing: None) -> Iterator[int]:
        """All of them."""
        try:
            for number in itertools.count():
                self.produced += 1
                yield number
        finally:
            self.closed.append("listing")

    def emit(self, number: int) -> Iterator[Record]:
        """The records of one item."""
        self.stage(number)
        for part in range(self.records_per_item):
            yield request(f"n{number}.p{part}")

    def topology(self) -> Node[None, Any]:
        """The tree to walk."""
        return Node(entity="number", name=str, produce=self.numbers, stages=(self.emit,), parallel=True)


def walk(
    endless: Endless, threads: int, sink: RecordingSink | None = None, cancellation: Cancellation | None = None
) -> Report:
    report = Report()
    walker = TopologyRunner(report, cancellation or Cancellation(), threads)
    walker.run(endless.topology(), (sink or RecordingSink()).write)
    return report


def raising(error: BaseException, at: int) -> Callable[[int], None]:
    def stage(number: int) -> None:
        if number == at:
            raise error

    return stage


@FLOWS
@STOPS
def test_what_stops_a_run_stops_every_thread(threads: int, kind: type[ConnectorError]) -> None:
    error, endless = kind("stop here"), Endless()
    endless.stage = raising(error, 50)
    with pytest.raises(kind) as caught:
        walk(endless, threads)
    assert caught.value is error
    assert endless.closed == ["listing"]


@FLOWS
@STOPS
def test_what_the_sink_raises_stops_every_thread(threads: int, kind: type[ConnectorError]) -> None:
    error, endless, sink = kind("stop here"), Endless(), RecordingSink()

    def before(_record: Record) -> None:
        if len(sink.records) == 50:
            raise error

    sink.before = before
    with pytest.raises(kind) as caught:
        walk(endless, threads, sink)
    assert caught.value is error
    assert len(sink.records) == 50
    assert endless.closed == ["listing"]


@FLOWS
def test_a_sink_that_breaks_is_fatal_and_no_failure_of_an_entity(threads: int) -> None:
    report, broken = Report(), ValueError("cannot be encoded")

    def write(_record: Record) -> None:
        raise broken

    with pytest.raises(FatalError, match="the sink broke off: ValueError: cannot be encoded") as caught:
        TopologyRunner(report, Cancellation(), threads).run(Endless().topology(), write)
    assert caught.value.__cause__ is broken
    assert report.total("failed") == 0


@FLOWS
@pytest.mark.parametrize("kind", [KeyboardInterrupt, SystemExit])
def test_an_interrupt_goes_through(threads: int, kind: type[BaseException]) -> None:
    endless = Endless(raising(kind(), 10))
    with pytest.raises(kind):
        walk(endless, threads)
    assert endless.closed == ["listing"]


@FLOWS
def test_a_cancel_stops_within_an_item(threads: int) -> None:
    cancellation, sink = Cancellation(), RecordingSink()
    endless = Endless(records_per_item=10**9)

    def before(_record: Record) -> None:
        if len(sink.records) == 20:
            cancellation.cancel("enough")

    sink.before = before
    with pytest.raises(RunCancelled, match="enough"):
        walk(endless, threads, sink, cancellation)
    assert len(sink.records) == 21


@FLOWS
def test_a_cancel_before_the_start_lets_nothing_through(threads: int) -> None:
    cancellation, sink = Cancellation(), RecordingSink()
    cancellation.cancel("never mind")
    with pytest.raises(RunCancelled, match="never mind"):
        walk(Endless(), threads, sink, cancellation)
    assert sink.records == []


@FLOWS
def test_a_deadline_stops(threads: int) -> None:
    with pytest.raises(RunCancelled, match=r"timed out after 0\.01 s"):
        walk(Endless(), threads, cancellation=Cancellation(0.01))


@FLOWS
def test_a_listing_that_filters_leave_nothing_of_is_stopped(threads: int) -> None:
    cancellation = Cancellation(0.01)

    def produce(_nothing: None) -> Iterator[int | Filtered]:
        while True:
            yield Filtered("x")

    node: Node[None, Any] = Node(entity="number", name=str, produce=produce, stages=(), parallel=True)
    with pytest.raises(RunCancelled):
        TopologyRunner(Report(), cancellation, threads).run(node, RecordingSink().write)


def test_a_cancel_frees_a_worker_that_waits_for_the_sink(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(runner, "CHANNEL_RECORDS", 1)
    cancellation, full, sink = Cancellation(), threading.Event(), RecordingSink()
    sink.before = lambda _record: cancellation.wait(LONG)

    def stage(number: int) -> None:
        if number == 5:  # one in the sink's hand, one in the channel, one in each worker's hand
            full.set()

    def cancel() -> None:
        full.wait(LONG)
        cancellation.cancel("enough")

    stopper = threading.Thread(target=cancel)
    stopper.start()
    with pytest.raises(RunCancelled, match="enough"):
        walk(Endless(stage), 4, sink, cancellation)
    stopper.join(LONG)
    assert sink.records == []


def test_after_a_cancel_a_slow_sink_takes_no_more_than_it_has_in_hand() -> None:
    cancellation, sink = Cancellation(), RecordingSink()
    waiting, cancelled = threading.Event(), threading.Event()

    def before(_record: Record) -> None:
        waiting.set()
        assert cancelled.wait(LONG)

    def cancel() -> None:
        waiting.wait(LONG)
        cancellation.cancel("enough")
        cancelled.set()

    sink.before = before
    stopper = threading.Thread(target=cancel)
    stopper.start()
    with pytest.raises(RunCancelled, match="enough"):
        walk(Endless(), 4, sink, cancellation)
    stopper.join(LONG)
    assert len(sink.records) == 1


def test_a_slow_sink_bounds_how_far_the_source_runs_ahead(monkeypatch: pytest.MonkeyPatch) -> None:
    backlog, threads = 10, 4
    monkeypatch.setattr(runner, "CHANNEL_RECORDS", backlog)
    # in the channel and the sink's hand; in the workers' hands; waiting for a worker and in the lister's hand
    most = (backlog + 1) + threads + (threads + 1)
    ahead, full = list[int](), threading.Event()

    def before(_record: Record) -> None:
        assert full.wait(LONG)

    endless, sink = Endless(), RecordingSink(before)

    def stage(number: int) -> None:
        ahead.append(endless.produced - len(sink.records))
        if endless.produced > backlog + threads:
            full.set()
        if number == 300:
            message = "seen enough"
            raise FatalError(message)

    endless.stage = stage
    with pytest.raises(FatalError):
        walk(endless, threads, sink)
    assert backlog < max(ahead) <= most


def test_two_slow_items_do_not_idle_the_other_threads() -> None:
    others, walked = threading.Event(), list[str]()

    def before(record: Record) -> None:
        walked.append(repr(record))
        if len(walked) == 38:
            others.set()

    def stage(number: int) -> None:
        if number < 2:
            assert others.wait(LONG)

    def numbers(_nothing: None) -> Iterator[int]:
        yield from range(40)

    def emit(number: int) -> Iterator[Record]:
        stage(number)
        yield request(f"n{number}")

    node: Node[None, Any] = Node(entity="number", name=str, produce=numbers, stages=(emit,), parallel=True)
    sink, report = RecordingSink(before), Report()
    TopologyRunner(report, Cancellation(), 4).run(node, sink.write)
    assert len(sink.records) == 40
    assert set(walked[-2:]) == {repr(request("n0")), repr(request("n1"))}
    assert sink.names("tag") == {f"n{number}" for number in range(40)}
    assert report.total("failed") == 0


def test_records_reach_the_sink_in_one_thread_of_the_run() -> None:
    sink = RecordingSink()
    run(wide(4, 2), 4, before=sink.write)
    assert len(sink.threads) == 1
    assert sink.threads != {threading.get_ident()}


def test_scopes_walked_side_by_side_count_their_own_records() -> None:
    together = threading.Barrier(2)

    def emit(name: str) -> Iterator[Record]:
        together.wait(LONG)
        yield request(name)
        together.wait(LONG)
        yield request(f"{name}.more")
        together.wait(LONG)

    def names(_nothing: None) -> Iterator[str]:
        yield from ("a", "b")

    node: Node[None, Any] = Node(entity="scope", name=str, produce=names, stages=(emit,), parallel=True, scope=True)
    sink = RecordingSink()
    TopologyRunner(Report(), Cancellation(), 2).run(node, sink.write)
    assert {name: dict(end.records) for name, end in sink.scope_ends().items()} == {"a": {"tag": 2}, "b": {"tag": 2}}


def test_parallel_nodes_in_each_other_start_no_more_threads_than_asked_for() -> None:
    walkers: set[int] = set()

    def emit(name: str) -> Iterator[Record]:
        walkers.add(threading.get_ident())
        yield request(name)

    def below(parent: str | None) -> Iterator[str]:
        yield from (f"{parent}.x{number}" if parent else f"x{number}" for number in range(10))

    inner: Node[str, Any] = Node(entity="inner", name=str, produce=below, stages=(emit,), parallel=True)
    outer: Node[None, Any] = Node(
        entity="outer", name=str, produce=below, stages=(emit,), children=(inner,), parallel=True
    )
    sink = RecordingSink()
    TopologyRunner(Report(), Cancellation(), 3).run(outer, sink.write)
    assert len(sink.names("tag")) == 110
    assert len(walkers) <= 3


def test_what_stops_one_thread_stops_the_others_within_an_item() -> None:
    """A thread that is deep in its own subtree does not first finish that, which here has no end."""
    begun = threading.Event()

    def branches(_nothing: None) -> Iterator[str]:
        yield from ("endless", "broken")

    def leaves(branch: str) -> Iterator[str]:
        if branch == "broken":
            begun.wait(LONG)
            message = "no more"
            raise FatalError(message)
        for number in itertools.count():
            begun.set()
            yield str(number)

    inner = Node("leaf", str, leaves, ())
    root = Node("branch", str, branches, (), children=(inner,), parallel=True)
    with pytest.raises(FatalError, match="no more"):
        TopologyRunner(Report(), Cancellation(), threads=2).run(root, lambda _: None)


def test_a_producer_that_is_left_is_closed_though_the_error_is_kept() -> None:
    """What it holds, as a session with its source, must not be held for as long as that."""
    cancellation, closed = Cancellation(), threading.Event()

    def produce(_nothing: None) -> Iterator[str]:
        try:
            yield "a"
            yield "b"
        finally:
            closed.set()

    def stage(_item: str) -> Iterable[Record]:
        cancellation.cancel("enough")
        return ()

    node = Node(entity="thing", name=str, produce=produce, stages=(stage,))
    with pytest.raises(RunCancelled) as kept:
        TopologyRunner(Report(), cancellation).run(node, lambda _record: None)
    assert closed.is_set()
    assert str(kept.value) == "enough"
