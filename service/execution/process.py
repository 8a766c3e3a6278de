"""A run in a process of its own: it can be killed for real, its memory is bounded, and a crash stays there.

The process does the ingestion and sends what it would tell an observer; the service repeats that to the run's
own report, so nothing else has to know where a run lives.
"""

import contextvars
import logging
import os
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Generator, Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from typing import BinaryIO

import msgspec

from connectors.errors import ConnectorError, FatalError, RunCancelled
from connectors.ingestion import Result
from connectors.report import Failure, Report
from service.execution.messages import MAX_LINE, MAX_TEXT, Assignment, Call, Ended, decode, encode
from service.execution.stopping import Stop, StopSwitch
from service.settings import PREFIX

TERM_GRACE_SECONDS = 2.0
KILL_SECONDS = 5.0
KIBIBYTES = 1024
NEARLY = 0.8

logger = logging.getLogger(__name__)


def ingest_in_process(assignment: Assignment, report: Report, switch: StopSwitch, environ: Mapping[str, str]) -> Result:
    """Run in a process; raises what `connectors.ingestion.ingest` raises, and ConnectorError when the process dies.

    FatalError when it needs more memory than it may have: another attempt would need as much.
    """
    cancellation = switch.cancellation
    with _child(environ) as child, cancellation.interrupting(child.stop):
        child.tell(encode(assignment))
        with switch.followed(child.hold_until):
            ended = _listen(child.messages(), report)
    if ended is not None and ended.result is not None:
        return Result(ended.result)
    if ended is not None and ended.lapsed:
        switch.pull(Stop.LEASE_LOST, "the lease of the run was not renewed in time")
    if cancellation.requested:
        raise RunCancelled(cancellation.reason)
    if ended is not None and ended.broken is not None:
        raise ended.broken.error()
    raise child.death(assignment.memory_limit_mb, out_of_memory=ended is not None)


class Child:
    """One process, and all it starts: it leads a session of its own, which ends with it."""

    def __init__(self, process: subprocess.Popen[bytes], link: socket.socket, words: socket.socket) -> None:
        self._process = process
        self._link = link
        self._words = words
        self._lock = threading.Lock()
        self._ended = threading.Event()
        self._reaped = False
        self._peak_mb = 0.0
        self._killer = threading.Timer(TERM_GRACE_SECONDS, self._signal, (signal.SIGKILL,))
        self._killer.daemon = True

    def tell(self, line: bytes) -> None:
        """Send a line; a process that is gone hears nothing."""
        with suppress(OSError):
            self._link.sendall(line)

    def hold_until(self, moment: float) -> None:
        """Tell until when the run is held, without ever waiting: a process that does not listen ends by its alarm."""
        with suppress(OSError):
            self._link.send(encode(moment), socket.MSG_DONTWAIT)

    def messages(self) -> Iterator[bytes]:
        """The lines that the process sends, until it ends."""
        return _lines(self._link, MAX_LINE)

    def stop(self) -> None:
        """Have it end, by force if it must be."""
        self._signal(signal.SIGTERM)
        try:
            self._killer.start()
        except RuntimeError:  # no thread for the grace
            self._signal(signal.SIGKILL)

    def finish(self) -> None:
        """It has nothing more to say: wait for its end, by force if it must be."""
        if not self._ended.wait(TERM_GRACE_SECONDS):
            self._signal(signal.SIGKILL)
            if not self._ended.wait(KILL_SECONDS):
                logger.error("process %d cannot be killed; it is left behind", self._process.pid)
        self._killer.cancel()

    def death(self, limit_mb: int | None, *, out_of_memory: bool) -> ConnectorError:
        """What became of it, when it could not say so itself."""
        code = self._process.returncode or 0
        if limit_mb is not None and (out_of_memory or (code < 0 and self._peak_mb >= NEARLY * limit_mb)):
            message = f"the run needed more memory than the {limit_mb} MiB of policy.memoryLimitMb"
            return FatalError(message, "raise that limit, lower sourceConfig.config.threads, or filter what is read")
        if out_of_memory:
            return ConnectorError("the run's own process ran out of memory", "see how much memory the service has")
        how = f"was killed by {signal.Signals(-code).name}" if code < 0 else f"ended with exit code {code}"
        advice = "see the last lines of the run's log; what is killed by SIGKILL has often run out of memory"
        return ConnectorError(f"the run's own process {how}", advice)

    def log_words(self) -> None:
        """Log what it prints, libraries and crashes included."""
        for line in _lines(self._words, MAX_TEXT):
            logger.info("%s", line.decode("utf-8", "replace").rstrip())

    def await_end(self) -> None:
        """Wait for its end and see to what it leaves behind."""
        pid = self._process.pid
        if sys.platform == "linux":
            os.waitid(os.P_PID, pid, os.WEXITED | os.WNOWAIT)  # its number is not given away yet
        with self._lock:
            self._kill_group(signal.SIGKILL)
            _, status, usage = os.wait4(pid, 0)
            self._reaped = True
        self._process.returncode = os.waitstatus_to_exitcode(status)
        self._peak_mb = usage.ru_maxrss / KIBIBYTES
        for end in (self._link, self._words):
            with suppress(OSError):
                end.shutdown(socket.SHUT_RD)  # somebody it left behind may hold the other end open
        self._ended.set()

    def _signal(self, number: signal.Signals) -> None:
        with self._lock:
            if not self._reaped:
                self._kill_group(number)

    def _kill_group(self, number: signal.Signals) -> None:
        with suppress(OSError):
            os.killpg(self._process.pid, number)


