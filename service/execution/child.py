"""The process of one run: `python -m service.loading service.execution.child DESCRIPTOR`, started by `process`.

It ends when it is told to, when nobody renews its lease, and when the service is gone: by itself as long as its
threads get to run, and by the alarm that the lease winds up when some code lets none of them.
"""

import faulthandler
import logging
import os
import resource
import signal
import socket
import sys
import threading
import time
from collections.abc import Mapping
from pathlib import Path
from typing import BinaryIO

from connectors.cancellation import Cancellation
from connectors.decoding import decode
from connectors.ingestion import Beginning, Folders, ingest
from connectors.report import Failure, Outcome, Report
from connectors.source_files import SourceFiles
from service.execution.messages import Assignment, Broken, Call, Ended, Events, encode, sendable

FLUSH_SECONDS = 0.2
FLUSH_CALLS = 200
ALARM_GRACE_SECONDS = 1.0
MEBIBYTE = 1024**2
STACK_BYTES = 2 * MEBIBYTE

logger = logging.getLogger(__name__)


class Teller:
    """Sends on what it hears, many calls at once; the Observer of this process.

    Whoever tells more than the service takes has to wait.
    """

    def __init__(self, link: socket.socket) -> None:
        self._link = link
        self._lock = threading.Lock()
        self._held: list[Call] = []
        self._closed = threading.Event()
        self._thread = threading.Thread(target=self._flush_now_and_then, name="events", daemon=True)
        self._thread.start()

    def expected(self, entity: str, count: int) -> None:
        """See Observer."""
        self.tell("expected", sendable(entity), count)

    def processed(self, entity: str, count: int = 1) -> None:
        """See Observer."""
        self.tell("processed", sendable(entity), count)

    def counted(self, entity: str, outcome: Outcome, count: int = 1) -> None:
        """See Observer; a failure is counted where `failed` is repeated."""
        if outcome != "failed":
            self.tell("counted", sendable(entity), outcome, count)

    def failed(self, failure: Failure) -> None:
        """See Observer."""
        advice = None if failure.advice is None else sendable(failure.advice)
        words = map(sendable, (failure.entity, failure.name, failure.stage, failure.cause))
        self.tell("failed", *words, advice, failure.lost)

    def scope_done(self, fqn: str, records: Mapping[str, int]) -> None:
        """See Observer."""
        self.tell("scope_done", fqn.encode("utf-8", "replace").decode(), dict(records))

    def queried(self, seconds: float) -> None:
        """See Observer."""
        self.tell("queried", seconds)

    def requested(self, operation: str, status: str, seconds: float) -> None:
        """See Observer."""
        self.tell("requested", operation, status, seconds)

    def retried(self) -> None:
        """See Observer."""
        self.tell("retried")

    def timed(self, entity: str, stage: str, seconds: float) -> None:
        """See Observer."""
        self.tell("timed", sendable(entity), sendable(stage), seconds)

    def tell(self, method: str, *arguments: object) -> None:
        """Send one call, soon."""
        with self._lock:
            self._held.append(Call(method, list(arguments)))
            if len(self._held) >= FLUSH_CALLS:
                self._send()

    def close(self, ended: Ended) -> None:
        """Send what is held and, last, how it ended."""
        self._closed.set()
        with self._lock:
            self._send()
            self._link.sendall(encode(ended))

    def _flush_now_and_then(self) -> None:
        while not self._closed.wait(FLUSH_SECONDS):
            with self._lock:
                self._send()

    def _send(self) -> None:
        held, self._held = self._held, []
        if held:
            self._link.sendall(encode(Events(held)))


class TellingHandler(logging.Handler):
    """Hands log lines to the service, which knows whose they are and what is secret in them."""

    def __init__(self, teller: Teller) -> None:
        super().__init__()
        self._teller = teller

    def emit(self, record: logging.LogRecord) -> None:
        """Send the finished text."""
        self._teller.tell("log", record.name, record.levelno, sendable(self.format(record)))


def work(assignment: Assignment, teller: Teller, cancellation: Cancellation) -> Ended:
    """Do what was assigned; whatever happens is an end."""
    sources = None if assignment.sources is None else tuple(map(Path, assignment.sources))
    folders = Folders(
        Path(assignment.files), Path(assignment.dead_letters), Path(assignment.tokens), SourceFiles(sources)
    )
    beginning = Beginning(frozenset(assignment.finished), assignment.began, assignment.defined)
    limits = _limit_memory(assignment.memory_limit_mb)
    try:
        result = ingest(assignment.config, Report(teller), cancellation, folders, beginning)
    except MemoryError:
        resource.setrlimit(resource.RLIMIT_DATA, limits)
        return Ended()
    except BaseException as error:  # a connector may raise anything, SystemExit too
        logger.debug("the run broke off", exc_info=True)
        return Ended(broken=Broken.of(error), lapsed=cancellation.lapsed)
    return Ended(result=result.value)


def obey(requests: BinaryIO, cancellation: Cancellation) -> None:
    """Hear until when the run is held; end with the service."""
    for line in requests:
        moment = decode(line, float)
        cancellation.hold_until(moment)
        left = moment + ALARM_GRACE_SECONDS - time.monotonic()
        signal.setitimer(signal.ITIMER_REAL, max(0.001, left))
    os.killpg(0, signal.SIGKILL)  # with all that was started here


def _limit_memory(mebibytes: int | None) -> tuple[int, int]:
    """Bound what may be allocated; the limits that were.

    Of the data, not of the addresses: those that threads and libraries reserve without using them are many.
    """
    limits = resource.getrlimit(resource.RLIMIT_DATA)
    if mebibytes is not None:
        threading.stack_size(STACK_BYTES)
        resource.setrlimit(resource.RLIMIT_DATA, (mebibytes * MEBIBYTE, limits[1]))
    return limits


def _stop_when_told(cancellation: Cancellation) -> None:
    """On SIGTERM, from a thread: what a cancel does needs locks, which the interrupted code may hold."""
    told = threading.Event()

    def stop() -> None:
        told.wait()
        if not cancellation.requested:  # of a run whose time is over the service knows, too
            cancellation.cancel("the run was told to stop")

    threading.Thread(target=stop, name="stop", daemon=True).start()
    signal.signal(signal.SIGTERM, lambda _number, _frame: told.set())


def main() -> None:
    """Do the run of the service at the other end of the socket; ends the process."""
    faulthandler.enable()
    link = socket.socket(fileno=int(sys.argv[1]))
    link.set_inheritable(False)
    requests = link.makefile("rb")
    assignment = decode(requests.readline(), Assignment)
    cancellation = Cancellation(assignment.timeout_seconds, assignment.deadline)
    _stop_when_told(cancellation)
    threading.Thread(target=obey, args=(requests, cancellation), name="service", daemon=True).start()
    teller = Teller(link)
    logging.getLogger().addHandler(TellingHandler(teller))
    logging.getLogger().setLevel(max(assignment.log_level, logging.INFO))
    for name in ("service", "connectors"):
        logging.getLogger(name).setLevel(assignment.log_level)
    teller.close(work(assignment, teller, cancellation))
    # At once: threads that a connector left behind, and its exit handlers, might take their time.
    os._exit(0)
