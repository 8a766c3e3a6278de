import threading
import time

import pytest

from connectors.cancellation import Cancellation
from connectors.errors import RunCancelled

LONG = 30.0


def test_nothing_stops_a_run_by_itself() -> None:
    cancellation = Cancellation()
    cancellation.check()
    cancellation.wait(0.0)
    assert not cancellation.requested
    assert cancellation.remaining() is None


def test_the_first_reason_counts() -> None:
    cancellation = Cancellation()
    cancellation.cancel("the user said so")
    cancellation.cancel("the lease was lost")
    assert cancellation.requested
    assert cancellation.reason == "the user said so"
    with pytest.raises(RunCancelled, match=r"^the user said so$"):
        cancellation.check()
    with pytest.raises(RunCancelled, match=r"^the user said so$"):
        cancellation.wait(LONG)


@pytest.mark.usefixtures("threads_end")
def test_a_cancel_ends_a_wait_in_another_thread() -> None:
    cancellation, waiting = Cancellation(), threading.Event()
    ended: list[RunCancelled] = []

    def wait() -> None:
        waiting.set()
        try:
            cancellation.wait(LONG)
        except RunCancelled as error:
            ended.append(error)

    thread = threading.Thread(target=wait)
    thread.start()
    waiting.wait(LONG)
    cancellation.cancel("enough")
    thread.join(LONG / 2)
    assert [error.message for error in ended] == ["enough"]


@pytest.mark.parametrize("seconds", [0, 0.01])
def test_a_deadline_cancels(seconds: float) -> None:
    cancellation, called = Cancellation(seconds), threading.Event()
    with cancellation.interrupting(called.set):
        with pytest.raises(RunCancelled, match=f"^timed out after {seconds:g} s$"):
            cancellation.wait(LONG)
        assert called.is_set()
    assert cancellation.requested
    assert cancellation.reason == f"timed out after {seconds:g} s"
    assert cancellation.remaining() == 0.0


def test_a_deadline_to_come_leaves_time() -> None:
    cancellation = Cancellation(LONG)
    cancellation.check()
    remaining = cancellation.remaining()
    assert remaining is not None
    assert 0 < remaining <= LONG
    cancellation.cancel("earlier")
    assert cancellation.reason == "earlier"


def test_a_cancel_before_the_deadline_gives_the_reason() -> None:
    cancellation = Cancellation(0)
    cancellation.cancel("the user said so")
    with pytest.raises(RunCancelled, match=r"^the user said so$"):
        cancellation.check()


def test_callbacks_are_called_once_while_registered() -> None:
    cancellation = Cancellation()
    calls: list[str] = []
    with cancellation.interrupting(lambda: calls.append("over")):
        pass
    with (
        cancellation.interrupting(lambda: calls.append("outer")),
        cancellation.interrupting(lambda: calls.append("inner")),
    ):
        cancellation.cancel("now")
        cancellation.cancel("again")
        assert calls == ["outer", "inner"]
    assert calls == ["outer", "inner"]


def test_who_registers_too_late_is_called_at_once() -> None:
    cancellation = Cancellation()
    cancellation.cancel("before")
    calls: list[str] = []
    with cancellation.interrupting(lambda: calls.append("late")):
        assert calls == ["late"]


def test_the_same_callback_may_be_registered_twice() -> None:
    cancellation = Cancellation()
    calls: list[int] = []

    def callback() -> None:
        calls.append(1)

    with cancellation.interrupting(callback):
        with cancellation.interrupting(callback):
            pass
        cancellation.cancel("now")
    assert calls == [1]


def test_a_registration_ends_with_an_error_in_its_block() -> None:
    cancellation = Cancellation()
    calls: list[int] = []
    with pytest.raises(ZeroDivisionError), cancellation.interrupting(lambda: calls.append(1)):
        raise ZeroDivisionError
    cancellation.cancel("now")
    assert calls == []


def test_a_callback_may_look_at_the_cancellation_and_register_more() -> None:
    cancellation = Cancellation()
    seen: list[object] = []

    def callback() -> None:
        seen.append(cancellation.requested)
        with cancellation.interrupting(lambda: seen.append("nested")):
            seen.append(cancellation.reason)

    with cancellation.interrupting(callback):
        cancellation.cancel("now")
    assert seen == [True, "nested", "now"]


@pytest.mark.usefixtures("threads_end")
def test_of_many_cancels_at_once_one_counts() -> None:
    cancellation, together = Cancellation(), threading.Barrier(8)
    calls: list[int] = []

    def cancel(number: int) -> None:
        together.wait(LONG)
        cancellation.cancel(str(number))

    with cancellation.interrupting(lambda: calls.append(1)):
        threads = [threading.Thread(target=cancel, args=(number,)) for number in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(LONG)
    assert calls == [1]
    assert cancellation.reason in set(map(str, range(8)))


def test_a_run_that_nobody_holds_any_longer_stops_at_once() -> None:
    cancellation, called = Cancellation(LONG), threading.Event()
    cancellation.hold_until(time.monotonic() - 1)
    assert cancellation.lapsed
    with cancellation.interrupting(called.set), pytest.raises(RunCancelled, match="lease"):
        cancellation.check()
    assert called.is_set()


def test_a_renewal_in_time_moves_the_end() -> None:
    cancellation = Cancellation()
    cancellation.hold_until(time.monotonic() - 1)
    cancellation.hold_until(time.monotonic() + LONG)
    cancellation.check()
    assert not cancellation.lapsed
    assert cancellation.remaining() is None


def test_a_renewal_after_the_end_was_seen_comes_too_late() -> None:
    cancellation = Cancellation()
    cancellation.hold_until(time.monotonic() - 1)
    assert cancellation.requested
    cancellation.hold_until(time.monotonic() + LONG)
    assert cancellation.lapsed
    with pytest.raises(RunCancelled, match="lease"):
        cancellation.check()
