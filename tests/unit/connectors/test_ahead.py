"""What reading ahead does by itself."""

import contextvars
import threading
from collections.abc import Iterator

import pytest

from connectors.ahead import Call, read_ahead, with_next

LONG = 30.0
WORD = contextvars.ContextVar("WORD", default="nothing")

pytestmark = pytest.mark.usefixtures("threads_end")


def test_a_call_is_made_by_another_thread_in_the_same_context() -> None:
    WORD.set("of the run")
    call = Call("other", lambda: (threading.current_thread().name, WORD.get()))
    assert call.result() == ("other", "of the run")
    assert call.result() == ("other", "of the run")


def test_what_a_call_raises_is_raised_to_who_asks() -> None:
    error = ValueError("wrong")

    def wrong() -> None:
        raise error

    call = Call("other", wrong)
    call.wait()
    with pytest.raises(ValueError, match="wrong") as caught:
        call.result()
    assert caught.value is error


def test_all_is_read_in_order_and_one_is_read_ahead() -> None:
    read, worked_off = list[int](), list[int]()
    second = threading.Event()

    def one(key: int) -> int:
        assert len(read) <= len(worked_off) + 1
        read.append(key)
        if key == 1:
            second.set()
        return key * 10

    for value in read_ahead(one, range(6)):
        assert second.wait(LONG)  # while the first is worked off
        worked_off.append(value)
    assert (read, worked_off) == ([0, 1, 2, 3, 4, 5], [0, 10, 20, 30, 40, 50])


def test_one_alone_needs_no_thread() -> None:
    assert list(read_ahead(lambda _key: threading.get_ident(), ["one"])) == [threading.get_ident()]
    assert list(read_ahead(lambda key: key, list[str]())) == []


def test_what_cannot_be_read_is_raised_in_its_turn() -> None:
    values = read_ahead(lambda key: 6 // key, [1, 2, 0, 3])
    assert [next(values), next(values)] == [6, 3]
    with pytest.raises(ZeroDivisionError):
        next(values)
    assert list(values) == []


def test_closing_waits_for_what_is_being_read() -> None:
    begun, go_on, over = threading.Event(), threading.Event(), list[int]()

    def one(key: int) -> int:
        if key == 1:
            begun.set()
            assert go_on.wait(LONG)
        over.append(key)
        return key

    values = read_ahead(one, [0, 1, 2])
    next(values)
    assert begun.wait(LONG)
    go_on.set()
    values.close()
    assert over == [0, 1]


def test_each_with_the_next() -> None:
    assert list(with_next(iter("abc"))) == [("a", "b"), ("b", "c"), ("c", None)]
    assert list(with_next(iter(""))) == []


def test_what_ends_a_listing_comes_after_its_last_item() -> None:
    def listing() -> Iterator[str]:
        yield "a"
        raise KeyError

    pairs = with_next(listing())
    assert next(pairs) == ("a", None)
    with pytest.raises(KeyError):
        next(pairs)
