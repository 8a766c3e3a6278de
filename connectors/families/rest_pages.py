"""Listings that an API gives in pages."""

from collections.abc import Callable, Hashable, Iterator, Sequence
from typing import TypeVar

from connectors.errors import ConnectorError

T = TypeVar("T")
CursorT = TypeVar("CursorT", bound=Hashable)
PASSES = 3
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
    ask: Callable[[int], tuple[Sequence[T], int]], key: Callable[[T], str], *, exact: bool = True
) -> Iterator[T]:
    """Every item once; `ask` gives the items from an offset on, and how many there are in all.

    What is removed meanwhile moves the rest, and some would be passed over: where that counts (`exact`), the pages are
    read again until one pass met as many as there are.

    Raises:
        ConnectorError: The listing changed in every pass.
    """
    known: set[str] = set()
    for _ in range(PASSES):
        met: set[str] = set()
        totals: set[int] = set()
        offset, total = 0, 1
        while offset < total:
            items, total = ask(offset)
            totals.add(total)
            for item in items:
                met.add(key(item))
                if key(item) not in known:
                    known.add(key(item))
                    yield item
            if not items:
                break
            offset += len(items)
        if not exact or (len(totals) <= 1 and len(met) == total):
            return
    msg = f"the listing changed while it was read, {PASSES} times in a row"
    raise ConnectorError(msg, CHANGED)


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
