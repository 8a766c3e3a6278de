import pytest
from hypothesis import given
from hypothesis import strategies as st

from connectors.models.names import (
    child_fqn,
    decode_name,
    encode_name,
    fqn,
    parent_fqn,
    quote_name,
    split_fqn,
)

RESERVED = ("::", ">", '"', "\r", "\n", "\t")
ANYTHING = st.text(min_size=1, max_size=12)
NASTY = st.lists(st.sampled_from([*RESERVED, ".", ":", "..", "a", "_", "é", " ", "'", "\\", "%", "/"]), min_size=1)
RAW = ANYTHING | NASTY.map("".join)
ENCODED = RAW.map(encode_name)
PATHS = st.lists(ENCODED, min_size=1, max_size=6)


@pytest.mark.parametrize(
    ("raw", "encoded"),
    [
        ("orders", "orders"),
        ("a::b", "a__reserved__colon__b"),
        ("a:b", "a:b"),
        ("a:::b", "a__reserved__colon__:b"),
        ("a::::b", "a__reserved__colon____reserved__colon__b"),
        ("a>b", "a__reserved__arrow__b"),
        ('a"b', "a__reserved__quote__b"),
        ("a\nb", "a__reserved__newline__b"),
        ("a\r\nb", "a__reserved__carriage__return____reserved__newline__b"),
        ("a\tb", "a__reserved__tab__b"),
        ("größe", "größe"),
        ("a.b", "a.b"),
        ("", ""),
    ],
)
def test_reserved_characters(raw: str, encoded: str) -> None:
    assert encode_name(raw) == encoded
    assert decode_name(encoded) == raw


@given(RAW)
def test_encoding_can_be_undone(raw: str) -> None:
    assert decode_name(encode_name(raw)) == raw


@given(RAW)
def test_nothing_reserved_is_left(raw: str) -> None:
    assert not any(each in encode_name(raw) for each in RESERVED)


@given(RAW)
def test_encoding_twice_changes_nothing(raw: str) -> None:
    assert encode_name(encode_name(raw)) == encode_name(raw)


@pytest.mark.parametrize(
    ("parts", "joined"),
    [
        (("svc",), "svc"),
        (("svc", "shop", "public", "orders"), "svc.shop.public.orders"),
        (("my.svc", "shop"), '"my.svc".shop'),
        (("svc", "a.b", "c.d"), 'svc."a.b"."c.d"'),
        (("svc", "."), 'svc."."'),
        (("svc", "a b"), "svc.a b"),
        (("svc", "é'%"), "svc.é'%"),
    ],
)
def test_joining(parts: tuple[str, ...], joined: str) -> None:
    assert fqn(*parts) == joined
    assert split_fqn(joined) == parts


@given(PATHS)
def test_splitting_undoes_joining(path: list[str]) -> None:
    assert split_fqn(fqn(*path)) == tuple(path)


@given(PATHS, ENCODED)
def test_a_child_is_its_parent_and_one_more(path: list[str], name: str) -> None:
    assert child_fqn(fqn(*path), name) == fqn(*path, name)
    assert parent_fqn(fqn(*path, name)) == fqn(*path)


@given(PATHS, PATHS)
def test_different_paths_have_different_names(one: list[str], other: list[str]) -> None:
    assert (fqn(*one) == fqn(*other)) is (one == other)


@given(ENCODED)
def test_only_a_dot_needs_quotes(name: str) -> None:
    assert quote_name(name) == (f'"{name}"' if "." in name else name)


@pytest.mark.parametrize("text", ['"a', 'a"', 'a"b', '"a"b', '"a"b.c', 'a."b', 'a.b"c"', '"', '"a".b"', '""a""'])
def test_a_quote_out_of_place_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="is not a fully qualified name"):
        split_fqn(text)


@given(st.text(alphabet='ab."', max_size=12))
def test_splitting_never_does_anything_else_than_refuse_or_split(text: str) -> None:
    try:
        parts = split_fqn(text)
    except ValueError:
        return
    assert all('"' not in part for part in parts)
    assert '"' in text or ".".join(parts) == text


def test_a_service_has_no_parent() -> None:
    assert parent_fqn("svc") == ""
    assert parent_fqn('"my.svc"') == ""
