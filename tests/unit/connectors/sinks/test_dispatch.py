import threading
import time
from collections.abc import Callable, Iterable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from connectors.cancellation import Cancellation
from connectors.errors import RunCancelled
from connectors.sinks.dispatch import Dispatcher

Task = tuple[int | None, int]
FULL = "can't start new thread"


def dispatcher(
    work: Callable[[Task], Iterable[Task]], threads: int = 2, cancellation: Cancellation | None = None
) -> Dispatcher[Task]:
    return Dispatcher(work, lambda task: task[0], cancellation or Cancellation(), threads)


@settings(max_examples=40, deadline=None)
@given(
    ranks=st.lists(st.one_of(st.none(), st.integers(0, 3)), max_size=30),
    threads=st.integers(1, 5),
    splits=st.sets(st.integers(0, 29)),
)
def test_everything_is_done_once_and_no_rank_overtakes_a_lower_one(
    ranks: list[int | None], threads: int, splits: set[int]
) -> None:
    lock = threading.Lock()
    open_tasks: dict[int, int | None] = {}
    unfinished: dict[int, int | None] = dict(enumerate(ranks))
    done: list[int] = []
    most = [0]

    def work(task: Task) -> list[Task]:
        rank, number = task
        with lock:
            earlier = [other for at, other in unfinished.items() if at < number % 100]
            assert rank is None or all(other is None or other >= rank for other in earlier)
            open_tasks[number] = rank
            most[0] = max(most[0], len(open_tasks))
        time.sleep(0)
        with lock:
            del open_tasks[number]
            done.append(number)
            if number < 100 and number in splits:
                return [(rank, number + 100)]
            del unfinished[number % 100]
        return []

    each = dispatcher(work, threads)
    for number, rank in enumerate(ranks):
        each.put((rank, number))
    each.drain()
    each.stop(5)
    assert sorted(done) == sorted([*range(len(ranks)), *(at + 100 for at in splits if at < len(ranks))])
    assert most[0] <= threads


def test_put_blocks_while_much_is_under_way_and_a_cancel_frees_it() -> None:
    release = threading.Event()
    cancellation = Cancellation()

    def work(task: Task) -> list[Task]:
        release.wait(10)
        return []

    each = dispatcher(work, 2, cancellation)
    for number in range(4):
        each.put((0, number))
    with cancellation.interrupting(each.wake):
        threading.Timer(0.05, cancellation.cancel, ["enough"]).start()
        with pytest.raises(RunCancelled, match="enough"):
            each.put((0, 4))
    assert sorted(each.held()) == [(0, 0), (0, 1), (0, 2), (0, 3)]
    release.set()
    each.stop(5)


def test_a_deadline_frees_put_too() -> None:
    release = threading.Event()

    def work(task: Task) -> list[Task]:
        release.wait(10)
        return []

    each = dispatcher(work, 1, Cancellation(0.1))

    def fill() -> None:
        each.put((0, 0))  # which may be too late itself
        each.drain()

    with pytest.raises(RunCancelled, match="timed out"):
        fill()
    release.set()
    each.stop(5)


def test_an_error_stops_the_rest_and_is_raised_to_the_one_who_puts() -> None:
    def work(task: Task) -> list[Task]:
        msg = "broken"
        raise KeyError(msg)

    each = dispatcher(work, 1)
    each.put((0, 0))
    each.put_at_once((0, 1))
    with pytest.raises(KeyError, match="broken"):
        each.drain()
    with pytest.raises(KeyError, match="broken"):
        each.put((0, 2))
    assert each.held() == [(0, 0), (0, 1)]
    assert isinstance(each.error, KeyError)
    each.stop(5)


def test_a_higher_rank_that_waits_does_not_stop_what_comes_after() -> None:
    first, passed = threading.Event(), threading.Event()

    def work(task: Task) -> list[Task]:
        if task[1] == 0:
            first.wait(10)
        elif task[1] == 2:
            passed.set()
        return []

    each = dispatcher(work, 2)
    each.put((0, 0))
    each.put((3, 1))
    each.put((0, 2))
    assert passed.wait(60)
    assert each.held() == [(0, 0), (3, 1)] or each.held() == [(0, 0), (3, 1), (0, 2)]
    first.set()
    each.drain()
    each.stop(5)


@pytest.mark.parametrize("to_be_had", [0, 1])
def test_it_does_with_the_threads_that_are_to_be_had(to_be_had: int, monkeypatch: pytest.MonkeyPatch) -> None:
    real, left, done = threading.Thread.start, [to_be_had], list[Task]()

    def start(thread: threading.Thread) -> None:
        if thread.name.startswith("sink-") and not left[0]:
            raise RuntimeError(FULL)
        left[0] -= 1
        real(thread)

    def work(task: Task) -> list[Task]:
        done.append(task)
        return [(None, 7), (None, 8)] if task == (None, 0) else []

    monkeypatch.setattr(threading.Thread, "start", start)
    each = dispatcher(work, threads=4)
    if to_be_had:
        for number in range(3):
            each.put((None, number))
        each.drain()
        assert sorted(number for _, number in done) == [0, 1, 2, 7, 8]
    else:
        with pytest.raises(RuntimeError, match=FULL):
            each.put((None, 0))
        assert each.held() == [(None, 0)]
    each.stop(5)
