"""Log lines on their way to the server, within bounds."""

import threading
from collections import deque

from connectors.reporting.documents import bounded

KEPT_CHARACTERS = 4_000_000
BATCH_LINES = 500


class LogLines:
    """Thread-safe. What is too much to be kept is left out, the oldest lines first, and the next batch says so."""

    def __init__(self, kept_characters: int = KEPT_CHARACTERS) -> None:
        self._kept = kept_characters
        self._lines: deque[str] = deque()
        self._size = 0
        self._dropped = 0
        self._lock = threading.Lock()

    def add(self, line: str) -> None:
        """Keep one more line."""
        with self._lock:
            self._append(bounded(line))

    def take(self) -> list[str]:
        """The oldest lines, at most a batch of them."""
        with self._lock:
            batch = [self._lines.popleft() for _ in range(min(BATCH_LINES, len(self._lines)))]
            self._size -= sum(map(len, batch))
            if self._dropped:
                batch.insert(0, f"{self._dropped} log lines were too many to be kept for the server")
                self._dropped = 0
            return batch

    def give_back(self, batch: list[str]) -> None:
        """Keep a batch that could not be sent."""
        with self._lock:
            self._lines.extendleft(reversed(batch))
            self._size += sum(map(len, batch))
            self._shrink()

    def _append(self, line: str) -> None:
        self._lines.append(line)
        self._size += len(line)
        self._shrink()

    def _shrink(self) -> None:
        while self._size > self._kept:
            self._size -= len(self._lines.popleft())
            self._dropped += 1
