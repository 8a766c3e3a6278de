"""The bounded place for what waits: a model of it holds everything."""

from hypothesis import given
from hypothesis import strategies as st

from service.execution.holding import Holding

SIZES = st.integers(0, 4)


def bounded(things: list[int], head: int, tail: int) -> tuple[list[int], list[int], int]:
    first, rest = things[:head], things[head:]
    last = rest[len(rest) - tail :] if len(rest) > tail else rest
    return first, last, len(rest) - len(last)


@given(count=st.integers(0, 20), head=SIZES, tail=SIZES)
def test_the_first_and_the_last_are_kept_and_the_others_counted(count: int, head: int, tail: int) -> None:
    holding: Holding[int] = Holding(head, tail)
    for number in range(count):
        holding.add(number)
    assert holding.take() == bounded(list(range(count)), head, tail)
    assert holding.take() == ([], [], 0)


@given(before=st.integers(0, 12), after=st.integers(0, 12), head=SIZES, tail=SIZES)
def test_what_is_given_back_comes_before_what_came_since(before: int, after: int, head: int, tail: int) -> None:
    holding: Holding[int] = Holding(head, tail)
    for number in range(before):
        holding.add(number)
    taken = holding.take()
    for number in range(before, before + after):
        holding.add(number)
    holding.give_back(taken)
    first, last, dropped = holding.take()
    assert first == list(range(before + after))[:head]
    assert [*first, *last] == sorted({*first, *last})
    assert len(first) + len(last) + dropped == before + after
    assert last[-1:] == ([before + after - 1] if tail and before + after > head else last[-1:])
