"""Columns of an Avro file, by the schema at its beginning; fastavro reads it."""

import io
from collections.abc import Mapping
from typing import Any, cast

from connectors.errors import ConnectorError
from connectors.families.bounds import LONG_TEXT, fields_for
from connectors.families.file_columns.typed import DEEPEST, columns_of_fields
from connectors.families.nested_types import Field, NestedType
from connectors.models.database import Column

ADVICE = "see whether the file is damaged, or correct structureFormat in the manifest"
NAMES: Mapping[str, str] = {
    "null": "null", "boolean": "boolean", "int": "int", "long": "bigint", "float": "float", "double": "double",
    "bytes": "binary", "string": "string", "fixed": "binary", "enum": "string",
}  # fmt: skip
LOGICAL: Mapping[str, str] = {
    "date": "date", "time-millis": "time", "time-micros": "time", "uuid": "uuid", "duration": "interval",
    "timestamp-millis": "timestamp with time zone", "timestamp-micros": "timestamp with time zone",
    "timestamp-nanos": "timestamp with time zone", "local-timestamp-millis": "timestamp",
    "local-timestamp-micros": "timestamp", "local-timestamp-nanos": "timestamp",
}  # fmt: skip
MOST_TYPES = 10_000
Schema = Any


def avro_columns(head: bytes, name: str) -> tuple[Column, ...]:
    """The columns of the file that begins so.

    Raises:
        ConnectorError: fastavro is not installed, or it is no Avro file, or its schema is longer than `head`.
    """
    try:
        import fastavro
    except ImportError as error:
        msg = f"{name} cannot be read: fastavro is not installed"
        raise ConnectorError(msg, "install it: pip install 'headwater[s3]'") from error
    try:
        schema = cast("Any", fastavro).reader(io.BytesIO(head)).writer_schema
    except Exception as error:  # it raises whatever the bytes make it stumble over
        msg = f"{name} is no Avro file, or its schema does not end within its first {len(head)} bytes: {error}"
        raise ConnectorError(msg, ADVICE) from error
    found = _Types(name).type(schema, 0)
    return columns_of_fields(found.fields or (Field("value", found),))


class _Types:
    """Reads one schema; types that were named once are known by their names."""

    def __init__(self, name: str) -> None:
        self._file = name
        self._named: dict[str, Schema] = {}
        self._open: set[str] = set()
        self._count = 0

    def type(self, schema: Schema, depth: int) -> NestedType:
        """What the schema describes; a record that holds itself has no fields there."""
        self._take(1)
        if depth > DEEPEST:
            return NestedType("unknown type")
        if isinstance(schema, list):
            return self._union(cast("list[Schema]", schema), depth)
        if isinstance(schema, str):
            known = self._named.get(schema)
            return NestedType(NAMES.get(schema, schema)) if known is None else self.type(known, depth)
        if "name" in schema:
            self._named[schema["name"]] = schema
        return self._of(schema["type"], schema, depth)

    def _take(self, count: int) -> None:
        self._count += count
        if self._count > MOST_TYPES:
            said = f"more than {MOST_TYPES} types, each {LONG_TEXT} characters counted as one"
            msg = f"the schema of {self._file} unfolds into {said}"
            raise ConnectorError(msg, "give the path to files with a smaller schema")

    def _of(self, kind: Schema, schema: Schema, depth: int) -> NestedType:
        if kind in ("record", "error"):
            return NestedType("struct", fields=self._fields(schema, depth))
        if kind == "array":
            return NestedType("array", parts=(self.type(schema["items"], depth + 1),))
        if kind == "map":
            return NestedType("map", parts=(NestedType("string"), self.type(schema["values"], depth + 1)))
        logical = str(schema.get("logicalType", ""))
        if kind in ("bytes", "fixed") and logical == "decimal":
            precision, scale = schema.get("precision"), schema.get("scale", 0)
            # A decimal that is none is its plain type, as the specification has it.
            whole = isinstance(precision, int) and isinstance(scale, int) and 0 <= scale <= precision
            return NestedType("decimal", (precision, scale)) if whole else NestedType(NAMES[kind])
        return NestedType(LOGICAL[logical]) if logical in LOGICAL else self.type(kind, depth + 1)

    def _fields(self, schema: Schema, depth: int) -> tuple[Field, ...]:
        name = schema["name"]
        if name in self._open:
            return ()
        self._open.add(name)
        found = tuple(self._field(each, depth) for each in schema["fields"])
        self._open.discard(name)
        return found

    def _field(self, schema: Schema, depth: int) -> Field:
        kind, name, text = schema["type"], schema["name"], schema.get("doc")
        self._take(fields_for(name, text))
        optional = isinstance(kind, list) and "null" in cast("list[Schema]", kind)
        found = self.type(kind, depth + 1)
        return Field(name, found, required=not optional, description=text)

    def _union(self, kinds: list[Schema], depth: int) -> NestedType:
        parts = tuple(self.type(each, depth + 1) for each in kinds if each != "null")
        return parts[0] if len(parts) == 1 else NestedType("uniontype", parts=parts)
