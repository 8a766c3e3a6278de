"""The command `headwater` in a process forked from one that has loaded it: loading is nearly all that a start costs.

What it does is the same from `service.cli.main` on. Starts of the interpreter itself are tried by others, such as the
service that tests share.
"""

import multiprocessing
import os
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from functools import cache
from multiprocessing.context import ForkServerContext
from pathlib import Path

from service import cli
from tests.sharing import REPOSITORY

COMMANDS = ("apply", "keys", "migrate", "replay", "run", "serve", "settings", "validate")


class Forked:
    """One such process, in a session of its own; as far as it goes, what subprocess.Popen gives."""

    def __init__(self, arguments: Sequence[str], environment: Mapping[str, str], stdout: Path, stderr: Path) -> None:
        # A daemon, so that it ends with the tests whatever happens.
        self._process = _context().Process(
            target=_main, args=(list(arguments), dict(environment), stdout, stderr), daemon=True
        )
        self._process.start()

    @property
    def pid(self) -> int:
        """Its number."""
        assert self._process.pid is not None
        return self._process.pid

    def poll(self) -> int | None:
        """Its exit code, None while it runs."""
        return self._process.exitcode

    def wait(self, timeout: float | None = None) -> int:
        """Its exit code once it has ended. Raises subprocess.TimeoutExpired."""
        self._process.join(timeout)
        code = self._process.exitcode
        if code is None:
            raise subprocess.TimeoutExpired(self._process.name, timeout or 0)
        return code

    def send_signal(self, number: signal.Signals) -> None:
        """To one that has ended, nothing is sent."""
        if self.poll() is None:
            os.kill(self.pid, number)

    def terminate(self) -> None:
        """Ask it to end."""
        self.send_signal(signal.SIGTERM)

    def kill(self) -> None:
        """End it."""
        self.send_signal(signal.SIGKILL)


@cache
def _context() -> ForkServerContext:
    """That of a server that has loaded all commands and ends when this process does."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload([__name__, *(f"{cli.__name__}.{command}" for command in COMMANDS)])
    return context


def _main(arguments: list[str], environment: dict[str, str], stdout: Path, stderr: Path) -> None:
    os.setsid()
    os.chdir(REPOSITORY)
    os.environ.clear()
    os.environ.update(environment)
    for path, stream in ((stdout, sys.stdout), (stderr, sys.stderr)):
        with path.open("ab") as file:
            os.dup2(file.fileno(), stream.fileno())
    sys.exit(cli.main(arguments))
