"""What holds in both flows, over trees with random faults."""

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from connectors.cancellation import Cancellation
from connectors.models.base import CreateRequest
from connectors.models.records import DeletionScope, Record, ScopeEnd
from connectors.report import Report
from connectors.runner import TopologyRunner
from tests.in_memory import contents
from tests.unit.connectors.forests import Tree, expected, outcome_of, run, scopes_in, topology, trees, wide

FLOWS = pytest.mark.parametrize("threads", [1, 4])
# The fixture that watches threads looks at the examples of a test as a whole.
RANDOM = settings(deadline=None, max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])

pytestmark = pytest.mark.usefixtures("threads_end")


def places(records: list[Record]) -> dict[str, int]:
    return {record.fqn: place for place, record in enumerate(records) if isinstance(record, CreateRequest)}


@RANDOM
@given(trees(), st.sampled_from([1, 2, 5]))
def test_a_walk_does_what_the_tree_says(forest: Tree, threads: int) -> None:
    assert outcome_of(run(forest, threads)) == expected(forest)


@RANDOM
@given(trees())
def test_both_flows_hand_over_the_same(forest: Tree) -> None:
    standard, threaded = run(forest, 1), run(forest, 4)
    assert contents(standard.sink.records) == contents(threaded.sink.records)
    assert standard.report.snapshot_counts() == threaded.report.snapshot_counts()
    assert standard.report.snapshot_progress() == threaded.report.snapshot_progress()


@RANDOM
@given(trees(), st.sampled_from([1, 5]))
def test_parents_precede_their_children(forest: Tree, threads: int) -> None:
    records = run(forest, threads).sink.records
    requests = places(records)
    for name, place in requests.items():
        parent = name.rpartition(".")[0]
        assert requests.get(parent, -1) < place
    for place, record in enumerate(records):
        if isinstance(record, ScopeEnd | DeletionScope):
            below = [at for name, at in requests.items() if name.startswith(f"{record.fqn}.")]
            assert all(at < place for at in below)


@RANDOM
@given(trees(), st.sampled_from([1, 5]))
def test_a_scope_ends_after_the_deletions_in_it(forest: Tree, threads: int) -> None:
    records = run(forest, threads).sink.records
    ends = {record.fqn: place for place, record in enumerate(records) if isinstance(record, ScopeEnd)}
    for place, record in enumerate(records):
        if isinstance(record, DeletionScope):
            around = [end for scope, end in ends.items() if f"{record.fqn}.".startswith(f"{scope}.")]
            assert all(place < end for end in around)


@RANDOM
@given(trees(), st.sampled_from([1, 4]), st.data())
def test_finished_scopes_are_left_out(forest: Tree, threads: int, data: st.DataObject) -> None:
    scopes = scopes_in(forest)
    finished = frozenset(data.draw(st.sets(st.sampled_from(scopes))) if scopes else ())
    walked = run(forest, threads, finished)
    assert outcome_of(walked) == expected(forest, finished)
    assert finished.isdisjoint(walked.sink.scope_ends())
    for name in walked.sink.names("tag"):
        assert not any(f"{name}.".startswith(f"{scope}.") for scope in finished)


@RANDOM
@given(trees(), st.sampled_from([1, 4]))
def test_a_second_attempt_completes_the_first(forest: Tree, threads: int) -> None:
    whole = run(forest, threads)
    finished = frozenset(whole.sink.scope_ends())
    again = run(forest, threads, finished)
    assert again.sink.scope_ends() == {}
    inside = {name for name in whole.sink.names("tag") if any(f"{name}.".startswith(f"{scope}.") for scope in finished)}
    assert again.sink.names("tag") == whole.sink.names("tag") - inside


@FLOWS
def test_an_empty_source(threads: int) -> None:
    walked = run(Tree(""), threads)
    assert walked.sink.records == []
    assert walked.report.snapshot_counts() == {}


