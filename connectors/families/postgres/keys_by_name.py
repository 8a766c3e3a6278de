"""Primary, unique and foreign keys as pg_constraint has them, asked for without what only Postgres knows."""

from collections.abc import Iterable, Sequence
from collections.abc import Set as AbstractSet
from itertools import groupby
from typing import NamedTuple

import msgspec

from connectors.families.database_source import ForeignKey
from connectors.families.postgres.session import Row
from connectors.models.database import ColumnConstraint, ConstraintType, TableConstraint
from connectors.models.names import encode_name

# A row for each pair of columns: neither unnest nor LATERAL is everywhere.
KEYS = """
    SELECT c.relname, k.conname, k.contype, k.conkey, k.confkey, a.attnum, a.attname, m.nspname, r.relname,
           b.attnum, b.attname
    FROM pg_namespace n JOIN pg_class c ON c.relnamespace = n.oid
    JOIN pg_constraint k ON k.conrelid = c.oid
    JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum = ANY (k.conkey)
    LEFT JOIN pg_class r ON r.oid = k.confrelid
    LEFT JOIN pg_namespace m ON m.oid = r.relnamespace
    LEFT JOIN pg_attribute b ON b.attrelid = r.oid AND b.attnum = ANY (k.confkey)
    WHERE n.nspname = %s AND c.relname BETWEEN %s AND %s AND k.contype IN ('p', 'u', 'f')
    ORDER BY c.relname, k.contype DESC, k.conname
"""


class KeyRow(NamedTuple):
    """A row of KEYS: one column of a key and one that the key refers to."""

    table: str
    name: str
    kind: str
    numbers: Sequence[int]
    referred_numbers: Sequence[int] | None
    number: int
    column: str
    referred_schema: str | None
    referred_table: str | None
    referred_number: int | None
    referred_column: str | None


class Key(msgspec.Struct, frozen=True):
    """One key with its columns in order."""

    kind: str
    columns: tuple[str, ...]
    referred: tuple[str, str, tuple[str, ...]] | None

    @classmethod
    def of(cls, rows: list[KeyRow]) -> "Key":
        """The key that these rows are of."""
        first = rows[0]
        names = {row.number: row.column for row in rows}
        others = {row.referred_number: row.referred_column for row in rows}
        referred = None
        if first.referred_schema is not None and first.referred_table is not None:
            columns = tuple(str(others[number]) for number in first.referred_numbers or ())
            referred = (first.referred_schema, first.referred_table, columns)
        return cls(first.kind, tuple(names[number] for number in first.numbers), referred)


class Keys(msgspec.Struct, frozen=True):
    """The keys of one table."""

    keys: tuple[Key, ...]

    @classmethod
    def of(cls, rows: Iterable[Row], columns: AbstractSet[str]) -> "Keys":
        """The keys that these rows are of; one over a column that is hidden from users is left out."""
        groups = groupby(map(KeyRow._make, rows), key=lambda row: row.name)
        found = (Key.of(list(group)) for _, group in groups)
        return cls(tuple(key for key in found if columns >= {*key.columns}))

    def on_columns(self) -> dict[str, ColumnConstraint | None]:
        """What a column says of the keys: its own key's kind, nothing where a primary key has several columns."""
        found: dict[str, ColumnConstraint | None] = {
            key.columns[0]: "UNIQUE" for key in self.keys if key.kind == "u" and len(key.columns) == 1
        }
        for key in self.keys:
            if key.kind == "p":
                found |= dict.fromkeys(key.columns, "PRIMARY_KEY" if len(key.columns) == 1 else None)
        return found

    def constraints(self) -> tuple[TableConstraint, ...]:
        """The primary and unique keys of several columns; the table's, as no column can tell of them."""
        return tuple(
            TableConstraint(
                constraint_type=ConstraintType.PRIMARY_KEY if key.kind == "p" else ConstraintType.UNIQUE,
                columns=tuple(map(encode_name, key.columns)),
            )
            for key in self.keys
            if key.kind != "f" and len(key.columns) > 1
        )

    def foreign_keys(self, database: str) -> tuple[ForeignKey, ...]:
        """The foreign keys; one over exactly a key of this table refers one to one."""
        unique = [set(key.columns) for key in self.keys if key.kind != "f"]
        return tuple(
            ForeignKey(key.columns, database, *key.referred, unique=set(key.columns) in unique)
            for key in self.keys
            if key.referred is not None
        )
