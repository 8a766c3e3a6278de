from collections.abc import Iterator, Sequence
from contextlib import suppress

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from connectors.errors import ConnectorError
from connectors.families.rest_pages import PASSES, by_cursor, by_number, by_offset, settled


@given(st.integers(0, 50), st.integers(2, 20))
def test_pages_by_offset_give_everything_once(count: int, size: int) -> None:
    everything = [f"item{number}" for number in range(count)]
    asked: list[int] = []

    def page(offset: int) -> tuple[Sequence[str], bool]:
        asked.append(offset)
        return everything[offset : offset + size], offset + size < count

    assert list(by_offset(page, str)) == everything
    assert asked == [offset for offset in range(0, max(1, count - 1), size - 1) if offset == 0 or offset + 1 < count]


class Changing:
    """Numbers in order, of which some are removed and others added before certain requests."""

    def __init__(self, count: int, changes: list[tuple[int, int, int]]) -> None:
        self.rows = [10 * number for number in range(count)]
        self.stayed = set(self.rows) - {10 * (removed % count) for _, removed, _ in changes}
        self._changes = changes
        self._count = count
        self._requests = 0

    def now(self) -> list[int]:
        for at, removed, added in self._changes:
            if at == self._requests:
                gone = 10 * (removed % self._count)
                self.rows = sorted({*self.rows, 10 * (added % self._count) + 5} - {gone})
        self._requests += 1
        return self.rows


CHANGES = st.lists(st.tuples(st.integers(1, 12), st.integers(0, 40), st.integers(0, 40)), max_size=4)


@given(st.integers(2, 40), st.integers(2, 7), CHANGES)
def test_what_is_removed_and_added_meanwhile_hides_nothing(
    count: int, size: int, changes: list[tuple[int, int, int]]
) -> None:
    listing = Changing(count, changes)

    def page(offset: int) -> tuple[Sequence[int], bool]:
        rows = listing.now()
        return rows[offset : offset + size], len(rows[offset : offset + size]) >= size

    found: list[int] = []
    quiet = False
    with suppress(ConnectorError):  # changes in each pass: nothing is deleted then
        found.extend(by_offset(page, str))
        quiet = True
    assume(quiet)
    assert listing.stayed <= set(found)
    assert len(found) == len(set(found))


def test_one_removed_and_one_added_between_two_pages_are_seen() -> None:
    """Their number is the same as before; what moved up by one was passed over."""
    rows = list("abcdef")

    def page(offset: int) -> tuple[Sequence[str], bool]:
        if offset == 2 and "a" in rows:
            rows.remove("a")
            rows.append("g")
        return rows[offset : offset + 3], offset + 3 < len(rows)

    assert set(by_offset(page, str)) == set("abcdefg")


def test_a_listing_that_never_rests_is_an_error() -> None:
    counts = iter(range(1000))

    def page(_offset: int) -> tuple[Sequence[int], bool]:
        return [next(counts), next(counts)], True

    with pytest.raises(ConnectorError, match=f"{PASSES} times in a row"):
        list(by_offset(page, str))


def test_where_nothing_depends_on_it_pages_are_read_once() -> None:
    asked: list[int] = []

    def page(offset: int) -> tuple[Sequence[int], bool]:
        asked.append(offset)
        return [offset, offset + 1], offset < 4

    assert list(by_offset(page, str, exact=False)) == [0, 1, 2, 3, 4, 5]
    assert asked == [0, 2, 4]


@given(st.sets(st.integers(0, 3000), max_size=120), st.integers(1, 9))
def test_parts_by_number_give_everything_once(numbers: set[int], most: int) -> None:
    by_name = sorted(numbers, key=str)
    asked = 0

    def part(above: int, below: int) -> tuple[Sequence[int], int]:
        nonlocal asked
        asked += 1
        rows = [number for number in by_name if above < number < below]
        return rows[:most], len(rows)

    found = list(by_number(part, int, most))
    assert sorted(found) == sorted(numbers)
    assert asked <= 1 + 10 * len(numbers)


@given(st.integers(2, 40), st.integers(2, 7), CHANGES)
def test_parts_by_number_hide_nothing_whatever_changes(
    count: int, most: int, changes: list[tuple[int, int, int]]
) -> None:
    listing = Changing(count, changes)

    def part(above: int, below: int) -> tuple[Sequence[int], int]:
        rows = [number for number in sorted(listing.now(), key=str) if above < number < below]
        return rows[:most], len(rows)

    found = list(by_number(part, int, most))
    assert listing.stayed <= set(found)
    assert len(found) == len(set(found))


@pytest.mark.parametrize("answer", [([], 3), ([1, 2, 5000], 40)])
def test_parts_that_have_others_than_was_asked_for_are_an_error(answer: tuple[list[int], int]) -> None:
    """A server that does not know the filter would be asked without end."""
    answers = iter([(list(range(0, 60, 2)), 40), answer])
    with pytest.raises(ConnectorError, match="it has none, or others"):
        list(by_number(lambda _above, _below: next(answers), int, 20))


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
