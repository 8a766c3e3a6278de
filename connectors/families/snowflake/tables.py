"""The tables of one schema, put together from a few ordered streams of rows."""

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import NamedTuple

import msgspec

from connectors.families.database_source import ForeignKey
from connectors.families.nested_types import column_of_type
from connectors.families.snowflake.session import Named
from connectors.models.base import TagLabel
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

YES = frozenset({"YES", "Y", "TRUE", "true", True})
KINDS = {
    "VIEW": TableType.VIEW,
    "MATERIALIZED VIEW": TableType.MATERIALIZED_VIEW,
    "EXTERNAL TABLE": TableType.EXTERNAL,
    "TEMPORARY TABLE": TableType.LOCAL,
    "LOCAL TEMPORARY": TableType.LOCAL,
}
# What stands in information_schema beside its kind.
MARKS = (
    ("IS_DYNAMIC", TableType.DYNAMIC),
    ("IS_ICEBERG", TableType.ICEBERG),
    ("IS_TRANSIENT", TableType.TRANSIENT),
)
TIMES = frozenset({"DATE", "DATETIME", "TIMESTAMP", "TIMESTAMPZ"})
WORD = re.compile(r'"((?:[^"]|"")+)"|([A-Za-z_][\w$]*)')
SIZED, EXACT = frozenset({"TEXT", "VARCHAR", "CHAR", "BINARY"}), frozenset({"NUMBER", "DECIMAL", "NUMERIC"})


class ColumnRow(NamedTuple):
    """A row of queries.COLUMNS; `structured` names the parts of a type that the others do not tell."""

    table: str
    name: str
    nullable: str
    type: str
    length: int | None
    precision: int | None
    scale: int | None
    comment: str | None
    structured: str | None = None

    @property
    def spelled(self) -> str:
        """The type as SQL writes it."""
        if self.type in SIZED and self.length is not None:
            return f"{'VARCHAR' if self.type == 'TEXT' else self.type}({self.length})"
        if self.type in EXACT and self.precision is not None:
            return f"{self.type}({self.precision},{self.scale or 0})"
        return "VARCHAR" if self.type == "TEXT" else self.type


class TagRow(NamedTuple):
    """A row of queries.TAGGED; `column` is None for a tag of the table itself."""

    table: str
    column: str | None
    name: str
    value: str | None

    @property
    def label(self) -> str:
        """The tag's fully qualified name."""
        return fqn(encode_name(self.name), encode_name(self.value or self.name))


class Keys(msgspec.Struct, frozen=True):
    """The primary, unique and foreign keys of one table, each with its columns in order."""

    primary: dict[str, list[str]] = msgspec.field(default_factory=dict[str, list[str]])
    unique: dict[str, list[str]] = msgspec.field(default_factory=dict[str, list[str]])
    foreign: dict[str, list[Named]] = msgspec.field(default_factory=dict[str, list[Named]])

    def on_columns(self) -> dict[str, ColumnConstraint | None]:
        """What a column says of the keys: its own key's kind, nothing where a primary key has several columns."""
        found: dict[str, ColumnConstraint | None] = {
            columns[0]: "UNIQUE" for columns in self.unique.values() if len(columns) == 1
        }
        for columns in self.primary.values():
            found |= dict.fromkeys(columns, "PRIMARY_KEY" if len(columns) == 1 else None)
        return found

    def constraints(self) -> Iterator[TableConstraint]:
        """The primary and unique keys of several columns; the table's, as no column can tell of them."""
        both = ((ConstraintType.PRIMARY_KEY, self.primary), (ConstraintType.UNIQUE, self.unique))
        for kind, keys in both:
            for columns in keys.values():
                if len(columns) > 1:
                    yield TableConstraint(constraint_type=kind, columns=tuple(map(encode_name, columns)))

    def foreign_keys(self) -> Iterator[ForeignKey]:
        """The foreign keys; one over exactly a key of this table refers one to one."""
        unique = [set(columns) for keys in (self.primary, self.unique) for columns in keys.values()]
        for rows in self.foreign.values():
            columns, first = tuple(str(row["FK_COLUMN_NAME"]) for row in rows), rows[0]
            yield ForeignKey(
                columns=columns,
                referred_database=first["PK_DATABASE_NAME"],
                referred_schema=first["PK_SCHEMA_NAME"],
                referred_table=first["PK_TABLE_NAME"],
                referred_columns=tuple(str(row["PK_COLUMN_NAME"]) for row in rows),
                unique=set(columns) in unique,
            )


