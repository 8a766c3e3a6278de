"""The tables of one schema, some hundred at a time, each made of one row."""

from collections.abc import Iterator, Mapping, Sequence
from functools import partial

import msgspec

from connectors.decoding import decoder_of
from connectors.families.database_source import ForeignKey, Table
from connectors.families.postgres import queries
from connectors.families.postgres.columns import ColumnRows, constraints, described
from connectors.families.postgres.ddl import table_statements
from connectors.families.postgres.session import Snapshot
from connectors.families.postgres.statements import TableFacts, view_statement
from connectors.families.postgres.types import TEMPORAL, Shape, TypeKey, Types, type_of
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


class KeyRow(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """One of queries.KEYS; what a foreign key refers to is None for other keys."""

    kind: str
    columns: list[int]
    referred_schema: str | None
    referred_table: str | None
    referred_columns: list[str] | None


class PartitionKey(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """A row of queries.PARTITION_KEY; `columns` has 0 in the place of an expression."""

    strategy: str
    columns: list[int]
    expression: str | None
    in_expression: list[int]


class TableRow(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """What a row of queries.TABLES says of a table; `quoted` is the name as SQL writes it, with its schema."""

    name: str
    kind: str
    description: str | None
    owner: str
    view: str | None
    quoted: str
    options: list[str] | None
    columns: ColumnRows
    keys: list[KeyRow]
    partition_key: PartitionKey | None
    policies: list[str]
    facts: TableFacts | None

    def definition(self) -> str | None:
        """A view's own statement."""
        if self.view is None:
            return None
        kind = "MATERIALIZED VIEW" if self.kind == "m" else "VIEW"
        return view_statement(kind, self.quoted, self.options, self.view)


class ListedTable(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """A row of queries.TABLES: the types of its columns, asked for first, and a TableRow that is not read yet.

    It is read when its table is made: a whole piece of decoded tables takes more memory, and makes the garbage
    collector run.
    """

    kinds: list[TypeKey]
    rest: msgspec.Raw


read_listed = decoder_of(list[ListedTable]).decode
read_row = decoder_of(TableRow).decode


class Wanted(msgspec.Struct, frozen=True):
    """What a listing is to hold beside the tables themselves."""

    ddl: bool = False
    classification: str | None = None


class Tables(msgspec.Struct, frozen=True):
    """Reads tables and views of one schema, and makes of them what the family wants."""

    snapshot: Snapshot
    database: str
    wanted: Wanted
    types: Types

    def read(self, oids: Sequence[int]) -> list[ListedTable]:
        """The rows of these oids; the types of their columns are then known."""
        version = self.snapshot.version
        query = queries.composed(queries.TABLES, version, ddl=self.wanted.ddl)
        rows = read_listed(self.snapshot.document(query, [f"{{{','.join(map(str, oids))}}}"]))
        if missing := set[TypeKey]().union(*[row.kinds for row in rows]) - self.types.shapes.keys():
            pairs = [list(each) for each in zip(*map(type_of, missing), strict=True)]
            self.types.add(self.snapshot.rows(queries.composed(queries.TYPES, version), pairs))
        return rows

    def made(self, listed: ListedTable) -> Table:
        """One table or view."""
        row, kinds = read_row(listed.rest), listed.kinds
        columns, keys, facts = row.columns, Keys(row.keys), row.facts
        types, classification = self.types, self.wanted.classification
        names = dict(zip(columns.numbers, columns.names, strict=True)) if keys.are_the_tables else {}
        shapes = types.shapes_of(kinds, f"{self.database}.{row.quoted}")
        return Table(
            name=row.name,
            type=KINDS[row.kind],
            columns=described(columns, shapes, constraints(columns, kinds, types, keys.on_columns())),
            constraints=tuple(keys.constraints(names)) if names else (),
            foreign_keys=tuple(keys.foreign_keys(names, self.database)) if names else (),
            partition=partition(row.partition_key, columns, shapes) if row.partition_key else None,
            definition=row.definition(),
            ddl=partial(table_statements, row.name, row.quoted, facts, columns, shapes) if facts else None,
            description=row.description,
            owner=row.owner,
            tags=tuple(fqn(classification, encode_name(name)) for name in row.policies) if classification else (),
        )


def in_pieces(oids: Sequence[int]) -> list[Sequence[int]]:
    """PIECE_TABLES in each; what is held at a time are two of them."""
    return [oids[first : first + PIECE_TABLES] for first in range(0, len(oids), PIECE_TABLES)]


class Keys(msgspec.Struct, frozen=True):
    """The primary, unique and foreign keys of one table."""

    rows: list[KeyRow]

    @property
    def are_the_tables(self) -> bool:
        """Whether any has more to say than its one column says."""
        return any(row.kind == "f" or len(row.columns) > 1 for row in self.rows)

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


def partition(key: PartitionKey, columns: ColumnRows, shapes: Sequence[Shape]) -> TablePartition:
    """How a table is partitioned; a column that stands in an expression carries the expression's text."""
    strategy = key.strategy
    numbers = [number for number in key.columns if number]

    def column(number: int, text: str | None) -> PartitionColumn:
        place = columns.numbers.index(number)
        name = encode_name(columns.names[place])
        kind = shapes[place].data_type
        interval_type = "COLUMN-VALUE"
        if strategy == "r" and kind in TEMPORAL:
            interval_type = "TIME-UNIT"
        elif strategy == "r" and kind in INTEGERS:
            interval_type = "INTEGER-RANGE"
        return PartitionColumn(column_name=name, interval_type=interval_type, interval=text)

    only_in_expressions = [number for number in key.in_expression if number not in numbers]
    described_columns = [column(number, None) for number in numbers]
    return TablePartition(
        columns=(*described_columns, *(column(number, key.expression) for number in only_in_expressions))
    )
