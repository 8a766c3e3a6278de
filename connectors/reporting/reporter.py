"""Tells an OpenMetadata server of a run, beside the run: in a thread of its own, which the run never waits for."""

import contextvars
import logging
import threading
import time
from collections.abc import Callable, Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

import msgspec

from connectors.cancellation import Cancellation
from connectors.connector import Connector
from connectors.definition import OpenMetadataConnection, WorkflowDefinition, parse
from connectors.errors import ConnectorError, RunCancelled
from connectors.openmetadata.opening import open_client
from connectors.report import Report
from connectors.reporting.documents import (
    FINAL_UPDATES,
    Account,
    End,
    PipelineState,
    Subject,
    progress_document,
    status_document,
)
from connectors.reporting.lines import LogLines
from connectors.reporting.server import LIMITS, NoSuchEndpoint, PipelineServer

logger = logging.getLogger(__name__)
WARNING = logging.getLevelName(logging.WARNING)
STOP_SECONDS = 1.0


class Pace(msgspec.Struct, frozen=True):
    """How often the server is told, in seconds.

    The first time after `first`, then ever less often up to `longest`; log lines each `lines`. What is to be told at
    the end is tried for `last`.
    """

    first: float = 1.0
    longest: float = 30.0
    lines: float = 2.0
    last: float = 60.0


class Reported(msgspec.Struct, frozen=True):
    """What is reported: a run, its counts, and how its secrets are hidden."""

    subject: Subject
    connection: OpenMetadataConnection
    account: Account
    source_config: Mapping[str, Any]
    with_logs: bool
    tokens: Path | None = None
    pace: Pace = Pace()

    def __repr__(self) -> str:
        return f"Reported({self.subject!r})"


