"""The columns and keys of one table, in OpenMetadata's words."""

import re
from collections.abc import Sequence

from connectors.families.sqlite.reader import Row
from connectors.models.database import Column, ColumnConstraint, ConstraintType, DataType, TableConstraint
from connectors.models.names import encode_name

# By the words a declaration holds, as SQLite does it itself, but finer.
TYPES: dict[str, DataType] = {
    "BOOL": "BOOLEAN", "TINYINT": "TINYINT", "SMALLINT": "SMALLINT", "INT2": "SMALLINT", "BIGINT": "BIGINT",
    "INT8": "BIGINT", "INT": "INT", "NCHAR": "CHAR", "NVARCHAR": "VARCHAR", "VARCHAR": "VARCHAR",
    "VARYING": "VARCHAR", "CLOB": "TEXT", "TEXT": "TEXT", "CHAR": "CHAR", "STRING": "STRING", "BLOB": "BLOB",
    "BINARY": "BINARY", "DOUBLE": "DOUBLE", "FLOAT": "FLOAT", "REAL": "DOUBLE", "DECIMAL": "DECIMAL",
    "NUMERIC": "NUMERIC", "DATETIME": "DATETIME", "TIMESTAMP": "TIMESTAMP", "DATE": "DATE", "TIME": "TIME",
    "JSON": "JSON", "UUID": "UUID",
}  # fmt: skip
SIZE = re.compile(r"\((\d+)(?:\s*,\s*(\d+))?\)")


def described(rows: Sequence[Row], primary: list[str], uniques: list[list[str]]) -> tuple[Column, ...]:
    """The columns of one table."""
    alone = {names[0] for names in uniques if len(names) == 1}
    found: list[Column] = []
    for place, (_, name, declared, not_null, _) in enumerate(rows, 1):
        constraint: ColumnConstraint | None = "NOT_NULL" if not_null else "NULL"
        if name in primary:
            constraint = "PRIMARY_KEY" if len(primary) == 1 else None
        elif name in alone:
            constraint = "UNIQUE"
        kind, size = data_type(declared), SIZE.search(declared)
        exact = size is not None and kind in ("DECIMAL", "NUMERIC")
        found.append(
            Column(
                name=encode_name(name),
                data_type=kind,
                data_length=int(size[1]) if size and not exact else 1,
                precision=int(size[1]) if size and exact else None,
                scale=int(size[2] or 0) if size and exact else None,
                data_type_display=declared or "any",
                constraint=constraint,
                ordinal_position=place,
            )
        )
    return tuple(found)


def data_type(declared: str) -> DataType:
    """The type that a declaration stands for; SQLite takes any words, and none at all."""
    upper = declared.upper()
    if not upper:
        return "VARIANT"
    for word, found in TYPES.items():
        if word in upper:
            return found
    return "UNKNOWN"


def constraints(primary: list[str], uniques: list[list[str]]) -> tuple[TableConstraint, ...]:
    """The keys of several columns; those of one are told by the column."""
    kinds = [(ConstraintType.PRIMARY_KEY, primary), *((ConstraintType.UNIQUE, names) for names in uniques)]
    return tuple(
        TableConstraint(constraint_type=kind, columns=tuple(map(encode_name, names)))
        for kind, names in kinds
        if len(names) > 1
    )