@FLOWS
def test_every_failing_item_is_one_failure_with_its_cause(threads: int) -> None:
    bad = tuple(Tree(f"r.b{number}", stage="fails") for number in range(20))
    walked = run(Tree("", below=(Tree("r", below=bad),)), threads)
    assert {failure.name for failure in walked.report.failures} == {tree.path for tree in bad}
    assert walked.report.total("failed") == 20
    assert {(failure.stage, failure.cause) for failure in walked.report.failures} == {
        ("first", f"Fault: {tree.path}") for tree in bad
    }
    assert ("r", "child") not in walked.sink.deletions()
    assert walked.sink.scope_ends() == {}


@FLOWS
def test_a_broken_listing_leaves_its_scope_and_all_around_it_incomplete(threads: int) -> None:
    good, broken = Tree("r.b0", below=(Tree("r.b0.t0"),)), Tree("r.b1", breaks_after=1, below=(Tree("r.b1.t0"),))
    walked = run(Tree("", below=(Tree("r", below=(good, broken)),)), threads)
    assert set(walked.sink.scope_ends()) == {"r.b0"}
    assert {scope.fqn for scope in walked.sink.only(DeletionScope)} == {"r.b0", "r.b0.t0", "r.b1.t0"}
    assert "r.b1.t0" in walked.sink.names("tag")


@FLOWS
def test_what_is_skipped_on_purpose_leaves_its_scope_complete(threads: int) -> None:
    skipped = Tree("r.b0", stage="skipped", below=(Tree("r.b0.t0"),))
    good = Tree("r.b1", below=(Tree("r.b1.t0", stage="skipped", below=(Tree("r.b1.t0.l0"),)),))
    walked = run(Tree("", below=(Tree("r", below=(skipped, good)),)), threads)
    assert set(walked.sink.scope_ends()) == {"r.b1"}
    assert ("r", "child") in walked.sink.deletions()
    assert walked.report.total("failed") == 0
    assert walked.sink.names("tag").isdisjoint({"r.b0.t0", "r.b1.t0.l0"})
    counts = walked.report.snapshot_counts()
    assert (counts["branch"], counts["twig"]) == ({"filtered": 1}, {"filtered": 1})


@FLOWS
def test_the_end_of_a_scope_counts_its_records(threads: int) -> None:
    walked = run(wide(8, 3), threads)
    assert {name: dict(end.records) for name, end in walked.sink.scope_ends().items()} == {
        f"r.b{number}": {"tag": 4} for number in range(8)
    }


def test_the_standard_flow_is_depth_first() -> None:
    forest = Tree("", below=(Tree("r", below=(Tree("r.b0", below=(Tree("r.b0.t0"),)), Tree("r.b1"))),))
    order = [record.fqn for record in run(forest, 1).sink.only(CreateRequest)]
    assert order == ["r", "r.b0", "r.b0.t0", "r.b1"]


@FLOWS
def test_time_is_kept_by_stage(threads: int) -> None:
    seconds = run(wide(3, 2), threads).report.stage_seconds
    assert set(seconds) == {
        (entity, stage) for entity in ("root", "branch", "twig") for stage in ("produce", "first", "second", "finish")
    } - {("root", "finish")} | {("leaf", "produce"), ("leaf", "finish")}
    assert all(value >= 0 for value in seconds.values())


class Timed(Report):
    """Keeps what it was told of times, and where scopes ended between."""

    def __init__(self) -> None:
        super().__init__()
        self.told: list[tuple[str, str]] = []

    def timed(self, entity: str, stage: str, seconds: float) -> None:
        self.told.append((entity, stage))

    def write(self, record: Record) -> None:
        if isinstance(record, ScopeEnd):
            self.told.append(("scope", record.fqn))


def test_time_is_told_once_when_a_scope_ends() -> None:
    report = Timed()
    TopologyRunner(report, Cancellation()).run(topology(wide(2, 2)), report.write)
    first, second = report.told.index(("scope", "r.b0")), report.told.index(("scope", "r.b1"))
    assert report.told[:first] == []
    assert ("twig", "first") in report.told[first:second]
    assert report.told.count(("root", "first")) == 1


def test_a_listing_that_breaks_off_took_its_time() -> None:
    seconds = run(Tree("", below=(Tree("r", breaks_after=0),)), 1).report.stage_seconds
    assert ("branch", "produce") in seconds
