"""What running runs tell the store while they go on: log lines, failures, finished scopes, progress.

Written in batches by one thread. What cannot be written is kept and tried again, within bounds: a store
that stays away loses the run's lease anyway, and the next attempt tells everything anew.
"""

import logging
import threading
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import TypeVar
from uuid import UUID

from connectors.report import Failure, Report
from service import clock
from service.database.engine import Database
from service.errors import ServiceError
from service.execution.progress import counts_document, progress_document
from service.runs.repository.journal import (
    Lease,
    LogLine,
    LostEntity,
    add_failures,
    add_logs,
    checkpoint,
    update_progress,
)

FLUSH_SECONDS = 0.5
KEPT_LINES = 5_000
KEPT_FAILURES = 10_000

T = TypeVar("T")

logger = logging.getLogger(__name__)


@dataclass(slots=True)
class RunJournal:
    """One run's words on their way to the store; safe to add to from any thread."""

    lease: Lease
    began: float = field(default_factory=clock.monotonic)
    report: Report = field(default_factory=Report)
    lines: deque[LogLine] = field(default_factory=lambda: deque[LogLine](maxlen=KEPT_LINES))
    failures: deque[LostEntity] = field(default_factory=lambda: deque[LostEntity](maxlen=KEPT_FAILURES))
    scopes: deque[tuple[str, Mapping[str, int]]] = field(default_factory=deque[tuple[str, Mapping[str, int]]])
    shown: object = None
    writing: threading.Lock = field(default_factory=threading.Lock)

    def failed(self, failure: Failure) -> None:
        """Keep one lost entity."""
        self.failures.append(LostEntity(failure.entity, failure.name, failure.stage, failure.cause, failure.advice))

    def scope_done(self, fqn: str, records: Mapping[str, int]) -> None:
        """Keep one finished scope."""
        self.scopes.append((fqn, records))


class Journal:
    """The journals of all runs of this process; `keep_lines` log lines are stored of each run."""

    def __init__(self, database: Database, keep_lines: int) -> None:
        self._database = database
        self._keep_lines = keep_lines
        self._runs: dict[UUID, RunJournal] = {}
        self._lock = threading.Lock()
        self._closing = threading.Event()
        self._thread = threading.Thread(target=self._write_now_and_then, name="headwater-journal", daemon=True)

    def start(self) -> None:
        """Begin to write."""
        self._thread.start()

    def stop(self) -> None:
        """Write what is held, once more, and end."""
        self._closing.set()
        self._thread.join()
        self._write_all()

    def open(self, lease: Lease) -> RunJournal:
        """The journal of a run that begins."""
        journal = RunJournal(lease)
        with self._lock:
            self._runs[lease.run_id] = journal
        return journal

    def close(self, journal: RunJournal) -> None:
        """Write no more of a run."""
        with self._lock:
            self._runs.pop(journal.lease.run_id, None)

    def log(self, run_id: str, at: datetime, level: str, message: str) -> None:
        """Keep a log line if it belongs to a run of this process."""
        with self._lock:
            journal = self._runs.get(UUID(run_id))
        if journal is not None:
            journal.lines.append(LogLine(at, level, "", message))

    def _write_now_and_then(self) -> None:
        while not self._closing.wait(FLUSH_SECONDS):
            self._write_all()

    def _write_all(self) -> None:
        with self._lock:
            journals = list(self._runs.values())
        for journal in journals:
            try:
                self.write(journal)
            except ServiceError as error:
                logger.warning("Could not write what runs tell, next try in %g s: %s", FLUSH_SECONDS, error)
                return

    def write(self, journal: RunJournal) -> None:
        """Write what a run has told since the last time.

        Raises:
            Unavailable: The store does not answer; everything is kept for the next time.
        """
        counts = counts_document(journal.report)
        with journal.writing:
            lines, failures, scopes = _taken(journal.lines), _taken(journal.failures), _taken(journal.scopes)
            if not (lines or failures or scopes or counts != journal.shown):
                return
            try:
                with self._database.session() as session:
                    checkpoint(session, journal.lease, dict(scopes))
                    add_failures(session, journal.lease, failures)
                    add_logs(session, journal.lease, lines, self._keep_lines)
                    progress = progress_document(journal.report, clock.monotonic() - journal.began)
                    update_progress(session, journal.lease, progress, counts)
            except ServiceError:
                journal.lines.extendleft(reversed(lines))
                journal.failures.extendleft(reversed(failures))
                journal.scopes.extendleft(reversed(scopes))
                raise
            journal.shown = counts


def _taken(waiting: deque[T]) -> list[T]:
    return [waiting.popleft() for _ in range(len(waiting))]
