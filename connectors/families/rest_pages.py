"""Listings that an API gives in pages."""

from collections.abc import Callable, Generator, Hashable, Iterator, Sequence
from itertools import pairwise
from typing import TypeVar

from connectors.errors import ConnectorError

T = TypeVar("T")
CursorT = TypeVar("CursorT", bound=Hashable)
PASSES = 3
LEAST, GREATEST = 0, 2**31 - 1
MOST_PARTS = 8
CHANGED = "try it at a quieter time; nothing below it is marked as deleted"


def by_cursor(ask: Callable[[CursorT], tuple[Sequence[T], CursorT | None]], first: CursorT) -> Iterator[T]:
    """Every item; `ask` gives the page at a cursor and the cursor of the next one, None after the last.

    Raises:
        ConnectorError: The pages go round in circles.
    """
    known = {first}
    cursor: CursorT | None = first
    while cursor is not None:
        items, cursor = ask(cursor)
        yield from items
        if cursor in known:
            msg = f"the listing does not end: its next page {cursor!r} was there before"
            raise ConnectorError(msg, "see whether something between here and the server answers from a cache")
        if cursor is not None:
            known.add(cursor)


def by_offset(
    ask: Callable[[int], tuple[Sequence[T], bool]], key: Callable[[T], str], *, exact: bool = True
) -> Iterator[T]:
    """Every item once; `ask` gives the items from an offset on, and whether there may be more.

    Items that are removed or added meanwhile move the others, and some would be passed over. Where that counts
    (`exact`), each page is asked for from the last item of the one before: a page that begins with another item shows
    that something moved, and all pages are read again. The order has to be the same in every answer.

    Raises:
        ConnectorError: The listing changed in every pass.
    """
    known: set[str] = set()
    for _ in range(PASSES):
        if (yield from _in_order(ask, key, known, overlap=int(exact))) or not exact:
            return
    msg = f"the listing changed while it was read, {PASSES} times in a row"
    raise ConnectorError(msg, CHANGED)


def _in_order(
    ask: Callable[[int], tuple[Sequence[T], bool]], key: Callable[[T], str], known: set[str], overlap: int
) -> Generator[T, None, bool]:
    """One pass: what is not `known`, and whether each page continued the one before up to the end."""
    last: str | None = None
    offset, more = 0, True
    while more:
        back = 0 if last is None else overlap
        items, more = ask(offset - back)
        if back and (not items or key(items[0]) != last):
            return False
        for item in items[back:]:
            last = key(item)
            if last not in known:
                known.add(last)
                yield item
        if len(items) == back:
            return not more
        offset += len(items) - back
    return True


def by_number(ask: Callable[[int, int], tuple[Sequence[T], int]], key: Callable[[T], int], most: int) -> Iterator[T]:
    """Every item once, by numbers of their own that never change; in no order.

    `ask(above, below)` gives at most `most` of the items whose numbers lie between these two, and how many such items
    there are. Where that is more than one answer holds, the part is divided at some of the numbers met, and its parts
    are asked for in turn; these bounds do not move, so that nothing added or removed meanwhile hides another item.

    Raises:
        ConnectorError: An answer has nothing of the part that was asked for, or others.
    """
    parts = [(LEAST - 1, GREATEST + 1)]
    while parts:
        above, below = parts.pop()
        items, total = ask(above, below)
        numbers = sorted({key(item) for item in items})
        if (total and not numbers) or any(not above < number < below for number in numbers):
            msg = f"the listing was asked for numbers between {above} and {below}: it has none, or others"
            raise ConnectorError(msg, CHANGED)
        cuts: set[int] = set()
        if len(items) < total or len(items) >= most:
            wanted = min(MOST_PARTS, 1 + -(-total // len(numbers)))
            cuts = {numbers[len(numbers) * n // wanted] for n in range(1, wanted)}
            parts += [(low, high) for low, high in pairwise(sorted({above, *cuts, below})) if high - low > 1]
        yield from (item for item in items if not cuts or key(item) in cuts)


def settled(pages: Callable[[], Iterator[Sequence[T]]], key: Callable[[T], str]) -> Iterator[T]:
    """Every item once, of `pages` whose cursors are places in the listing and that tell no total.

    What is removed meanwhile moves the rest, and some would be passed over: more than one page is read again until two
    passes met the same.

    Raises:
        ConnectorError: The listing changed in every pass.
    """
    known: set[str] = set()
    before: set[str] | None = None
    for _ in range(PASSES):
        met: set[str] = set()
        sizes: list[int] = []
        for page in pages():
            sizes.append(len(page))
            for item in page:
                met.add(key(item))
                if key(item) not in known:
                    known.add(key(item))
                    yield item
        if len(sizes) <= 1 or met == before:
            return
        before = met
    msg = f"the listing changed while it was read, {PASSES} times in a row"
    raise ConnectorError(msg, CHANGED)
