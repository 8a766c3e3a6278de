"""Values that are asked for once."""

import threading
from itertools import count

import pytest

from connectors.once import Once
from tests.eventually import eventually


def test_it_is_made_when_it_is_called_for_and_then_kept() -> None:
    numbers = count(1)
    once = Once(lambda: next(numbers))
    assert (once(), once(), next(numbers)) == (1, 1, 2)


def test_an_error_is_not_kept() -> None:
    answers = iter([LookupError("away"), 7])

    def ask() -> int:
        answer = next(answers)
        if isinstance(answer, LookupError):
            raise answer
        return answer

    once = Once(ask)
    with pytest.raises(LookupError):
        once()
    assert once() == 7


def test_whoever_calls_meanwhile_gets_the_same_and_no_other_waits() -> None:
    asked, answer = threading.Event(), threading.Event()
    numbers, got = count(1), list[int]()

    def ask() -> int:
        asked.set()
        answer.wait(30)
        return next(numbers)

    slow = Once(ask)
    threads = [threading.Thread(target=lambda: got.append(slow()), daemon=True) for _ in range(3)]
    for thread in threads:
        thread.start()
    assert asked.wait(30)
    assert Once(lambda: "at once")() == "at once"
    answer.set()
    eventually(lambda: got == [1, 1, 1])
