"""One attempt of one run, from the claim to what is stored of its end."""

import logging
from collections.abc import Mapping
from pathlib import Path

import msgspec

from connectors.errors import ConfigurationError, ConnectorError, Problem
from connectors.ingestion import Beginning, Folders, Result, carry_out, judge
from connectors.registry import Plan, plan
from connectors.report import Report
from connectors.services import completed
from connectors.source_files import SourceFiles
from service import clock, logs
from service.database.engine import Database
from service.errors import Invalid
from service.execution.attempt import Attempt
from service.execution.journal import Journal
from service.execution.messages import Assignment
from service.execution.observer import RunObserver
from service.execution.outcome import Outcome, of_error, of_result, redacted
from service.execution.process import ingest_in_process
from service.execution.reporting import Reporting, Source
from service.execution.secrets import SecretResolver, below_connection
from service.execution.stopping import StopSwitch
from service.metrics import Metrics
from service.runs.repository import history
from service.runs.repository.leases import ClaimedRun
from service.workflows.documents import Json, value_at
from service.workflows.schemas import Isolation
from service.workflows.vault import Vault

logger = logging.getLogger(__name__)


class RunExecutor(msgspec.Struct, frozen=True):
    """Does attempts; nothing of how they end is stored here."""

    database: Database
    vault: Vault
    resolver: SecretResolver
    resolver_for_servers: SecretResolver
    metrics: Metrics
    journal: Journal
    reporting: Reporting
    data_dir: Path
    tokens: Path
    sources: SourceFiles
    environ: Mapping[str, str]

    def begin(self, claim: ClaimedRun, held_until: float) -> Attempt:
        """An attempt ready to run, on a lease that is known to last until that moment of the monotonic clock."""
        policy = claim.read_policy()
        switch = StopSwitch(policy.timeout_seconds, held_until)
        report = Report()
        _carry_over(claim, report)
        journal = self.journal.open(claim.lease, lambda: switch.cancellation.lapsed)
        report.listener = RunObserver(claim.connector, _sink_of(claim), self.metrics, journal)
        journal.report = report
        return Attempt(claim, policy, switch, report, journal, clock.monotonic())

    def run(self, attempt: Attempt) -> Outcome:
        """Do it; whatever happens is an outcome."""
        claim, level = attempt.claim, _option(attempt.claim, "loggerLevel")
        lease = claim.lease
        with logs.bind_run(str(lease.run_id), claim.workflow, claim.attempt, level, lease.token) as context:
            attempt.journal.redactor = context.redactor
            logger.info("Attempt %d of workflow %s begins", claim.attempt, claim.workflow)
            try:
                result = self._ingest(attempt)
            except BaseException as error:  # a connector may raise anything, SystemExit too: it ends this attempt only
                # What one of our own errors has to say is told with the outcome.
                logger.warning("The attempt broke off", exc_info=not isinstance(error, ConnectorError))
                outcome = of_error(error, attempt.switch.by, attempt.policy, lease.run_id, claim.attempt)
            else:
                outcome = of_result(result, attempt.report.total("failed"))
            outcome = redacted(outcome, context.redactor.apply)
            logger.info("Attempt %d ended after %.2f s: %s", claim.attempt, attempt.seconds, outcome)
            return outcome

    def _ingest(self, attempt: Attempt) -> Result:
        claim = attempt.claim
        config, planned = self._definition(attempt)
        folders = Folders(
            files=self.data_dir / "files",
            dead_letters=self.data_dir / f"dead-letters/{claim.lease.run_id}.jsonl",
            tokens=self.tokens,
            sources=self.sources,
        )
        beginning = self._beginning(claim, planned)
        if attempt.policy.isolation is Isolation.THREAD:
            return carry_out(planned, attempt.report, attempt.switch.cancellation, folders, beginning)
        level = logging.getLevelNamesMapping().get(_option(claim, "loggerLevel"), logging.INFO)
        assignment = Assignment(
            config=config,
            files=str(folders.files),
            dead_letters=str(folders.dead_letters),
            tokens=str(folders.tokens),
            sources=None if folders.sources.folders is None else list(map(str, folders.sources.folders)),
            finished=sorted(beginning.finished),
            began=beginning.at,
            defined=beginning.defined,
            log_level=level,
            timeout_seconds=attempt.policy.timeout_seconds,
            deadline=attempt.switch.cancellation.deadline,
            memory_limit_mb=attempt.policy.memory_limit_mb,
        )
        ingest_in_process(assignment, attempt.report, attempt.switch, self.environ)
        # Here, where the report holds what earlier attempts delivered.
        return judge(attempt.report, planned.definition.workflow_config.success_threshold)

    def _beginning(self, claim: ClaimedRun, planned: Plan) -> Beginning:
        """A run whose definition is its own alone takes everything: nothing is known of what others left out."""
        finished = frozenset(claim.checkpoints)
        if planned.options.lookback() is None or claim.overrides:
            return Beginning(finished)
        with self.database.session() as session:
            defined = history.defined_at(session, claim.workflow_id, claim.revision)
        return Beginning(finished, clock.now(), defined)

    def _definition(self, attempt: Attempt) -> tuple[Json, Plan]:
        """The config with its secrets in place, and what it comes to."""
        claim = attempt.claim
        try:
            opened, values = claim.definition(self.vault)
        except Invalid as error:
            raise ConfigurationError(Problem(problem.path, problem.message) for problem in error.problems) from error
        logs.redact(values)
        planned = plan(opened, files=self.sources)
        if planned.definition.ingestion_pipeline_fqn is not None:
            self._report(attempt, opened, planned)
        resolved, values = self.resolver.resolve(opened, planned.secret_paths)
        logs.redact(values)
        if planned.connection is None:
            resolved = self._completed(attempt, resolved)
        elif not values:
            return resolved, planned
        return resolved, plan(resolved, files=self.sources)

    def _completed(self, attempt: Attempt, config: Json) -> Json:
        """The config with the connection that the server has for its service."""
        complete = completed(config, attempt.switch.cancellation, self.tokens)
        paths = plan(complete).secret_paths
        complete, _ = self.resolver_for_servers.resolve(complete, below_connection(paths))
        logs.redact(str(value_at(complete, path)) for path in paths)
        return complete

    def _report(self, attempt: Attempt, opened: Json, planned: Plan) -> None:
        """Begin to tell the server of the run as soon as its own secrets are there; what else is wrong is told, too."""
        paths = [path for path in planned.secret_paths if path[0] == "workflowConfig"]
        try:
            config, values = self.resolver.resolve(opened, paths)
        except ConfigurationError:  # the run fails of it right after this
            return
        logs.redact(values)
        self.reporting.begin(attempt.journal, Source(planned.connector, config))


def _carry_over(claim: ClaimedRun, report: Report) -> None:
    """Count what earlier attempts delivered: the run's counts are those of all of its attempts."""
    for records in claim.checkpoints.values():
        for entity, count in records.items():
            if isinstance(count, int):
                report.counted(entity, "written", count)
                report.processed(entity, count)


def _option(claim: ClaimedRun, key: str) -> str:
    options = claim.config.get("workflowConfig")
    value = options.get(key) if isinstance(options, dict) else None
    return value if isinstance(value, str) else "INFO"


def _sink_of(claim: ClaimedRun) -> str:
    sink = claim.config.get("sink")
    kind = sink.get("type") if isinstance(sink, dict) else None
    return kind if isinstance(kind, str) else "metadata-rest"
