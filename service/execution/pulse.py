"""The heartbeat of a worker: renews the leases of its runs, hears of cancels, takes back what others lost."""

import logging
import threading
from collections.abc import Callable

from service import clock
from service.database.engine import Database
from service.errors import ServiceError
from service.execution.slots import Slot, Slots
from service.execution.stopping import Stop
from service.metrics import Metrics
from service.runs.repository import leases, workers
from service.runs.repository.workers import WorkerIdentity
from service.runs.status import is_terminal
from service.settings import Settings

JOIN_SECONDS = 3.0

logger = logging.getLogger(__name__)


class Pulse:
    """One thread that speaks to the store every few seconds, or at once when `quicken` is called."""

    def __init__(
        self, settings: Settings, database: Database, myself: WorkerIdentity, slots: Slots, metrics: Metrics
    ) -> None:
        self._settings = settings
        self._database = database
        self._myself = myself
        self._slots = slots
        self._metrics = metrics
        self._beat = threading.Event()
        self._closing = threading.Event()
        self._renewed_at = clock.monotonic()
        self._thread = threading.Thread(target=self._beat_on, name="headwater-pulse", daemon=True)

    @property
    def healthy(self) -> bool:
        """Whether the store took a heartbeat within the lease time."""
        return clock.monotonic() - self._renewed_at < self._settings.lease_seconds

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def quicken(self) -> None:
        """Beat now."""
        self._beat.set()

    def stop(self) -> None:
        """Sign off and end; a store that is silent is not waited for."""
        self._closing.set()
        self._beat.set()
        if self._thread.ident is not None:
            self._thread.join(JOIN_SECONDS)

    def lose(self, slot: Slot, reason: str) -> None:
        """The run is not ours any more, or may not be: it has to stop and leaves no word."""
        if slot.lose():
            self._metrics.lease_lost()
            logger.warning("The lease of run %s is lost: %s", slot.run_id, reason)
        slot.stop(Stop.LEASE_LOST, reason)

    def _beat_on(self) -> None:
        while not self._closing.is_set():
            self._beat.clear()
            self._try("renew the leases", self._renew)
            self._try("look for runs whose worker is gone", self._take_back)
            self._beat.wait(self._settings.heartbeat_seconds)
        self._try("sign off", self._leave)

    def _try(self, what: str, act: Callable[[], None]) -> None:
        """Nothing may end the pulse: without it every run of this worker would be lost."""
        try:
            act()
        except ServiceError as error:
            logger.warning("Could not %s: %s", what, error)
        except Exception:
            logger.exception("Could not %s", what)

    def _renew(self) -> None:
        slots = [slot for slot in self._slots.taken() if not slot.lost]
        asked_at = clock.monotonic()
        tokens = {slot.run_id: slot.attempt.claim.lease.token for slot in slots}
        with self._database.session() as session:
            workers.beat(session, self._myself)
            ours = leases.renew(session, self._myself.id, tokens, self._settings.lease_seconds)
        self._renewed_at = asked_at
        for slot in slots:
            if slot.run_id in ours:
                slot.attempt.switch.hold_until(asked_at + self._settings.lease_seconds)
                reason = ours[slot.run_id]
                if reason is not None:
                    slot.stop(Stop.USER, reason)
            elif not slot.ended:
                self.lose(slot, "another worker has taken the run over")

    def _take_back(self) -> None:
        with self._database.session() as session:
            lost = leases.reap(session)
        for run in lost:
            logger.warning("Run %s of %s was lost by worker %s: %s", run.run_id, run.workflow, run.worker, run.state)
            if is_terminal(run.state):
                self._metrics.run_ended(run.connector, run.state.value)

    def _leave(self) -> None:
        with self._database.session() as session:
            workers.leave(session, self._myself.id)
