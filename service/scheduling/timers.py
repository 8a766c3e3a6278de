"""APScheduler as a set of named alarms: one per workflow, each for the instant it is due next."""

import threading
from collections.abc import Callable, Collection, Iterable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Protocol, cast

from apscheduler.executors.debug import DebugExecutor
from apscheduler.jobstores.base import JobLookupError
from apscheduler.jobstores.memory import MemoryJobStore
from apscheduler.schedulers.background import BackgroundScheduler
from apscheduler.triggers.date import DateTrigger

TICK = timedelta(milliseconds=20)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class _Scheduler(Protocol):
    """The part of the untyped BackgroundScheduler that is used here."""

    def start(self) -> None: ...
    def shutdown(self, wait: bool = True) -> None: ...
    def add_job(self, func: Callable[[datetime], None], trigger: object, **options: object) -> object: ...
    def remove_job(self, job_id: str) -> None: ...
    def remove_all_jobs(self) -> None: ...


class Timers:
    """Calls `ring(keys)` when the alarms of some keys are due, late ones too; `ring` must be quick.

    Instants are rounded up to 20 ms, and alarms of one instant share a job: it takes APScheduler no longer to ring for
    10,000 workflows at midnight than for one. Set and cleared by one thread.
    """

    def __init__(self, ring: Callable[[Collection[str]], None]) -> None:
        self._ring = ring
        self._lock = threading.Lock()
        self._instants: dict[str, datetime] = {}
        self._keys: dict[datetime, set[str]] = {}
        # Alarms only wake somebody, so they run in the scheduler's own thread: no pool can drop or delay one.
        self._scheduler = cast(
            "_Scheduler",
            BackgroundScheduler(
                jobstores={"default": MemoryJobStore()},
                executors={"default": DebugExecutor()},
                job_defaults={"misfire_grace_time": None, "coalesce": True},
                timezone="UTC",
            ),
        )

    @property
    def earliest(self) -> datetime | None:
        """When it rings next."""
        with self._lock:
            return min(self._keys, default=None)

    def start(self) -> None:
        """Begin to ring."""
        self._scheduler.start()

    def stop(self) -> None:
        """Ring no more."""
        # Waits for one that rings now: after a shutdown APScheduler does not find its job, and breaks down over that.
        self._scheduler.remove_all_jobs()
        self._scheduler.shutdown(wait=False)

    def move(self, wanted: Mapping[str, datetime]) -> None:
        """Set or move the alarms of these keys."""
        with self._lock:
            added = {instant for key, wish in wanted.items() if (instant := self._put(key, _rounded_up(wish)))}
            removed = self._drop_empty()
        self._remove_jobs(removed)
        # Never under the lock: APScheduler holds its own while it rings.
        for instant in added:
            trigger, name = DateTrigger(instant), instant.isoformat()
            self._scheduler.add_job(
                self._rung, trigger, args=(instant,), id=name, replace_existing=True, misfire_grace_time=None
            )

    def clear(self, keys: Iterable[str]) -> None:
        """Take the alarms of these keys away, where there are some."""
        with self._lock:
            for key in keys:
                self._take(key)
            removed = self._drop_empty()
        self._remove_jobs(removed)

    def keep_only(self, wanted: Mapping[str, datetime]) -> None:
        """Make the alarms exactly these."""
        with self._lock:
            others = self._instants.keys() - wanted.keys()
        self.clear(others)
        self.move(wanted)

    def _put(self, key: str, instant: datetime) -> datetime | None:
        """Note the alarm; its instant if no other has it."""
        if self._instants.get(key) == instant:
            return None
        self._take(key)
        self._instants[key] = instant
        known = instant in self._keys
        self._keys.setdefault(instant, set()).add(key)
        return None if known else instant

    def _take(self, key: str) -> None:
        instant = self._instants.pop(key, None)
        if instant is not None:
            self._keys[instant].discard(key)

    def _drop_empty(self) -> set[datetime]:
        empty = {instant for instant, keys in self._keys.items() if not keys}
        for instant in empty:
            del self._keys[instant]
        return empty

    def _remove_jobs(self, instants: Iterable[datetime]) -> None:
        for instant in instants:
            try:
                self._scheduler.remove_job(instant.isoformat())
            except JobLookupError:
                continue  # it rings in this very moment

    def _rung(self, instant: datetime) -> None:
        with self._lock:
            keys = self._keys.pop(instant, set())
            for key in keys:
                del self._instants[key]
        if keys:
            self._ring(keys)


def _rounded_up(instant: datetime) -> datetime:
    return instant + (_EPOCH - instant) % TICK