@contextmanager
def _child(environ: Mapping[str, str]) -> Generator[Child]:
    """A process that waits for its assignment; at the end it is gone."""
    with ExitStack() as stack:
        link, link_there = map(stack.enter_context, socket.socketpair())
        words, words_there = map(stack.enter_context, socket.socketpair())
        process = _started(link_there, words_there, environ)
        link_there.close()
        words_there.close()
        child = Child(process, link, words)
        reaper = threading.Thread(target=child.await_end, name=f"process-{process.pid}", daemon=True)
        run = contextvars.copy_context().run
        reader = threading.Thread(target=run, args=(child.log_words,), name=f"words-{process.pid}", daemon=True)
        try:
            reaper.start()
        except RuntimeError:
            process.kill()
            process.wait()
            raise
        try:
            reader.start()
            yield child
        finally:
            child.finish()
            if reader.ident is not None:
                reader.join(KILL_SECONDS)


def _started(link: socket.socket, words: socket.socket, environ: Mapping[str, str]) -> subprocess.Popen[bytes]:
    """Nothing of the service's own settings and secrets is in its environment, and no file but these is open."""
    try:
        return subprocess.Popen(
            [sys.executable, "-P", "-m", "service.loading", "service.execution.child", str(link.fileno())],
            stdin=subprocess.DEVNULL,
            stdout=words.fileno(),
            stderr=words.fileno(),
            pass_fds=[link.fileno()],
            start_new_session=True,
            env={name: value for name, value in environ.items() if not name.startswith(PREFIX)},
        )
    except OSError as error:
        message = f"the run's own process cannot be started: {error.strerror or error}"
        raise ConnectorError(message, "see how many processes and how much memory the service may have") from error


def _lines(end: socket.socket, longest: int) -> Iterator[bytes]:
    with suppress(OSError), end.makefile("rb") as stream:
        yield from _read(stream, longest)


def _read(stream: BinaryIO, longest: int) -> Iterator[bytes]:
    while line := stream.readline(longest):
        yield line


def _listen(lines: Iterator[bytes], report: Report) -> Ended | None:
    for line in lines:
        try:
            message = decode(line)
        except msgspec.DecodeError:
            logger.warning("the run's own process broke off in the middle of a message")
            return None
        if isinstance(message, Ended):
            return message
        for call in message.calls:
            _repeat(call, report)
    return None


def _repeat(call: Call, report: Report) -> None:
    if call.method == "log":
        name, level, text = call.arguments
        logging.getLogger(name).log(level, "%s", text)
        return
    if call.method == "failed":
        report.failed(Failure(*call.arguments))
        return
    calls = {
        "expected": report.expected,
        "processed": report.processed,
        "counted": report.counted,
        "scope_done": report.scope_done,
        "queried": report.queried,
        "requested": report.requested,
        "retried": report.retried,
        "timed": report.timed,
    }
    calls[call.method](*call.arguments)
