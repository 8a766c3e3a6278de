from hypothesis import given
from hypothesis import strategies as st
from pydantic import JsonValue

from service.access.audit import difference
from service.workflows.documents import Json

KEYS = st.sampled_from("abc")
VALUES: st.SearchStrategy[JsonValue] = st.recursive(
    st.none() | st.integers(0, 2), lambda inner: st.dictionaries(KEYS, inner, max_size=3), max_leaves=6
)
DOCUMENTS = st.dictionaries(KEYS, VALUES, max_size=3)


def test_only_what_differs_is_kept() -> None:
    before: Json = {"name": "x", "config": {"a": 1, "b": [1, 2], "c": {"d": 1}}, "gone": None}
    after: Json = {"name": "x", "config": {"a": 1, "b": [1], "c": {"d": 2}}, "new": {"e": 1}}
    assert difference(before, after) == (
        {"config": {"b": [1, 2], "c": {"d": 1}}, "gone": None},
        {"config": {"b": [1], "c": {"d": 2}}, "new": {"e": 1}},
    )


@given(DOCUMENTS)
def test_nothing_differs_from_itself(document: Json) -> None:
    assert difference(document, document) == ({}, {})


@given(DOCUMENTS, DOCUMENTS)
def test_both_ways_tell_the_same(one: Json, other: Json) -> None:
    assert difference(one, other) == tuple(reversed(difference(other, one)))
    if one != other:
        assert difference(one, other) != ({}, {})
