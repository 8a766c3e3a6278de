"""What the OpenMetadata server is told of the runs of this replica that belong to a pipeline of its own."""

import threading
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from uuid import UUID

import msgspec

from connectors.connector import Connector
from connectors.reporting.documents import Account, End, PipelineState
from connectors.reporting.reporter import PipelineReporter, reporter_of
from service import clock
from service.database.engine import Database
from service.execution.journal import RunJournal
from service.execution.outcome import SOME_FAILED, TOO_MANY_FAILED, Finished, Outcome, TryAgain
from service.execution.pipeline_states import LAST_SECONDS, STATES
from service.runs import repository
from service.runs.repository import Lease, reports
from service.runs.schemas import RunError
from service.runs.status import RunState

# The worker of a run tries so long to tell its end, before others do.
HEAD_START = 150.0


class Source(msgspec.Struct, frozen=True):
    """What a run reads, and by which connector."""

    connector: Connector[Any, Any]
    config: Mapping[str, Any]

    def __repr__(self) -> str:
        return f"Source({self.connector!r})"


class Reporting:
    """The reporters of this replica's attempts, each known by the attempt's lease."""

    def __init__(self, database: Database, tokens: Path | None = None) -> None:
        self._database = database
        self._tokens = tokens
        self._lock = threading.Lock()
        self._reporters: dict[Lease, PipelineReporter] = {}
        self._ending: set[PipelineReporter] = set()

    def begin(self, journal: RunJournal, source: Source) -> None:
        """Report an attempt from now on, if its definition asks for that."""
        run = str(journal.lease.run_id)
        account = Account(journal.report, journal.redactor.apply, clock.now)
        reporter = reporter_of(source.config, source.connector, run, account, self._tokens)
        if reporter is None:
            return
        with self._lock:
            self._reporters[journal.lease] = reporter
        journal.listen(lambda line: reporter.logged(line.at, line.level, line.logger, line.message))
        reporter.start(lambda told: self._over(journal.lease.run_id, told=told))

    def tells(self, journal: RunJournal) -> bool:
        """Whether the end of an attempt will be told from here."""
        with self._lock:
            return journal.lease in self._reporters

    def end(self, journal: RunJournal, outcome: Outcome) -> None:
        """Tell how an attempt ended, now that it is stored; nobody waits for that."""
        with self._lock:
            reporter = self._reporters.pop(journal.lease, None)
            if reporter is None:
                return
            self._ending = {each for each in self._ending if each.busy} | {reporter}
        reporter.end(end_of(outcome))

    def leave(self, journal: RunJournal) -> None:
        """Tell no more of an attempt, unless its end is being told."""
        with self._lock:
            reporter = self._reporters.pop(journal.lease, None)
        if reporter is not None:
            reporter.leave()

    def stop(self) -> None:
        """Give what is being told a last moment."""
        until = clock.monotonic() + LAST_SECONDS
        with self._lock:
            reporters = [*self._reporters.values(), *self._ending]
        for reporter in reporters:
            reporter.wait(max(0.0, until - clock.monotonic()))

    def _over(self, run_id: UUID, *, told: bool) -> None:
        with self._database.session() as session:
            if told:
                reports.note_told(session, run_id, repository.get(session, run_id).state)
            else:
                reports.hand_over(session, run_id)


def end_of(outcome: Outcome) -> End:
    """An outcome in OpenMetadata's words; a run that is tried again is queued."""
    if not isinstance(outcome, Finished):
        return End(PipelineState.QUEUED, str(outcome.error.detail) if isinstance(outcome, TryAgain) else None)
    return end_in(outcome.state, outcome.error)


def end_in(state: RunState, error: RunError | None) -> End:
    """How a run stands in OpenMetadata's words; that entities failed is told by themselves."""
    if error is None or error.title in (SOME_FAILED, TOO_MANY_FAILED):
        return End(STATES[state])
    return End(STATES[state], ": ".join(filter(None, (error.title, error.detail))))
