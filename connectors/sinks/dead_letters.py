"""What could not be delivered, kept in a file that can be replayed."""

import logging
import os
import threading
from pathlib import Path

from connectors.sinks.entries import Entry
from connectors.sinks.lines import line_of

logger = logging.getLogger(__name__)


class DeadLetters:
    """Thread-safe; the file is made when it is first needed, for its owner's eyes only, and appended to."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._lock = threading.Lock()
        self._descriptor: int | None = None
        self._broken = False
        self._closed = False
        self.written = 0

    @property
    def path(self) -> Path:
        """Where they are."""
        return self._path

    def add(self, entry: Entry, reason: str) -> None:
        """Keep one entry; a file that cannot be written is reported once and must not end the run."""
        line = line_of(entry, reason)
        with self._lock:
            if self._broken or self._closed:
                return
            try:
                self._write(line)
            except OSError:
                self._broken = True
                logger.exception("dead letters cannot be written to %s: what is lost is only named", self._path)
            else:
                self.written += 1

    def close(self) -> None:
        """Close the file, if there is one."""
        with self._lock:
            self._closed = True
            if self._descriptor is not None:
                os.close(self._descriptor)
                self._descriptor = None

    def _write(self, line: bytes) -> None:
        if self._descriptor is None:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            self._descriptor = os.open(self._path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        rest = memoryview(line)
        while rest:
            rest = rest[os.write(self._descriptor, rest) :]
