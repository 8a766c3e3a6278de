"""What running runs tell the store while they go on: log lines, failures, finished scopes, progress.

Written in batches by one thread. What cannot be written is kept and tried again, within bounds: a store
that stays away loses the run's lease anyway, and the next attempt tells everything anew.
"""

import logging
import threading
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from uuid import UUID

import msgspec
from sqlalchemy.orm import Session

from connectors.report import Failure, Report
from service import clock
from service.database.engine import Database
from service.errors import ServiceError
from service.execution.holding import Held, Holding
from service.execution.progress import counts_document, progress_document
from service.logs import Redactor, RunContext
from service.runs.repository.journal import (
    MAX_TEXT,
    Lease,
    LogLine,
    LostEntity,
    add_failures,
    add_logs,
    checkpoint,
    update_progress,
)

FLUSH_SECONDS = 0.5
KEPT_LINES = 2_500
KEPT_EARLY = 100
KEPT_FAILURES = 10_000
KEPT_SCOPES = 100_000

Scope = tuple[str, Mapping[str, int]]

JOIN_SECONDS = 10.0

logger = logging.getLogger(__name__)


class RunJournal(msgspec.Struct, eq=False):
    """One run's words on their way to the store; safe to add to from any thread. Once `closed` it takes no more.

    `lapsed` tells whether the run may belong to somebody else by now. Log lines are `early` until somebody listens.
    """

    lease: Lease
    lapsed: Callable[[], bool]
    began: float = msgspec.field(default_factory=clock.monotonic)
    report: Report = msgspec.field(default_factory=Report)
    redactor: Redactor = msgspec.field(default_factory=Redactor)
    lines: Holding[LogLine] = msgspec.field(default_factory=lambda: Holding(KEPT_LINES, KEPT_LINES))
    failures: Holding[LostEntity] = msgspec.field(default_factory=lambda: Holding(KEPT_FAILURES))
    scopes: Holding[Scope] = msgspec.field(default_factory=lambda: Holding(KEPT_SCOPES))
    early: deque[LogLine] = msgspec.field(default_factory=lambda: deque(maxlen=KEPT_EARLY))
    listener: Callable[[LogLine], None] | None = None
    shown: object = None
    closed: bool = False
    writing: threading.Lock = msgspec.field(default_factory=threading.Lock)
    hearing: threading.Lock = msgspec.field(default_factory=threading.Lock)

    def logged(self, line: LogLine) -> None:
        """Keep one log line."""
        if self.closed:
            return
        self.lines.add(line)
        with self.hearing:
            if self.listener is None:
                self.early.append(line)
            else:
                self.listener(line)

    def listen(self, listener: Callable[[LogLine], None]) -> None:
        """Have each log line heard, those that there are already first."""
        with self.hearing:
            while self.early:
                listener(self.early.popleft())
            self.listener = listener

    def failed(self, failure: Failure) -> None:
        """Keep one lost entity."""
        if not self.closed:
            cause, advice = self._told(failure.cause), failure.advice
            told = None if advice is None else self._told(advice)
            self.failures.add(LostEntity(failure.entity, self._told(failure.name), failure.stage, cause, told))

    def scope_done(self, fqn: str, records: Mapping[str, int]) -> None:
        """Keep one finished scope."""
        if not self.closed:
            self.scopes.add((fqn, records))

    def _told(self, words: str) -> str:
        return _bounded(self.redactor.apply(words))


class Words(msgspec.Struct, frozen=True):
    """What was taken of a run's journal to be stored, or given back."""

    journal: RunJournal
    lines: Held[LogLine]
    failures: Held[LostEntity]
    scopes: Held[Scope]

    @classmethod
    def of(cls, journal: RunJournal) -> "Words":
        """All there are."""
        return cls(journal, journal.lines.take(), journal.failures.take(), journal.scopes.take())

    def __bool__(self) -> bool:
        """Whether there is anything."""
        return any((*self.lines, *self.failures, *self.scopes))

    def put(self, session: Session) -> None:
        """Store all but the log lines."""
        if self.scopes[0]:
            checkpoint(session, self.journal.lease, dict(self.scopes[0]))
        if self.failures[0]:
            add_failures(session, self.journal.lease, self.failures[0])

    def give_back(self) -> None:
        """Keep them for the next time."""
        self.journal.lines.give_back(self.lines)
        self.journal.failures.give_back(self.failures)
        self.journal.scopes.give_back(self.scopes)


