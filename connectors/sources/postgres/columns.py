"""The columns of one table."""

from collections.abc import Sequence
from typing import NamedTuple

from connectors.models.database import Column, ColumnConstraint
from connectors.models.names import encode_name
from connectors.sources.postgres.types import Types


class ColumnRows(NamedTuple):
    """A row of queries.COLUMNS: the columns of one table, in order."""

    oid: int
    numbers: Sequence[int] = ()
    names: Sequence[str] = ()
    types: Sequence[int] = ()
    modifiers: Sequence[int] = ()
    not_nulls: Sequence[bool] = ()
    descriptions: Sequence[str | None] = ()


def described(rows: ColumnRows, types: Types, keyed: dict[int, ColumnConstraint | None]) -> tuple[Column, ...]:
    """The columns of one table; `keyed` has the constraint of those that a key covers."""
    shapes, never_null = types.shapes, types.never_null
    _, numbers, names, oids, modifiers, not_nulls, descriptions = rows
    columns: list[Column] = []
    facts = zip(numbers, names, zip(oids, modifiers, strict=True), not_nulls, descriptions, strict=True)
    for place, (number, name, type_key, not_null, description) in enumerate(facts, 1):
        constraint: ColumnConstraint | None = "NOT_NULL" if not_null or type_key in never_null else "NULL"
        if number in keyed:
            constraint = keyed[number]
        columns.append(shapes[type_key].column(encode_name(name), description, constraint, place))
    return tuple(columns)
