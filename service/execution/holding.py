"""A bounded place for what waits to be written."""

import threading
from collections import deque
from typing import Generic, TypeAlias, TypeVar

T = TypeVar("T")
# The first, the last, and how many were dropped between them.
Held: TypeAlias = tuple[list[T], list[T], int]


class Holding(Generic[T]):
    """Keeps the first `head` and the last `tail` things put in, and counts what falls out between; thread-safe."""

    def __init__(self, head: int, tail: int = 0) -> None:
        self._size = head
        self._head: list[T] = []
        self._tail: deque[T] = deque(maxlen=tail)
        self._dropped = 0
        self._lock = threading.Lock()

    def add(self, thing: T) -> None:
        """Put one in."""
        with self._lock:
            self._add(thing)

    def take(self) -> Held[T]:
        """Take out all there is."""
        with self._lock:
            taken = (self._head, list(self._tail), self._dropped)
            self._head, self._dropped = [], 0
            self._tail.clear()
        return taken

    def give_back(self, taken: Held[T]) -> None:
        """Put what was taken before what has come since."""
        first, last, dropped = taken
        with self._lock:
            since = [*self._head, *self._tail]
            missed, self._head, self._dropped = self._dropped, first, dropped
            self._tail.clear()
            for thing in [*last, *since]:
                self._add(thing)
            self._dropped += missed

    def _add(self, thing: T) -> None:
        if len(self._head) < self._size and not self._tail:
            self._head.append(thing)
            return
        if len(self._tail) == self._tail.maxlen:
            self._dropped += 1
        self._tail.append(thing)
