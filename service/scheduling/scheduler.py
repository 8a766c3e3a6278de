"""Turns due ticks into queued runs.

The workflows table is the truth; the timers are rebuilt from it at start, when a definition changes, and as
a whole every now and then. A firing only asks the table which ticks are due since its cursor and inserts
their runs, which the database takes once: so any number of replicas may do the same at the same time.
"""

import logging
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime
from uuid import UUID

from sqlalchemy.orm import Session

from service import clock
from service.database.engine import Database
from service.errors import ServiceError
from service.metrics import Metrics
from service.runs.repository.queue import TickRun, enqueue_ticks
from service.scheduling.catch_up import due_ticks
from service.scheduling.timers import Timers
from service.scheduling.triggers import fires_at
from service.workflows import repository as workflows
from service.workflows.repository import ScheduledWorkflow
from service.workflows.schedule import read_schedule
from service.workflows.schemas import Overlap, read_policy

RETRY_SECONDS = 1.0
ONE_BY_ONE = 50

logger = logging.getLogger(__name__)


@dataclass(slots=True)
class Round:
    """What one look at the table found: runs to make, cursors to move, alarms to set."""

    ticks: list[TickRun] = field(default_factory=list[TickRun])
    fired_at: list[datetime] = field(default_factory=list[datetime])
    cursors: dict[UUID, datetime] = field(default_factory=dict[UUID, datetime])
    alarms: dict[str, datetime] = field(default_factory=dict[str, datetime])

    def add(self, workflow: ScheduledWorkflow, now: datetime) -> None:
        """Take in one workflow; one whose schedule cannot be read is left out, and said so."""
        try:
            schedule = read_schedule(workflow.schedule)
            policy = read_policy(workflow.policy)
            if schedule is None:
                return
            due = due_ticks(schedule, policy, workflow.id, workflow.tick_cursor, now)
        except ValueError:
            logger.exception("workflow %s cannot be scheduled", workflow.name)
            return
        for tick in due.ticks:
            # Ticks that are made up for all get their run, one after the other.
            made_up = Overlap.QUEUE if tick.missed and len(due.ticks) > 1 else None
            self.ticks.append(TickRun(workflow.id, tick.at, made_up))
            self.fired_at.append(fires_at(schedule, workflow.id, tick.at))
        if due.passed_over:
            logger.warning("%d missed ticks of workflow %s are passed over", due.passed_over, workflow.name)
        if due.cursor > workflow.tick_cursor:
            self.cursors[workflow.id] = due.cursor
        if due.next_firing is not None:
            self.alarms[workflow.name] = due.next_firing


class Scheduler:
    """The timer role of one replica."""

    def __init__(self, database: Database, metrics: Metrics, reconcile_seconds: float) -> None:
        self._database = database
        self._metrics = metrics
        self._reconcile_seconds = reconcile_seconds
        self._timers = Timers(self.changed)
        self._wake = threading.Condition()
        self._changed: set[str] = set()
        self._everything = True
        self._closing = False
        self._last_round: float | None = None
        self._thread = threading.Thread(target=self._run, name="headwater-scheduler", daemon=True)

    @property
    def healthy(self) -> bool:
        """Whether the table was read not long ago."""
        return self._last_round is not None and clock.monotonic() - self._last_round < 3 * self._reconcile_seconds

    def start(self) -> None:
        """Read the table and begin to fire."""
        self._timers.start()
        self._thread.start()

    def stop(self) -> None:
        """Fire no more."""
        with self._wake:
            self._closing = True
            self._wake.notify()
        self._thread.join()
        self._timers.stop()

    def changed(self, name: str) -> None:
        """Look at this workflow soon; at all of them when the name is empty."""
        with self._wake:
            if name:
                self._changed.add(name)
            else:
                self._everything = True
            self._wake.notify()

    def _run(self) -> None:
        next_full = 0.0
        while (names := self._next_names(next_full)) is not None:
            try:
                self._round(names)
            except ServiceError as error:
                logger.warning("could not read the schedules, next try in %g s: %s", RETRY_SECONDS, error)
                self._put_back(names)
                continue
            self._last_round = clock.monotonic()
            if not names:
                next_full = self._last_round + self._reconcile_seconds

    def _next_names(self, next_full: float) -> frozenset[str] | None:
        """What to look at, waiting for it; empty means everything, None that the service ends."""
        with self._wake:
            while not (self._closing or self._everything or self._changed):
                if not self._wake.wait(max(0.0, next_full - clock.monotonic())) and clock.monotonic() >= next_full:
                    self._everything = True
            if self._closing:
                return None
            names = frozenset[str]() if self._everything else frozenset(self._changed)
            self._everything = False
            self._changed.clear()
            return names

    def _put_back(self, names: frozenset[str]) -> None:
        with self._wake:
            self._wake.wait_for(lambda: self._closing, RETRY_SECONDS)
            self._changed |= names
            self._everything = self._everything or not names

    def _read(self, session: Session, names: frozenset[str]) -> Iterator[ScheduledWorkflow]:
        if not names or len(names) > ONE_BY_ONE:
            for workflow in workflows.scan_scheduled(session):
                if not names or workflow.name in names:
                    yield workflow
            return
        for name in names:
            yield from workflows.scan_scheduled(session, name)

    def _round(self, names: frozenset[str]) -> None:
        found = Round()
        with self._database.session() as session:
            now = clock.now()
            for workflow in self._read(session, names):
                found.add(workflow, now)
            enqueue_ticks(session, found.ticks)
            workflows.advance_cursors(session, found.cursors)
        for fired_at in found.fired_at:
            self._metrics.tick_fired(max(0.0, (clock.now() - fired_at).total_seconds()))
        if not names:
            self._timers.keep_only(found.alarms)
            return
        for name in names:
            if name in found.alarms:
                self._timers.set(name, found.alarms[name])
            else:
                self._timers.clear(name)
