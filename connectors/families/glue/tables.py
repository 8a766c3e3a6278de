"""A table as Glue describes it, which Hive, Spark, Athena, Iceberg and Delta Lake each do in their own way."""

from base64 import b64decode
from binascii import Error as NotBase64
from collections.abc import Iterator
from typing import Any

import msgspec

from connectors.decoding import decode
from connectors.families.database_source import Table
from connectors.families.nested_types import column_of_type
from connectors.families.spark_schema import Told, spark_columns
from connectors.models.database import Column, PartitionColumn, TablePartition, TableType
from connectors.models.names import encode_name

TYPES = {"EXTERNAL_TABLE": TableType.EXTERNAL, "VIRTUAL_VIEW": TableType.VIEW}
PRESTO_VIEW = ("/* Presto View: ", " */")
ICEBERG_DROPPED = ("iceberg.field.current", "false")
# What Hive and Glue write where nobody is named.
NO_OWNER = frozenset({"", "owner", "hadoop"})


class GlueColumn(msgspec.Struct, frozen=True, rename="pascal"):
    """A column or a key of the partitions."""

    name: str
    type: str = ""
    comment: str = ""
    parameters: dict[str, str] = {}


class StorageDescriptor(msgspec.Struct, frozen=True, rename="pascal"):
    """Where and how the table's data lies."""

    columns: tuple[GlueColumn, ...] = ()
    location: str = ""


class GlueTable(msgspec.Struct, frozen=True, rename="pascal"):
    """A table as GetTables tells it."""

    name: str
    table_type: str = ""
    description: str = ""
    owner: str = ""
    parameters: dict[str, str] = {}
    storage_descriptor: StorageDescriptor = StorageDescriptor()
    partition_keys: tuple[GlueColumn, ...] = ()
    view_original_text: str = ""
    view_expanded_text: str = ""


def table_of(row: GlueTable) -> Table:
    """The table as the family takes it."""
    kind = type_of(row)
    return Table(
        name=row.name,
        type=kind,
        columns=tuple(_columns(row)),
        partition=partition_of(row),
        definition=view_text(row) if kind is TableType.VIEW else None,
        description=row.description or row.parameters.get("comment") or None,
        owner=None if row.owner in NO_OWNER else row.owner,
        location=row.storage_descriptor.location or None,
    )


def type_of(row: GlueTable) -> TableType:
    """What kind of table it is; one of Delta Lake is an external one, as OpenMetadata has no word for it."""
    if row.parameters.get("table_type", "").upper() == "ICEBERG":
        return TableType.ICEBERG
    return TYPES.get(row.table_type, TableType.REGULAR)


def partition_of(row: GlueTable) -> TablePartition | None:
    """By which columns the table's files lie in folders."""
    keys = (
        PartitionColumn(column_name=encode_name(key.name), interval_type="COLUMN-VALUE") for key in row.partition_keys
    )
    return TablePartition(columns=tuple(keys)) if row.partition_keys else None


def view_text(row: GlueTable) -> str | None:
    """The query of a view; Athena's and Trino's is wrapped in a comment."""
    text = row.view_original_text
    head, tail = PRESTO_VIEW
    if text.startswith(head) and text.endswith(tail):
        try:
            wrapped: dict[str, Any] = decode(b64decode(text[len(head) : -len(tail)]), dict[str, Any])
            text = str(wrapped["originalSql"])
        except (NotBase64, msgspec.MsgspecError, KeyError):
            text = row.view_expanded_text
    return text or None


def _columns(row: GlueTable) -> Iterator[Column]:
    seen: set[str] = set()
    for name, text, comment in spark_columns(row.parameters, _of_hive(row)):
        if name not in seen:
            seen.add(name)
            yield column_of_type(name, text, len(seen), description=comment)


def _of_hive(row: GlueTable) -> list[Told]:
    """The columns and then the keys of the partitions, as Hive orders them; those that Iceberg has dropped are gone."""
    dropped, no = ICEBERG_DROPPED
    columns = (*row.storage_descriptor.columns, *row.partition_keys)
    return [(each.name, each.type, each.comment or None) for each in columns if each.parameters.get(dropped) != no]
