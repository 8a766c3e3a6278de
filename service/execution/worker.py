"""The worker role of one replica: claims queued runs, runs each in a thread of its own, keeps their leases.

Two threads: one claims, woken by notifications and by slots that get free; one is the pulse, which renews
the leases, hears of cancels, frees the slots of runs that do not stop, and takes back what others lost.
"""

import logging
import os
import socket
import threading
from dataclasses import dataclass, field
from uuid import UUID, uuid4

from connectors.errors import RunCancelled
from service import clock
from service.database.engine import Database
from service.errors import ServiceError
from service.execution.outcome import Disowned, Outcome, of_error
from service.execution.run import Attempt, RunExecutor
from service.execution.stopping import Stop
from service.metrics import Metrics
from service.runs.repository import leases, workers
from service.runs.repository.leases import ClaimedRun, ClaimRequest
from service.settings import Settings

STOP_GRACE_SECONDS = 10.0
RETRY_SECONDS = 1.0

logger = logging.getLogger(__name__)


@dataclass(slots=True)
class Slot:
    """A run that takes a slot; `done` when only its end is to be stored.

    `stopping_since` is when it was told to stop, on the monotonic clock.
    """

    attempt: Attempt
    thread: threading.Thread = field(init=False)
    stopping_since: float | None = None
    done: bool = False

    @property
    def run_id(self) -> UUID:
        """Whose slot it is."""
        return self.attempt.claim.lease.run_id

    def stop(self, by: Stop, reason: str) -> None:
        """Tell the run to stop."""
        if self.attempt.switch.pull(by, reason):
            logger.info("Run %s is told to stop: %s", self.run_id, reason)