class PipelineReporter:
    """Thread-safe; no method waits for the server or raises."""

    def __init__(self, reported: Reported) -> None:
        self._reported = reported
        self._over: Callable[[bool], None] | None = None
        self._told = False
        self._warnings = 0
        self._lines = LogLines()
        self._ended = threading.Event()
        self._end: End | None = None
        self._stop = Cancellation()
        self._known = self._closing = False
        self._silent: set[str] = set()
        self._troubled: set[str] = set()
        self._lock = threading.Lock()
        context = contextvars.copy_context()
        self._thread = threading.Thread(target=context.run, args=(self._work,), name="pipeline-reporter", daemon=True)

    def start(self, over: Callable[[bool], None] | None = None) -> None:
        """Begin to tell.

        `over` is called when the final state was told or could not be, with whether it was; not for a run that goes on.
        """
        self._over = over
        try:
            self._thread.start()
        except RuntimeError as error:
            logger.warning("The run is not reported to OpenMetadata: %s", error)

    def logged(self, at: datetime, level: str, name: str, message: str) -> None:
        """Pass a log line on, if the definition asks for that."""
        if self._ended.is_set():
            return
        if level == WARNING:
            with self._lock:
                self._warnings += 1
        if self._reported.with_logs:
            self._lines.add(f"{at.isoformat(timespec='milliseconds')} {level:<7} {name}: {message}")

    def end(self, end: End) -> None:
        """Tell how it ended; only the first call counts."""
        with self._lock:
            if not self._ended.is_set():
                self._end = end
                self._ended.set()

    def leave(self) -> None:
        """Tell nothing more: the run belongs to somebody else."""
        with self._lock:
            if not self._ended.is_set():
                self._ended.set()
                self._stop.cancel("the run is reported by somebody else")

    @property
    def busy(self) -> bool:
        """Whether there is something left to be told."""
        return self._thread.is_alive()

    def wait(self, seconds: float) -> None:
        """Wait until everything was told, at most so long; then tell nothing more."""
        if self._thread.ident is not None:
            self._thread.join(seconds)
        self._stop.cancel("the time for the last report is over")
        self._ended.set()
        if self._thread.ident is not None:
            self._thread.join(STOP_SECONDS)

    def _work(self) -> None:
        reported = self._reported
        try:
            client = open_client(reported.connection, Report(), self._stop, LIMITS, reported.tokens)
            with client:
                self._tell(PipelineServer(client, reported.subject, reported.source_config))
        except RunCancelled:
            logger.debug("no more is reported to OpenMetadata")
        except ConnectorError as error:
            logger.warning("The run is not reported to OpenMetadata: %s", error)
        except Exception:  # whatever goes wrong here is no fault of the run
            logger.exception("The run is not reported to OpenMetadata any more")
        finally:
            self._ended.wait()  # what could not be told at the start is to be told at the end by others
            self._hand_over()

    def _hand_over(self) -> None:
        end = self._end
        if self._over is None or end is None or end.state is PipelineState.QUEUED:
            return
        try:
            self._over(self._told)
        except Exception:  # others find the run by themselves, a little later
            logger.exception("Whether OpenMetadata was told of the run could not be noted")

    def _tell(self, server: PipelineServer) -> None:
        pace = self._reported.pace
        self._tell_state(server, PipelineState.RUNNING, "DISCOVERY")
        interval, next_state = pace.first, time.monotonic() + pace.first
        while not self._ended.wait(max(0.0, min(next_state - time.monotonic(), self._line_seconds()))):
            self._tell_lines(server)
            if time.monotonic() >= next_state:
                self._tell_state(server, PipelineState.RUNNING, "PROCESSING")
                interval = min(interval * 2, pace.longest)
                next_state = time.monotonic() + interval
        if self._end is not None:
            self._tell_end(server, self._end)

    def _line_seconds(self) -> float:
        return self._reported.pace.lines if self._reported.with_logs else self._reported.pace.longest

    def _tell_state(self, server: PipelineServer, state: PipelineState, kind: str) -> None:
        reported = self._reported
        status = status_document(reported.subject, reported.account, End(state, warnings=self._warnings), self._now())
        self._known = self._try("status", lambda: server.status(status)) or self._known
        if self._known:
            progress = progress_document(reported.subject, reported.account.report, kind, self._now())
            self._try("progress", lambda: server.progress(progress))

    def _tell_lines(self, server: PipelineServer) -> bool:
        while self._known and "logs" not in self._silent and (batch := self._lines.take()):
            if not self._try("logs", lambda batch=batch: server.logs(batch, self._now())):
                self._lines.give_back(batch)
                return "logs" in self._silent
        return True

    def _tell_end(self, server: PipelineServer, end: End) -> None:
        self._closing = True
        reported = self._reported
        warned = msgspec.structs.replace(end, warnings=self._warnings)
        status = status_document(reported.subject, reported.account, warned, self._now())
        steps = [lambda: self._tell_final(server, status)]
        if end.state is PipelineState.QUEUED:  # said late, it would hide what the next attempt says
            steps[0]()
            self._tell_lines(server)
            return
        update = FINAL_UPDATES[end.state]
        progress = progress_document(reported.subject, reported.account.report, update, self._now())
        steps.append(lambda: self._try("progress", lambda: server.progress(progress)))
        if reported.with_logs:
            steps.append(lambda: self._tell_lines(server) and self._try("logs", server.close_logs))
        self._insist(steps)

    def _tell_final(self, server: PipelineServer, status: Mapping[str, Any]) -> bool:
        self._told = self._try("status", lambda: server.status(status))
        return self._told

    def _insist(self, steps: list[Callable[[], bool]]) -> None:
        """Take the steps until each has succeeded, in their order: the server must know the run first."""
        pace = self._reported.pace
        until, pause = time.monotonic() + pace.last, pace.first
        while steps := _remaining(steps):
            left = until - time.monotonic()
            if left <= 0:
                logger.warning("OpenMetadata was not told how the run ended, after trying for %g s", pace.last)
                return
            self._stop.wait(min(pause, left))
            pause = min(pause * 2, pace.longest)

    def _try(self, what: str, send: Callable[[], None]) -> bool:
        """Whether nothing of this is left to be told."""
        if what in self._silent:
            return True
        try:
            send()
        except RunCancelled:
            raise
        except ConnectorError as error:
            self._failed(what, error)
            return what in self._silent
        self._troubled.discard(what)
        return True

    def _failed(self, what: str, error: ConnectorError) -> None:
        missing = isinstance(error, NoSuchEndpoint)
        if missing and what != "status":
            self._silent.add(what)
        elif missing and self._closing:
            self._silent |= {"status", "progress", "logs"}
            logger.warning("The run is not reported to OpenMetadata: %s", error)
            return
        if what not in self._troubled:
            self._troubled.add(what)
            logger.info("OpenMetadata was not told the %s of the run: %s", what, error)

    def _now(self) -> datetime:
        return self._reported.account.clock()


def reporter_of(
    raw: Mapping[str, Any], connector: Connector[Any, Any], run_id: str, account: Account, tokens: Path | None = None
) -> PipelineReporter | None:
    """The reporter of a run of this definition, whose references below `workflowConfig` are resolved.

    None if no pipeline or no server is named.
    """
    definition = parse(WorkflowDefinition, raw)
    connection = definition.workflow_config.open_metadata_server_config
    if definition.ingestion_pipeline_fqn is None or connection is None:
        return None
    service, began = definition.source.service_name, account.clock()
    subject = Subject(definition.ingestion_pipeline_fqn, run_id, service, connector.service_type, began)
    config = {"type": connector.family, **definition.source.source_config.config}
    with_logs = definition.enable_streamable_logs
    return PipelineReporter(Reported(subject, connection, account, config, with_logs, tokens))


def _remaining(steps: list[Callable[[], bool]]) -> list[Callable[[], bool]]:
    for done, step in enumerate(steps):
        if not step():
            return steps[done:]
    return []
