import tracemalloc

from connectors.models.records import DeletionScope, ScopeEnd
from connectors.report import Report
from connectors.sinks.ledger import Ledger


class Scopes(Report):
    """Keeps the names of finished scopes."""

    def __init__(self) -> None:
        super().__init__()
        self.done: list[str] = []

    def scope_done(self, fqn: str, records: object) -> None:
        self.done.append(fqn)


def deletion(fqn: str) -> DeletionScope:
    return DeletionScope(fqn, "databaseSchema", "table", "tables", ())


def test_a_scope_ends_when_all_before_it_is_settled() -> None:
    report = Scopes()
    ledger = Ledger(report)
    ledger.opened(1)
    ledger.opened(2)
    ledger.end(3, ScopeEnd("s.d.x", {}))
    ledger.opened(4)
    assert ledger.ripe() == []
    ledger.settled(2)
    ledger.ripe()
    assert report.done == []
    ledger.settled(1)
    ledger.ripe()
    assert report.done == ["s.d.x"]


def test_a_deletion_waits_for_records_and_an_end_for_the_deletion() -> None:
    report = Scopes()
    ledger = Ledger(report)
    ledger.opened(1)
    ledger.deletion(2, deletion("s.d.x"))
    ledger.end(3, ScopeEnd("s.d.x", {}))
    assert ledger.ripe() == []
    ledger.settled(1)
    assert [number for number, _ in ledger.ripe()] == [2]
    assert report.done == []
    ledger.deleted(2)
    assert ledger.ripe() == []
    assert report.done == ["s.d.x"]


def test_a_scope_with_a_refused_entity_does_not_end() -> None:
    report = Scopes()
    ledger = Ledger(report)
    ledger.failed('s."d.1".x.t')
    for number, name in enumerate(("s", 's."d.1"', 's."d.1".x', 's."d.1".y'), start=1):
        ledger.end(number, ScopeEnd(name, {}))
    ledger.ripe()
    assert report.done == ['s."d.1".y']
    assert ledger.failed_below('s."d.1"')
    assert not ledger.failed_below('s."d.1".y')


def test_of_very_many_refused_leaves_only_what_they_lie_in_is_kept() -> None:
    ledger = Ledger(Scopes())
    tracemalloc.start()
    for number in range(20_000):
        ledger.failed(f"s.d.x.table_{number}", leaf=True)
    held, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert ledger.failed_below("s.d.x")
    assert held < 20_000, "bytes, not one for each of them"


def test_a_scope_whose_references_wait_is_done_when_they_are_delivered() -> None:
    report = Scopes()
    ledger = Ledger(report)
    ledger.set_aside("s.d.x.t")
    ledger.end(1, ScopeEnd("s.d.x", {}))
    ledger.end(2, ScopeEnd("s.d.y", {}))
    assert ledger.ripe() == []
    assert report.done == ["s.d.y"]
    assert not ledger.failed_below("s.d.x"), "all of it was listed, so what is gone from it may go"
    ledger.completed()
    assert report.done == ["s.d.y", "s.d.x"]
