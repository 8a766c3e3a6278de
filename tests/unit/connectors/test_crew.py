import contextvars
import threading
from collections.abc import Callable

import pytest

from connectors.crew import Crew

LONG = 30.0
VARIABLE = contextvars.ContextVar("VARIABLE", default="unset")

pytestmark = pytest.mark.usefixtures("threads_end")


class Broken(Exception):
    """What work raises in these tests."""


def nothing(_item: int) -> None:
    """Do nothing."""


def test_every_item_is_done_once() -> None:
    done: list[int] = []
    with Crew("crew", done.append, threads=4, backlog=2) as crew:
        for item in range(500):
            crew.put(item)
    assert sorted(done) == list(range(500))


def test_one_thread_keeps_the_order() -> None:
    done: list[int] = []
    with Crew("crew", done.append, threads=1, backlog=3) as crew:
        for item in range(200):
            crew.put(item)
    assert done == list(range(200))


def test_the_work_is_done_in_threads_of_that_name() -> None:
    names: set[str] = set()
    together = threading.Barrier(3)

    def work(_item: int) -> None:
        together.wait(LONG)
        names.add(threading.current_thread().name)

    with Crew("walkers", work, threads=3, backlog=3) as crew:
        for item in range(3):
            crew.put(item)
    assert names == {"walkers-0", "walkers-1", "walkers-2"}


def test_the_threads_inherit_context_variables_and_keep_theirs_apart() -> None:
    seen: list[str] = []

    def work(item: int) -> None:
        seen.append(VARIABLE.get())
        VARIABLE.set(f"changed by {item}")

    VARIABLE.set("outside")
    with Crew("crew", work, threads=1, backlog=1) as crew:
        crew.put(1)
        crew.put(2)
    assert seen == ["outside", "changed by 1"]
    assert VARIABLE.get() == "outside"


def test_put_waits_while_the_backlog_is_full() -> None:
    go_on, third_put = threading.Event(), threading.Event()

    def work(_item: int) -> None:
        go_on.wait(LONG)

    def put_three(crew: Crew[int]) -> None:
        for item in range(3):
            crew.put(item)
        third_put.set()

    with Crew("crew", work, threads=1, backlog=1) as crew:
        thread = threading.Thread(target=put_three, args=(crew,))
        thread.start()
        assert not third_put.wait(0.05)
        go_on.set()
        assert third_put.wait(LONG)
        thread.join(LONG)


def test_two_slow_items_do_not_idle_the_other_threads() -> None:
    others = threading.Event()
    done: list[int] = []

    def work(item: int) -> None:
        if item < 2:
            assert others.wait(LONG)
        done.append(item)
        if len(done) == 98:
            others.set()

    with Crew("crew", work, threads=4, backlog=4) as crew:
        for item in range(100):
            crew.put(item)
    assert sorted(done[-2:]) == [0, 1]


def fails_at(number: int, done: list[int]) -> Callable[[int], None]:
    def work(item: int) -> None:
        if item == number:
            raise Broken(item)
        done.append(item)

    return work


def test_an_error_reaches_who_puts_the_work_in() -> None:
    done: list[int] = []
    put: list[int] = []

    def put_all() -> None:
        with Crew("crew", fails_at(3, done), threads=1, backlog=1) as crew:
            for item in range(10_000):
                crew.put(item)
                put.append(item)

    with pytest.raises(Broken) as caught:
        put_all()
    assert caught.value.args == (3,)
    assert done == [0, 1, 2]
    assert len(put) < 10_000


def test_an_error_of_the_last_item_reaches_the_end_of_the_block() -> None:
    done: list[int] = []

    def put_two() -> None:
        with Crew("crew", fails_at(1, done), threads=1, backlog=5) as crew:
            crew.put(0)
            crew.put(1)

    with pytest.raises(Broken):
        put_two()
    assert done == [0]


def test_after_an_error_what_waits_is_dropped() -> None:
    failing, all_put = threading.Event(), threading.Event()
    done: list[int] = []

    def work(item: int) -> None:
        if item == 0:
            failing.set()
            all_put.wait(LONG)
            raise Broken
        done.append(item)

    def put_ten() -> None:
        with Crew("crew", work, threads=1, backlog=10) as crew:
            crew.put(0)
            failing.wait(LONG)
            for item in range(1, 10):
                crew.put(item)
            all_put.set()

    with pytest.raises(Broken):
        put_ten()
    assert done == []


def test_an_error_in_the_block_drops_what_waits_and_wins() -> None:
    started, left = threading.Event(), threading.Event()
    done: list[int] = []

    def work(item: int) -> None:
        started.set()
        left.wait(LONG)
        done.append(item)

    def put_and_fail() -> None:
        with Crew("crew", work, threads=1, backlog=10) as crew:
            for item in range(5):
                crew.put(item)
            started.wait(LONG)
            threading.Timer(1.0, left.set).start()  # long after the error has left the block
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        put_and_fail()
    assert done == [0]


def test_put_that_waits_is_freed_by_an_error() -> None:
    waiting, full = threading.Event(), threading.Event()

    def work(_item: int) -> None:
        waiting.set()
        full.wait(LONG)
        raise Broken

    def put_ten() -> None:
        with Crew("crew", work, threads=1, backlog=1) as crew:
            crew.put(0)
            waiting.wait(LONG)
            crew.put(1)
            threading.Timer(0.01, full.set).start()
            for item in range(2, 10):
                crew.put(item)

    with pytest.raises(Broken):
        put_ten()


@pytest.mark.parametrize("kind", [KeyboardInterrupt, SystemExit, GeneratorExit])
def test_nothing_that_work_raises_is_lost(kind: type[BaseException]) -> None:
    def work(_item: int) -> None:
        raise kind

    with pytest.raises(kind), Crew("crew", work, threads=2, backlog=2) as crew:
        crew.put(0)


def test_a_crew_may_have_nothing_to_do() -> None:
    with Crew("crew", nothing, threads=8, backlog=1):
        pass


def test_threads_that_cannot_be_started_leave_none_behind(monkeypatch: pytest.MonkeyPatch) -> None:
    start, started = threading.Thread.start, list[threading.Thread]()

    def start_two(thread: threading.Thread) -> None:
        if len(started) == 2:
            message = "can't start new thread"
            raise RuntimeError(message)
        started.append(thread)
        start(thread)

    monkeypatch.setattr(threading.Thread, "start", start_two)
    with pytest.raises(RuntimeError, match="can't start new thread"), Crew("crew", nothing, threads=4, backlog=1):
        pass
    assert len(started) == 2
