"""Stores how attempts ended, with their last words: several in one transaction, or one alone.

What they share waits for no lock: a run that somebody else has locked, or whose workflow, is waited for alone.
"""

import logging
from collections.abc import Sequence, Set

import msgspec

from service.database.engine import Database
from service.errors import ServiceError, Unavailable
from service.execution.attempt import Attempt
from service.execution.journal import Journal, Words
from service.execution.outcome import Disowned, Finished, GivenBack, Outcome, TryAgain, error_document
from service.execution.progress import counts_document, progress_document
from service.execution.reporting import HEAD_START, Reporting
from service.metrics import Metrics
from service.runs.repository import endings
from service.runs.repository.endings import Ending
from service.runs.repository.leases import ClaimedRun
from service.runs.status import RunState, is_terminal

logger = logging.getLogger(__name__)


class End(msgspec.Struct, frozen=True, eq=False):
    """What is to be stored of an attempt that ended its run for good."""

    attempt: Attempt
    outcome: Finished
    ending: Ending
    words: Words


class Finisher(msgspec.Struct, frozen=True):
    """Whatever it stores of a run that is not its owner's any more is left out.

    Its methods raise Unavailable when the store does not answer: the same call may succeed later.
    """

    database: Database
    journal: Journal
    reporting: Reporting
    metrics: Metrics

    def end_of(self, attempt: Attempt, outcome: Finished) -> End:
        """How it ended, and what it has told since the last time."""
        progress = progress_document(attempt.report, attempt.seconds) | {"etaSeconds": None}
        head_start = HEAD_START if self.reporting.tells(attempt.journal) else 0.0
        counts = counts_document(attempt.report)
        ending = Ending(outcome.state, counts, progress, outcome.error, head_start=head_start)
        return End(attempt, outcome, ending, self.journal.last_words(attempt.journal))

    def finish_free(self, ends: Sequence[End]) -> Set[End]:
        """Store those that nobody has locked, all or none of them; those that are stored, each of which is to `leave`.

        Raises whatever one of them, or what it told, brings about.
        """
        with self.database.session() as session:
            done = endings.finish_free(session, {end.attempt.claim.lease: end.ending for end in ends})
            stored = [end for end in ends if end.attempt.claim.lease in done]
            self.journal.put(session, [end.words for end in stored])
        return frozenset(stored)

    def store(self, attempt: Attempt, outcome: Outcome) -> bool:
        """Store one, waiting for whoever has locked it; false, and nothing stored, if the run is not ours now."""
        if isinstance(outcome, Disowned):
            self.drop(attempt)
            return False
        state = self._finish(attempt, outcome) if isinstance(outcome, Finished) else self._requeue(attempt, outcome)
        self.leave(attempt, outcome, state)
        return state is not None

    def leave(self, attempt: Attempt, outcome: Finished | TryAgain | GivenBack, state: RunState | None) -> None:
        """Tell how it ended, and no more of it; None: nothing is ours to tell."""
        if state is RunState.QUEUED or (state is not None and isinstance(outcome, Finished)):
            self.reporting.end(attempt.journal, outcome)
        self.drop(attempt)  # of a run that was cancelled when it was to go back, whoever comes to it tells
        if state is not None and is_terminal(state):
            self.metrics.run_finished(attempt.claim.connector, state.value, attempt.seconds)

    def fail(self, claim: ClaimedRun, error: Exception) -> None:
        """Have a run fail of which nothing else can be stored."""
        with self.database.session() as session:
            failed = endings.finish(session, claim.lease, Ending(RunState.FAILED, error=error_document(error)))
        if failed:
            self.metrics.run_ended(claim.connector, RunState.FAILED.value)

    def drop(self, attempt: Attempt) -> None:
        """Forget an attempt of which nothing is to be written any more."""
        self.reporting.leave(attempt.journal)
        self.journal.close(attempt.journal)

    def _finish(self, attempt: Attempt, outcome: Finished) -> RunState | None:
        """The state that the run has from now on; None if it is not ours any more."""
        end = self.end_of(attempt, outcome)
        try:
            return outcome.state if self._finished(end) else None
        except Unavailable:
            end.words.give_back()
            raise

    def _finished(self, end: End) -> bool:
        lease = end.attempt.claim.lease
        try:
            with self.database.session() as session:
                stored = endings.finish(session, lease, end.ending)
                if stored:
                    self.journal.put(session, [end.words])
        except ServiceError:
            raise
        except Exception:  # of what it told: that it has ended is worth more
            if not end.words:
                raise
            logger.exception("The last that run %s told is lost", lease.run_id)
        else:
            return stored
        with self.database.session() as session:
            return endings.finish(session, lease, end.ending)

    def _requeue(self, attempt: Attempt, outcome: TryAgain | GivenBack) -> RunState | None:
        """The same for a run that is to wait again."""
        lease = attempt.claim.lease
        try:
            self.journal.write(attempt.journal)
        except Unavailable:
            raise
        except Exception:  # of what it told: that it waits again is worth more
            logger.exception("The last that run %s told is lost", lease.run_id)
        with self.database.session() as session:
            if isinstance(outcome, TryAgain):
                counts = counts_document(attempt.report)
                return endings.retry_later(session, lease, outcome.error, outcome.delay_seconds, counts)
            return endings.release(session, lease)
