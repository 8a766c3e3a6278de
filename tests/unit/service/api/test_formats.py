import json
from contextlib import suppress
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from service.api.formats import Malformed, read_document
from service.errors import Invalid
from service.workflows.documents import MAX_DEPTH, is_storable

TEXTS = st.text(max_size=10).filter(is_storable)
DOCUMENTS = st.dictionaries(
    TEXTS,
    st.recursive(
        st.none() | st.booleans() | st.integers(-(2**60), 2**60) | TEXTS,
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXTS, inner, max_size=3),
        max_leaves=10,
    ),
    max_size=4,
)


@given(DOCUMENTS)
def test_json_is_read_as_it_was_written(document: dict[str, Any]) -> None:
    assert read_document(json.dumps(document).encode(), "json") == document


@given(DOCUMENTS)
def test_yaml_is_read_as_it_was_written(document: dict[str, Any]) -> None:
    assert read_document(yaml.safe_dump(document).encode(), "yaml") == document


@given(st.binary(max_size=100), st.sampled_from(["json", "yaml"]))
def test_any_bytes_end_in_a_document_or_an_error_of_ours(raw: bytes, kind: Any) -> None:
    with suppress(Malformed, Invalid):
        assert isinstance(read_document(raw, kind), dict)


def test_a_byte_order_mark_is_no_part_of_the_text() -> None:
    assert read_document(b'\xef\xbb\xbf{"a": 1}', "json") == {"a": 1}
    assert read_document(b"\xef\xbb\xbfa: 1", "yaml") == {"a": 1}


def test_yaml_instants_stay_texts() -> None:
    text = b"at: 2026-01-01T00:00:00Z\nday: 2026-01-01\ntext: !!str 12\nnumber: 12"
    assert read_document(text, "yaml") == {
        "at": "2026-01-01T00:00:00Z",
        "day": "2026-01-01",
        "text": "12",
        "number": 12,
    }


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("on: 1", "line 1, column 1: a key must be a text"),
        ("a:\n  1: x", "line 2, column 3: a key must be a text"),
        ("? [a]\n: 1", "a key must be a text"),
        ("<<: {a: 1}", "a key must be a text"),
        ("a: =", "constructor"),
        ("a: 1\n---\nb: 2", "single document"),
        ("a: \x01", "control characters"),
        ("a: " + "9" * 5000, "too many digits"),
        ('a: "\\ud800"', "Unicode"),
        ("%FOO x\n---\na: 1", "directive"),
        ("a: !!int x", "tag"),
        ("a: &x 1", "anchors"),
    ],
)
def test_yaml_that_is_more_than_data_is_refused(text: str, words: str) -> None:
    with pytest.raises(Malformed, match=words):
        read_document(text.encode(), "yaml")


@pytest.mark.parametrize("kind", ["json", "yaml"])
def test_the_deepest_document_is_read(kind: Any) -> None:
    # The document itself is the first level.
    deep = MAX_DEPTH - 1
    document = json.dumps(json.loads('{"a":' * deep + "{}" + "}" * deep)).encode()
    assert read_document(document, kind)
    with pytest.raises(Invalid, match="nested deeper"):
        read_document(b'{"a":' * (MAX_DEPTH + 1) + b"1" + b"}" * (MAX_DEPTH + 1), kind)


def test_a_key_of_a_large_object_that_appears_twice_is_found_quickly() -> None:
    pairs = ",".join(f'"k{number}":1' for number in range(200_000))
    with pytest.raises(Malformed, match="'k7' appears twice"):
        read_document(f'{{{pairs},"k7":2}}'.encode(), "json")
