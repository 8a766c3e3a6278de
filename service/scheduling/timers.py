"""APScheduler as a set of named alarms: one per workflow, each for the instant it is due next."""

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Protocol, cast

from apscheduler.executors.debug import DebugExecutor
from apscheduler.jobstores.base import JobLookupError
from apscheduler.jobstores.memory import MemoryJobStore
from apscheduler.schedulers.background import BackgroundScheduler
from apscheduler.triggers.date import DateTrigger


class _Scheduler(Protocol):
    """What of the untyped BackgroundScheduler is used here."""

    def start(self) -> None: ...
    def shutdown(self, wait: bool = True) -> None: ...
    def add_job(self, func: Callable[[str], None], trigger: object, **options: object) -> object: ...
    def remove_job(self, job_id: str) -> None: ...


class Timers:
    """Calls `ring(key)` when the alarm of `key` is due, late ones too; `ring` must be quick."""

    def __init__(self, ring: Callable[[str], None]) -> None:
        self._ring = ring
        self._set: dict[str, datetime] = {}
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

    def start(self) -> None:
        """Begin to ring."""
        self._scheduler.start()

    def stop(self) -> None:
        """Ring no more."""
        self._scheduler.shutdown(wait=False)

    def set(self, key: str, instant: datetime) -> None:
        """Set or move the alarm of `key`."""
        if self._set.get(key) == instant:
            return
        self._set[key] = instant
        self._scheduler.add_job(
            self._rung, DateTrigger(instant), args=(key,), id=key, replace_existing=True, misfire_grace_time=None
        )

    def clear(self, key: str) -> None:
        """Take the alarm of `key` away, if there is one."""
        if self._set.pop(key, None) is None:
            return
        try:
            self._scheduler.remove_job(key)
        except JobLookupError:
            return  # it rang in this very moment

    def keep_only(self, wanted: Mapping[str, datetime]) -> None:
        """Make the alarms exactly these."""
        for key in self._set.keys() - wanted.keys():
            self.clear(key)
        for key, instant in wanted.items():
            self.set(key, instant)

    def _rung(self, key: str) -> None:
        self._set.pop(key, None)
        self._ring(key)