def keys_by_table(primary: Iterable[Named], unique: Iterable[Named], foreign: Iterable[Named]) -> dict[str, Keys]:
    """What SHOW lists of the keys of a schema, by the table that has them."""
    found: dict[str, Keys] = {}
    for row in sorted(primary, key=_place):
        keys = found.setdefault(row["TABLE_NAME"], Keys())
        keys.primary.setdefault(row["CONSTRAINT_NAME"], []).append(row["COLUMN_NAME"])
    for row in sorted(unique, key=_place):
        keys = found.setdefault(row["TABLE_NAME"], Keys())
        keys.unique.setdefault(row["CONSTRAINT_NAME"], []).append(row["COLUMN_NAME"])
    for row in sorted(foreign, key=_place):
        keys = found.setdefault(row["FK_TABLE_NAME"], Keys())
        keys.foreign.setdefault(row["FK_NAME"], []).append(row)
    return found


def _place(row: Named) -> int:
    return int(row["KEY_SEQUENCE"])


def described(
    rows: Iterable[ColumnRow], keys: Keys, tags: Sequence[TagRow], spelled: Callable[[ColumnRow], str]
) -> Iterator[Column]:
    """The columns of one table; `spelled` tells their types."""
    keyed = keys.on_columns()
    labels: dict[str, list[str]] = {}
    for tag in tags:
        if tag.column:
            labels.setdefault(tag.column, []).append(tag.label)
    for place, row in enumerate(rows, 1):
        column = column_of_type(
            row.name, spelled(row), place, required=row.nullable not in YES, description=row.comment or None
        )
        if row.name in keyed:
            column = msgspec.structs.replace(column, constraint=keyed[row.name])
        if row.name in labels:
            column = msgspec.structs.replace(column, tags=tuple(TagLabel(tag_fqn=label) for label in labels[row.name]))
        yield column


def table_type(row: Named) -> TableType:
    """What kind of table a row of queries.TABLES or VIEWS is."""
    kind = KINDS.get(str(row["TABLE_TYPE"]).upper())
    if kind is TableType.VIEW and row.get("IS_SECURE") in YES:
        return TableType.SECURE_VIEW
    if kind is not None:
        return kind
    return next((marked for mark, marked in MARKS if row.get(mark) in YES), TableType.REGULAR)


def partition(expression: str | None, columns: Sequence[Column]) -> TablePartition | None:
    """The columns of a clustering key; one that stands in an expression carries the key's text."""
    if not expression:
        return None
    by_name = {column.name: column for column in columns}
    words = [quoted.replace('""', '"') or plain.upper() for quoted, plain in WORD.findall(expression)]
    names = dict.fromkeys(encode_name(word) for word in words if encode_name(word) in by_name)
    rest = WORD.sub("", expression.removeprefix("LINEAR")).strip(" (),")
    bare = not rest and len(names) == len([word for word in words if word != "LINEAR"])
    parts = tuple(
        PartitionColumn(
            column_name=name,
            interval_type="TIME-UNIT" if not bare and by_name[name].data_type in TIMES else "COLUMN-VALUE",
            interval=None if bare else expression,
        )
        for name in names
    )
    return TablePartition(columns=parts) if parts else None


def qualified(text: str) -> list[str]:
    """The parts of a qualified name as SQL writes it; those without quotes are in capitals."""
    return [quoted.replace('""', '"') or plain for quoted, plain in WORD.findall(text)]
