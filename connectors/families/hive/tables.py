"""A table of Hive's as either of the two sources tells of it, and what becomes of it."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

import msgspec

from connectors.families.database_source import Table
from connectors.families.nested_types import column_of_type
from connectors.families.spark_schema import spark_columns
from connectors.models.database import VIEW_TYPES, PartitionColumn, TablePartition, TableType
from connectors.models.names import encode_name

KINDS = {
    "EXTERNAL": TableType.EXTERNAL,
    "EXTERNAL_TABLE": TableType.EXTERNAL,
    "VIEW": TableType.VIEW,
    "VIRTUAL_VIEW": TableType.VIEW,
    "METRIC_VIEW": TableType.VIEW,
    "MATERIALIZED_VIEW": TableType.MATERIALIZED_VIEW,
}
# What Hive writes where a SerDe alone knows the columns.
NO_COMMENT = "from deserializer"
HEADS = ("# Partition Information", "# Partitioning")
Row = tuple[Any, ...]
Field = tuple[str, str, str | None]


class Described(msgspec.Struct):
    """`columns` are name, type and comment, those that the table is `partitioned` by last; `kind` is Hive's word."""

    kind: str = ""
    columns: list[Field] = msgspec.field(default_factory=list[Field])
    partitioned: list[str] = msgspec.field(default_factory=list[str])
    owner: str | None = None
    comment: str | None = None
    query: str | None = None
    parameters: dict[str, str] = msgspec.field(default_factory=dict[str, str])

    @property
    def type(self) -> TableType:
        """OpenMetadata's word for it."""
        if self.parameters.get("table_type", "").upper() == "ICEBERG":
            return TableType.ICEBERG
        plain = TableType.PARTITIONED if self.partitioned else TableType.REGULAR
        return KINDS.get(self.kind.upper(), plain)

    def table(self, schema: str, name: str, ddl: Callable[[], str] | None = None) -> Table:
        """The table as the family takes it."""
        kind = self.type
        parts = tuple(
            PartitionColumn(column_name=encode_name(each), interval_type="COLUMN-VALUE") for each in self.partitioned
        )
        statement = f"CREATE VIEW {quoted(schema)}.{quoted(name)} AS {self.query}" if self.query else None
        return Table(
            name=name,
            type=kind,
            columns=tuple(
                column_of_type(column, text, place, description=comment)
                for place, (column, text, comment) in enumerate(spark_columns(self.parameters, self.columns), 1)
            ),
            partition=TablePartition(columns=parts) if parts else None,
            definition=statement if kind in VIEW_TYPES else None,
            ddl=None if kind in VIEW_TYPES else ddl,
            description=self.comment or self.parameters.get("comment") or None,
            owner=self.owner or None,
        )


def formatted(rows: Iterable[Row]) -> Described:
    """What DESCRIBE FORMATTED tells, in Hive's form or in Spark's."""
    found = Described()
    section, parts = "", list[Field]()
    for name, kind, comment in _stripped(rows):
        if name.startswith("#"):
            section = section if name.startswith("# col_name") else name
        elif section.startswith(HEADS):
            if name and not name.startswith(("Part ", "Not partitioned")):
                parts.append((name, kind, comment))
        elif section:
            _noted(found, name, kind, comment)
        elif name:
            found.columns.append((name, kind, comment))
    known = {name for name, _, _ in found.columns}
    found.columns += [part for part in parts if part[0] not in known]
    found.partitioned = [name for name, _, _ in parts]
    return found


def _stripped(rows: Iterable[Row]) -> Iterator[tuple[str, str, str | None]]:
    for row in rows:
        name, kind, comment = (str(cell).strip() if cell is not None else "" for cell in (*row, "", "")[:3])
        yield name, kind, (comment if comment not in ("", NO_COMMENT) else None)


def _noted(found: Described, name: str, value: str, more: str | None) -> None:
    """A line below the columns; Hive writes the table's parameters without a name of their own."""
    match name.rstrip(":"):
        case "":
            if value and more:
                found.parameters.setdefault(value, more)
        case "Type" | "Table Type":
            found.kind = value
        case "Owner":
            found.owner = value
        case "Comment":
            found.comment = value
        case "Provider":
            found.parameters["table_type"] = value
        case "View Original Text" | "View Text":
            found.query = found.query or value
        case _:
            pass


def quoted(name: str) -> str:
    """A name as HiveQL writes it."""
    return "`" + name.replace("`", "``") + "`"


def first_of(rows: Iterable[Row], names: Mapping[str, int]) -> dict[str, str]:
    """Of DESCRIBE DATABASE, which Hive answers with one row and Spark with one for each property: some by name."""
    listed = [tuple(str(cell) if cell is not None else "" for cell in row) for row in rows]
    match listed:
        case [(_, _, _, *_) as row]:
            return {name: row[place] for name, place in names.items() if place < len(row)}
        case _:
            return {row[0]: row[1] for row in listed if len(row) > 1}
