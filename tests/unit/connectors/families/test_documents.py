"""Columns inferred from documents."""

import datetime
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connectors.families import documents
from connectors.families.documents import Inference
from connectors.models.database import Column, DataType

VALUES: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=3) | st.binary(max_size=3),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=12,
)
SEEN: list[tuple[list[Any], DataType, str]] = [
    ([1, 2], "INT", "int"),
    ([1, 2**40], "BIGINT", "bigint"),
    ([1, 1.5], "DOUBLE", "double"),
    ([1, Decimal(1)], "NUMBER", "decimal"),
    ([True, None], "BOOLEAN", "boolean"),
    ([None], "NULL", "null"),
    ([1, "a"], "UNION", "union<int,string>"),
    ([datetime.datetime(2024, 1, 1, tzinfo=datetime.UTC)], "TIMESTAMP", "timestamp"),
    ([{"a": 1}, "x"], "UNION", "union<string,struct<a:int>>"),
    ([{"a": 1}, {"b": "x"}], "STRUCT", "struct<a:int,b:string>"),
    ([[1], ["a"]], "ARRAY", "array<union<int,string>>"),
    ([[]], "ARRAY", "array<null>"),
    ([object()], "UNKNOWN", "object"),
]


def columns(*given: dict[str, Any]) -> tuple[Column, ...]:
    inference = Inference("shop.orders", {"Decimal": "NUMBER"})
    for document in given:
        inference.add(document)
    return inference.columns()


@pytest.mark.parametrize(("values", "kind", "shown"), SEEN)
def test_a_field_has_the_type_that_fits_all_of_its_values(values: list[Any], kind: DataType, shown: str) -> None:
    [column] = columns(*({"f": value} for value in values))
    assert (column.data_type, column.data_type_display) == (kind, shown)


def test_objects_have_children_also_in_arrays() -> None:
    inner, listed = columns({"inner": {"b": 1, "a": "x"}, "listed": [{"c": 1}, {"d": None}]})
    assert [(child.name, child.data_type, child.ordinal_position) for child in inner.children or ()] == [
        ("b", "INT", 1),
        ("a", "STRING", 2),
    ]
    assert (listed.data_type, listed.array_data_type) == ("ARRAY", "STRUCT")
    assert [child.name for child in listed.children or ()] == ["c", "d"]


def test_objects_have_children_also_beside_other_values() -> None:
    either, listed = columns({"either": {"a": 1}, "listed": ["x", {"b": 1}]}, {"either": "x", "listed": None})
    assert (either.data_type, listed.data_type, listed.array_data_type) == ("UNION", "ARRAY", "UNION")
    assert [[child.name for child in each.children or ()] for each in (either, listed)] == [["a"], ["b"]]


def test_what_is_known_comes_first() -> None:
    inference = Inference("shop.orders")
    inference.add({"a": 1, "key": "x"})
    found = inference.columns([Column(name="key", data_type="BINARY")])
    assert [(each.name, each.data_type, each.ordinal_position) for each in found] == [
        ("key", "BINARY", 1),
        ("a", "INT", 2),
    ]


def test_depth_and_width_are_bounded(monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> None:
    monkeypatch.setattr(documents, "MAX_DEPTH", 2)
    monkeypatch.setattr(documents, "MAX_FIELDS", 3)
    [column] = columns({"a": {"b": {"c": 1}}})
    assert column.data_type_display == "struct<b:json>"
    assert len(columns({str(number): number for number in range(10)})) == 3
    assert [record.getMessage() for record in caplog.records] == [
        "shop.orders has objects of more than 3 fields: others are left out"
    ]


@given(st.lists(st.dictionaries(st.text(max_size=3), VALUES, max_size=4), max_size=4))
def test_any_documents_make_columns_that_can_be_sent(given: list[dict[str, Any]]) -> None:
    def check(found: tuple[Column, ...]) -> None:
        names = [column.name for column in found]
        assert len(names) == len(set(names))
        assert all(names)
        for column in found:
            assert (column.data_type == "ARRAY") is (column.array_data_type is not None)
            check(column.children or ())

    found = columns(*given)
    check(found)
    assert found == columns(*given)
