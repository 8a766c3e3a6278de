"""Complete requests that wait on disk until everything they refer to may have been delivered."""

import os
import tempfile
import threading
from collections.abc import Generator
from contextlib import ExitStack
from pathlib import Path
from typing import BinaryIO

from connectors.sinks.entries import Entry
from connectors.sinks.lines import Line, line_of, read_spool


class SetAside:
    """Thread-safe for `add`; the file has no name and is gone when it is closed."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._stack = ExitStack()
        self._file: BinaryIO | None = None
        self._lines: Generator[Line, None, None] | None = None
        self.count = 0

    def add(self, entry: Entry, reason: str) -> None:
        """Keep one entry, and why it had to wait."""
        line = line_of(entry, reason)
        with self._lock:
            if self._file is None:
                self._file = self._stack.enter_context(_nameless())
            self._file.write(line)
            self.count += 1

    def taken(self) -> Generator[Line, None, None]:
        """Those that were not taken yet, in the order they came in; after the first nothing may be added."""
        if self._file is None:
            return
        if self._lines is None:
            self._lines = read_spool(self._file)
        yield from self._lines

    def close(self) -> None:
        """Let go of the file."""
        self._stack.close()


def _nameless() -> BinaryIO:
    descriptor, name = tempfile.mkstemp(prefix="headwater-")
    Path(name).unlink()
    return os.fdopen(descriptor, "w+b")