class Journal:
    """The journals of all runs of this process; `keep_lines` log lines are stored of each run."""

    def __init__(self, database: Database, keep_lines: int) -> None:
        self._database = database
        self._keep_lines = keep_lines
        self._attempts: dict[Lease, RunJournal] = {}
        self._lock = threading.Lock()
        self._closing = threading.Event()
        self._thread = threading.Thread(target=self._write_now_and_then, name="headwater-journal", daemon=True)

    def start(self) -> None:
        """Begin to write."""
        self._thread.start()

    def stop(self) -> None:
        """Write what is held, once more, and end."""
        self._closing.set()
        if self._thread.ident is not None:
            self._thread.join(JOIN_SECONDS)
        if not self._thread.is_alive():  # else the store hangs, and would hold us, too
            self._write_all()

    def open(self, lease: Lease, lapsed: Callable[[], bool] = lambda: False) -> RunJournal:
        """The journal of an attempt that begins; while `lapsed` it is written no further."""
        journal = RunJournal(lease, lapsed)
        with self._lock:
            self._attempts[lease] = journal
        return journal

    def close(self, journal: RunJournal) -> None:
        """Write no more of a run, whoever goes on to tell of it."""
        journal.closed = True
        with self._lock:
            self._attempts.pop(journal.lease, None)

    def log(self, run: RunContext, at: datetime, level: str, name: str, message: str) -> None:
        """Keep a log line if its attempt still goes on here; not those of one that was given up and talks on."""
        with self._lock:
            journal = self._attempts.get(Lease(UUID(run.run_id), run.token))
        if journal is not None:
            journal.logged(LogLine(at, level, name, _bounded(message)))

    def last_words(self, journal: RunJournal) -> Words:
        """What a run has told since the last time, to be stored with its end."""
        with journal.writing:
            return Words.of(journal)

    def put(self, session: Session, words: Sequence[Words]) -> None:
        """Store what runs told."""
        for each in words:
            each.put(session)
        lines = {each.journal.lease: _in_order(*each.lines) for each in words if any(each.lines)}
        if lines:
            add_logs(session, lines, self._keep_lines)

    def write(self, journal: RunJournal) -> None:
        """Write what a run has told since the last time.

        Raises:
            Unavailable: The store does not answer; everything is kept for the next time.
        """
        counts = counts_document(journal.report)
        shown = (counts, journal.report.snapshot_progress())
        with journal.writing:
            words, moved = Words.of(journal), shown != journal.shown
            if journal.closed or not (moved or words):
                return
            try:
                with self._database.session() as session:
                    self.put(session, [words])
                    if moved:
                        progress = progress_document(journal.report, clock.monotonic() - journal.began)
                        update_progress(session, journal.lease, progress, counts)
            except ServiceError:
                words.give_back()
                raise
            journal.shown = shown

    def _write_now_and_then(self) -> None:
        while not self._closing.wait(FLUSH_SECONDS):
            self._write_all()

    def _write_all(self) -> None:
        with self._lock:
            journals = list(self._attempts.values())
        begun = clock.monotonic() - FLUSH_SECONDS
        for journal in journals:
            # Most that end at once tell all they have with their end; what is younger than that is not asked.
            if journal.lapsed() or (journal.began > begun and not self._closing.is_set()):
                continue
            try:
                self.write(journal)
            except ServiceError as error:
                logger.warning("Could not write what runs tell, next try in %g s: %s", FLUSH_SECONDS, error)
                return
            except Exception:  # what cannot be written is lost, the run and those beside it go on
                logger.exception("Could not write what run %s tells; it is left out", journal.lease.run_id)


def _in_order(first: list[LogLine], last: list[LogLine], dropped: int) -> list[LogLine]:
    if not dropped:
        return [*first, *last]
    at = last[0].at if last else first[-1].at
    return [*first, LogLine(at, "WARNING", "", f"{dropped} lines were too many to be kept"), *last]


def _bounded(words: str) -> str:
    return words if len(words) <= MAX_TEXT else words[:MAX_TEXT] + "…"
