"""Walks a topology and hands every record to the sink, in one thread or in several.

What holds in both flows: a parent's records precede its children's; an item's error is one failure and
the walk goes on; a producer's error leaves its scope incomplete; nothing is listed ahead of its use, but for
the beginning of one listing in the standard flow, where the node allows it.
"""

import logging
import threading
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Generator, Iterable, Iterator
from contextlib import closing
from functools import partial
from typing import Any, TypeVar

import msgspec

from connectors.ahead import Begun, with_next
from connectors.cancellation import Cancellation
from connectors.crew import Crew
from connectors.errors import (
    FatalError,
    RunCancelled,
    SinkUnavailable,
    SkipEntity,
    SourceUnavailable,
    advice_of,
    cause_of,
)
from connectors.models.base import Request
from connectors.models.records import Record, ScopeEnd
from connectors.report import Failure, Report
from connectors.topology import Filtered, ItemT, Node, ParentT

T = TypeVar("T")
CHANNEL_RECORDS = 1000
LISTING_TRIES = 3
LISTING_RETRY_SECONDS = 1.0
TRACEBACKS = 3
LINES = 1000
logger = logging.getLogger(__name__)

# Who is out of memory has no use for the next item.
STOPPING = (RunCancelled, FatalError, SourceUnavailable, SinkUnavailable, MemoryError)


