from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connectors.families.sql import DetailStream

Rows = list[tuple[int, str]]
ROWS = st.lists(st.tuples(st.integers(0, 8), st.text(max_size=2)), max_size=20).map(sorted)


@given(ROWS, st.sets(st.integers(0, 9)))
def test_each_key_gets_its_rows(rows: Rows, keys: set[int]) -> None:
    stream = DetailStream(rows)
    for key in sorted(keys):
        assert stream.of(key) == [row for row in rows if row[0] == key]


def test_no_rows_at_all() -> None:
    stream = DetailStream[tuple[int, str]]([])
    assert stream.of(1) == []
    assert stream.of(2) == []


def test_rows_are_read_as_they_are_needed() -> None:
    read: list[int] = []

    def rows() -> Iterator[tuple[int]]:
        for key in (1, 1, 2, 5):
            read.append(key)
            yield (key,)

    stream = DetailStream(rows())
    assert read == [1]
    assert stream.of(1) == [(1,), (1,)]
    assert read == [1, 1, 2]
    assert stream.of(3) == []
    assert read == [1, 1, 2, 5]


def test_a_key_is_given_out_once() -> None:
    stream = DetailStream([(1, "a"), (2, "b")])
    assert stream.of(2) == [(2, "b")]
    assert stream.of(2) == []
    assert stream.of(1) == []


def test_an_error_of_the_rows_is_not_hidden() -> None:
    def rows() -> Iterator[tuple[int]]:
        yield (1,)
        raise ConnectionError

    stream = DetailStream(rows())
    with pytest.raises(ConnectionError):
        stream.of(1)
