"""A run in a process of its own: it can be killed for real, and a crash stays there.

The child does the ingestion and sends what it would tell an observer; the parent repeats that to the run's
own report, so nothing else has to know where a run lives.
"""

import logging
import multiprocessing
import os
import signal
import threading
from collections.abc import Mapping
from dataclasses import dataclass
from multiprocessing.connection import Connection
from multiprocessing.process import BaseProcess
from typing import Any

from connectors.cancellation import Cancellation
from connectors.errors import ConnectorError, FatalError, RunCancelled, cause_of
from connectors.ingestion import Folders, Result, ingest
from connectors.report import Failure, Outcome, Report

FLUSH_SECONDS = 0.2
FLUSH_EVENTS = 200
TERM_GRACE_SECONDS = 2.0
PARENT_IS_GONE = 70

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Assignment:
    """What a child is given; the config has its secrets resolved."""

    config: Mapping[str, Any]
    folders: Folders
    finished: frozenset[str]
    timeout_seconds: float | None
    log_level: int


@dataclass(frozen=True, slots=True)
class Told:
    """One call of the observer, to be repeated on the other side."""

    method: str
    arguments: tuple[Any, ...]


@dataclass(frozen=True, slots=True)
class Ended:
    """The last thing a child sends."""

    result: Result | None
    error: ConnectorError | None


def ingest_in_process(assignment: Assignment, report: Report, cancellation: Cancellation) -> Result:
    """Run in a child; raises what `connectors.ingestion.ingest` raises, and FatalError when the child dies."""
    here, there = multiprocessing.Pipe()
    child = multiprocessing.get_context("spawn").Process(target=_child, args=(there, assignment), daemon=True)
    child.start()
    there.close()
    killer = threading.Timer(TERM_GRACE_SECONDS, child.kill)

    def stop() -> None:
        child.terminate()
        killer.start()

    try:
        with cancellation.interrupting(stop):
            ended = _listen(here, report)
            child.join()
    finally:
        killer.cancel()
        here.close()
        child.kill()
        child.join()
    return _conclusion(ended, child, cancellation)


def _listen(connection: Connection, report: Report) -> Ended | None:
    while True:
        try:
            message: list[Told] | Ended = connection.recv()
        except (EOFError, OSError):
            return None
        if isinstance(message, Ended):
            return message
        for told in message:
            _repeat(told, report)


def _repeat(told: Told, report: Report) -> None:
    if told.method == "log":
        name, level, text = told.arguments
        logging.getLogger(name).log(level, "%s", text)
    else:
        calls = {
            "expected": report.expected,
            "processed": report.processed,
            "counted": report.counted,
            "failed": report.failed,
            "scope_done": report.scope_done,
            "queried": report.queried,
            "requested": report.requested,
            "retried": report.retried,
        }
        calls[told.method](*told.arguments)


def _conclusion(ended: Ended | None, child: BaseProcess, cancellation: Cancellation) -> Result:
    if ended is not None and ended.result is not None:
        return ended.result
    if cancellation.requested:
        raise RunCancelled(cancellation.reason)
    if ended is not None and ended.error is not None:
        raise ended.error
    code = child.exitcode or 0
    how = f"was killed by {signal.Signals(-code).name}" if code < 0 else f"ended with exit code {code}"
    message = f"the run's own process {how}"
    raise FatalError(message, "see the logs of the service; a process killed by SIGKILL has often run out of memory")


class PipeObserver:
    """Sends on what it hears, many calls at once; the Observer and the log handler of a child."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._lock = threading.Lock()
        self._held: list[Told] = []
        self._closed = threading.Event()
        threading.Thread(target=self._flush_now_and_then, name="events", daemon=True).start()

    def expected(self, entity: str, count: int) -> None:
        """See Observer."""
        self.tell("expected", entity, count)

    def processed(self, entity: str, count: int = 1) -> None:
        """See Observer."""
        self.tell("processed", entity, count)

    def counted(self, entity: str, outcome: Outcome, count: int = 1) -> None:
        """See Observer; a failure is counted where `failed` is repeated."""
        if outcome != "failed":
            self.tell("counted", entity, outcome, count)

    def failed(self, failure: Failure) -> None:
        """See Observer."""
        self.tell("failed", failure)

    def scope_done(self, fqn: str, records: Mapping[str, int]) -> None:
        """See Observer."""
        self.tell("scope_done", fqn, dict(records))

    def queried(self, seconds: float) -> None:
        """See Observer."""
        self.tell("queried", seconds)

    def requested(self, operation: str, status: str, seconds: float) -> None:
        """See Observer."""
        self.tell("requested", operation, status, seconds)

    def retried(self) -> None:
        """See Observer."""
        self.tell("retried")

    def tell(self, method: str, *arguments: object) -> None:
        """Send one call, soon."""
        with self._lock:
            self._held.append(Told(method, arguments))
            if len(self._held) >= FLUSH_EVENTS:
                self._send()

    def close(self, ended: Ended) -> None:
        """Send what is held and, last, how it ended."""
        self._closed.set()
        with self._lock:
            self._send()
            self._connection.send(ended)

    def _flush_now_and_then(self) -> None:
        while not self._closed.wait(FLUSH_SECONDS):
            with self._lock:
                self._send()

    def _send(self) -> None:
        if self._held:
            self._connection.send(self._held)
            self._held = []


class PipeLogHandler(logging.Handler):
    """Hands a child's log lines to its parent, which knows whose they are."""

    def __init__(self, observer: PipeObserver) -> None:
        super().__init__()
        self._observer = observer

    def emit(self, record: logging.LogRecord) -> None:
        """Send the finished text."""
        self._observer.tell("log", record.name, record.levelno, self.format(record))


def _child(connection: Connection, assignment: Assignment) -> None:
    cancellation = Cancellation(assignment.timeout_seconds)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, lambda _number, _frame: cancellation.cancel("told to stop"))
    threading.Thread(target=_die_with_the_parent, args=(connection,), name="parent", daemon=True).start()
    observer = PipeObserver(connection)
    root = logging.getLogger()
    root.addHandler(PipeLogHandler(observer))
    root.setLevel(assignment.log_level)
    ended = Ended(None, None)
    try:
        report = Report(observer)
        ended = Ended(ingest(assignment.config, report, cancellation, assignment.folders, assignment.finished), None)
    except ConnectorError as error:
        ended = Ended(None, error)
    except Exception as error:
        logger.exception("the run broke off")
        ended = Ended(None, ConnectorError(cause_of(error)))
    observer.close(ended)


def _die_with_the_parent(connection: Connection) -> None:
    try:
        connection.recv()
    except (EOFError, OSError):
        os._exit(PARENT_IS_GONE)
