"""The worker role of one replica: claims queued runs, runs each in a thread of its own, keeps their leases.

Four threads. One claims, woken by notifications and by slots that get free; one stores how runs ended. One is the
pulse, which keeps the leases. One is the watch, which speaks to nobody: it stops runs whose time is over, also while
the store is silent.
"""

import logging
import os
import socket
import threading
from collections.abc import Sequence
from uuid import uuid4

from connectors.errors import RunCancelled
from connectors.ingestion import load_ahead
from service import clock
from service.errors import ServiceError
from service.execution.ends import Ends
from service.execution.finishing import Finisher
from service.execution.outcome import of_error
from service.execution.pulse import Pulse
from service.execution.run import RunExecutor
from service.execution.slots import Slot, Slots
from service.execution.stopping import Stop
from service.execution.threads import Threads
from service.runs.repository import endings, leases, workers
from service.runs.repository.leases import ClaimedRun, ClaimRequest
from service.settings import Settings

STOP_GRACE_SECONDS = 10.0
WATCH_SECONDS = 0.25
RETRY_SECONDS = 1.0
LONGEST_RETRY_SECONDS = 30.0
# Runs end in groups: with few slots free, more will be in a moment, and a claim of many costs little more than of one.
GATHER_SECONDS = 0.015
FEW_FREE = 0.5

logger = logging.getLogger(__name__)


