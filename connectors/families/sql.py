"""Merging of ordered row streams: one query per kind of detail, never one per table."""

from collections.abc import Iterable
from typing import Any, Generic, TypeVar

RowT = TypeVar("RowT", bound=tuple[Any, ...])


class DetailStream(Generic[RowT]):
    """Rows ordered by a key in their first place, given out key by key in ascending order.

    Keys are numbers, or texts in the order of their code points.
    Holds one key's rows at a time. Rows of keys that nobody asks for are passed over.
    """

    def __init__(self, rows: Iterable[RowT]) -> None:
        self._rows = iter(rows)
        self._next: RowT | None = next(self._rows, None)

    def of(self, key: int | str) -> list[RowT]:
        """All rows of `key`; keys must be asked for in ascending order."""
        found: list[RowT] = []
        row = self._next
        while row is not None and row[0] <= key:
            if row[0] == key:
                found.append(row)
            row = next(self._rows, None)
        self._next = row
        return found
