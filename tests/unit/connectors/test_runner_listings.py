"""How the walk deals with listings: retries, filters, counts to come, and the context around it."""

import contextvars
import logging
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import pytest

from connectors import runner
from connectors.cancellation import Cancellation
from connectors.errors import ConnectorError, FatalError, RunCancelled, SkipEntity, SourceUnavailable
from connectors.models.records import DeletionScope, Record
from connectors.report import Report
from connectors.runner import LINES, LISTING_TRIES, TRACEBACKS, TopologyRunner
from connectors.topology import Filtered, Node
from tests.in_memory import RecordingSink
from tests.unit.connectors.forests import request

LONG = 30.0
VARIABLE = contextvars.ContextVar("VARIABLE", default="unset")
FLOWS = pytest.mark.parametrize("threads", [1, 4])
Item = str | Filtered
Listing = Callable[[None], Iterable[Item]]

pytestmark = pytest.mark.usefixtures("threads_end")


def emit(name: str) -> Iterable[Record]:
    return (request(name),)


@dataclass
class Attempts:
    """A producer that gives `given` and then raises, for as many attempts as there are errors."""

    errors: list[Exception]
    given: tuple[Item, ...] = ()
    made: int = 0

    def produce(self, _nothing: None) -> Iterator[Item]:
        """The items."""
        self.made += 1
        yield from self.given
        if self.errors:
            raise self.errors.pop(0)
        yield "last"


@dataclass
class Walker:
    """A walk over one listing."""

    produce: Listing
    stage: Callable[[str], Iterable[Record]] = emit
    expect: Callable[[str], Mapping[str, int]] | None = None
    finish: Callable[[None, bool], Iterable[Record]] | None = None
    sink: RecordingSink = field(default_factory=RecordingSink)
    report: Report = field(default_factory=Report)
    cancellation: Cancellation = field(default_factory=Cancellation)

    def run(self, threads: int) -> None:
        """Walk."""
        node: Node[None, Any] = Node(
            entity="item",
            name=str,
            produce=self.produce,
            stages=(self.stage,),
            parallel=True,
            expect=self.expect,
            finish=self.finish,
        )
        TopologyRunner(self.report, self.cancellation, threads).run(node, self.sink.write)


def unavailable(times: int) -> list[Exception]:
    return [SourceUnavailable(f"down {number}") for number in range(times)]


@pytest.fixture
def at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(runner, "LISTING_RETRY_SECONDS", 0.0)


@pytest.mark.usefixtures("at_once")
@FLOWS
@pytest.mark.parametrize("times", range(LISTING_TRIES))
def test_an_unavailable_source_is_asked_again(threads: int, times: int) -> None:
    attempts = Attempts(unavailable(times))
    walker = Walker(attempts.produce)
    walker.run(threads)
    assert attempts.made == times + 1
    assert walker.sink.names("tag") == {"last"}
    assert walker.report.total("failed") == 0


@pytest.mark.usefixtures("at_once")
@FLOWS
def test_a_source_that_stays_unavailable_ends_the_attempt(threads: int) -> None:
    attempts = Attempts(unavailable(10))
    with pytest.raises(SourceUnavailable, match=f"down {LISTING_TRIES - 1}"):
        Walker(attempts.produce).run(threads)
    assert attempts.made == LISTING_TRIES


@pytest.mark.usefixtures("at_once")
@FLOWS
@pytest.mark.parametrize("first", ["kept", Filtered("left out")])
def test_a_listing_that_has_begun_is_not_asked_for_again(threads: int, first: Item) -> None:
    attempts = Attempts(unavailable(1), given=(first,))
    walker = Walker(attempts.produce)
    with pytest.raises(SourceUnavailable, match="down 0"):
        walker.run(threads)
    assert attempts.made == 1
    assert walker.report.total("filtered") <= 1


