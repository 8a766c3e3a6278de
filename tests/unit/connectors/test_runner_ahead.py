"""Reading ahead in the standard flow: nothing of what a walk does depends on it."""

import itertools
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from connectors.cancellation import Cancellation
from connectors.errors import FatalError, RunCancelled, SinkUnavailable, SkipEntity, SourceUnavailable
from connectors.models.records import Record
from connectors.report import Report
from connectors.runner import TopologyRunner
from connectors.topology import Filtered, Node
from tests.in_memory import RecordingSink
from tests.unit.connectors.forests import Tree, expected, outcome_of, request, run, scopes_in, trees

LONG = 30.0
RANDOM = settings(deadline=None, max_examples=100, suppress_health_check=[HealthCheck.function_scoped_fixture])

pytestmark = pytest.mark.usefixtures("threads_end")


@RANDOM
@given(trees(), st.data())
def test_the_same_records_in_the_same_order(forest: Tree, data: st.DataObject) -> None:
    scopes = scopes_in(forest)
    finished = frozenset(data.draw(st.sets(st.sampled_from(scopes))) if scopes else ())
    in_turn, ahead = run(forest, 1, finished), run(forest, 1, finished, ahead=True)
    assert ahead.sink.records == in_turn.sink.records
    assert outcome_of(ahead) == outcome_of(in_turn) == expected(forest, finished)
    assert ahead.report.snapshot_progress() == in_turn.report.snapshot_progress()


@dataclass
class Schemas:
    """Schemas s0, s1 ... with tables below; what was asked of the source, and in which threads."""

    count: int = 5
    tables: int = 3
    allowed: bool = True
    asked: list[str] = field(default_factory=list[str])
    read: list[str] = field(default_factory=list[str])
    closed: list[str] = field(default_factory=list[str])
    threads: set[int] = field(default_factory=set[int])
    raising: dict[str, list[BaseException]] = field(default_factory=dict[str, list[BaseException]])

    def schemas(self, _nothing: None) -> Iterator[str | Filtered]:
        """All of them; what is to be raised after the last one."""
        for number in range(self.count):
            yield f"s{number}"
        self._raise("schemas")

    def listed(self, schema: str) -> Iterator[str | Filtered]:
        """The tables of one."""
        self.asked.append(schema)
        self.threads.add(threading.get_ident())
        self._raise(schema)
        try:
            for number in range(self.tables):
                self.read.append(schema)
                yield f"{schema}.t{number}"
        finally:
            self.closed.append(schema)

    def emit(self, name: str) -> Iterator[Record]:
        """The record of a schema or table."""
        self._raise(f"emit {name}")
        yield request(name)

    def walk(self, sink: RecordingSink, cancellation: Cancellation | None = None, threads: int = 1) -> Report:
        """Run over them."""
        tables: Node[str, Any] = Node(entity="table", name=str, produce=self.listed, stages=(self.emit,))
        schemas: Node[None, Any] = Node(
            entity="schema",
            name=str,
            produce=self.schemas,
            stages=(self.emit,),
            children=(tables,),
            parallel=True,
            scope=True,
            ahead=lambda _nothing: self.allowed,
        )
        report = Report()
        TopologyRunner(report, cancellation or Cancellation(), threads).run(schemas, sink.write)
        return report

    def _raise(self, where: str) -> None:
        if self.raising.get(where):
            raise self.raising[where].pop(0)


def names(sink: RecordingSink) -> list[str]:
    return [record.fqn for record in sink.records if hasattr(record, "name")]


IN_ORDER = [name for number in range(5) for name in (f"s{number}", *(f"s{number}.t{table}" for table in range(3)))]


def test_the_next_listing_is_begun_and_no_other() -> None:
    schemas, sink = Schemas(count=20), RecordingSink()
    ahead = set[tuple[int, int]]()

    def before(record: Record) -> None:
        current = int(getattr(record, "fqn", "").partition(".")[0][1:])
        furthest = max((int(name[1:]) for name in schemas.asked), default=0)
        ahead.add((furthest - current, schemas.read.count(f"s{current + 1}")))

    sink.before = before
    schemas.walk(sink)
    assert {furthest for furthest, _ in ahead} <= {-1, 0, 1}
    assert {rows for _, rows in ahead} <= {0, 1}
    assert len(schemas.threads) > 1
    assert schemas.closed == [f"s{number}" for number in range(20)]


