"""Parts of a measurement: each has so much time, and one that goes wrong says why and keeps no other from its own."""

import logging
import signal
import subprocess
import sys
from collections.abc import Callable, Generator
from contextlib import contextmanager

from benchmarks.results import Table
from benchmarks.running import say

LONGEST_REASON = 160

logger = logging.getLogger(__name__)


class TookTooLongError(Exception):
    """A part had more time than it may have."""


def attempt(table: Table, name: str, seconds: float, measure: Callable[[], None]) -> None:
    """Measure one part; the row of one that goes wrong says why, the log has where."""
    say("", f"Measuring {name} ...")
    try:
        with at_most(seconds):
            measure()
    except (Exception, SystemExit) as error:
        logger.exception("%s cannot be measured", name)
        table.line(f"  {name}: not measured", reason_of(error))


def end_when_told() -> None:
    """Have SIGTERM end this process as Ctrl-C does, so that what it started ends."""

    def leave(_number: int, _frame: object) -> None:
        sys.exit(1)

    signal.signal(signal.SIGTERM, leave)


@contextmanager
def at_most(seconds: float) -> Generator[None]:
    """What takes longer is broken off. Raises TookTooLongError. For the main thread."""

    def give_up(_number: int, _frame: object) -> None:
        message = f"it took longer than {seconds:g} s"
        raise TookTooLongError(message)

    former = signal.signal(signal.SIGALRM, give_up)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, former)


def reason_of(error: BaseException) -> str:
    """Why something went wrong, in a line: of a command, the last line it wrote that names an error."""
    text = f"{error.stdout or ''}\n{error.stderr or ''}" if isinstance(error, subprocess.CalledProcessError) else ""
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    named = [line for line in lines if "rror" in line]
    [*_, reason] = [str(error) or type(error).__name__, *lines[-1:], *named[-1:]]
    return reason.splitlines()[0].replace("|", "/")[:LONGEST_REASON]
