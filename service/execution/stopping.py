"""How a running run is told to stop, and by whom."""

import threading
from enum import Enum, auto

from connectors.cancellation import Cancellation


class Stop(Enum):
    """Who told a run to stop."""

    USER = auto()
    SHUTDOWN = auto()
    LEASE_LOST = auto()


class StopSwitch:
    """The run's cancellation and who pulled it; a lost lease overrules the rest, since then nothing may be written."""

    def __init__(self, timeout_seconds: float | None) -> None:
        self.cancellation = Cancellation(timeout_seconds)
        self._lock = threading.Lock()
        self._by: Stop | None = None

    @property
    def by(self) -> Stop | None:
        """Who stopped the run; None while nobody has, also when its time ran out."""
        return self._by

    def pull(self, by: Stop, reason: str) -> bool:
        """Tell the run to stop; whether that was news."""
        with self._lock:
            news = self._by is None
            if news or by is Stop.LEASE_LOST:
                self._by = by
        self.cancellation.cancel(reason)
        return news
