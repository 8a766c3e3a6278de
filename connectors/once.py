"""A value that is asked of a system once."""

import threading
from collections.abc import Callable
from typing import Generic, TypeVar

T = TypeVar("T")


class Once(Generic[T]):
    """What `make` returns, made when it is first called for; whoever calls meanwhile waits. An error is not kept.

    Python 3.11's `functools.cached_property` has one lock for all instances of a class: while a server does not answer
    one run, the runs over all other servers of its kind would wait, too.
    """

    def __init__(self, make: Callable[[], T]) -> None:
        self._make = make
        self._made: list[T] = []
        self._lock = threading.Lock()

    def __call__(self) -> T:
        """The value. Raises what `make` raises."""
        if not self._made:
            with self._lock:
                if not self._made:
                    self._made.append(self._make())
        return self._made[0]
