"""Turns due ticks into queued runs.

The workflows table is the truth; the timers are rebuilt from it at start, when a definition changes, and as
a whole every now and then. A firing only asks the table which ticks are due since its cursor and inserts
their runs, which the database takes once: so any number of replicas may do the same at the same time. What is
due is told by the database's clock. The replica's own clock only says how long to wait until asking again.
"""

import logging
import threading
from collections.abc import Collection, Sequence
from datetime import timedelta

from service import clock
from service.database.engine import Database
from service.errors import ServiceError
from service.metrics import Metrics
from service.scheduling.firing import Firing, Look, fire, look
from service.scheduling.timers import Timers

RETRY_SECONDS = 1.0
STOP_SECONDS = 10.0
# An alarm this much too late did not ring: the replica's clock was set back, say.
ALARM_SLACK_SECONDS = 1.0
# What is due later is found by a full reading in time.
HORIZON = timedelta(days=1)

logger = logging.getLogger(__name__)


class Scheduler:
    """The timer role of one replica."""

    def __init__(self, database: Database, metrics: Metrics, reconcile_seconds: float) -> None:
        self._database = database
        self._metrics = metrics
        self._reconcile_seconds = reconcile_seconds
        self._timers = Timers(self._add)
        self._wake = threading.Condition()
        self._changed: set[str] = set()
        self._everything = True
        self._closing = False
        self._last_round: float | None = None
        self._next_full = 0.0
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
            if self._closing:
                return
            self._closing = True
            self._wake.notify()
        # Only a database that does not answer holds it up, and what it has not committed then is not made.
        self._thread.join(STOP_SECONDS)
        self._timers.stop()

    def changed(self, name: str) -> None:
        """Look at this workflow soon; at all of them when the name is empty."""
        self._add((name,) if name else ())

    def _add(self, names: Collection[str]) -> None:
        with self._wake:
            self._changed.update(names)
            self._everything = self._everything or not names
            self._wake.notify()

    def _run(self) -> None:
        retry = RETRY_SECONDS
        while (names := self._next_names()) is not None:
            try:
                self._round(names)
            except ServiceError as error:
                logger.warning("The schedules could not be read, next try in %g s: %s", RETRY_SECONDS, error)
                self._put_back(names, RETRY_SECONDS)
            except Exception:
                # Whatever it is, the ticks of other workflows must not wait for ever because of it.
                logger.exception("The schedules could not be read, next try in %g s", retry)
                self._put_back(names, retry)
                retry = min(2 * retry, self._reconcile_seconds)
            else:
                retry = RETRY_SECONDS

    def _next_names(self) -> Collection[str] | None:
        """What to look at, waiting for it; empty means everything, None that the service ends."""
        overdue = self._overdue_at()
        with self._wake:
            while not (self._closing or self._everything or self._changed):
                left = min(self._next_full, overdue) - clock.monotonic()
                if left <= 0:
                    break
                self._wake.wait(left)
            if self._closing:
                return None
            everything = self._everything or not self._changed or clock.monotonic() >= self._next_full
            names = frozenset[str]() if everything else frozenset(self._changed)
            self._everything = False
            self._changed.clear()
            return names

    def _overdue_at(self) -> float:
        """When the next alarm should have rung on the clock that nobody sets."""
        earliest = self._timers.earliest
        if earliest is None:
            return float("inf")
        return clock.monotonic() + max(0.0, (earliest - clock.now()).total_seconds()) + ALARM_SLACK_SECONDS

    def _put_back(self, names: Collection[str], seconds: float) -> None:
        with self._wake:
            self._wake.wait_for(lambda: self._closing, seconds)
        self._add(names)

    def _round(self, names: Collection[str]) -> None:
        with self._database.session() as session:
            found = look(session, names or None)
        for batch in found.batches():
            self._fire(found, batch)
        self._set_alarms(found, names)
        self._last_round = clock.monotonic()
        if not names:
            self._next_full = self._last_round + self._reconcile_seconds

    def _fire(self, found: Look, batch: Sequence[Firing]) -> None:
        """Store a batch; if one of it cannot be stored, each of the others by itself."""
        try:
            with self._database.session() as session:
                fired = fire(session, batch)
        except ServiceError:
            raise
        except Exception:
            if len(batch) == 1:
                logger.exception("Workflow %s cannot be scheduled", batch[0].name)
                return
            for one in batch:
                self._fire(found, [one])
            return
        now = found.now + _since(found)
        for tick in (tick for firing in fired for tick in firing.due.ticks):
            self._metrics.tick_fired((now - tick.fires_at).total_seconds())

    def _set_alarms(self, found: Look, names: Collection[str]) -> None:
        """Translate what the database's clock says into how long to wait."""
        offset = clock.now() - found.now - _since(found)
        due = {name: instant for name, instant in found.alarms.items() if instant - found.now < HORIZON}
        alarms = {name: instant + offset for name, instant in due.items()}
        if names:
            self._timers.clear(set(names) - alarms.keys())
            self._timers.move(alarms)
        else:
            self._timers.keep_only(alarms)


def _since(found: Look) -> timedelta:
    return timedelta(seconds=clock.monotonic() - found.asked_at)
