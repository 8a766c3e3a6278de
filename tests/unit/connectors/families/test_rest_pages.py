from collections.abc import Iterator, Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connectors.errors import ConnectorError
from connectors.families.rest_pages import PASSES, by_cursor, by_offset, settled


@given(st.integers(0, 50), st.integers(1, 20))
def test_pages_by_offset_give_everything_once(count: int, size: int) -> None:
    everything = [f"item{number}" for number in range(count)]
    asked: list[int] = []

    def page(offset: int) -> tuple[Sequence[str], int]:
        asked.append(offset)
        return everything[offset : offset + size], count

    assert list(by_offset(page, str)) == everything
    assert len(asked) == max(1, -(-count // size))


@given(st.integers(2, 30), st.integers(1, 7), st.data())
def test_what_is_removed_meanwhile_hides_nothing(count: int, size: int, data: st.DataObject) -> None:
    everything = list(range(count))
    removed = data.draw(st.integers(0, count - 1))
    at_page = data.draw(st.integers(1, max(1, count // size)))
    pages = 0

    def page(offset: int) -> tuple[Sequence[int], int]:
        nonlocal pages
        if pages == at_page:
            everything.remove(removed)
        pages += 1
        return everything[offset : offset + size], len(everything)

    found = list(by_offset(page, str))
    assert set(found) | {removed} == set(range(count))
    assert len(found) == len(set(found))


def test_a_listing_that_never_rests_is_an_error() -> None:
    counts = iter(range(2, 1000))

    def page(offset: int) -> tuple[Sequence[int], int]:
        return [offset], min(offset + 2, 4) if offset else next(counts) % 3 + 2

    with pytest.raises(ConnectorError, match=f"{PASSES} times in a row"):
        list(by_offset(page, str))


def test_pages_by_cursor_end_with_the_last_one() -> None:
    pages = {"": (["a"], "1"), "1": (["b", "c"], "2"), "2": (list[str](), None)}
    assert list(by_cursor(pages.__getitem__, "")) == ["a", "b", "c"]


def test_pages_that_go_round_in_circles_are_an_error() -> None:
    pages = {"": (["a"], "1"), "1": (["b"], "")}
    with pytest.raises(ConnectorError, match="does not end"):
        list(by_cursor(pages.__getitem__, ""))


@given(st.integers(2, 30), st.integers(1, 7), st.data())
def test_pages_without_a_total_hide_nothing_either(count: int, size: int, data: st.DataObject) -> None:
    everything = list(range(count))
    removed = data.draw(st.integers(0, count - 1))
    at_page = data.draw(st.integers(1, max(1, count // size)))
    pages = 0

    def listing() -> Iterator[Sequence[int]]:
        nonlocal pages
        place = 0
        while place < len(everything):
            if pages == at_page:
                everything.remove(removed)
            pages += 1
            yield everything[place : place + size]
            place += size

    found = list(settled(listing, str))
    assert set(found) | {removed} == set(range(count))
    assert len(found) == len(set(found))


def test_pages_that_are_others_every_time_are_an_error() -> None:
    numbers = iter(range(100))

    def listing() -> Iterator[Sequence[int]]:
        yield [next(numbers)]
        yield [next(numbers)]

    with pytest.raises(ConnectorError, match=f"{PASSES} times in a row"):
        list(settled(listing, str))
