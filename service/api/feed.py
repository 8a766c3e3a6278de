"""Wakes those who follow a run when runs have moved."""

import asyncio
from collections.abc import Generator
from contextlib import contextmanager, suppress
from threading import Lock


class Follower:
    """Somebody who waits, on the event loop it was made on, for runs to move."""

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._moved = asyncio.Event()

    def wake(self) -> None:
        """End the wait; may be called from any thread."""
        with suppress(RuntimeError):  # the loop was closed: nobody waits any more
            self._loop.call_soon_threadsafe(self._moved.set)

    async def wait(self, seconds: float) -> None:
        """Wait to be woken, but no longer than this."""
        with suppress(TimeoutError):
            await asyncio.wait_for(self._moved.wait(), seconds)
        self._moved.clear()


class RunFeed:
    """Passes the database's notifications on to followers; safe to use from any thread.

    They say that runs have moved, not which: whoever follows one looks again.
    """

    def __init__(self) -> None:
        self._lock = Lock()
        self._followers: set[Follower] = set()
        self._closed = False

    @property
    def closed(self) -> bool:
        """Whether followers are to end."""
        return self._closed

    @property
    def followers(self) -> int:
        """How many follow a run."""
        with self._lock:
            return len(self._followers)

    def notify(self) -> None:
        """Runs have moved, or may have: notifications may have been missed."""
        with self._lock:
            awake = list(self._followers)
        for follower in awake:
            follower.wake()

    def close(self) -> None:
        """End all followers: an open stream would hold up the shutdown of the server."""
        self._closed = True
        self.notify()

    @contextmanager
    def follow(self) -> Generator[Follower]:
        """Hear of runs while inside."""
        follower = Follower()
        with self._lock:
            self._followers.add(follower)
        try:
            yield follower
        finally:
            with self._lock:
                self._followers.discard(follower)
