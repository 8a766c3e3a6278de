"""The ends of a worker's runs on their way to the store; whose end is stored gives its slot back."""

import logging
import threading
from collections.abc import Callable, Sequence, Set
from functools import partial

from connectors.errors import ConnectorError, cause_of
from service.errors import Unavailable
from service.execution.finishing import End, Finisher
from service.execution.outcome import Finished, Outcome
from service.execution.pulse import Pulse
from service.execution.slots import Slot, Slots
from service.execution.threads import Threads

RETRY_SECONDS = 1.0
JOIN_SECONDS = 3.0
# A transaction of many costs little more than one of few, and frees their slots together: one claim fills them again.
GATHER_SECONDS = 0.02
GATHERED = 0.5

logger = logging.getLogger(__name__)


class Ends:
    """One thread stores together the ends for good that have come; safe to use from any thread.

    It waits for up to GATHER_SECONDS until half of the runs in hand have ended. Those that cannot be stored with others
    are stored each in a thread of its own, so that none holds up another. `freed` is called whenever slots are free
    again.
    """

    def __init__(
        self,
        finisher: Finisher,
        slots: Slots,
        pulse: Pulse,
        threads: Threads,
        freed: Callable[[], None],
    ) -> None:
        self._finisher = finisher
        self._slots = slots
        self._pulse = pulse
        self._threads = threads
        self._freed = freed
        self._waiting: list[tuple[Slot, End]] = []
        self._came = threading.Condition()
        self._closing = threading.Event()
        self._thread = threading.Thread(target=self._store_on, name="headwater-ends", daemon=True)

    def start(self) -> None:
        """Begin to store."""
        self._thread.start()

    def stop(self) -> None:
        """Try those that wait once more; whatever comes from now on is tried once."""
        with self._came:
            self._closing.set()
            self._came.notify()
        if self._thread.ident is not None:
            self._thread.join(JOIN_SECONDS)
        self._slots.wait_until_idle(JOIN_SECONDS)

    def put(self, slot: Slot, outcome: Outcome) -> None:
        """Have it stored how a run ended, unless that is decided already, and its slot freed after that.

        An end for good is left to be stored with others; of any other the caller waits until it is stored.
        """
        if not slot.end():
            return
        end = self._end_of(slot, outcome)
        if end is None:
            self._store_alone(slot, outcome)
            return
        with self._came:
            left = not self._closing.is_set()
            if left:
                self._waiting.append((slot, end))
                if len(self._waiting) == 1 or self._are_enough():
                    self._came.notify()
        if not left:
            self._set_apart(slot, end)

    # --- Together ------------------------------------------------------------------------------

    def _end_of(self, slot: Slot, outcome: Outcome) -> End | None:
        """What can be stored with others, if anything."""
        try:
            return self._finisher.end_of(slot.attempt, outcome) if isinstance(outcome, Finished) else None
        except Exception:  # whoever stores it alone meets it again
            logger.debug("Run %s cannot end with others", slot.run_id, exc_info=True)
            return None

    def _store_on(self) -> None:
        while batch := self._next():
            try:
                self._store(batch)
            except Exception:  # nothing may end this loop: no slot would ever be free again
                logger.exception("Could not store how runs ended")

    def _next(self) -> Sequence[tuple[Slot, End]]:
        """Those that have come; none once no more are taken."""
        with self._came:
            self._came.wait_for(lambda: self._waiting or self._closing.is_set())
            self._came.wait_for(lambda: self._are_enough() or self._closing.is_set(), GATHER_SECONDS)
            batch, self._waiting = self._waiting, []
        return batch

    def _are_enough(self) -> bool:
        return len(self._waiting) >= GATHERED * len(self._slots.taken())

    def _store(self, batch: Sequence[tuple[Slot, End]]) -> None:
        stored: Set[End] = frozenset()
        try:
            stored = self._finisher.finish_free([end for _, end in batch])
        except Exception:  # of the store, or of one of them: each is stored alone, and whose it is meets it again
            logger.debug("%d runs cannot end together", len(batch), exc_info=True)
        for end in stored:
            self._leave(end)
        self._free({slot for slot, end in batch if end in stored})
        for slot, end in batch:
            if end not in stored:
                self._set_apart(slot, end)

    def _leave(self, end: End) -> None:
        try:
            self._finisher.leave(end.attempt, end.outcome, end.ending.state)
        except Exception:  # it has ended all the same
            logger.exception("That run %s ended could not be told", end.attempt.claim.lease.run_id)

    def _set_apart(self, slot: Slot, end: End) -> None:
        end.words.give_back()
        store = partial(self._store_alone, slot, end.outcome)
        try:
            self._threads.do(f"end-{slot.run_id}", store)
        except Exception:  # no thread is to be had: the others wait
            logger.warning("Without a thread of its own, run %s has the others wait", slot.run_id, exc_info=True)
            store()

    # --- Alone ---------------------------------------------------------------------------------

    def _store_alone(self, slot: Slot, outcome: Outcome) -> None:
        try:
            while not self._stored(slot, outcome) and not self._closing.wait(RETRY_SECONDS):
                pass
        except Exception:  # nothing of it could be stored: its lease runs out
            logger.exception("Run %s is left to be taken back", slot.run_id)
        finally:
            self._free({slot})

    def _stored(self, slot: Slot, outcome: Outcome) -> bool:
        try:
            if not self._finisher.store(slot.attempt, outcome):
                self._pulse.lose(slot, "the run has another worker, or is gone")
        except Unavailable as error:
            logger.warning("How run %s ended could not be stored yet: %s", slot.run_id, error)
            return False
        except Exception as error:
            logger.exception("How run %s ended cannot be stored", slot.run_id)
            self._store_failure(slot, error)
        return True

    def _store_failure(self, slot: Slot, error: Exception) -> None:
        """Have the run fail at least; without even that its lease runs out, and others take it back."""
        message = f"how the run ended could not be stored: {cause_of(error)}"
        try:
            self._finisher.fail(slot.attempt.claim, ConnectorError(message, "report this with the log of the service"))
        finally:
            self._finisher.drop(slot.attempt)

    def _free(self, slots: Set[Slot]) -> None:
        self._slots.release(slots)
        self._freed()