class Worker:
    """See the module. A run that does not end within `stop_grace_seconds` of being told to is left behind."""

    def __init__(
        self,
        settings: Settings,
        executor: RunExecutor,
        finisher: Finisher,
        stop_grace_seconds: float = STOP_GRACE_SECONDS,
    ) -> None:
        self._settings = settings
        self._database, self._metrics = finisher.database, finisher.metrics
        self._executor = executor
        self._finisher = finisher
        self._stop_grace = stop_grace_seconds
        self._myself = workers.WorkerIdentity(
            id=f"{socket.gethostname()}-{os.getpid()}-{uuid4().hex[:8]}",
            host=socket.gethostname(),
            pid=os.getpid(),
            pools=settings.worker_pools,
            slots=settings.worker_slots,
        )
        self._slots = Slots(settings.worker_slots, settings.worker_pools, self._metrics)
        self._pulse = Pulse(settings, self._database, self._myself, self._slots, self._metrics)
        self._threads = Threads("run idle")
        self._wake = threading.Event()
        self._ends = Ends(finisher, self._slots, self._pulse, self._threads, self._wake.set)
        self._draining = threading.Event()
        self._closing = threading.Event()
        self._claimer = threading.Thread(target=self._claim_on, name="headwater-claims", daemon=True)
        self._watch = threading.Thread(target=self._watch_on, name="headwater-watch", daemon=True)

    @property
    def healthy(self) -> bool:
        """Whether the store took our heartbeat within the lease time."""
        return self._pulse.healthy

    @property
    def id(self) -> str:
        """What the store knows this worker by."""
        return self._myself.id

    def start(self) -> None:
        """Begin to claim."""
        self._pulse.start()
        self._ends.start()
        self._watch.start()
        self._claimer.start()

    def load_ahead(self) -> None:
        """Load in the background what the first run would have to load."""
        threading.Thread(target=load_ahead, name="headwater-loading", daemon=True).start()

    def wake(self) -> None:
        """Look into the queue now."""
        self._wake.set()

    def look_for_cancels(self) -> None:
        """Ask now whether runs of ours are to be cancelled."""
        self._pulse.quicken()

    def drain(self) -> None:
        """Claim no more."""
        self._draining.set()
        self._wake.set()

    def stop(self) -> None:
        """Claim no more, let runs end within the grace, then give the rest back to the queue; once is enough."""
        if self._closing.is_set():
            return
        self.drain()
        if self._claimer.ident is not None:
            self._claimer.join(self._stop_grace)
        self._slots.wait_until_idle(self._settings.shutdown_grace_seconds)
        for slot in self._slots.taken():
            slot.stop(Stop.SHUTDOWN, "the service shuts down")
        self._slots.wait_until_idle(self._stop_grace + 2 * RETRY_SECONDS)
        self._closing.set()
        self._slots.wake()
        if self._watch.ident is not None:
            self._watch.join(self._stop_grace)
        self._ends.stop()
        self._pulse.stop()
        self._threads.close()

    # --- Claiming ------------------------------------------------------------------------------

    def _claim_on(self) -> None:
        delay = RETRY_SECONDS
        while not self._draining.is_set():
            self._wake.clear()
            try:
                claimed = self._claim()
            except ServiceError as error:
                logger.warning("Could not look into the queue: %s", error)
            except Exception:  # nothing may end this loop: the replica would look alive and run nothing
                logger.exception("Could not take runs from the queue")
            else:
                delay = RETRY_SECONDS
                if not claimed:
                    self._wake.wait(self._settings.poll_seconds)
                continue
            self._draining.wait(delay)
            delay = min(2 * delay, LONGEST_RETRY_SECONDS)

    def _claim(self) -> int:
        settings = self._settings
        if 0 < self._slots.free < FEW_FREE * settings.worker_slots and self._draining.wait(GATHER_SECONDS):
            return 0
        free = self._slots.free
        if free == 0:
            return 0
        request = ClaimRequest(
            self._myself.id, settings.worker_pools, free, settings.lease_seconds, settings.pool_limits
        )
        held_until = clock.monotonic() + settings.lease_seconds
        with self._database.session() as session:
            claims = leases.claim(session, request)
        for at, claim in enumerate(claims):
            try:
                self._start(claim, held_until)
            except Exception:  # no thread is to be had, or no store: others may have them before their leases end
                self._give_back(claims[at:])
                raise
        return len(claims)

    def _start(self, claim: ClaimedRun, held_until: float) -> None:
        waited = (clock.now() - claim.available_at).total_seconds()
        self._metrics.run_claimed(claim.pool, max(0.0, waited))
        try:
            slot = Slot(self._executor.begin(claim, held_until))
        except Exception as error:
            logger.exception("Run %s cannot begin", claim.lease.run_id)
            self._finisher.fail(claim, error)
            return
        self._slots.put(slot)
        try:
            self._threads.do(f"run-{slot.run_id}", lambda: self._ends.put(slot, self._executor.run(slot.attempt)))
        except RuntimeError:
            self._finisher.drop(slot.attempt)
            self._slots.release({slot})
            raise

    def _give_back(self, claims: Sequence[ClaimedRun]) -> None:
        with self._database.session() as session:
            for claim in claims:
                endings.release(session, claim.lease)

    # --- Watching ------------------------------------------------------------------------------

    def _watch_on(self) -> None:
        while not self._closing.is_set():
            for slot in self._slots.taken():
                try:
                    self._look_at(slot)
                except Exception:  # the next look may do better
                    logger.exception("Could not watch run %s", slot.run_id)
            self._slots.wait_until_busy(self._closing.is_set)
            self._closing.wait(WATCH_SECONDS)

    def _look_at(self, slot: Slot) -> None:
        switch = slot.attempt.switch
        if slot.ended or not switch.cancellation.requested:
            return
        if switch.by is Stop.LEASE_LOST:
            self._pulse.lose(slot, switch.cancellation.reason)
        now = clock.monotonic()
        if slot.stopping_since is None:
            slot.stopping_since = now
        elif now - slot.stopping_since > self._stop_grace:
            self._abandon(slot)

    def _abandon(self, slot: Slot) -> None:
        """End a run whose thread does not: its slot is free, and what the thread still does is written nowhere."""
        attempt, switch = slot.attempt, slot.attempt.switch
        logger.error("Run %s does not stop; its thread is left behind", slot.run_id)
        error = RunCancelled(switch.cancellation.reason, "set policy.isolation to process, so that it can be killed")
        outcome = of_error(error, switch.by, attempt.policy, slot.run_id, attempt.claim.attempt)
        # What it still does may hold up its end, but not those who watch the others.
        self._threads.do(f"end-{slot.run_id}", lambda: self._ends.put(slot, outcome))
