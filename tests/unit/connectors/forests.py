"""Trees to walk with faults in them, and what a walk has to make of each."""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

from hypothesis import strategies as st

from connectors.cancellation import Cancellation
from connectors.errors import SkipEntity
from connectors.models.records import DeletionScope, Record, ScopeEnd
from connectors.models.tags import CreateTagRequest
from connectors.report import Report
from connectors.runner import TopologyRunner
from connectors.topology import Filtered, Node
from tests.in_memory import RecordingSink, Walked

LEVELS = ("root", "branch", "twig", "leaf")
PARALLEL = "branch"


class Fault(Exception):
    """What goes wrong in a tree, on purpose."""


@dataclass(frozen=True)
class Tree:
    """An item: what goes wrong in its stages, whether the listing below it breaks off, and what lies below."""

    path: str
    stage: str = "good"
    breaks_after: int | None = None
    finish_fails: bool = False
    below: tuple["Tree", ...] = ()

    def listed(self) -> tuple["Tree", ...]:
        """What the listing gives before it breaks off."""
        return self.below[: self.breaks_after]


@dataclass
class Outcome:
    """What a walk hands over and reports."""

    requests: set[str] = field(default_factory=set[str])
    scopes: dict[str, dict[str, int]] = field(default_factory=dict[str, dict[str, int]])
    deletions: set[str] = field(default_factory=set[str])
    failures: Counter[tuple[str, str, str]] = field(default_factory=Counter[tuple[str, str, str]])
    filtered: Counter[str] = field(default_factory=Counter[str])
    processed: Counter[str] = field(default_factory=Counter[str])


def request(path: str) -> CreateTagRequest:
    """A record for an item: names without dots, joined by dots."""
    parent, _, name = path.rpartition(".")
    return CreateTagRequest(name=name, classification=parent)


def produce(parent: Tree) -> Iterator[Tree | Filtered]:
    """The items below a parent."""
    for tree in parent.listed():
        yield Filtered(tree.path) if tree.stage == "filtered" else tree
    if parent.breaks_after is not None:
        raise Fault(parent.path)


def first(tree: Tree) -> Iterable[Record]:
    """The item's record."""
    if tree.stage == "fails":
        raise Fault(tree.path)
    yield request(tree.path)


def second(tree: Tree) -> Iterable[Record]:
    """Nothing more, unless it goes wrong."""
    if tree.stage == "skipped":
        raise SkipEntity(tree.path)
    if tree.stage == "fails later":
        raise Fault(tree.path)
    return ()


def finish(parent: Tree, complete: bool) -> Iterable[Record]:
    """A deletion scope of what was listed completely."""
    if parent.finish_fails:
        raise Fault(parent.path)
    if complete:
        yield DeletionScope(parent.path, "parent", "child", "children", ())


def topology(forest: Tree, ahead: bool = False) -> Node[None, Any]:
    """The tree to walk; the items of the second level are scopes, which several threads may walk, or read ahead."""
    node: Node[Tree, Tree] | None = None
    for level in reversed(LEVELS[1:]):
        node = Node(
            entity=level,
            name=lambda tree: tree.path,
            produce=produce,
            stages=(first, second),
            children=(node,) if node else (),
            parallel=level == PARALLEL,
            scope=level == PARALLEL,
            ahead=(lambda _parent: True) if ahead and level == PARALLEL else None,
            finish=finish,
        )

    def roots(_nothing: None) -> Iterable[Tree | Filtered]:
        return produce(forest)

    return Node(
        entity=LEVELS[0],
        name=lambda tree: tree.path,
        produce=roots,
        stages=(first, second),
        children=(node,) if node else (),
    )


def run(
    forest: Tree,
    threads: int,
    finished: frozenset[str] = frozenset(),
    cancellation: Cancellation | None = None,
    before: Callable[[Record], None] = lambda _record: None,
    *,
    ahead: bool = False,
) -> Walked:
    """Walk a forest into a recording sink."""
    walked = Walked(RecordingSink(before), Report())
    runner = TopologyRunner(walked.report, cancellation or Cancellation(), threads, finished)
    runner.run(topology(forest, ahead), walked.sink.write)
    return walked


