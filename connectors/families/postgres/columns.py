"""The columns of one table."""

from collections.abc import Iterable, Mapping
from itertools import count, repeat

import msgspec

from connectors.families.postgres.types import Shape, TypeKey, Types
from connectors.models.database import Column, ColumnConstraint
from connectors.models.names import encode_names


class ColumnRows(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """The columns of one table, in order, as queries.TABLES has them; comments are those of the columns `commented`."""

    numbers: list[int]
    names: list[str]
    not_nulls: list[bool]
    commented: list[int] | None
    comments: list[str] | None

    def descriptions(self) -> Iterable[str | None]:
        """One for each column."""
        if not self.commented or not self.comments:
            return repeat(None, len(self.numbers))
        return map(dict(zip(self.commented, self.comments, strict=True)).get, self.numbers)


def constraints(
    rows: ColumnRows, kinds: list[TypeKey], types: Types, keyed: Mapping[int, ColumnConstraint | None]
) -> list[ColumnConstraint | None]:
    """What each column says of NULL, or what `keyed` has for those that a key covers."""
    found: list[ColumnConstraint | None] = ["NOT_NULL" if each else "NULL" for each in rows.not_nulls]
    if types.never_null and not types.never_null.isdisjoint(kinds):
        found = ["NOT_NULL" if kind in types.never_null else each for kind, each in zip(kinds, found, strict=True)]
    for number, constraint in keyed.items():
        found[rows.numbers.index(number)] = constraint
    return found


def described(
    rows: ColumnRows, shapes: list[Shape], constraints: Iterable[ColumnConstraint | None]
) -> tuple[Column, ...]:
    """The columns of one table."""
    if not shapes:
        return ()
    kinds, displays, lengths, elements, precisions, scales, children = zip(*shapes, strict=True)
    # Column by column in C, by position: in Python, with names, the millions of columns of a database take five times
    # as long, which is most of what a run costs.
    return tuple(
        map(
            Column, encode_names(rows.names), kinds, elements, lengths, precisions, scales, displays,
            rows.descriptions(), constraints, count(1), repeat(()), children,
        )
    )  # fmt: skip
