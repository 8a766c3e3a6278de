"""The tables of one schema, some hundred at a time, put together from a few questions about all of those."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import NamedTuple

from connectors.families.database_source import ForeignKey, Table
from connectors.families.postgres import queries
from connectors.families.postgres.columns import ColumnRows, described
from connectors.families.postgres.ddl import Definitions
from connectors.families.postgres.session import Row, Snapshot
from connectors.families.postgres.statements import view_statement
from connectors.families.postgres.types import TEMPORAL, Types
from connectors.families.sql import grouped
from connectors.models.database import (
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
PIECE_TABLES = 200


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
    """Every table and view of the schema with the oid `schema`; holds PIECE_TABLES at a time, and all the oids."""
    listing = snapshot.rows(queries.composed(queries.LISTING, snapshot.version, schema))
    oids = [oid for (oid,) in listing]
    types = Types()
    for first in range(0, len(oids), PIECE_TABLES):
        ask = partial(_ask, snapshot, ",".join(map(str, oids[first : first + PIECE_TABLES])))
        columns = {row.oid: row for row in map(ColumnRows._make, ask(queries.COLUMNS))}
        used = {pair for row in columns.values() for pair in zip(row.types, row.modifiers, strict=True)}
        if missing := used - types.shapes.keys():
            pairs = [list(each) for each in zip(*missing, strict=True)]
            types.add(snapshot.rows(queries.composed(queries.TYPES, snapshot.version), pairs))
        yield from _piece(ask, database, columns, types, wanted)


def _ask(snapshot: Snapshot, oids: str, query: str) -> list[Row]:
    return snapshot.rows(queries.composed(query, snapshot.version), [f"{{{oids}}}"])


def _piece(
    ask: Callable[[str], list[Row]], database: str, columns: dict[int, ColumnRows], types: Types, wanted: Wanted
) -> Iterator[Table]:
    keys, partitions = grouped(ask(queries.KEYS)), grouped(ask(queries.PARTITION_KEYS))
    policies = grouped(ask(queries.POLICIES) if wanted.classification else ())
    definitions = Definitions.of(ask, types) if wanted.ddl else None
    for table in map(TableRow._make, ask(queries.TABLES)):
        rows = columns.get(table.oid) or ColumnRows(table.oid)
        of_table = Keys([KeyRow._make(row) for row in keys.get(table.oid, ())])
        names = dict(zip(rows.numbers, rows.names, strict=True))
        yield Table(
            name=table.name,
            type=KINDS[table.kind],
            columns=described(rows, types, of_table.on_columns()),
            constraints=tuple(of_table.constraints(names)),
            foreign_keys=tuple(of_table.foreign_keys(names, database)),
            partition=partition(partitions.get(table.oid, ()), rows, types),
            definition=table.definition(),
            ddl=definitions.of_table(table.name, table.quoted, rows) if definitions else None,
            description=table.description,
            owner=table.owner,
            tags=tuple(fqn(str(wanted.classification), encode_name(name)) for _, name in policies.get(table.oid, ())),
        )


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

    def constraints(self, names: Mapping[int, str]) -> Iterator[TableConstraint]:
        """The primary and unique keys of several columns; the table's, as no column can tell of them."""
        for row in self.rows:
            if row.kind != "f" and len(row.columns) > 1:
                kind = ConstraintType.PRIMARY_KEY if row.kind == "p" else ConstraintType.UNIQUE
                yield TableConstraint(constraint_type=kind, columns=tuple(map(encode_name, _named(row, names))))

    def foreign_keys(self, names: Mapping[int, str], database: str) -> Iterator[ForeignKey]:
        """The foreign keys; one over exactly a key of this table refers one to one."""
        unique = [set(row.columns) for row in self.rows if row.kind != "f"]
        for row in self.rows:
            if row.referred_schema is not None and row.referred_table is not None:
                yield ForeignKey(
                    columns=_named(row, names),
                    referred_database=database,
                    referred_schema=row.referred_schema,
                    referred_table=row.referred_table,
                    referred_columns=tuple(row.referred_columns or ()),
                    unique=set(row.columns) in unique,
                )


def _named(key: KeyRow, names: Mapping[int, str]) -> tuple[str, ...]:
    return tuple(names[number] for number in key.columns)


def partition(keys: Sequence[Row], columns: ColumnRows, types: Types) -> TablePartition | None:
    """How a table is partitioned; a column that stands in an expression carries the expression's text."""
    if not keys:
        return None
    _, strategy, plain, expression, in_expressions = keys[0]
    numbers: list[int] = [number for number in plain if number]

    def column(number: int, text: str | None) -> PartitionColumn:
        place = columns.numbers.index(number)
        name = encode_name(columns.names[place])
        kind = types.shapes[columns.types[place], columns.modifiers[place]].data_type
        interval_type = "COLUMN-VALUE"
        if strategy == "r" and kind in TEMPORAL:
            interval_type = "TIME-UNIT"
        elif strategy == "r" and kind in INTEGERS:
            interval_type = "INTEGER-RANGE"
        return PartitionColumn(column_name=name, interval_type=interval_type, interval=text)

    only_in_expressions = [number for number in in_expressions if number not in numbers]
    described_columns = [column(number, None) for number in numbers]
    return TablePartition(columns=(*described_columns, *(column(number, expression) for number in only_in_expressions)))
