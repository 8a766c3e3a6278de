"""Threads that share work through a bounded queue."""

import contextvars
import logging
import queue
import threading
from collections.abc import Callable
from types import TracebackType
from typing import Generic, TypeVar

T = TypeVar("T")

logger = logging.getLogger(__name__)


class _End:
    """Tells one thread that no more work comes."""


class Crew(Generic[T]):
    """`threads` threads that do `work` on each item put in, taking them one by one as they get free.

    `put` blocks while `backlog` items wait. After the first error what is left is dropped; `put` and the
    end of the `with` block raise that error. The threads inherit the context variables and end with the block.
    """

    def __init__(self, name: str, work: Callable[[T], None], threads: int, backlog: int) -> None:
        self._name = name
        self._work = work
        self._size = threads
        self._queue: queue.Queue[T | _End] = queue.Queue(backlog)
        self._threads: list[threading.Thread] = []
        self._stopped = threading.Event()
        self._error: BaseException | None = None

    def __enter__(self) -> "Crew[T]":
        """Start the threads."""
        try:
            for number in range(self._size):
                run = contextvars.copy_context().run
                thread = threading.Thread(target=run, args=(self._take,), name=f"{self._name}-{number}", daemon=True)
                thread.start()
                self._threads.append(thread)
        except BaseException as error:
            self.__exit__(type(error), error, None)
            raise
        return self

    def put(self, item: T) -> None:
        """Hand one item over.

        Raises:
            BaseException: What an earlier item's work raised.
        """
        self.check()
        self._queue.put(item)

    def check(self) -> None:
        """Raise what some item's work raised: the rest of the work is for nothing."""
        if self._error is not None:
            raise self._error

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Wait for the work put in; after an error in the block drop it instead."""
        if error is not None:
            self._stopped.set()
        for _ in self._threads:
            self._queue.put(_End())
        for thread in self._threads:
            thread.join()
        if error is None and self._error is not None:
            raise self._error

    def _take(self) -> None:
        while not isinstance(item := self._queue.get(), _End):
            if self._stopped.is_set():
                continue  # going on to take is what keeps a blocked `put` from waiting for ever
            try:
                self._work(item)
            except BaseException as error:
                logger.debug("handed to the thread that put the work in", exc_info=True)
                if self._error is None:
                    self._error = error
                self._stopped.set()