class FailureLog:
    """How often each kind of failure was logged: the first with their traceback, which costs most, then as lines."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._times = Counter[tuple[str, str]]()

    def next_line(self, entity: str, stage: str) -> tuple[int, bool]:
        """The level for the next one, and whether with its traceback; whoever wants all of very many asks for DEBUG."""
        with self._lock:
            self._times[entity, stage] += 1
            times = self._times[entity, stage]
        if times == LINES:
            logger.warning("whatever else of the type %s fails at %s is counted and not logged", entity, stage)
        return logging.WARNING if times <= LINES else logging.DEBUG, times <= TRACEBACKS


class TopologyRunner(msgspec.Struct, frozen=True):
    """Walks topologies for one run.

    `threads` > 1 chooses the multithread flow. `finished` names the scopes that an earlier attempt delivered.
    """

    report: Report
    cancellation: Cancellation
    threads: int = 1
    finished: frozenset[str] = frozenset()
    failure_log: FailureLog = msgspec.field(default_factory=FailureLog)

    def run(self, root: Node[None, Any], write: Callable[[Record], None]) -> None:
        """Walk everything below `root`; `write` takes the records and may block, which slows the source.

        Raises:
            SourceUnavailable, SinkUnavailable: The attempt failed; a later one may succeed.
            FatalError: The run failed.
            RunCancelled: It was told to stop.
        """
        deliver = self._delivering(write)
        if self.threads <= 1:
            Walk(self, deliver).tree(root)
            return
        with Crew("sink", deliver, threads=1, backlog=CHANNEL_RECORDS) as channel:
            Walk(self, channel.put).tree(root)

    def _delivering(self, write: Callable[[Record], None]) -> Callable[[Record], None]:
        """`write`, ended by a stop; what a sink may not raise is the run's error and no entity's, in both flows."""

        def deliver(record: Record) -> None:
            self.cancellation.check()
            try:
                write(record)
            except STOPPING:
                raise
            except Exception as error:
                message = f"the sink broke off: {cause_of(error)}"
                raise FatalError(message, "this is an error in the sink: report it, with the run's log") from error

        return deliver


class Listing(msgspec.Struct, eq=False):
    """One producer: whether it gave anything, and whether it came to its end and all of its items succeeded."""

    begun: bool = False
    complete: bool = True


class Walk(msgspec.Struct, eq=False):
    """One thread's way through the tree: depth first, lazy."""

    runner: TopologyRunner
    write: Callable[[Record], None]
    crew: Crew[Any] | None = None
    scope_records: Counter[str] = msgspec.field(default_factory=Counter[str])
    seconds: defaultdict[tuple[str, str], float] = msgspec.field(
        default_factory=lambda: defaultdict[tuple[str, str], float](float)
    )
    held: list[Record] | None = None
    begun: list[Begun[Any, Any]] = msgspec.field(default_factory=list[Begun[Any, Any]])

    def tree(self, root: Node[None, Any]) -> None:
        """Walk everything below `root`."""
        try:
            self.node(root, None, "")
        finally:
            self.tell_seconds()

    def node(self, node: Node[ParentT, ItemT], parent: ParentT, parent_name: str) -> bool:
        """Walk the items of `node` below `parent`; tell whether everything succeeded."""
        listing = Listing()
        items = self._listed(node, parent, parent_name, listing)
        if node.ahead is not None and node.children and self.runner.threads <= 1:
            items = self._one_ahead(node, node.ahead, parent, items)
        try:
            if node.parallel and self.runner.threads > 1 and self.crew is None:
                self._in_threads(node, items, listing)
            else:
                for item in items:
                    if not self.item(node, item):
                        listing.complete = False
        finally:
            items.close()
        return self._finish(node, parent, parent_name, listing.complete)

    def tell_seconds(self) -> None:
        """Not at each item: the report has a lock, which would be taken several times for it."""
        for (entity, stage), seconds in self.seconds.items():
            self.runner.report.timed(entity, stage, seconds)
        self.seconds.clear()

    def item(self, node: Node[ParentT, ItemT], item: ItemT) -> bool:
        """Make the records of one item and walk what lies below it; tell whether everything succeeded."""
        name = node.name(item)
        if node.scope:
            if name in self.runner.finished:
                self.runner.report.processed(node.entity)
                return True
            self.scope_records.clear()
        if node.held and node.children:
            self.held = []
        complete = True
        try:
            for stage in node.stages:
                complete = self._emit(node, stage.__name__, name, partial(stage, item)) and complete
        except SkipEntity as skipped:
            logger.info("%s %s is left out: %s", node.entity, name, skipped)
            self.runner.report.counted(node.entity, "filtered")
        else:
            complete = self._below(node, item, name) and complete
            if node.scope:
                self._end_scope(name, complete)
        self.runner.report.processed(node.entity)
        return complete

    def _below(self, node: Node[ParentT, ItemT], item: ItemT, name: str) -> bool:
        complete = True
        for child in node.children:
            complete = self.node(child, item, name) and complete
        if node.held:
            self.held = None
        return complete

    def _end_scope(self, name: str, complete: bool) -> None:
        if complete:
            self.write(ScopeEnd(name, dict(self.scope_records)))
        self.tell_seconds()

    def _release(self) -> None:
        """Hand over what was held: the source has answered."""
        if self.held is not None:
            held, self.held = self.held, None
            for record in held:
                self.write(record)

    def _check(self) -> None:
        """Stop with the run, and with the other threads of the walk."""
        self.runner.cancellation.check()
        if self.crew is not None:
            self.crew.check()

    def _finish(self, node: Node[ParentT, ItemT], parent: ParentT, parent_name: str, complete: bool) -> bool:
        if node.finish is None:
            return complete
        try:
            return self._emit(node, "finish", parent_name, partial(node.finish, parent, complete)) and complete
        except SkipEntity:
            return complete

    def _in_threads(self, node: Node[ParentT, ItemT], items: Iterable[ItemT], listing: Listing) -> None:
        incomplete = threading.Event()

        def walk(item: ItemT) -> None:
            own = msgspec.structs.replace(self, crew=crew, scope_records=Counter(), seconds=defaultdict(float))
            try:
                if not own.item(node, item):
                    incomplete.set()
            finally:
                own.tell_seconds()

        with Crew(node.entity, walk, threads=self.runner.threads, backlog=self.runner.threads) as crew:
            for item in items:
                crew.put(item)
        if incomplete.is_set():
            listing.complete = False

    def _one_ahead(
        self, node: Node[ParentT, ItemT], allowed: Callable[[ParentT], bool], parent: ParentT, items: Generator[ItemT]
    ) -> Generator[ItemT]:
        """The same items; while one is walked, the first listing below the next is begun, where that is `allowed`."""
        with closing(items):
            try:
                for item, following in with_next(items):
                    wanted = following is not None and node.name(following) not in self.runner.finished
                    if wanted and allowed(parent):
                        self.begun.append(Begun(node.children[0], following))
                    yield item
                    self._drop_begun(item)
            finally:
                self._drop_begun()

    def _drop_begun(self, parent: object = None) -> None:
        """Give up what was begun below `parent`, or all, and not asked for."""
        for begun in [each for each in self.begun if parent is None or each.parent is parent]:
            self.begun.remove(begun)
            begun.drop()

    def _items(self, node: Node[ParentT, ItemT], parent: ParentT) -> Iterable[ItemT | Filtered]:
        for begun in self.begun:
            if begun.node is node and begun.parent is parent:
                self.begun.remove(begun)
                return begun.items()
        return node.produce(parent)

    def _listed(
        self, node: Node[ParentT, ItemT], parent: ParentT, parent_name: str, listing: Listing
    ) -> Generator[ItemT]:
        """The items that the filters keep; an unreachable source is asked again while it has given nothing."""
        for attempt in range(1, LISTING_TRIES + 1):
            try:
                yield from self._produced(node, parent, listing)
            except SourceUnavailable:
                if listing.begun or attempt == LISTING_TRIES:
                    raise
                self.runner.cancellation.wait(LISTING_RETRY_SECONDS * 2 ** (attempt - 1))
            except STOPPING:
                raise
            except Exception as error:  # a connector may raise anything: its scope is incomplete, the walk goes on
                words = (node.entity, parent_name, cause_of(error))
                level, in_full = self.runner.failure_log.next_line(node.entity, "produce")
                logger.log(level, "the listing of %s below %s broke off: %s", *words, exc_info=in_full)
                self._fail(node, "produce", parent_name, error)
                listing.complete = False
                return
            else:
                return

    def _produced(self, node: Node[ParentT, ItemT], parent: ParentT, listing: Listing) -> Generator[ItemT]:
        report, stage = self.runner.report, (node.entity, "produce")
        with closing(self._timed(stage, iter(self._items(node, parent)))) as items:
            for item in items:
                listing.begun = True
                self._check()
                if isinstance(item, Filtered):
                    report.counted(node.entity, "unchanged" if item.unchanged else "filtered")
                    report.processed(node.entity)
                else:
                    self._expect(node, item)
                    self._release()
                    yield item
        self._release()

    def _timed(self, stage: tuple[str, str], items: Iterator[T]) -> Generator[T]:
        """The same items, with the time that each took; a producer that is left early is closed with this.

        Left to itself, it would hold a session for as long as anybody keeps the error that it was left for.
        """
        try:
            while True:
                began = time.monotonic()
                try:
                    item = next(items)
                except StopIteration:
                    return
                finally:
                    self.seconds[stage] += time.monotonic() - began
                yield item
        finally:
            if isinstance(items, Generator):
                items.close()

    def _expect(self, node: Node[ParentT, ItemT], item: ItemT) -> None:
        if node.expect is None:
            return
        try:
            counts = dict(node.expect(item))
        except STOPPING:
            raise
        except Exception as error:  # nothing is lost by it but the progress shown
            words = (node.entity, node.name(item), cause_of(error))
            level, in_full = self.runner.failure_log.next_line(node.entity, "expect")
            logger.log(level, "what lies below %s %s cannot be counted: %s", *words, exc_info=in_full)
            return
        for entity, count in counts.items():
            self.runner.report.expected(entity, count)

    def _emit(self, node: Node[ParentT, ItemT], stage: str, name: str, make: Callable[[], Iterable[Record]]) -> bool:
        began = time.monotonic()
        try:
            for record in make():
                if isinstance(record, Request):
                    self.scope_records[record.entity] += 1
                if self.held is None:
                    self.write(record)
                else:
                    self.held.append(record)
        except (SkipEntity, *STOPPING):
            raise
        except Exception as error:  # a connector may raise anything: one entity is lost, the walk goes on
            level, in_full = self.runner.failure_log.next_line(node.entity, stage)
            words = (node.entity, name, stage, cause_of(error))
            logger.log(level, "%s %s is lost at %s: %s", *words, exc_info=in_full)
            self._fail(node, stage, name, error)
            return False
        finally:
            self.seconds[node.entity, stage] += time.monotonic() - began
        return True

    def _fail(self, node: Node[ParentT, ItemT], stage: str, name: str, error: Exception) -> None:
        self.runner.report.failed(Failure(node.entity, name, stage, cause_of(error), advice_of(error)))
