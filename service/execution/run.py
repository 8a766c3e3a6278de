"""One attempt of one run, from the claim to what is stored of its end."""

import logging
from dataclasses import dataclass
from pathlib import Path

from connectors.errors import ConfigurationError, Problem
from connectors.ingestion import Folders, Result, ingest
from connectors.report import Report
from service import clock, logs
from service.database.engine import Database
from service.errors import Invalid
from service.execution.journal import Journal, RunJournal
from service.execution.observer import RunObserver
from service.execution.outcome import Disowned, Finished, GivenBack, Outcome, TryAgain, of_error, of_result
from service.execution.process import Assignment, ingest_in_process
from service.execution.progress import counts_document, progress_document
from service.execution.secrets import SecretResolver
from service.execution.stopping import StopSwitch
from service.metrics import Metrics
from service.runs.repository import endings
from service.runs.repository.leases import ClaimedRun
from service.workflows.documents import Json, value_at
from service.workflows.schemas import Isolation
from service.workflows.vault import Vault, sealed_paths

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Attempt:
    """One attempt of one run; everything it touches is its own."""

    claim: ClaimedRun
    switch: StopSwitch
    report: Report
    journal: RunJournal
    began: float

    @property
    def seconds(self) -> float:
        """How long it has gone on."""
        return clock.monotonic() - self.began


@dataclass(frozen=True, slots=True)
class RunExecutor:
    """Does attempts and stores how they ended."""

    database: Database
    vault: Vault
    resolver: SecretResolver
    metrics: Metrics
    journal: Journal
    data_dir: Path

    def begin(self, claim: ClaimedRun) -> Attempt:
        """An attempt ready to run."""
        journal = self.journal.open(claim.lease)
        report = Report()
        _carry_over(claim, report)
        report.listener = RunObserver(claim.connector, _sink_of(claim), self.metrics, journal)
        journal.report = report
        return Attempt(claim, StopSwitch(claim.policy.timeout_seconds), report, journal, clock.monotonic())

    def run(self, attempt: Attempt) -> Outcome:
        """Do it; whatever happens is an outcome."""
        claim = attempt.claim
        with logs.bind_run(str(claim.lease.run_id), claim.workflow, claim.attempt, _option(claim, "loggerLevel")):
            logger.info("Attempt %d of workflow %s begins", claim.attempt, claim.workflow)
            try:
                result = self._ingest(attempt)
            except Exception as error:  # whatever ends an attempt is stored as its error
                logger.warning("The attempt broke off", exc_info=True)
                outcome = of_error(error, attempt.switch.by, claim.policy, claim.lease.run_id, claim.attempt)
            else:
                outcome = of_result(result, attempt.report.total("failed"))
            logger.info("Attempt %d ended after %.2f s: %s", claim.attempt, attempt.seconds, outcome)
            return outcome

    def store(self, attempt: Attempt, outcome: Outcome) -> bool:
        """Write the last of the attempt and how it ended; false, and nothing written, if the run is not ours any more.

        Raises:
            Unavailable: The store does not answer; the same call may succeed later.
        """
        self.journal.write(attempt.journal)
        stored = self._store(attempt, outcome)
        self.journal.close(attempt.journal)
        if stored and isinstance(outcome, Finished):
            self.metrics.run_finished(attempt.claim.connector, outcome.state.value, attempt.seconds)
        return stored

    def _store(self, attempt: Attempt, outcome: Outcome) -> bool:
        lease = attempt.claim.lease
        counts, progress = counts_document(attempt.report), progress_document(attempt.report, attempt.seconds)
        with self.database.session() as session:
            match outcome:
                case Finished(state, error):
                    return endings.finish(session, lease, endings.Ending(state, counts, progress, error))
                case TryAgain(delay, error):
                    return endings.retry_later(session, lease, error, delay, counts)
                case GivenBack():
                    return endings.release(session, lease)
                case Disowned():
                    return False

    def _ingest(self, attempt: Attempt) -> Result:
        claim, cancellation = attempt.claim, attempt.switch.cancellation
        config = self._definition(claim)
        folders = Folders(
            files=self.data_dir / "files",
            dead_letters=self.data_dir / "dead-letters" / f"{claim.lease.run_id}.jsonl",
        )
        finished = frozenset(claim.checkpoints)
        if claim.policy.isolation is Isolation.THREAD:
            return ingest(config, attempt.report, cancellation, folders, finished)
        level = logging.getLevelNamesMapping().get(_option(claim, "loggerLevel"), logging.INFO)
        assignment = Assignment(config, folders, finished, claim.policy.timeout_seconds, level)
        return ingest_in_process(assignment, attempt.report, cancellation)

    def _definition(self, claim: ClaimedRun) -> Json:
        try:
            opened = claim.definition(self.vault)
        except Invalid as error:
            raise ConfigurationError(Problem(problem.path, problem.message) for problem in error.problems) from error
        logs.redact(str(value_at(opened, path)) for path in sealed_paths(claim.config))
        resolved, values = self.resolver.resolve(opened)
        logs.redact(values)
        return resolved


def _carry_over(claim: ClaimedRun, report: Report) -> None:
    """Count what earlier attempts delivered: the run's counts are those of all of its attempts."""
    for records in claim.checkpoints.values():
        for entity, count in records.items():
            if isinstance(count, int):
                report.counted(entity, "written", count)


def _option(claim: ClaimedRun, key: str) -> str:
    options = claim.config.get("workflowConfig")
    value = options.get(key) if isinstance(options, dict) else None
    return value if isinstance(value, str) else "INFO"


def _sink_of(claim: ClaimedRun) -> str:
    sink = claim.config.get("sink")
    kind = sink.get("type") if isinstance(sink, dict) else None
    return kind if isinstance(kind, str) else "metadata-rest"
