"""Reading ahead: a source answers the next question while what it said to the last one is worked off."""

import contextvars
import logging
import threading
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from functools import partial
from itertools import islice
from typing import Any, Generic, TypeVar

from connectors.topology import Filtered, Node

KeyT = TypeVar("KeyT")
ParentT = TypeVar("ParentT")
ItemT = TypeVar("ItemT")
T = TypeVar("T")

logger = logging.getLogger(__name__)


class Call(Generic[T]):
    """A call that a thread of its own makes, with the context variables of who wanted it."""

    def __init__(self, name: str, call: Callable[[], T]) -> None:
        self._values: list[T] = []
        self._error: BaseException | None = None
        run = contextvars.copy_context().run
        self._thread = threading.Thread(target=run, args=(self._make, call), name=name, daemon=True)
        self._thread.start()

    def result(self) -> T:
        """What it returned or raised, once it is over."""
        self.wait()
        if self._error is not None:
            raise self._error
        return self._values[0]

    def wait(self) -> None:
        """Return when it is over."""
        self._thread.join()

    def _make(self, call: Callable[[], T]) -> None:
        try:
            self._values.append(call())
        except BaseException as error:
            logger.debug("handed to the thread that asks for the result", exc_info=True)
            self._error = error


def read_ahead(read: Callable[[KeyT], T], keys: Sequence[KeyT]) -> Generator[T]:
    """What `read` has for each key, in order; while one is worked off, the next is being read, and no more than that.

    What `read` raises comes in its turn. To be closed: the reading that is under way comes to its end then.
    """
    following: Call[T] | None = None
    try:
        for place, key in enumerate(keys, 1):
            value = read(key) if following is None else following.result()
            following = Call("ahead", partial(read, keys[place])) if place < len(keys) else None
            yield value
    finally:
        if following is not None:
            following.wait()


def with_next(items: Iterator[T]) -> Generator[tuple[T, T | None]]:
    """Each item with the one after it, None for the last; what `items` raises comes in its turn."""
    item = next(items, None)
    while item is not None:
        following: T | None = None
        error: BaseException | None = None
        try:
            following = next(items, None)
        except BaseException as caught:
            logger.debug("raised in its turn", exc_info=True)
            error = caught
        yield item, following
        if error is not None:
            raise error
        item = following


class Begun(Generic[ParentT, ItemT]):
    """The listing of `node` below `parent`, begun in another thread: its first item is read, and no more than that.

    One that could not be begun is asked for anew in its turn, so that what it raises is always of that moment.
    """

    def __init__(self, node: Node[ParentT, ItemT], parent: ParentT) -> None:
        self.node: Node[Any, Any] = node
        self.parent: object = parent
        self._produce = partial(node.produce, parent)
        self._call = Call("ahead", self._begin)

    def items(self) -> Iterable[ItemT | Filtered]:
        """All of them."""
        try:
            first, rest = self._call.result()
        except Exception:
            logger.debug("a listing of %s could not be begun, and is asked for again", self.node.entity, exc_info=True)
            return self._produce()
        return _joined(first, rest)

    def drop(self) -> None:
        """Give up what nobody will ask for."""
        try:
            _, rest = self._call.result()
        except Exception:
            logger.debug("not begun, and not needed", exc_info=True)
        else:
            if isinstance(rest, Generator):
                rest.close()

    def _begin(self) -> tuple[list[ItemT | Filtered], Iterator[ItemT | Filtered]]:
        items = iter(self._produce())
        return list(islice(items, 1)), items


def _joined(first: Iterable[T], rest: Iterable[T]) -> Generator[T]:
    """Both, one after the other; unlike itertools' chain, it closes what it is closed in the midst of."""
    yield from first
    yield from rest
