"""Columns of a Parquet file, by the schema in its footer; pyarrow reads it."""

from collections.abc import Mapping
from typing import Any, BinaryIO, cast

from connectors.errors import ConnectorError
from connectors.families.file_columns.typed import DEEPEST, columns_of_fields
from connectors.families.nested_types import Field, NestedType
from connectors.models.database import Column

ADVICE = "see whether the file is damaged, or correct structureFormat in the manifest"
ArrowType = Any
# By the beginning of the type's own name.
NAMES: Mapping[str, str] = {
    "bool": "boolean", "int8": "tinyint", "int16": "smallint", "int32": "int", "int64": "bigint",
    "uint8": "smallint", "uint16": "int", "uint32": "bigint", "uint64": "largeint",
    "halffloat": "float", "float": "float", "double": "double", "string": "string", "large_string": "string",
    "string_view": "string", "binary": "binary", "large_binary": "binary", "binary_view": "binary",
    "fixed_size_binary": "binary", "date32": "date", "date64": "date", "time32": "time", "time64": "time",
    "duration": "interval", "null": "null",
}  # fmt: skip


def parquet_columns(file: BinaryIO, name: str) -> tuple[Column, ...]:
    """The columns of a file, which is read where its schema stands.

    Raises:
        ConnectorError: pyarrow is not installed, or it is no Parquet file.
    """
    try:
        import pyarrow as pa
        from pyarrow import parquet
    except ImportError as error:
        msg = f"{name} cannot be read: pyarrow is not installed"
        raise ConnectorError(msg, "install it: pip install 'headwater[s3]'") from error
    try:
        schema = cast("ArrowType", parquet).read_schema(file)
    except (cast("ArrowType", pa).ArrowException, OSError) as error:
        msg = f"{name} is no Parquet file: {error}"
        raise ConnectorError(msg, ADVICE) from error
    return columns_of_fields(Field(each.name, _type(each.type, 0), required=not each.nullable) for each in schema)


def _type(found: ArrowType, depth: int) -> NestedType:
    """An Arrow type as one of those that columns are made of."""
    from pyarrow import types

    of = cast("ArrowType", types)
    if depth > DEEPEST:
        return NestedType("unknown type")
    if of.is_nested(found):
        return _nested(found, of, depth + 1)
    if of.is_dictionary(found):
        return _type(found.value_type, depth)
    if of.is_decimal(found):
        return NestedType("decimal", (found.precision, found.scale))
    if of.is_timestamp(found):
        return NestedType("timestamp" if found.tz is None else "timestamp with time zone")
    return NestedType(NAMES.get(str(found).partition("[")[0], str(found)))


def _nested(found: ArrowType, of: ArrowType, depth: int) -> NestedType:
    if of.is_struct(found):
        fields = (found.field(place) for place in range(found.num_fields))
        inside = tuple(Field(each.name, _type(each.type, depth), required=not each.nullable) for each in fields)
        return NestedType("struct", fields=inside)
    if of.is_map(found):
        return NestedType("map", parts=(_type(found.key_type, depth), _type(found.item_type, depth)))
    if hasattr(found, "value_type"):
        return NestedType("array", parts=(_type(found.value_type, depth),))
    return NestedType(str(found))
