"""Tells OpenMetadata servers where runs stand that no worker tells of: they wait, were cancelled or lost, or broke off.

Also what a worker could not tell: its server was away, or it had to stop. Any replica does it, for any run, and for
any automation whose process has ended.
"""

import logging
import threading
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any, cast

import msgspec

from connectors import registry
from connectors.cancellation import Cancellation
from connectors.errors import ConfigurationError, ConnectorError, RunCancelled, SinkUnavailable, advice_of
from connectors.report import Failure, Progress, Report
from connectors.reporting.documents import Account, Subject
from connectors.reporting.server import NoSuchEndpoint
from connectors.reporting.standing import Standing, server_secrets, service_of, tell
from service import clock, logs
from service.database.engine import Database
from service.errors import Invalid, ServiceError
from service.execution.automations import Automations
from service.execution.reporting import end_in
from service.execution.secrets import SecretResolver
from service.logs import Redactor
from service.runs.repository import reports
from service.runs.repository.reports import Losses, Untold
from service.workflows.documents import Json, value_at
from service.workflows.vault import Vault

LOOK_SECONDS = 2.0
JOIN_SECONDS = 3.0
SERVER = ("workflowConfig", "openMetadataServerConfig")

logger = logging.getLogger(__name__)


class Outbox:
    """One thread; what cannot be told is tried again ever less often, for a day, by whichever replica comes to it."""

    def __init__(
        self,
        database: Database,
        vault: Vault,
        resolver: SecretResolver,
        tokens: Path,
        automations: Automations,
    ) -> None:
        self._database = database
        self._vault = vault
        self._resolver = resolver
        self._tokens = tokens
        self._automations = automations
        self._closing = Cancellation()
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._tell_on, name="headwater-outbox", daemon=True)

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def stop(self) -> None:
        """End; what is not told by now is told by others, or after the next start."""
        self._stopped.set()
        self._closing.cancel("the service shuts down")
        if self._thread.ident is not None:
            self._thread.join(JOIN_SECONDS)

    def tell_all(self) -> int:
        """Tell what is to be told now; how many runs that were."""
        with self._database.session() as session:
            untold = reports.take_untold(session)
        away: set[str] = set()
        for run in untold:
            if self._stopped.is_set():
                break
            if run.given_up:
                logger.warning("OpenMetadata is not told any more that run %s is %s", run.run_id, run.state)
            else:
                self._tell(run, away)
        return len(untold)

    def _tell_on(self) -> None:
        while not self._stopped.is_set():
            try:
                full = self.tell_all() == reports.BATCH
                self._automations.tell_lost(self._closing)
            except RunCancelled:
                return
            except Exception as error:  # nothing may end this loop
                unforeseen = not isinstance(error, ServiceError)
                logger.warning("Could not tell OpenMetadata of runs: %s", error, exc_info=unforeseen)
                full = False
            if not full:
                self._stopped.wait(LOOK_SECONDS)

    def _tell(self, run: Untold, away: set[str]) -> None:
        """Tell of one run; servers that do not answer are `away` for the others of the batch."""
        try:
            if not self._told(run, away):
                return
        except NoSuchEndpoint as error:
            logger.info("OpenMetadata is not told of run %s: %s; %s", run.run_id, error, advice_of(error))
        except RunCancelled:  # the service shuts down
            return
        except (ConnectorError, Invalid) as error:
            logger.info("OpenMetadata was not told that run %s is %s: %s", run.run_id, run.state, error)
            with self._database.session() as session:
                reports.note_missed(session, run.run_id, run.state)
            return
        except ServiceError:
            raise
        except Exception:  # of this run: the others of the batch are to be told
            logger.exception("OpenMetadata was not told that run %s is %s", run.run_id, run.state)
            return
        with self._database.session() as session:
            reports.note_told(session, run.run_id, run.state)

    def _told(self, run: Untold, away: set[str]) -> bool:
        """Whether the server was told; not if the run has moved on meanwhile."""
        if run.config is None:
            message = f"its workflow {run.workflow!r} was deleted, and with it the address of the server"
            raise NoSuchEndpoint(message, "correct the run's state in OpenMetadata by hand")
        config = run.definition()
        server, redactor = self._server(config)
        address = str(server.get("hostPort"))
        if address in away:
            message = f"{address} did not answer a moment ago"
            raise SinkUnavailable(message)
        with self._database.session() as session:
            if not reports.is_due(session, run.run_id, run.state):
                return False
            losses = reports.losses(session, run.run_id)
        account = Account(report_of(run, losses), redactor.apply, clock.now)
        standing = _standing(run, config, account, losses.warnings)
        try:
            tell(standing, server, self._closing, self._tokens)
        except SinkUnavailable:
            away.add(address)
            raise
        return True

    def _server(self, config: Json) -> tuple[Mapping[str, Any], Redactor]:
        """How to reach the server of a run, its secrets in place, and what hides them."""
        found = value_at(config, SERVER)
        if not isinstance(found, dict):
            message = "the definition names no server"
            raise NoSuchEndpoint(message, "add workflowConfig.openMetadataServerConfig, or leave the pipeline out")
        opened = self._vault.open(found)
        paths = server_secrets(opened)
        resolved, values = self._resolver.resolve(opened, paths)
        redactor = logs.Redactor()
        redactor.add({*values, *(str(value_at(resolved, path)) for path in paths)})
        return resolved, redactor


def report_of(run: Untold, losses: Losses) -> Report:
    """The report of a run as far as it is stored."""
    by_type = cast("dict[str, dict[str, int]]", run.counts.get("byType") or {})
    progress = {key: state for key, state in run.progress.items() if isinstance(state, dict)}
    report = Report()
    report.by_type.update({entity: Counter(counts) for entity, counts in by_type.items()})
    report.progress.update({key: Progress(**cast("dict[str, int]", state)) for key, state in progress.items()})
    report.failed_by_stage.update(losses.by_stage)
    report.failures.extend(Failure(row.entity, row.name, row.stage, row.cause, row.advice) for row in losses.last)
    return report


def _standing(run: Untold, config: Json, account: Account, warnings: int) -> Standing:
    service = value_at(config, ("source", "serviceName")) or service_of(run.pipeline)
    source = value_at(config, ("source", "sourceConfig", "config"))
    began = run.started_at or run.queued_at
    return Standing(
        subject=Subject(run.pipeline, str(run.run_id), str(service), _service_type(run), began),
        account=account,
        end=msgspec.structs.replace(end_in(run.state, run.error), warnings=warnings),
        since=run.finished_at or run.queued_at,
        source_config={"type": "DatabaseMetadata", **(source if isinstance(source, dict) else {})},
        with_logs=config.get("enableStreamableLogs") is True,
    )


def _service_type(run: Untold) -> str:
    """OpenMetadata's name for the source; the connector may be what is missing."""
    try:
        return registry.get(run.connector).service_type
    except ConfigurationError:
        return run.connector
