import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.errors import Invalid
from service.workflows.documents import (
    MAX_DEPTH,
    Json,
    check_document,
    dotted,
    is_storable,
    merge_patch,
    storable,
    storable_document,
    value_at,
)

SCALARS = st.none() | st.booleans() | st.integers() | st.floats() | st.text()
DOCUMENTS = st.dictionaries(
    st.text(),
    st.recursive(SCALARS, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3)),
    max_size=4,
)


@pytest.mark.parametrize(
    ("target", "patch", "merged"),
    [
        ({"a": "b"}, {"a": "c"}, {"a": "c"}),
        ({"a": "b"}, {"b": "c"}, {"a": "b", "b": "c"}),
        ({"a": "b"}, {"a": None}, {}),
        ({"a": ["b"]}, {"a": "c"}, {"a": "c"}),
        ({"a": "c"}, {"a": ["b"]}, {"a": ["b"]}),
        ({"a": {"b": "c"}}, {"a": {"b": "d", "c": None}}, {"a": {"b": "d"}}),
        ({"a": [{"b": "c"}]}, {"a": [1]}, {"a": [1]}),
        ({"e": None}, {"a": 1}, {"e": None, "a": 1}),
        ({}, {"a": {"bb": {"ccc": None}}}, {"a": {"bb": {}}}),
        ({"a": 1}, {"a": {"b": None, "c": 2}}, {"a": {"c": 2}}),
    ],
)
def test_merge_patch_follows_rfc_7396(target: Json, patch: Json, merged: Json) -> None:
    assert merge_patch(target, patch) == merged


@given(DOCUMENTS, DOCUMENTS)
def test_merge_patch_leaves_its_arguments_alone_and_is_idempotent(target: Json, patch: Json) -> None:
    before = json.dumps([target, patch])
    once = merge_patch(target, patch)
    assert json.dumps([target, patch]) == before
    assert json.dumps(merge_patch(once, patch)) == json.dumps(once)


def test_value_at_reaches_into_objects_and_lists() -> None:
    document: Json = {"a": [{"b": 1}]}
    assert value_at(document, ("a", 0, "b")) == 1
    assert value_at(document, ("a", 1, "b")) is None
    assert value_at(document, ("a", "b")) is None
    assert value_at(document, ("a", -1)) is None
    assert dotted(("a", 0, "b")) == "a.0.b"


@given(st.text(st.characters(codec=None)))
def test_storable_text_is_text_that_postgres_holds(text: str) -> None:
    kept = storable(text)
    assert is_storable(kept)
    assert "\x00" not in kept
    kept.encode()
    assert (kept == text) == is_storable(text)


@given(DOCUMENTS)
def test_what_was_made_storable_passes_the_check(document: Json) -> None:
    kept = storable_document(document)
    assert isinstance(kept, dict)
    assert check_document(kept) is kept


def test_check_names_every_fault() -> None:
    faulty: dict[str, Any] = {"a": ["x", "\x00"], "b": {"c": float("nan")}, "d": {"\ud800": 1}, "e": 10**40}
    with pytest.raises(Invalid) as caught:
        check_document(faulty)
    assert [problem.path for problem in caught.value.problems] == ["a.1", "b.c", "d"]


def test_check_refuses_bottomless_documents() -> None:
    deep: Json = {}
    for _ in range(MAX_DEPTH + 1):
        deep = {"a": deep}
    with pytest.raises(Invalid, match="nested deeper"):
        check_document(deep)