@FLOWS
def test_the_wait_for_a_source_can_be_cancelled(threads: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(runner, "LISTING_RETRY_SECONDS", LONG)
    asked, attempts = threading.Event(), Attempts(unavailable(1))

    def produce(_nothing: None) -> Iterator[Item]:
        asked.set()
        yield from attempts.produce(None)

    walker = Walker(produce)

    def cancel() -> None:
        asked.wait(LONG)
        walker.cancellation.cancel("enough")

    stopper = threading.Thread(target=cancel)
    stopper.start()
    with pytest.raises(RunCancelled, match="enough"):
        walker.run(threads)
    stopper.join(LONG)
    assert attempts.made == 1


def test_each_wait_is_twice_as_long(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(runner, "LISTING_RETRY_SECONDS", 0.5)
    waits: list[float] = []

    def wait(_cancellation: Cancellation, seconds: float) -> None:
        waits.append(seconds)

    monkeypatch.setattr(Cancellation, "wait", wait)
    Walker(Attempts(unavailable(2)).produce).run(1)
    assert waits == [0.5, 1.0]


@FLOWS
@pytest.mark.parametrize("error", [ValueError("bad row"), ConnectorError("no right", "grant it"), SkipEntity("no")])
def test_any_other_error_of_a_listing_is_one_failure(threads: int, error: Exception) -> None:
    attempts = Attempts([error], given=("a", "b"))
    walker = Walker(attempts.produce)
    walker.run(threads)
    assert attempts.made == 1
    assert walker.sink.names("tag") == {"a", "b"}
    [failure] = walker.report.failures
    assert (failure.entity, failure.stage) == ("item", "produce")
    assert failure.cause.endswith(str(error))
    assert failure.advice == getattr(error, "advice", None)


@FLOWS
def test_a_producer_that_breaks_before_its_first_row_is_a_failure_too(threads: int) -> None:
    def produce(_nothing: None) -> Iterable[Item]:
        message = "not even an iterator"
        raise ValueError(message)

    walker = Walker(produce)
    walker.run(threads)
    assert [failure.cause for failure in walker.report.failures] == ["ValueError: not even an iterator"]


@FLOWS
@pytest.mark.parametrize("complete", [True, False])
def test_the_finish_is_told_once_whether_everything_succeeded(threads: int, complete: bool) -> None:
    told: list[bool] = []

    def finish(_parent: None, complete: bool) -> Iterable[Record]:
        told.append(complete)
        yield DeletionScope("end", "a", "b", "c", ())

    def stage(name: str) -> Iterable[Record]:
        if name == "b" and not complete:
            raise ValueError(name)
        return emit(name)

    walker = Walker(lambda _nothing: ("a", "b", "c"), stage, finish=finish)
    walker.run(threads)
    assert told == [complete]
    assert isinstance(walker.sink.records[-1], DeletionScope)


@FLOWS
def test_the_finish_is_not_reached_after_a_stop(threads: int) -> None:
    told: list[bool] = []

    def stage(name: str) -> Iterable[Record]:
        raise FatalError(name)

    def finish(_parent: None, complete: bool) -> Iterable[Record]:
        told.append(complete)
        return ()

    with pytest.raises(FatalError):
        Walker(lambda _nothing: ("a",), stage, finish=finish).run(threads)
    assert told == []


@FLOWS
@pytest.mark.parametrize(("error", "failed"), [(SkipEntity("nothing to say"), 0), (ValueError("bad"), 1)])
def test_a_finish_may_fail_or_have_nothing_to_say(threads: int, error: Exception, failed: int) -> None:
    def finish(_parent: None, _complete: bool) -> Iterable[Record]:
        raise error

    walker = Walker(lambda _nothing: ("a",), finish=finish)
    walker.run(threads)
    assert walker.sink.names("tag") == {"a"}
    assert [failure.stage for failure in walker.report.failures] == ["finish"] * failed


@FLOWS
def test_filtered_items_are_counted_and_done(threads: int) -> None:
    walker = Walker(lambda _nothing: ("a", Filtered("b"), "c", Filtered("d")))
    walker.run(threads)
    assert walker.sink.names("tag") == {"a", "c"}
    assert walker.report.snapshot_counts() == {"item": {"filtered": 2}}
    assert walker.report.snapshot_progress() == {"item": (4, None)}


@FLOWS
def test_what_is_to_come_is_told(threads: int) -> None:
    walker = Walker(lambda _nothing: ("a", "b", Filtered("c")), expect=lambda _name: {"child": 3})
    walker.run(threads)
    assert walker.report.snapshot_progress() == {"item": (3, None), "child": (0, 6)}


@FLOWS
def test_items_that_cannot_be_counted_are_walked_all_the_same(threads: int) -> None:
    def expect(name: str) -> Mapping[str, int]:
        raise ValueError(name)

    walker = Walker(lambda _nothing: ("a", "b"), expect=expect)
    walker.run(threads)
    assert walker.sink.names("tag") == {"a", "b"}
    assert walker.report.total("failed") == 0


@FLOWS
def test_a_source_that_is_gone_when_counting_ends_the_attempt(threads: int) -> None:
    def expect(_name: str) -> Mapping[str, int]:
        message = "gone"
        raise SourceUnavailable(message)

    with pytest.raises(SourceUnavailable, match="gone"):
        Walker(lambda _nothing: ("a", "b"), expect=expect).run(threads)


@FLOWS
def test_what_a_stage_gave_before_it_failed_is_kept(threads: int) -> None:
    def stage(name: str) -> Iterator[Record]:
        yield request(name)
        raise ValueError(name)

    walker = Walker(lambda _nothing: ("a",), stage)
    walker.run(threads)
    assert walker.sink.names("tag") == {"a"}
    assert walker.report.total("failed") == 1


@FLOWS
def test_the_context_reaches_listing_stages_and_sink(threads: int) -> None:
    seen: list[str] = []

    def produce(_nothing: None) -> Iterator[Item]:
        seen.append(VARIABLE.get())
        yield "a"

    def stage(name: str) -> Iterable[Record]:
        seen.append(VARIABLE.get())
        return emit(name)

    walker = Walker(produce, stage, sink=RecordingSink(lambda _record: seen.append(VARIABLE.get())))
    token = VARIABLE.set("run 7")
    try:
        walker.run(threads)
    finally:
        VARIABLE.reset(token)
    assert seen == ["run 7"] * 3


def test_two_runs_side_by_side_share_nothing() -> None:
    together = threading.Barrier(2)

    def run_one(name: str, results: dict[str, set[str]]) -> None:
        def produce(_nothing: None) -> Iterator[Item]:
            together.wait(LONG)
            yield from (f"{name}{number}" for number in range(200))

        walker = Walker(produce)
        walker.run(3)
        results[name] = walker.sink.names("tag")

    results: dict[str, set[str]] = {}
    threads = [threading.Thread(target=run_one, args=(name, results)) for name in ("x", "y")]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(LONG)
    assert results == {name: {f"{name}{number}" for number in range(200)} for name in ("x", "y")}


@pytest.mark.parametrize("threads", [1, 4])
def test_only_the_first_failures_of_a_stage_are_logged_with_their_traceback(
    threads: int, caplog: pytest.LogCaptureFixture
) -> None:
    def broken(name: str) -> Iterable[Record]:
        message = f"no {name}"
        raise ValueError(message)

    walker = Walker(lambda _: (f"i{number}" for number in range(50)), broken)
    walker.run(threads)
    told = [record for record in caplog.records if record.name == "connectors.runner"]
    assert {record.getMessage() for record in told} == {
        f"item i{number} is lost at broken: ValueError: no i{number}" for number in range(50)
    }
    assert sum(record.exc_info not in {None, False} for record in told) == TRACEBACKS
    walker.run(threads)  # another run begins anew
    in_full = [record for record in caplog.records if record.exc_info not in {None, False}]
    assert len(in_full) == 2 * TRACEBACKS


@pytest.mark.parametrize("threads", [1, 4])
def test_very_many_failures_are_not_logged_each(threads: int, caplog: pytest.LogCaptureFixture) -> None:
    def broken(name: str) -> Iterable[Record]:
        raise ValueError(name)

    walker = Walker(lambda _: (f"i{number}" for number in range(LINES + 500)), broken)
    walker.run(threads)
    warnings = [record for record in caplog.records if record.levelno == logging.WARNING]
    told = [record.getMessage() for record in warnings if record.name == "connectors.runner"]
    assert len(told) == LINES + 1
    assert "whatever else of the type item fails at broken is counted and not logged" in told


def held_walk(listed: Callable[[str], Iterable[str]], threads: int, sink: RecordingSink) -> Report:
    below: Node[str, str] = Node(entity="item", name=str, produce=listed, stages=(emit,), parallel=True)
    root: Node[None, str] = Node(
        entity="root", name=str, produce=lambda _nothing: ("root",), stages=(emit,), children=(below,), held=True
    )
    report = Report()
    TopologyRunner(report, Cancellation(), threads).run(root, sink.write)
    return report


@FLOWS
@pytest.mark.parametrize("given", [(), ("a", "b")])
def test_what_is_held_precedes_what_lies_below(threads: int, given: tuple[str, ...]) -> None:
    sink = RecordingSink()
    held_walk(lambda _root: given, threads, sink)
    assert sink.records[0] == request("root")
    assert len(sink.records) == 1 + len(given)


@FLOWS
@pytest.mark.parametrize("error", [FatalError("wrong password"), ConnectorError("not allowed")])
def test_what_is_held_is_dropped_when_nothing_could_be_listed(threads: int, error: ConnectorError) -> None:
    def listed(_root: str) -> Iterable[str]:
        raise error

    sink = RecordingSink()
    if isinstance(error, FatalError):
        with pytest.raises(FatalError):
            held_walk(listed, threads, sink)
    else:
        assert held_walk(listed, threads, sink).total("failed") == 1
    assert sink.records == []


@FLOWS
def test_what_is_held_comes_once_a_later_try_lists(threads: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(runner, "LISTING_RETRY_SECONDS", 0.0)
    tries = iter([SourceUnavailable("away"), None])
    sink = RecordingSink()

    def listed(_root: str) -> Iterator[str]:
        assert sink.records == []
        if error := next(tries):
            raise error
        yield "a"

    held_walk(listed, threads, sink)
    assert sink.records == [request("root"), request("a")]
