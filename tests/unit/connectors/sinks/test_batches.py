from connectors.sinks.batches import Batch, Buffers
from connectors.sinks.entries import Entry, Kind

SCHEMAS = Kind("databaseSchema", "databaseSchemas", 2, bulk=True)
TABLES = Kind("table", "tables", 3, bulk=True, leaf=True)
CONTAINERS = Kind("container", "containers", 3, bulk=True)


def entry(number: int, kind: Kind = TABLES, body: bytes = b"{}") -> Entry:
    return Entry(number, kind, f"s.d.x.t{number}", body)


def buffers(count: int = 3, size: int = 100, most: int = 1) -> Buffers:
    return Buffers(count, size, age_seconds=2.0, most=most)


def collections(batches: list[Batch]) -> list[str]:
    return [batch.kind.collection for batch in batches]


def test_a_batch_is_full_by_count() -> None:
    each = buffers(count=2)
    assert not each.full(each.add(entry(1), 0.0))
    assert each.full(each.add(entry(2), 0.0))


def test_a_batch_is_full_by_size_and_a_large_entry_goes_alone() -> None:
    each = buffers(count=99)
    each.add(entry(1, body=b"{" + b" " * 60 + b"}"), 0.0)
    assert not each.fits(entry(2, body=b"{" + b" " * 60 + b"}"))
    assert each.fits(entry(2))
    (batch,) = each.take_all()
    assert each.full(each.add(entry(3, body=b" " * 500), 0.0))
    assert batch.body() == b"[{" + b" " * 60 + b"}]"


def test_a_name_is_in_a_batch_once() -> None:
    each = buffers()
    each.add(entry(1), 0.0)
    assert each.repeated(entry(1))
    assert not each.repeated(entry(2))
    list(each.take_all())
    assert not each.repeated(entry(1))


def test_a_name_is_in_no_second_batch_while_the_first_waits() -> None:
    each = buffers(most=2)
    each.add(entry(1, SCHEMAS), 0.0)
    each.add(entry(2), 0.0)
    assert each.waits("tables")
    each.add(entry(3), 0.0)
    assert each.repeated(entry(2))
    assert not each.repeated(entry(2, CONTAINERS))


def test_full_batches_gather_while_their_parents_are_not_sent() -> None:
    each = buffers(most=3)
    told: list[bool] = []
    for number in range(3):
        each.add(entry(10 + number, SCHEMAS), 0.0)
        each.add(entry(number), 0.0)
        told.append(each.waits("tables"))
    assert told == [True, True, False]
    taken = list(each.take("tables"))
    assert [[one.number for one in batch.entries] for batch in taken] == [[10, 11, 12], [0], [1], [2]]
    assert list(each.take_all()) == []


def test_a_full_batch_whose_parents_are_sent_does_not_wait() -> None:
    each = buffers(most=3)
    each.add(entry(1), 0.0)
    assert not each.waits("tables")


def test_what_others_lie_in_does_not_wait() -> None:
    each = buffers(most=3)
    each.add(entry(1, SCHEMAS), 0.0)
    each.add(entry(2, CONTAINERS), 0.0)
    assert not each.waits("containers")


def test_a_batch_that_waits_is_due_when_it_is_old() -> None:
    each = buffers(most=3)
    each.add(entry(1), 0.0)
    each.add(entry(2, SCHEMAS), 5.0)
    assert each.waits("tables")
    assert each.due(2.1) == ["tables"]
    assert collections(list(each.take("tables"))) == ["databaseSchemas", "tables"]


def test_a_batch_that_nobody_takes_any_more_stays() -> None:
    each = buffers(most=3)
    each.add(entry(1), 0.0)
    each.add(entry(2, SCHEMAS), 0.0)
    assert each.waits("tables")
    assert next(each.take("tables")).kind == SCHEMAS
    assert collections(list(each.take_all())) == ["tables"]


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
