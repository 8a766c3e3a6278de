"""Schemas as Spark and Delta Lake write them, in JSON."""

from typing import Any

import msgspec


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
