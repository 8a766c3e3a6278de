"""The columns of one table."""

from collections.abc import Iterable, Mapping
from itertools import count, repeat

import msgspec

from connectors.families.postgres.types import Types
from connectors.models.database import Column, ColumnConstraint
from connectors.models.names import encode_names


class ColumnRows(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """The columns of one table, in order, as queries.TABLES has them; comments are those of the columns `commented`."""

    numbers: list[int]
    names: list[str]
    types: list[int]
    modifiers: list[int]
    not_nulls: list[bool]
    commented: list[int] | None
    comments: list[str] | None

    def descriptions(self) -> Iterable[str | None]:
        """One for each column."""
        if not self.commented or not self.comments:
            return repeat(None, len(self.numbers))
        return map(dict(zip(self.commented, self.comments, strict=True)).get, self.numbers)


def described(rows: ColumnRows, types: Types, keyed: Mapping[int, ColumnConstraint | None]) -> tuple[Column, ...]:
    """The columns of one table; `keyed` has the constraint of those that a key covers."""
    if not rows.numbers:
        return ()
    keys = list(zip(rows.types, rows.modifiers, strict=True))
    constraints: list[ColumnConstraint | None] = ["NOT_NULL" if each else "NULL" for each in rows.not_nulls]
    if not types.never_null.isdisjoint(keys):
        constraints = [
            "NOT_NULL" if key in types.never_null else each for key, each in zip(keys, constraints, strict=True)
        ]
    for number, constraint in keyed.items():
        constraints[rows.numbers.index(number)] = constraint
    shapes = zip(*map(types.shapes.__getitem__, keys), strict=True)
    kinds, displays, lengths, elements, precisions, scales, children = shapes
    # Column by column in C, by position: in Python, with names, the millions of columns of a database take five times
    # as long, which is most of what a run costs.
    return tuple(
        map(
            Column, encode_names(rows.names), kinds, elements, lengths, precisions, scales, displays,
            rows.descriptions(), constraints, count(1), repeat(()), children,
        )
    )  # fmt: skip
