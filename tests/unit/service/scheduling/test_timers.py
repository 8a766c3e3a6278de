"""Alarms on APScheduler's own thread."""

import queue
import threading
from collections.abc import Collection, Iterator
from datetime import timedelta

import pytest

from service import clock
from service.scheduling.timers import TICK, Timers

# What is moved before it is due is due no sooner than LATER: a busy machine takes its time for that.
SOON, LATER, FAR = timedelta(seconds=0.1), timedelta(seconds=1.5), timedelta(hours=1)
Heard = queue.Queue[Collection[str]]


@pytest.fixture
def heard() -> Heard:
    return queue.Queue()


@pytest.fixture
def timers(heard: Heard) -> Iterator[Timers]:
    timers = Timers(heard.put)
    timers.start()
    yield timers
    timers.stop()


def next_rung(heard: Heard) -> list[str]:
    return sorted(heard.get(timeout=60))


def test_it_rings_once_when_it_is_time_and_not_before(timers: Timers, heard: Heard) -> None:
    due = clock.now() + SOON
    timers.move({"a": due})
    assert next_rung(heard) == ["a"]
    assert clock.now() >= due
    assert timers.earliest is None
    with pytest.raises(queue.Empty):
        heard.get(timeout=0.1)


def test_what_is_due_already_rings_at_once(timers: Timers, heard: Heard) -> None:
    """However late it is: the scheduler under it knows no misfires here."""
    timers.move({"a": clock.now() - timedelta(days=400)})
    assert next_rung(heard) == ["a"]


def test_alarms_of_one_instant_ring_together(timers: Timers, heard: Heard) -> None:
    due = clock.now() + LATER
    keys = [f"w{number:05}" for number in range(10_000)]
    timers.move(dict.fromkeys(keys, due))
    assert next_rung(heard) == keys
    assert clock.now() - due < timedelta(seconds=30)


def test_instants_are_rounded_up(timers: Timers) -> None:
    due = clock.now() + FAR
    timers.move({"a": due})
    assert timers.earliest is not None
    assert timedelta(0) <= timers.earliest - due < TICK


def test_alarms_are_moved_cleared_and_kept(timers: Timers, heard: Heard) -> None:
    now = clock.now()
    timers.move({"moved": now + LATER, "cleared": now + LATER, "kept": now + LATER, "put off": now + LATER})
    timers.move({"moved": now + SOON, "put off": now + FAR})
    timers.clear(["cleared", "unknown"])
    assert next_rung(heard) == ["moved"]
    assert next_rung(heard) == ["kept"]
    assert timers.earliest is not None
    assert timers.earliest >= now + FAR


def test_the_alarms_are_made_exactly_these(timers: Timers, heard: Heard) -> None:
    now = clock.now()
    timers.move({"a": now + LATER, "b": now + LATER, "c": now + LATER})
    timers.keep_only({"b": now + LATER, "d": now + LATER})
    assert next_rung(heard) == ["b", "d"]
    assert timers.earliest is None
    timers.keep_only({})


def test_a_stop_waits_for_what_rings() -> None:
    """APScheduler's thread would break down if its job were gone by then, which pytest tells as an error."""
    ringing, released = threading.Event(), threading.Event()

    def ring(_keys: Collection[str]) -> None:
        ringing.set()
        released.wait(60)

    timers = Timers(ring)
    timers.start()
    timers.move({"a": clock.now()})
    assert ringing.wait(60)
    stopping = threading.Thread(target=timers.stop)
    stopping.start()
    stopping.join(0.2)
    assert stopping.is_alive()
    released.set()
    stopping.join(60)
    assert not stopping.is_alive()