def outcome_of(walked: Walked) -> Outcome:
    """What a walk did."""
    report = walked.report
    return Outcome(
        requests={record.fqn for record in walked.sink.only(CreateTagRequest)},
        scopes={end.fqn: dict(end.records) for end in walked.sink.only(ScopeEnd)},
        deletions={scope.fqn for scope in walked.sink.only(DeletionScope)},
        failures=Counter((failure.entity, failure.name, failure.stage) for failure in report.failures),
        filtered=Counter({entity: counts.get("filtered", 0) for entity, counts in report.snapshot_counts().items()}),
        processed=Counter({entity: processed for entity, (processed, _) in report.snapshot_progress().items()}),
    )


def expected(forest: Tree, finished: frozenset[str] = frozenset()) -> Outcome:
    """What a walk has to do, said a second time and more simply."""
    outcome = Outcome()
    _expect_below(outcome, forest, 0, finished)
    return outcome


def _expect_below(outcome: Outcome, parent: Tree, level: int, finished: frozenset[str]) -> bool:
    if level == len(LEVELS):
        return True
    entity = LEVELS[level]
    results = [_expect(outcome, tree, level, finished) for tree in parent.listed()]
    complete = all(results)
    if parent.breaks_after is not None:
        outcome.failures[entity, parent.path if level else "", "produce"] += 1
        complete = False
    if level and parent.finish_fails:
        outcome.failures[entity, parent.path, "finish"] += 1
        return False
    if level and complete:
        outcome.deletions.add(parent.path)
    return complete


def _expect(outcome: Outcome, tree: Tree, level: int, finished: frozenset[str]) -> bool:
    entity = LEVELS[level]
    outcome.processed[entity] += 1
    if tree.stage == "filtered":
        outcome.filtered[entity] += 1
        return True
    if entity == PARALLEL and tree.path in finished:
        return True
    if tree.stage != "fails":
        outcome.requests.add(tree.path)
    if tree.stage == "skipped":
        outcome.filtered[entity] += 1
        return True
    if tree.stage in ("fails", "fails later"):
        outcome.failures[entity, tree.path, "first" if tree.stage == "fails" else "second"] += 1
    complete = _expect_below(outcome, tree, level + 1, finished) and tree.stage == "good"
    if entity == PARALLEL and complete:
        outcome.scopes[tree.path] = _requests_by_level(outcome, tree.path)
    return complete


def _requests_by_level(outcome: Outcome, path: str) -> dict[str, int]:
    return {"tag": sum(1 for name in outcome.requests if name == path or name.startswith(f"{path}."))}


STAGES = st.sampled_from(["good"] * 8 + ["fails", "fails later", "skipped", "filtered"])
BREAKS = st.sampled_from([None] * 8 + [0, 1, 2])
FAILING_FINISH = st.sampled_from([False] * 9 + [True])


@st.composite
def trees(draw: st.DrawFn, path: str = "", level: int = 0) -> Tree:
    """A tree of at most four levels below a root that is no item itself."""
    names = [f"{LEVELS[level][0]}{number}" for number in range(draw(st.integers(0, 3)))] if level < len(LEVELS) else []
    below = tuple(draw(trees(f"{path}.{name}" if path else name, level + 1)) for name in names)
    return Tree(
        path=path,
        stage=draw(STAGES),
        breaks_after=draw(BREAKS) if level < len(LEVELS) else None,
        finish_fails=draw(FAILING_FINISH) if 0 < level < len(LEVELS) else False,
        below=below,
    )


def scopes_in(forest: Tree) -> list[str]:
    """The paths of all items that are scopes."""
    return [branch.path for root in forest.below for branch in root.below]


def wide(branches: int, leaves: int = 0) -> Tree:
    """One root with many branches, each with twigs."""
    below = tuple(
        Tree(f"r.b{number}", below=tuple(Tree(f"r.b{number}.t{leaf}") for leaf in range(leaves)))
        for number in range(branches)
    )
    return Tree("", below=(Tree("r", below=below),))