class Worker:
    """See the module."""

    def __init__(self, settings: Settings, database: Database, executor: RunExecutor, metrics: Metrics) -> None:
        self._settings = settings
        self._database = database
        self._executor = executor
        self._metrics = metrics
        self._myself = workers.Worker(
            id=f"{socket.gethostname()}-{os.getpid()}-{uuid4().hex[:8]}",
            host=socket.gethostname(),
            pid=os.getpid(),
            pools=settings.worker_pools,
            slots=settings.worker_slots,
        )
        self._slots: dict[UUID, Slot] = {}
        self._changed = threading.Condition()
        self._wake = threading.Event()
        self._beat = threading.Event()
        self._draining = threading.Event()
        self._closing = threading.Event()
        self._renewed_at = clock.monotonic()
        self._claimer = threading.Thread(target=self._claim_on, name="headwater-claims", daemon=True)
        self._pulse = threading.Thread(target=self._beat_on, name="headwater-pulse", daemon=True)

    @property
    def healthy(self) -> bool:
        """Whether the store took our heartbeat within the lease time."""
        return clock.monotonic() - self._renewed_at < self._settings.lease_seconds

    def start(self) -> None:
        """Begin to claim."""
        self._pulse.start()
        self._claimer.start()

    def wake(self) -> None:
        """Look into the queue now."""
        self._wake.set()

    def look_for_cancels(self) -> None:
        """Ask now whether runs of ours are to be cancelled."""
        self._beat.set()

    def drain(self) -> None:
        """Claim no more."""
        self._draining.set()
        self._wake.set()

    def stop(self) -> None:
        """Claim no more, let runs end within the grace, then give the rest back to the queue."""
        self.drain()
        self._claimer.join()
        self._wait_until_idle(self._settings.shutdown_grace_seconds)
        for slot in self._taken():
            slot.stop(Stop.SHUTDOWN, "the service shuts down")
        self._wait_until_idle(STOP_GRACE_SECONDS + RETRY_SECONDS)
        self._closing.set()
        self._beat.set()
        self._pulse.join()

    def _taken(self) -> list[Slot]:
        with self._changed:
            return list(self._slots.values())

    def _wait_until_idle(self, seconds: float) -> None:
        with self._changed:
            self._changed.wait_for(lambda: not self._slots, seconds)

    def _claim_on(self) -> None:
        while not self._draining.is_set():
            self._wake.clear()
            try:
                claimed = self._claim()
            except ServiceError as error:
                logger.warning("Could not look into the queue, next try in %g s: %s", RETRY_SECONDS, error)
                self._draining.wait(RETRY_SECONDS)
                continue
            if not claimed:
                self._wake.wait(self._settings.poll_seconds)

    def _claim(self) -> int:
        busy = len(self._taken())
        free = self._settings.worker_slots - busy
        self._metrics.slots(busy, free)
        if free <= 0:
            return 0
        settings = self._settings
        request = ClaimRequest(
            self._myself.id, settings.worker_pools, free, settings.lease_seconds, settings.pool_limits
        )
        with self._database.session() as session:
            claims = leases.claim(session, request)
        for claim in claims:
            self._start(claim)
        return len(claims)

    def _start(self, claim: ClaimedRun) -> None:
        self._metrics.run_claimed(max(0.0, (clock.now() - claim.available_at).total_seconds()))
        slot = Slot(self._executor.begin(claim))
        slot.thread = threading.Thread(target=self._run, args=(slot,), name=f"run-{slot.run_id}", daemon=True)
        with self._changed:
            self._slots[slot.run_id] = slot
            self._metrics.slots(len(self._slots), self._settings.worker_slots - len(self._slots))
        slot.thread.start()

    def _run(self, slot: Slot) -> None:
        outcome = self._executor.run(slot.attempt)
        slot.done = True
        while self._holds(slot) and not self._stored(slot, outcome):
            self._closing.wait(RETRY_SECONDS)
            if self._closing.is_set():
                break
        self._free(slot)

    def _stored(self, slot: Slot, outcome: Outcome) -> bool:
        try:
            self._executor.store(slot.attempt, outcome)
        except ServiceError as error:
            logger.warning("How run %s ended could not be stored yet: %s", slot.run_id, error)
            return False
        return True

    def _holds(self, slot: Slot) -> bool:
        with self._changed:
            return self._slots.get(slot.run_id) is slot

    def _free(self, slot: Slot) -> None:
        with self._changed:
            if self._slots.get(slot.run_id) is slot:
                del self._slots[slot.run_id]
            self._metrics.slots(len(self._slots), self._settings.worker_slots - len(self._slots))
            self._changed.notify_all()
        self._wake.set()

    def _beat_on(self) -> None:
        while not self._closing.is_set():
            self._beat.clear()
            try:
                self._renew()
                self._take_back()
            except ServiceError as error:
                logger.warning("Could not renew the leases: %s", error)
            self._see_to_those_that_stop()
            self._beat.wait(self._settings.heartbeat_seconds)
        self._leave()

    def _renew(self) -> None:
        slots = self._taken()
        asked_at = clock.monotonic()
        tokens = {slot.run_id: slot.attempt.claim.lease.token for slot in slots}
        with self._database.session() as session:
            workers.beat(session, self._myself)
            ours = leases.renew(session, self._myself.id, tokens, self._settings.lease_seconds)
        self._renewed_at = asked_at
        for slot in slots:
            reason = ours.get(slot.run_id)
            if slot.run_id not in ours and not slot.done:
                self._lose(slot)
            elif reason is not None:
                slot.stop(Stop.USER, reason)

    def _lose(self, slot: Slot) -> None:
        if slot.attempt.switch.by is not Stop.LEASE_LOST:
            self._metrics.lease_lost()
            slot.stop(Stop.LEASE_LOST, "another worker has taken the run over")

    def _take_back(self) -> None:
        with self._database.session() as session:
            lost = leases.reap(session)
        for run in lost:
            logger.warning("Run %s of %s was lost by worker %s: %s", run.run_id, run.workflow, run.worker, run.state)

    def _see_to_those_that_stop(self) -> None:
        now = clock.monotonic()
        if not self.healthy:
            for slot in self._taken():
                self._lose(slot)
        for slot in self._taken():
            if slot.done or not slot.attempt.switch.cancellation.requested:
                continue
            if slot.stopping_since is None:
                slot.stopping_since = now
            elif now - slot.stopping_since > STOP_GRACE_SECONDS:
                self._abandon(slot)

    def _abandon(self, slot: Slot) -> None:
        """End a run whose thread does not: its slot is free, and what the thread still does is written nowhere."""
        claim, switch = slot.attempt.claim, slot.attempt.switch
        logger.error("Run %s does not stop; its thread is left behind", slot.run_id)
        error = RunCancelled(switch.cancellation.reason, "set policy.isolation to process, so that it can be killed")
        outcome = of_error(error, switch.by, claim.policy, slot.run_id, claim.attempt)
        if isinstance(outcome, Disowned) or self._stored(slot, outcome):
            self._free(slot)

    def _leave(self) -> None:
        try:
            with self._database.session() as session:
                workers.leave(session, self._myself.id)
        except ServiceError as error:
            logger.warning("Could not sign off: %s", error)
