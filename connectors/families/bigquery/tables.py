"""A table as BigQuery's lists and views describe it, in the words of the family."""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import NamedTuple

import msgspec

from connectors.families.bigquery.answers import TableItem
from connectors.families.bigquery.api import SqlRow
from connectors.families.database_source import ForeignKey
from connectors.families.nested_types import column_of_type
from connectors.models.base import TagLabel
from connectors.models.database import (
    AccessDetails,
    Column,
    ConstraintType,
    LifeCycle,
    PartitionColumn,
    TableConstraint,
    TablePartition,
    TableType,
)
from connectors.models.names import encode_name

KINDS = {
    "VIEW": TableType.VIEW,
    "MATERIALIZED_VIEW": TableType.MATERIALIZED_VIEW,
    "EXTERNAL": TableType.EXTERNAL,
}
# What a table is partitioned by where no column is named: when a row came in.
ARRIVAL = "_PARTITIONTIME"
LITERAL = re.compile(r'"((?:[^"\\]|\\.)*)"|\'((?:[^\'\\]|\\.)*)\'', re.DOTALL)
ESCAPE = re.compile(r"\\(?:[xX]([0-9A-Fa-f]{2})|u([0-9A-Fa-f]{4})|U([0-9A-Fa-f]{8})|([0-7]{3})|(.))", re.DOTALL)
PLAIN = {"a": "\a", "b": "\b", "f": "\f", "n": "\n", "r": "\r", "t": "\t", "v": "\v"}
Path = tuple[str, ...]


class ColumnRow(NamedTuple):
    """A row of queries.COLUMNS."""

    table: str
    name: str
    type: str
    nullable: str


class KeyRow(NamedTuple):
    """A row of queries.KEYS; `referred` is of foreign keys only."""

    table: str
    name: str
    kind: str
    column: str
    referred_project: str | None
    referred_dataset: str | None
    referred_table: str | None
    referred_column: str | None


class Note(NamedTuple):
    """What is said of a column, or of what lies in it."""

    description: str | None
    tags: tuple[TagLabel, ...]


class Keys:
    """The keys of one table."""

    def __init__(self, rows: Iterable[SqlRow]) -> None:
        self._foreign: dict[str, list[KeyRow]] = {}
        self.primary: tuple[str, ...] = ()
        for row in map(KeyRow._make, rows):
            if row.kind == "PRIMARY KEY":
                self.primary = (*self.primary, row.column)
            else:
                self._foreign.setdefault(row.name, []).append(row)

    @property
    def told_apart(self) -> bool:
        """Whether the rows say which column refers to which; they do not where a key has several."""
        return all(len(rows) == 1 for rows in self._foreign.values())

    def constraints(self) -> tuple[TableConstraint, ...]:
        """A primary key of several columns; the table's, as no column can tell of it."""
        if len(self.primary) <= 1:
            return ()
        columns = tuple(map(encode_name, self.primary))
        return (TableConstraint(constraint_type=ConstraintType.PRIMARY_KEY, columns=columns),)

    def foreign_keys(self) -> tuple[ForeignKey, ...]:
        """The foreign keys of one column each; one over the primary key refers one to one."""
        rows = [rows[0] for rows in self._foreign.values() if len(rows) == 1]
        return tuple(
            ForeignKey(
                columns=(row.column,),
                referred_database=str(row.referred_project),
                referred_schema=str(row.referred_dataset),
                referred_table=str(row.referred_table),
                referred_columns=(str(row.referred_column),),
                unique=self.primary == (row.column,),
            )
            for row in rows
            if row.referred_column is not None
        )


def columns_of(rows: Iterable[SqlRow], notes: Mapping[Path, Note], keys: Keys) -> Iterator[Column]:
    """The columns of one table, with what is said of them and of what lies in them."""
    own = set(keys.primary) if len(keys.primary) == 1 else set[str]()
    for place, row in enumerate(map(ColumnRow._make, rows), 1):
        column = column_of_type(row.name, row.type, place, required=row.nullable == "NO")
        if row.name in own:
            column = msgspec.structs.replace(column, constraint="PRIMARY_KEY")
        yield noted(column, (), notes) if notes else column


def noted(column: Column, above: Path, notes: Mapping[Path, Note]) -> Column:
    """The column with the notes on it and, by their paths, on what lies in it."""
    path = (*above, column.name)
    children = tuple(noted(child, path, notes) for child in column.children) if column.children else None
    note = notes.get(path)
    if note is None:
        return column if children is None else msgspec.structs.replace(column, children=children)
    return msgspec.structs.replace(column, description=note.description, tags=note.tags, children=children)


def path_of(field: str) -> Path:
    """Where a field lies, as columns are named; no name has a dot."""
    return tuple(map(encode_name, field.split(".")))


def table_type(row: TableItem) -> TableType:
    """What kind of table it is; snapshots and clones are tables."""
    return KINDS.get(row.type, TableType.REGULAR)


def partition_of(row: TableItem) -> TablePartition | None:
    """What a table is partitioned by, and then what it is clustered by."""
    parts: list[PartitionColumn] = []
    if (time := row.time_partitioning) is not None:
        kind = "TIME-UNIT" if time.field else "INGESTION-TIME"
        name = encode_name(time.field or ARRIVAL)
        parts.append(PartitionColumn(column_name=name, interval_type=kind, interval=time.type))
    if (by := row.range_partitioning) is not None:
        steps = f"{by.range.start},{by.range.end},{by.range.interval}"
        name = encode_name(by.field)
        parts.append(PartitionColumn(column_name=name, interval_type="INTEGER-RANGE", interval=steps))
    known = {part.column_name for part in parts}
    others = map(encode_name, (*row.hive_partitioning_options.fields, *row.clustering.fields))
    parts += [
        PartitionColumn(column_name=name, interval_type="COLUMN-VALUE")
        for name in dict.fromkeys(others)
        if name not in known
    ]
    return TablePartition(columns=tuple(parts)) if parts else None


def life_cycle_of(row: TableItem) -> LifeCycle | None:
    """When it was made."""
    text = row.creation_time
    return LifeCycle(created=AccessDetails(timestamp=int(text))) if text.isascii() and text.isdigit() else None


def texts_of(value: str | None) -> Sequence[str]:
    """The texts in an option's value, which is written as SQL writes it."""
    return [_unescaped(double or single) for double, single in LITERAL.findall(value or "")]


def _unescaped(text: str) -> str:
    def plain(found: re.Match[str]) -> str:
        two, four, eight, octal, other = found.groups()
        if other is not None:
            return PLAIN.get(other, other)
        return chr(int(octal, 8) if octal else int(two or four or eight, 16))

    return ESCAPE.sub(plain, text)
