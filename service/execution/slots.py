"""The runs that one worker has in hand."""

import logging
import threading
from collections.abc import Callable, Sequence, Set
from uuid import UUID

import msgspec

from service.execution.attempt import Attempt
from service.execution.stopping import Stop
from service.metrics import Metrics

logger = logging.getLogger(__name__)


class Slot(msgspec.Struct, eq=False):
    """A run that takes a slot. `stopping_since` is when it was told to stop, on the monotonic clock."""

    attempt: Attempt
    stopping_since: float | None = None
    _lost: bool = False
    _ended: bool = False
    _lock: threading.Lock = msgspec.field(default_factory=threading.Lock)

    @property
    def run_id(self) -> UUID:
        """Whose slot it is."""
        return self.attempt.claim.lease.run_id

    @property
    def ended(self) -> bool:
        """Whether only its end is to be stored."""
        return self._ended

    @property
    def lost(self) -> bool:
        """Whether its lease is not ours any more."""
        return self._lost

    def lose(self) -> bool:
        """Take note of that; whether it was news."""
        with self._lock:
            news, self._lost = not self._lost, True
        return news

    def end(self) -> bool:
        """Decide that the run is over; whether nobody had decided that before, so that one end alone is stored."""
        with self._lock:
            first, self._ended = not self._ended, True
        return first

    def stop(self, by: Stop, reason: str) -> None:
        """Tell the run to stop."""
        if self.attempt.switch.pull(by, reason):
            logger.info("Run %s is told to stop: %s", self.run_id, reason)


class Slots:
    """The slots of a worker; safe to use from any thread."""

    def __init__(self, size: int, pools: Sequence[str], metrics: Metrics) -> None:
        self._size = size
        self._pools = pools
        self._metrics = metrics
        self._taken: list[Slot] = []
        self._changed = threading.Condition()
        self._show()

    @property
    def free(self) -> int:
        """How many are not taken."""
        with self._changed:
            return max(0, self._size - len(self._taken))

    def taken(self) -> list[Slot]:
        """Those that are."""
        with self._changed:
            return list(self._taken)

    def put(self, slot: Slot) -> None:
        """Take one."""
        with self._changed:
            self._taken.append(slot)
            self._show()
            self._changed.notify_all()

    def release(self, slots: Set[Slot]) -> None:
        """Have these free again."""
        with self._changed:
            self._taken = [slot for slot in self._taken if slot not in slots]
            self._show()
            self._changed.notify_all()

    def wait_until_idle(self, seconds: float) -> bool:
        """Wait until none is taken; whether that came about."""
        with self._changed:
            return self._changed.wait_for(lambda: not self._taken, seconds)

    def wait_until_busy(self, closing: Callable[[], bool]) -> None:
        """Wait until one is taken, or `wake` is called while `closing`."""
        with self._changed:
            self._changed.wait_for(lambda: bool(self._taken) or closing())

    def wake(self) -> None:
        """Have those who wait look again."""
        with self._changed:
            self._changed.notify_all()

    def _show(self) -> None:
        self._metrics.slots(len(self._taken), max(0, self._size - len(self._taken)), self._pools)
