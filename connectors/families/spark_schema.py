"""Schemas as Spark and Delta Lake write them, in JSON."""

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from connectors.decoding import decode

PROVIDER, SCHEMA = "spark.sql.sources.provider", "spark.sql.sources.schema"
PARTS = f"{SCHEMA}.numParts"
# What Spark has a metastore say of the columns of tables that Hive could not read.
NOT_TOLD = ("col", "array<string>")
Told = tuple[str, str, str | None]


class SparkField(msgspec.Struct, frozen=True):
    """A column."""

    name: str
    type: str | dict[str, Any]
    nullable: bool = True
    metadata: dict[str, Any] = {}


class SparkSchema(msgspec.Struct, frozen=True):
    """All columns of a table."""

    fields: tuple[SparkField, ...]


def spelled(kind: str | dict[str, Any]) -> str:
    """A type as Spark writes it in JSON, in the spelling of Hive."""
    if isinstance(kind, str):
        return kind
    if kind["type"] == "struct":
        fields = (f"`{field['name'].replace('`', '``')}`:{spelled(field['type'])}" for field in kind["fields"])
        return f"struct<{','.join(fields)}>"
    if kind["type"] == "array":
        return f"array<{spelled(kind['elementType'])}>"
    if kind["type"] == "map":
        return f"map<{spelled(kind['keyType'])},{spelled(kind['valueType'])}>"
    return spelled(kind.get("sqlType", ""))


def spark_columns(parameters: Mapping[str, str], told: Sequence[Told]) -> Sequence[Told]:
    """The columns of a table of a metastore: names, types and comments.

    Those that are `told` are not true of tables of Delta Lake and of others that Spark alone can read: then they are as
    Spark wrote them among the table's parameters, if it did.
    """
    provider = parameters.get(PROVIDER, "").lower()
    if not provider or not (provider == "delta" or [each[:2] for each in told] == [NOT_TOLD]):
        return told
    text, count = parameters.get(SCHEMA, ""), parameters.get(PARTS, "")
    if count.isdecimal():
        text = "".join(parameters.get(f"{SCHEMA}.part.{place}", "") for place in range(int(count)))
    try:
        fields = decode(text, SparkSchema).fields
        found = [(each.name, spelled(each.type), str(each.metadata.get("comment") or "") or None) for each in fields]
    except (msgspec.MsgspecError, KeyError, TypeError, RecursionError):
        return told
    return found or told