def test_the_next_one_is_read_while_one_is_walked() -> None:
    schemas, sink, begun = Schemas(), RecordingSink(), threading.Event()

    def before(record: Record) -> None:
        if getattr(record, "fqn", "") == "s0.t2":
            assert begun.wait(LONG)

    produced = schemas.listed

    def listed(schema: str) -> Iterator[str | Filtered]:
        if schema == "s1":
            begun.set()
        return produced(schema)

    schemas.listed = listed
    sink.before = before
    schemas.walk(sink)
    assert names(sink) == IN_ORDER


@pytest.mark.parametrize(("allowed", "threads"), [(False, 1), (True, 4)])
def test_where_it_is_not_allowed_or_threads_do_so_every_schema_is_asked_once(allowed: bool, threads: int) -> None:
    schemas, sink = Schemas(allowed=allowed), RecordingSink()
    schemas.walk(sink, threads=threads)
    assert sorted(schemas.asked) == [f"s{number}" for number in range(5)]
    assert sorted(names(sink)) == sorted(IN_ORDER)
    if threads == 1:
        assert schemas.threads == {threading.get_ident()}


def test_what_goes_wrong_ahead_only_is_asked_again_in_its_turn() -> None:
    schemas, sink = Schemas(), RecordingSink()
    schemas.raising["s2"] = [SourceUnavailable("no room")]
    report = schemas.walk(sink)
    assert names(sink) == IN_ORDER
    assert schemas.asked.count("s2") == 2
    assert report.total("failed") == 0


def test_what_goes_wrong_in_its_turn_too_is_one_failure() -> None:
    schemas, sink = Schemas(), RecordingSink()
    schemas.raising["s2"] = [PermissionError("denied"), PermissionError("denied")]
    report = schemas.walk(sink)
    assert names(sink) == [name for name in IN_ORDER if not name.startswith("s2.")]
    assert [(failure.name, failure.stage) for failure in report.failures] == [("s2", "produce")]
    assert "s2" not in sink.scope_ends()


@pytest.mark.parametrize("kind", [FatalError, SourceUnavailable, SinkUnavailable, RunCancelled])
def test_what_ends_the_list_of_schemas_comes_after_what_it_gave(kind: type[Exception]) -> None:
    schemas, sink = Schemas(), RecordingSink()
    schemas.raising["schemas"] = [kind("no more")]
    with pytest.raises(kind, match="no more"):
        schemas.walk(sink)
    assert names(sink) == IN_ORDER


@pytest.mark.parametrize("kind", [FatalError, SinkUnavailable, KeyboardInterrupt])
def test_what_stops_a_run_closes_what_was_begun(kind: type[BaseException]) -> None:
    schemas, sink = Schemas(), RecordingSink()
    schemas.raising["emit s1.t0"] = [kind("stop")]
    with pytest.raises(kind):
        schemas.walk(sink)
    assert names(sink) == IN_ORDER[:5]
    assert sorted(schemas.closed) == sorted(set(schemas.asked)) == ["s0", "s1", "s2"]


def test_what_was_begun_below_a_schema_that_is_left_out_is_closed_before_the_next() -> None:
    schemas, sink = Schemas(), RecordingSink()
    schemas.raising["emit s1"] = [SkipEntity("not this one")]
    report = schemas.walk(sink)
    assert names(sink) == [name for name in IN_ORDER if not name.startswith("s1")]
    assert schemas.closed[:2] == ["s0", "s1"]
    assert report.snapshot_counts()["schema"]["filtered"] == 1


def test_a_cancel_stops_what_is_read_ahead() -> None:
    schemas, sink, cancellation = Schemas(), RecordingSink(), Cancellation()
    begun = threading.Event()
    produced = schemas.listed

    def listed(schema: str) -> Iterator[str | Filtered]:
        if schema == "s1":
            begun.set()
            for _ in itertools.count():  # a source that answers only to a cancel
                cancellation.wait(LONG)
        return produced(schema)

    def before(record: Record) -> None:
        if getattr(record, "fqn", "") == "s0.t1":
            assert begun.wait(LONG)
            cancellation.cancel("enough")

    schemas.listed = listed
    sink.before = before
    with pytest.raises(RunCancelled, match="enough"):
        schemas.walk(sink, cancellation)
    assert names(sink) == ["s0", "s0.t0", "s0.t1"]
