"""A process that understands queries: one that takes too much time or memory ends it, and not the run."""

import os
import signal
import subprocess
import sys
import threading

import msgspec

from connectors.cancellation import Cancellation
from connectors.decoding import decode
from connectors.errors import cause_of
from connectors.families.dbt.query_columns import Answer, Question

# Of this process' environment, what the other one needs to find its modules.
ENVIRONMENT = ("LD_LIBRARY_PATH", "PATH", "PYTHONHOME", "PYTHONPATH", "PYTHONPYCACHEPREFIX")


class QueryProcess:
    """Started with the first question, and anew after one that ended it; threads that ask wait for each other."""

    def __init__(self, cancellation: Cancellation) -> None:
        self._cancellation = cancellation
        self._lock = threading.Lock()
        self._process: subprocess.Popen[bytes] | None = None

    def answer(self, question: Question) -> Answer:
        """What it says, or an error that tells how it ended.

        Raises:
            RunCancelled: The run was told to stop.
        """
        remaining = self._cancellation.remaining()
        seconds = question.seconds if remaining is None else max(0.001, min(question.seconds, remaining))
        asked = msgspec.json.encode(msgspec.structs.replace(question, seconds=seconds))
        with self._lock:
            self._cancellation.check()
            try:
                process = self._process = self._process or _started()
            except OSError as error:
                return Answer(error=f"no process for it can be started: {cause_of(error)}")
            with self._cancellation.interrupting(process.kill):
                line = _said(process, asked)
            ended = None if line else self._ended()
        if line:
            return decode(line, Answer)
        self._cancellation.check()
        if ended == -signal.SIGALRM:
            return Answer(error=f"it takes longer than the {question.seconds:g} s of parsingTimeoutLimit")
        return Answer(error=f"the process for it ended with {ended}")

    def close(self) -> None:
        """End it."""
        with self._lock:
            self._ended()

    def _ended(self) -> int | None:
        """End it, if it has not yet; how it ended."""
        process, self._process = self._process, None
        if process is None:
            return None
        process.kill()
        with process:  # waits, and closes what leads to it
            return process.wait()


def _started() -> "subprocess.Popen[bytes]":
    return subprocess.Popen(
        [sys.executable, "-P", "-m", "connectors.families.dbt.query_columns"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        env={name: os.environ[name] for name in ENVIRONMENT if name in os.environ},
    )


def _said(process: "subprocess.Popen[bytes]", asked: bytes) -> bytes:
    """Its line; empty where it ended without one."""
    if process.stdin is None or process.stdout is None:
        return b""
    try:
        process.stdin.write(asked + b"\n")
        process.stdin.flush()
    except OSError:
        return b""
    return process.stdout.readline()
