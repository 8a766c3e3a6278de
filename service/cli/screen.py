"""Where the command line talks about a run: lines that stay, below them on a terminal lines that are redrawn."""

import logging
import os
import threading
from collections.abc import Sequence
from typing import TextIO

USUAL_SIZE = os.terminal_size((80, 24))
ERASE_BELOW = "\x1b[J"


class Screen:
    """A stream for log lines; on a terminal they are put above the lines that `draw` keeps at the bottom."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._drawn: Sequence[str] = ()
        self._lock = threading.Lock()
        self.live = stream.isatty() and os.environ.get("TERM") != "dumb"

    def isatty(self) -> bool:
        """Whether a person looks at it."""
        return self._stream.isatty()

    def write(self, text: str) -> None:
        """Write whole lines; what was drawn is below them afterwards."""
        with self._lock:
            self._stream.write(f"{self._erasure()}{text}{_joined(self._drawn)}")
            self._stream.flush()

    def flush(self) -> None:
        """Nothing is held back."""

    def draw(self, lines: Sequence[str]) -> None:
        """Show these in place of what was drawn before; where nothing can be redrawn, write them."""
        columns, rows = self._size()
        shown = [line[: columns - 1] for line in lines[-(rows - 1) :]] if self.live else lines
        with self._lock:
            self._stream.write(f"{self._erasure()}{_joined(shown)}")
            self._stream.flush()
            self._drawn = shown if self.live else ()

    def release(self) -> None:
        """What is drawn stays as it is, and what comes is written below."""
        with self._lock:
            self._drawn = ()

    def _erasure(self) -> str:
        return f"\r\x1b[{len(self._drawn)}A{ERASE_BELOW}" if self._drawn else ""

    def _size(self) -> os.terminal_size:
        try:
            size = os.get_terminal_size(self._stream.fileno())
        except (OSError, ValueError):
            return USUAL_SIZE
        return size if min(size) > 1 else USUAL_SIZE


class LineFormatter(logging.Formatter):
    """`warning: message`; tracebacks only for whoever asked for them."""

    def __init__(self, *, tracebacks: bool) -> None:
        super().__init__()
        self._tracebacks = tracebacks

    def format(self, record: logging.LogRecord) -> str:
        """The line, without its end."""
        line = f"{record.levelname.lower()}: {record.getMessage()}"
        if not self._tracebacks:
            return line
        exception = record.exc_text or (self.formatException(record.exc_info) if record.exc_info else "")
        return f"{line}\n{exception}" if exception else line


def _joined(lines: Sequence[str]) -> str:
    return "".join(f"{line}\n" for line in lines)
