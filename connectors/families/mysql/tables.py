"""The tables of one schema, put together from a few ordered streams of rows."""

import re
from collections.abc import Callable, Iterator, Sequence
from typing import Literal, NamedTuple

import msgspec

from connectors.families.database_source import ForeignKey, Table
from connectors.families.mysql.session import Row
from connectors.families.mysql.types import TEMPORAL, column
from connectors.families.sql import DetailStream
from connectors.models.database import (
    Column,
    ColumnConstraint,
    ConstraintType,
    PartitionColumn,
    TableConstraint,
    TablePartition,
    TableType,
)
from connectors.models.names import encode_name

VIEW_KINDS = frozenset({"VIEW", "SYSTEM VIEW"})
BARE_COLUMN = re.compile(r"`((?:[^`]|``)+)`|([\w$]+)")
PRIMARY = "PRIMARY"


class KeyRow(NamedTuple):
    """A row of queries.KEYS: one column of a key; what it refers to is None for other than foreign keys."""

    table: str
    name: str
    column: str
    referred_schema: str | None
    referred_table: str | None
    referred_column: str | None


class Keys(msgspec.Struct, frozen=True):
    """The primary, unique and foreign keys of one table, each with its columns in order."""

    unique: dict[str, list[str]]
    foreign: dict[str, list[KeyRow]]

    @classmethod
    def of(cls, rows: Sequence[Row]) -> "Keys":
        """The keys that these rows are of."""
        keys = cls({}, {})
        for row in map(KeyRow._make, rows):
            if row.referred_table is None:
                keys.unique.setdefault(row.name, []).append(row.column)
            else:
                keys.foreign.setdefault(row.name, []).append(row)
        return keys

    def on_columns(self) -> dict[str, ColumnConstraint | None]:
        """What a column says of the keys: its own key's kind, nothing where a primary key has several columns."""
        found: dict[str, ColumnConstraint | None] = {
            columns[0]: "UNIQUE" for columns in self.unique.values() if len(columns) == 1
        }
        primary = self.unique.get(PRIMARY, [])
        own: ColumnConstraint | None = "PRIMARY_KEY" if len(primary) == 1 else None
        for name in primary:
            found[name] = own
        return found

    def constraints(self) -> tuple[TableConstraint, ...]:
        """The primary and unique keys of several columns; the table's, as no column can tell of them."""
        return tuple(
            TableConstraint(
                constraint_type=ConstraintType.PRIMARY_KEY if name == PRIMARY else ConstraintType.UNIQUE,
                columns=tuple(map(encode_name, columns)),
            )
            for name, columns in self.unique.items()
            if len(columns) > 1
        )

    def foreign_keys(self, database: str) -> tuple[ForeignKey, ...]:
        """The foreign keys; one over exactly a key of this table refers one to one."""
        unique = [set(columns) for columns in self.unique.values()]
        return tuple(
            ForeignKey(
                columns=tuple(row.column for row in rows),
                referred_database=database,
                referred_schema=str(rows[0].referred_schema),
                referred_table=str(rows[0].referred_table),
                referred_columns=tuple(str(row.referred_column) for row in rows),
                unique={row.column for row in rows} in unique,
            )
            for rows in self.foreign.values()
        )


class Listing(msgspec.Struct, frozen=True):
    """The streams that tables are put together from, in the order of the queries."""

    tables: Iterator[Row]
    views: Iterator[Row]
    columns: Iterator[Row]
    keys: Iterator[Row]
    partitions: Iterator[Row]

    def rest(self) -> Iterator[Row]:
        """What nobody asked for: a session can only be used again once its stream was read to the end."""
        for stream in (self.views, self.columns, self.keys, self.partitions):
            yield from stream


def tables(
    listing: Listing,
    database: str,
    hidden: list[str],
    view: Callable[[str, str], str | None],
    ddl: Callable[[str], Callable[[], str]],
) -> Iterator[Table]:
    """Every table and view of a schema; `view` makes a statement of a view's query, `ddl` asks for a table's.

    Tables that show no column are put among the `hidden`.
    """
    views, columns, keys, partitions = map(
        DetailStream[Row], (listing.views, listing.columns, listing.keys, listing.partitions)
    )
    for name, kind, comment, _ in listing.tables:
        own = Keys.of(keys.of(name))
        found = described(columns.of(name), own.on_columns())
        parts = partitions.of(name)
        is_view = kind in VIEW_KINDS
        if not found and not is_view:
            hidden.append(name)
            continue
        queries = [query for _, query in views.of(name)]
        yield Table(
            name=name,
            type=TableType.VIEW if is_view else TableType.PARTITIONED if parts else TableType.REGULAR,
            columns=found,
            constraints=own.constraints(),
            foreign_keys=own.foreign_keys(database),
            partition=partition(parts, found, own) if parts else None,
            definition=view(name, queries[0]) if queries else None,
            ddl=None if is_view else ddl(name),
            # A view's comment is its kind or what is wrong with it.
            description=None if is_view else comment or None,
        )
    for _ in listing.rest():
        pass


def described(rows: Sequence[Row], keyed: dict[str, ColumnConstraint | None]) -> tuple[Column, ...]:
    """The columns of one table; `keyed` has the constraint of those that a key covers."""
    found: list[Column] = []
    for place, row in enumerate(rows, 1):
        plain: ColumnConstraint = "NULL" if row[2] == "YES" else "NOT_NULL"
        found.append(column(row, place, keyed.get(row[1], plain)))
    return tuple(found)


def partition(rows: Sequence[Row], columns: Sequence[Column], keys: Keys) -> TablePartition | None:
    """How a table is partitioned; a column that stands in an expression carries the expression's text."""
    _, method, expression = rows[0]
    by_name = {column.name.lower(): column for column in columns}
    words = [quoted.replace("``", "`") or plain for quoted, plain in BARE_COLUMN.findall(expression or "")]
    named = [by_name[encode_name(word).lower()] for word in words if encode_name(word).lower() in by_name]
    if not expression:  # KEY() is over the primary key
        named = [by_name[encode_name(name).lower()] for name in keys.unique.get(PRIMARY, [])]
    bare = BARE_COLUMN.sub("", expression or "").strip(" ,") == ""
    found = dict.fromkeys(column.name for column in named)
    return TablePartition(
        columns=tuple(
            PartitionColumn(
                column_name=name,
                interval_type=_interval(method, by_name[name.lower()]),
                interval=None if bare else expression,
            )
            for name in found
        )
    )


def _interval(method: str, column: Column) -> Literal["TIME-UNIT", "INTEGER-RANGE", "COLUMN-VALUE", "OTHER"]:
    if method.startswith("RANGE"):
        return "TIME-UNIT" if column.data_type in TEMPORAL else "INTEGER-RANGE"
    return "COLUMN-VALUE" if method.startswith("LIST") else "OTHER"
