"""Threads that are used again, and keep nothing of what they did."""

import gc
import threading
import weakref
from collections.abc import Iterator
from contextvars import ContextVar

import pytest

from service.execution.threads import Threads
from tests.eventually import eventually

VARIABLE = ContextVar("VARIABLE", default="unset")


@pytest.fixture
def threads() -> Iterator[Threads]:
    """Some, that end with the test."""
    made = Threads("nothing to do")
    yield made
    made.close()
    eventually(lambda: idle() == [])


def idle() -> list[threading.Thread]:
    """Those that wait."""
    return [thread for thread in threading.enumerate() if thread.name == "nothing to do"]


def done(threads: Threads, name: str) -> threading.Thread:
    """The thread that did something; it waits by now."""
    used: list[threading.Thread] = []
    threads.do(name, lambda: used.append(threading.current_thread()))
    eventually(lambda: used and used[0] in idle())
    return used[0]


def test_one_that_is_idle_is_used_again(threads: Threads) -> None:
    assert len({done(threads, name) for name in "abc"}) == 1


def test_as_many_work_at_a_time_as_there_is_to_do(threads: Threads) -> None:
    meeting = threading.Barrier(5)

    def meet() -> None:
        meeting.wait(30)

    for name in "abcde":
        threads.do(name, meet)
    eventually(lambda: len(idle()) == 5)


def test_a_thread_has_the_name_of_what_it_does(threads: Threads) -> None:
    done(threads, "first")
    names: list[str] = []
    threads.do("second", lambda: names.append(threading.current_thread().name))
    eventually(lambda: names == ["second"])


def test_what_one_sets_in_its_context_is_not_there_for_the_next(threads: Threads) -> None:
    found: list[str] = []

    def look() -> None:
        found.append(VARIABLE.get())
        VARIABLE.set("left behind")

    for count in (1, 2):
        threads.do("look", look)
        eventually(lambda count=count: len(found) == count and idle() != [])
    assert found == ["unset", "unset"]


def test_an_idle_thread_keeps_nothing_alive(threads: Threads) -> None:
    class Thing:
        def use(self) -> None:
            """Nothing."""

    thing = Thing()
    left = weakref.ref(thing)
    threads.do("use", thing.use)
    del thing
    eventually(lambda: idle() != [])
    gc.collect()
    assert left() is None


def test_what_fails_ends_its_thread_and_no_other(threads: Threads, monkeypatch: pytest.MonkeyPatch) -> None:
    failed: list[str] = []

    def note(args: threading.ExceptHookArgs) -> None:
        failed.append(str(args.exc_value))

    monkeypatch.setattr(threading, "excepthook", note)

    def fail() -> None:
        message = "no"
        raise LookupError(message)

    threads.do("fail", fail)
    eventually(lambda: failed == ["no"])
    done(threads, "next")


def test_when_closed_what_works_ends_after_it(threads: Threads) -> None:
    going, go = threading.Event(), threading.Event()

    def work() -> None:
        going.set()
        go.wait(30)

    threads.do("last", work)
    assert going.wait(30)
    [thread] = [each for each in threading.enumerate() if each.name == "last"]
    threads.close()
    go.set()
    thread.join(30)
    assert not thread.is_alive()
