"""One run's stop signal: cancel, deadline and lost lease take the same path."""

import threading
import time
from collections.abc import Callable, Generator
from contextlib import contextmanager
from math import inf

from connectors.errors import RunCancelled


class Cancellation:
    """Thread-safe; `cancel` may be called from anywhere, at most the first call counts.

    `deadline` is a moment of `time.monotonic`, for a time that began to run before; without it, it begins now.
    """

    def __init__(self, timeout_seconds: float | None = None, deadline: float | None = None) -> None:
        self._event = threading.Event()
        self._lock = threading.Lock()
        self._callbacks: dict[int, Callable[[], None]] = {}
        self._reason = "cancelled"
        self._next_key = 0
        if deadline is None and timeout_seconds is not None:
            deadline = time.monotonic() + timeout_seconds
        self._deadline = deadline
        self._timeout_seconds = timeout_seconds
        self._held_until: float | None = None
        self._first_end = self._earliest_end()
        self._lapsed = False
        self._timed_out = False

    @property
    def reason(self) -> str:
        """Why the run stops, fit for the user."""
        return self._reason

    @property
    def requested(self) -> bool:
        """Whether the run has to stop."""
        # Asked several times for each table: for nearly all of them the clock and one comparison do.
        return time.monotonic() >= self._first_end and self._expired()

    @property
    def timed_out(self) -> bool:
        """Whether it stops because its own time is over."""
        return self._timed_out

    @property
    def lapsed(self) -> bool:
        """Whether the moment until which it was held is over, or was when it was looked at."""
        return self._lapsed or (self._held_until is not None and time.monotonic() >= self._held_until)

    def hold_until(self, moment: float) -> None:
        """Stop by itself at this moment of `time.monotonic`, unless a later one is given before.

        That is how a lease ends for a process that was stopped meanwhile and cannot be told.
        """
        with self._lock:
            self._held_until = moment
            self._first_end = self._earliest_end()

    def cancel(self, reason: str) -> None:
        """Ask the run to stop and interrupt what registered itself with `interrupting`."""
        with self._lock:
            if self._event.is_set():
                return
            self._reason = reason
            self._event.set()
            self._first_end = self._earliest_end()
            callbacks = list(self._callbacks.values())
        for callback in callbacks:
            callback()

    def check(self) -> None:
        """Raise RunCancelled when the run has to stop."""
        if self.requested:
            raise RunCancelled(self._reason)

    def wait(self, seconds: float) -> None:
        """Sleep for `seconds` unless the run has to stop earlier, which raises RunCancelled."""
        if self._deadline is not None:
            seconds = min(seconds, max(0.0, self._deadline - time.monotonic()))
        self._event.wait(seconds)
        self.check()

    @property
    def deadline(self) -> float | None:
        """When its own time is over, on `time.monotonic`; None without one."""
        return self._deadline

    def remaining(self) -> float | None:
        """Seconds until the deadline, None without one."""
        return None if self._deadline is None else max(0.0, self._deadline - time.monotonic())

    @contextmanager
    def interrupting(self, callback: Callable[[], None]) -> Generator[None]:
        """While inside, `cancel` also calls `callback`, which must be quick and never raise."""
        with self._lock:
            key = self._next_key
            self._next_key += 1
            self._callbacks[key] = callback
            late = self._event.is_set()
        try:
            if late:
                callback()
            yield
        finally:
            with self._lock:
                del self._callbacks[key]

    def _earliest_end(self) -> float:
        if self._event.is_set():
            return -inf
        return min(inf if end is None else end for end in (self._held_until, self._deadline))

    def _expired(self) -> bool:
        if self._event.is_set():
            return True
        now = time.monotonic()
        if self._lapsed or (self._held_until is not None and now >= self._held_until):
            self._lapsed = True
            self.cancel("the lease of the run was not renewed in time")
        elif self._deadline is not None and now >= self._deadline:
            self._timed_out = True
            self.cancel(f"timed out after {self._timeout_seconds:g} s")
        else:
            return False
        return True
