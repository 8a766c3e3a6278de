import json
from contextlib import suppress
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from service.api.formats import read_document
from service.errors import Invalid, Malformed, TooLarge
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
        ("a: {<<: 1}", "line 1, column 9: what << takes over must be a mapping"),
        ("a: {<<: [{}, 1]}", "must be a mapping or a list of mappings"),
        ("a: {<<: {}, <<: {}}", "'<<' appears twice"),
        ("a: &x {b: 1}\nc: {<<: *x, d: 1, d: 2}", "'d' appears twice"),
        ("a: *x", "undefined alias"),
        ("a: &x [*x]", "line 1, column 4: an alias stands for what it lies in"),
        ("a: &x {<<: *x}", "an alias stands for what it lies in"),
        ("a: =", "constructor"),
        ("a: 1\n---\nb: 2", "single document"),
        ("a: \x01", "control characters"),
        ("a: " + "9" * 5000, "too many digits"),
        ('a: "\\ud800"', "Unicode"),
        ("%FOO x\n---\na: 1", "directive"),
        ("a: !!int x", "tag"),
        ("a: &x !!int 1", "tag"),
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


def test_aliases_and_merge_keys_are_written_out() -> None:
    text = b"""
base: &base {host: a, port: 1, on: &list [1, {x: y}]}
"more": &more {port: 2, tls: true}
first: {<<: *base, port: 3}
second: {<<: [*more, *base], host: b}
third: {<<: {port: 4}, list: *list}
quoted: {"<<": *more}
""".replace(b" on:", b" 'on':")
    base = {"host": "a", "port": 1, "on": [1, {"x": "y"}]}
    more = {"port": 2, "tls": True}
    assert read_document(text, "yaml") == {
        "base": base,
        "more": more,
        "first": {**base, "port": 3},
        "second": {**base, **more, "host": "b"},
        "third": {"port": 4, "list": base["on"]},
        "quoted": {"<<": more},
    }


def test_a_merged_mapping_may_merge_itself_and_what_is_merged_is_merged_once_only() -> None:
    text = b"z: &z {q: 1}\na: {k: &k {<<: *z, q: 2}}\nb: {<<: *k, r: 3}"
    assert read_document(text, "yaml") == {"z": {"q": 1}, "a": {"k": {"q": 2}}, "b": {"q": 2, "r": 3}}


@pytest.mark.parametrize("form", ["[*{0}, *{0}]", "{{x: *{0}, y: *{0}}}", "{{<<: [*{0}, *{0}]}}"])
def test_a_small_text_does_not_become_a_huge_document(form: str) -> None:
    lines = ["a0: &a0 {x: 1}", *(f"a{level}: &a{level} {form.format(f'a{level - 1}')}" for level in range(1, 30))]
    with pytest.raises(TooLarge, match="once its aliases are written out"):
        read_document("\n".join(lines).encode(), "yaml")


def test_a_long_text_is_not_repeated_without_end() -> None:
    text = f"a: &a {'x' * 10_000}\nb: [{', '.join(['*a'] * 200)}]"
    with pytest.raises(TooLarge, match="once its aliases are written out"):
        read_document(text.encode(), "yaml")


def test_aliases_do_not_nest_deeper_than_a_document_may() -> None:
    lines = ["a0: &a0 {x: 1}", *(f"a{level}: &a{level} [*a{level - 1}]" for level in range(1, MAX_DEPTH + 1))]
    with pytest.raises(Invalid, match="nested deeper"):
        read_document("\n".join(lines).encode(), "yaml")
