from connectors.sinks.batches import Batch, Buffers
from connectors.sinks.entries import Entry, Kind

SCHEMAS = Kind("databaseSchema", "databaseSchemas", 2, bulk=True)
TABLES = Kind("table", "tables", 3, bulk=True)


def entry(number: int, kind: Kind = TABLES, body: bytes = b"{}") -> Entry:
    return Entry(number, kind, f"s.d.x.t{number}", body)


def buffers(count: int = 3, size: int = 100) -> Buffers:
    return Buffers(count, size, age_seconds=2.0)


def collections(batches: list[Batch]) -> list[str]:
    return [batch.kind.collection for batch in batches]


def test_a_batch_is_full_by_count() -> None:
    each = buffers(count=2)
    assert not each.full(each.add(entry(1), 0.0), single=False)
    assert each.full(each.add(entry(2), 0.0), single=False)


def test_a_batch_is_full_by_size_and_a_large_entry_goes_alone() -> None:
    each = buffers(count=99)
    each.add(entry(1, body=b"{" + b" " * 60 + b"}"), 0.0)
    assert not each.fits(entry(2, body=b"{" + b" " * 60 + b"}"))
    assert each.fits(entry(2))
    (batch,) = each.take_all()
    assert each.full(each.add(entry(3, body=b" " * 500), 0.0), single=False)
    assert batch.body() == b"[{" + b" " * 60 + b"}]"


def test_a_name_is_in_a_batch_once() -> None:
    each = buffers()
    each.add(entry(1), 0.0)
    assert each.repeated(entry(1))
    assert not each.fits(entry(1))


def test_parents_are_taken_before_their_children() -> None:
    each = buffers()
    each.add(entry(1), 0.0)
    each.add(entry(2, SCHEMAS), 0.0)
    assert collections(list(each.take("tables"))) == ["databaseSchemas", "tables"]
    assert list(each.take_all()) == []


def test_parents_are_taken_without_their_children() -> None:
    each = buffers()
    each.add(entry(1), 0.0)
    each.add(entry(2, SCHEMAS), 0.0)
    assert collections(list(each.take("databaseSchemas"))) == ["databaseSchemas"]
    assert collections(list(each.take_all())) == ["tables"]


def test_a_batch_is_due_when_it_is_old() -> None:
    each = buffers()
    each.add(entry(1), 10.0)
    assert list(each.due(12.0)) == []
    assert list(each.due(12.1)) == ["tables"]


def test_halves_keep_every_entry() -> None:
    batch = Batch(TABLES).part([entry(number) for number in range(5)], tries=2)
    first, second = batch.halves(slow=1)
    assert [each.number for each in (*first.entries, *second.entries)] == [0, 1, 2, 3, 4]
    assert (first.tries, second.slow) == (2, 1)
