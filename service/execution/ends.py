"""The ends of a worker's runs on their way to the store; whose end is stored gives its slot back."""

import logging
import threading
from collections.abc import Callable, Sequence
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

    It waits for up to GATHER_SECONDS until half of the runs in hand have ended. One that cannot be stored with
    others is stored in a thread of its own. `freed` is called whenever slots are free again.
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

    def put(self, slot: Slot, outcome: Outcome) -> None:
        """Have it stored how a run ended, unless that is decided already, and its slot freed after that.

        An end for good is left to be stored with others; of any other the caller waits until it is stored.
        """
        if not slot.end():
            return
        if not isinstance(outcome, Finished):
            self._store_alone(slot, outcome)
            return
        end = self._finisher.end_of(slot.attempt, outcome)
        with self._came:
            left = not self._closing.is_set()
            if left:
                self._waiting.append((slot, end))
                if len(self._waiting) == 1 or self._are_enough():
                    self._came.notify()
        if not left:
            self._set_apart(slot, end)

    # --- Together ------------------------------------------------------------------------------

    def _store_on(self) -> None:
        while batch := self._next():
            self._store(batch)

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
        stored: Sequence[End] = ()
        try:
            stored = self._finisher.finish_free([end for _, end in batch])
        except Unavailable as error:
            for slot, _ in batch:
                _tell(slot, error)
            if not self._closing.wait(RETRY_SECONDS):
                with self._came:
                    self._waiting[:0] = batch
                return
        except Exception:  # of one of them: each is stored alone, and whose it is meets it again
            logger.debug("%d runs cannot end together", len(batch), exc_info=True)
        self._free([slot for slot, end in batch if end in stored])
        for slot, end in batch:
            if end not in stored:
                self._set_apart(slot, end)

    def _set_apart(self, slot: Slot, end: End) -> None:
        end.words.give_back()
        store = partial(self._store_alone, slot, end.outcome)
        try:
            self._threads.do(f"end-{slot.run_id}", store)
        except RuntimeError:  # no thread is to be had: the others wait
            store()

    # --- Alone ---------------------------------------------------------------------------------

    def _store_alone(self, slot: Slot, outcome: Outcome) -> None:
        try:
            while not self._stored(slot, outcome) and not self._closing.wait(RETRY_SECONDS):
                pass
        finally:
            self._free([slot])

    def _stored(self, slot: Slot, outcome: Outcome) -> bool:
        try:
            if not self._finisher.store(slot.attempt, outcome):
                self._pulse.lose(slot, "the run has another worker, or is gone")
        except Unavailable as error:
            _tell(slot, error)
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
        except Exception:
            logger.exception("Run %s is left to be taken back", slot.run_id)
        self._finisher.drop(slot.attempt)

    def _free(self, slots: Sequence[Slot]) -> None:
        self._slots.release(slots)
        self._freed()


def _tell(slot: Slot, error: Unavailable) -> None:
    logger.warning("How run %s ended could not be stored yet: %s", slot.run_id, error)
