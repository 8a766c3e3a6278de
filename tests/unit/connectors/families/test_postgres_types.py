from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connectors.families.postgres.session import Row
from connectors.families.postgres.types import Types, type_key, type_of
from connectors.models.database import Column

OIDS = st.integers(0, 2**32 - 1)
MODIFIERS = st.integers(-(2**31), 2**31 - 1)
ENDS = [(oid, modifier) for oid in (0, 23, 2**31, 2**32 - 1) for modifier in (-(2**31), -1, 0, 2**31 - 1)]


@pytest.mark.parametrize(("oid", "modifier"), ENDS)
def test_a_key_holds_the_largest_and_the_least(oid: int, modifier: int) -> None:
    key = type_key(oid, modifier)
    assert type_of(key) == (oid, modifier)
    assert -(2**63) <= key < 2**63  # an int8 of Postgres


@given(OIDS, MODIFIERS, OIDS, MODIFIERS)
def test_keys_of_unlike_types_differ(oid: int, modifier: int, other: int, others: int) -> None:
    assert type_of(type_key(oid, modifier)) == (oid, modifier)
    assert (type_key(oid, modifier) == type_key(other, others)) is ((oid, modifier) == (other, others))


INT: Row = (23, -1, "integer", "int4", True, "b", False, None, -1, None, None, None, None, None, None)


def composite(oid: int, *fields: int, comment: str | None = None) -> Row:
    names, count = [f"f{place}" for place in range(len(fields))], len(fields)
    nothing = (None, -1, None)
    inside = (names, list(fields), [-1] * count, [False] * count, [comment] * count)
    return (oid, -1, f"t{oid}", f"t{oid}", False, "c", False, *nothing, *inside)


def fields_in(columns: tuple[Column, ...]) -> int:
    return sum(1 + fields_in(column.children or ()) for column in columns)


def shown(rows: list[Row], *oids: int) -> list[int]:
    """How many fields the columns of one table show, each of a type that the rows tell of."""
    types = Types({})
    types.add(rows)
    return [fields_in(shape.children or ()) for shape in types.shapes_of([type_key(oid, -1) for oid in oids], "db.s.t")]


def test_types_that_hold_each_other_many_times_are_not_unfolded() -> None:
    first, last = 20000, 21000
    doubling = [composite(first, 23), *(composite(oid, oid - 1, oid - 1) for oid in range(first + 1, last + 1))]
    assert shown([INT, *reversed(doubling)], last) == [4094]
    assert shown([INT, *doubling], last, 23, first, last) == [2046, 0, 1, 2046]


@pytest.mark.parametrize(
    ("rows", "oids", "expected"),
    [
        ([composite(20000, *[23] * 5000)], [20000], [5000]),
        ([composite(20000, *[23] * 5001)], [20000], [0]),
        ([composite(20000, *[23] * 2500)], [20000, 20000], [2500, 2500]),
        ([composite(20000, *[23] * 2501)], [20000, 20000], [0, 0]),
        ([composite(20000, *[23] * 5, comment="x" * 999_000)], [20000], [5]),
        ([composite(20000, *[23] * 5, comment="x" * 1_000_000)], [20000], [0]),
        ([composite(20000), composite(20001, 20000)], [20000, 20001], [0, 1]),
    ],
)
def test_a_table_shows_so_many_fields_of_its_composite_types(
    rows: list[Row], oids: list[int], expected: list[int]
) -> None:
    assert shown([INT, *rows], *oids) == expected


def test_composite_types_of_postgres_itself_count_in_every_schema() -> None:
    lasting = dict[Any, Any]()
    for _ in range(2):
        types = Types(lasting)
        rows = [INT, composite(83, *[23] * 3000)]
        if type_key(83, -1) not in types.shapes:  # as Tables.read asks
            types.add(rows)
        children = [shape.children for shape in types.shapes_of([type_key(83, -1)] * 2, "db.s.t")]
        assert children == [None, None]
