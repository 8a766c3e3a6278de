"""The tables of one schema, put together from a few ordered streams of rows."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from connectors.families.database_source import ForeignKey, Table
from connectors.families.postgres import queries
from connectors.families.postgres.ddl import Definitions
from connectors.families.postgres.session import Row, Snapshot
from connectors.families.postgres.statements import view_statement
from connectors.families.postgres.types import TEMPORAL, Types
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
from connectors.models.names import encode_name, fqn

KINDS = {
    "r": TableType.REGULAR,
    "p": TableType.PARTITIONED,
    "v": TableType.VIEW,
    "m": TableType.MATERIALIZED_VIEW,
    "f": TableType.FOREIGN,
}
INTEGERS = frozenset({"SMALLINT", "INT", "BIGINT"})


class TableRow(NamedTuple):
    """A row of queries.TABLES; `quoted` is the name as SQL writes it, with its schema."""

    oid: int
    name: str
    kind: str
    description: str | None
    owner: str
    view: str | None
    quoted: str
    options: list[str] | None

    def definition(self) -> str | None:
        """A view's own statement."""
        if self.view is None:
            return None
        kind = "MATERIALIZED VIEW" if self.kind == "m" else "VIEW"
        return view_statement(kind, self.quoted, self.options, self.view)


class KeyRow(NamedTuple):
    """A row of queries.KEYS; what a foreign key refers to is None for other keys."""

    oid: int
    kind: str
    columns: list[int]
    referred_schema: str | None
    referred_table: str | None
    referred_columns: list[str] | None


@dataclass(frozen=True, slots=True)
class Wanted:
    """What a listing is to hold beside the tables themselves."""

    ddl: bool = False
    classification: str | None = None


def tables(snapshot: Snapshot, database: str, schema: int, wanted: Wanted) -> Iterator[Table]:
    """Every table and view of the schema with the oid `schema`; holds a few thousand rows at most."""

    def composed(query: str) -> str:
        return queries.composed(query, snapshot.version, schema)

    types = Types(snapshot.rows(composed(queries.TYPES)))
    own = (queries.TABLES, queries.COLUMNS, queries.KEYS, queries.PARTITION_KEYS)
    listing, *streams = snapshot.streams(*map(composed, own))
    columns, keys, partitions = map(DetailStream[Row], streams)
    policies = DetailStream[Row](snapshot.streams(composed(queries.POLICIES))[0] if wanted.classification else ())
    definitions = Definitions.of(snapshot, schema, types) if wanted.ddl else None
    for table in map(TableRow._make, listing):
        rows = columns.of(table.oid)
        of_table = Keys([KeyRow._make(row) for row in keys.of(table.oid)])
        yield Table(
            name=table.name,
            type=KINDS[table.kind],
            columns=described(rows, types, of_table.on_columns()),
            constraints=tuple(of_table.constraints(rows)),
            foreign_keys=tuple(of_table.foreign_keys(rows, database)),
            partition=partition(partitions.of(table.oid), rows, types),
            definition=table.definition(),
            ddl=definitions.of_table(table.oid, table.name, table.quoted, rows) if definitions else None,
            description=table.description,
            owner=table.owner,
            tags=tuple(fqn(str(wanted.classification), encode_name(name)) for _, name in policies.of(table.oid)),
        )


def described(rows: Sequence[Row], types: Types, keyed: dict[int, ColumnConstraint | None]) -> tuple[Column, ...]:
    """The columns of one table; `keyed` has the constraint of those that a key covers."""
    shapes, never_null = types.shapes, types.never_null
    columns: list[Column] = []
    for place, (_, number, name, oid, modifier, not_null, description) in enumerate(rows, 1):
        type_key = (oid, modifier)
        constraint: ColumnConstraint | None = "NOT_NULL" if not_null or type_key in never_null else "NULL"
        if number in keyed:
            constraint = keyed[number]
        columns.append(
            Column(
                name=encode_name(name),
                description=description,
                constraint=constraint,
                ordinal_position=place,
                **shapes[type_key],
            )
        )
    return tuple(columns)


@dataclass(frozen=True, slots=True)
class Keys:
    """The primary, unique and foreign keys of one table."""

    rows: list[KeyRow]

    def on_columns(self) -> dict[int, ColumnConstraint | None]:
        """What a column says of the keys: its own key's kind, nothing where a primary key has several columns."""
        found: dict[int, ColumnConstraint | None] = {}
        for row in self.rows:
            if row.kind == "u" and len(row.columns) == 1:
                found[row.columns[0]] = "UNIQUE"
        for row in self.rows:
            if row.kind == "p":
                single = len(row.columns) == 1
                found |= dict.fromkeys(row.columns, "PRIMARY_KEY" if single else None)
        return found

    def constraints(self, columns: Sequence[Row]) -> Iterator[TableConstraint]:
        """The primary and unique keys of several columns; the table's, as no column can tell of them."""
        for row in self.rows:
            if row.kind != "f" and len(row.columns) > 1:
                kind = ConstraintType.PRIMARY_KEY if row.kind == "p" else ConstraintType.UNIQUE
                yield TableConstraint(constraint_type=kind, columns=tuple(map(encode_name, _named(row, columns))))

    def foreign_keys(self, columns: Sequence[Row], database: str) -> Iterator[ForeignKey]:
        """The foreign keys; one over exactly a key of this table refers one to one."""
        unique = [set(row.columns) for row in self.rows if row.kind != "f"]
        for row in self.rows:
            if row.referred_schema is not None and row.referred_table is not None:
                yield ForeignKey(
                    columns=_named(row, columns),
                    referred_database=database,
                    referred_schema=row.referred_schema,
                    referred_table=row.referred_table,
                    referred_columns=tuple(row.referred_columns or ()),
                    unique=set(row.columns) in unique,
                )


def _named(key: KeyRow, columns: Sequence[Row]) -> tuple[str, ...]:
    names = {number: name for _, number, name, *_ in columns}
    return tuple(names[number] for number in key.columns)


def partition(keys: Sequence[Row], columns: Sequence[Row], types: Types) -> TablePartition | None:
    """How a table is partitioned; a column that stands in an expression carries the expression's text."""
    if not keys:
        return None
    _, strategy, plain, expression, in_expressions = keys[0]
    by_number = {row[1]: row for row in columns}
    numbers: list[int] = [number for number in plain if number]

    def column(number: int, text: str | None) -> PartitionColumn:
        _, _, name, oid, modifier, *_ = by_number[number]
        kind = types.shapes[oid, modifier]["data_type"]
        interval_type = "COLUMN-VALUE"
        if strategy == "r" and kind in TEMPORAL:
            interval_type = "TIME-UNIT"
        elif strategy == "r" and kind in INTEGERS:
            interval_type = "INTEGER-RANGE"
        return PartitionColumn(column_name=encode_name(name), interval_type=interval_type, interval=text)

    only_in_expressions = [number for number in in_expressions if number not in numbers]
    described_columns = [column(number, None) for number in numbers]
    return TablePartition(columns=(*described_columns, *(column(number, expression) for number in only_in_expressions)))
