"""How a running run is told to stop, and by whom."""

import threading
from collections.abc import Callable, Generator
from contextlib import contextmanager
from enum import Enum, auto

from connectors.cancellation import Cancellation


class Stop(Enum):
    """Who told a run to stop."""

    USER = auto()
    SHUTDOWN = auto()
    LEASE_LOST = auto()


class StopSwitch:
    """The run's cancellation and who pulled it; a lost lease overrules the rest, since then nothing may be written.

    The run also stops by itself at `held_until`, a moment of the monotonic clock, unless a renewal moves it.
    """

    def __init__(self, timeout_seconds: float | None, held_until: float | None = None) -> None:
        self.cancellation = Cancellation(timeout_seconds)
        self._lock = threading.Lock()
        self._by: Stop | None = None
        self._held_until = held_until
        self._followers: list[Callable[[float], None]] = []
        if held_until is not None:
            self.cancellation.hold_until(held_until)

    @property
    def by(self) -> Stop | None:
        """Who stopped the run; None while nobody has, also when its time ran out."""
        return Stop.LEASE_LOST if self.cancellation.lapsed else self._by

    def pull(self, by: Stop, reason: str) -> bool:
        """Tell the run to stop; whether that was news."""
        with self._lock:
            news = self._by is None
            if news or by is Stop.LEASE_LOST:
                self._by = by
        self.cancellation.cancel(reason)
        return news

    def hold_until(self, moment: float) -> None:
        """The lease was renewed until then."""
        with self._lock:
            self._held_until = moment
            followers = list(self._followers)
        self.cancellation.hold_until(moment)
        for follow in followers:
            follow(moment)

    @contextmanager
    def followed(self, follow: Callable[[float], None]) -> Generator[None]:
        """While inside, `follow` is told until when the run is held, now and at each renewal; it must be quick."""
        with self._lock:
            self._followers.append(follow)
            held_until = self._held_until
        try:
            if held_until is not None:
                follow(held_until)
            yield
        finally:
            with self._lock:
                self._followers.remove(follow)
