"""MySQL's and MariaDB's types in OpenMetadata's words."""

from typing import Any

from connectors.models.database import Column, ColumnConstraint, DataType
from connectors.models.names import encode_name

TYPES: dict[str, DataType] = {
    "tinyint": "TINYINT", "smallint": "SMALLINT", "mediumint": "INT", "int": "INT", "bigint": "BIGINT",
    "decimal": "DECIMAL", "float": "FLOAT", "double": "DOUBLE", "bit": "BIT", "date": "DATE",
    "datetime": "DATETIME", "timestamp": "TIMESTAMP", "time": "TIME", "year": "YEAR", "char": "CHAR",
    "varchar": "VARCHAR", "binary": "BINARY", "varbinary": "VARBINARY", "tinyblob": "BLOB", "blob": "BLOB",
    "mediumblob": "BLOB", "longblob": "BLOB", "tinytext": "TEXT", "text": "TEXT", "mediumtext": "TEXT",
    "longtext": "TEXT", "enum": "ENUM", "set": "SET", "json": "JSON", "uuid": "UUID", "inet4": "INET",
    "inet6": "INET", "geometry": "GEOMETRY", "point": "POINT", "linestring": "GEOMETRY", "polygon": "POLYGON",
    "multipoint": "GEOMETRY", "multilinestring": "GEOMETRY", "multipolygon": "GEOMETRY",
    "geometrycollection": "GEOMETRY", "geomcollection": "GEOMETRY", "vector": "ARRAY",
}  # fmt: skip
WITH_LENGTH: frozenset[DataType] = frozenset({"CHAR", "VARCHAR", "BINARY", "VARBINARY"})
TEMPORAL: frozenset[DataType] = frozenset({"DATE", "DATETIME", "TIMESTAMP"})


def column(row: tuple[Any, ...], place: int, constraint: ColumnConstraint | None) -> Column:
    """One row of queries.COLUMNS; a type that nobody knows is UNKNOWN and shown as it is written."""
    _, name, _, kind, written, length, precision, scale, comment = row
    data_type = TYPES.get(kind.lower(), "UNKNOWN")
    exact = data_type == "DECIMAL"
    sized = length if data_type in WITH_LENGTH else precision if data_type == "BIT" else None
    return Column(
        name=encode_name(name),
        data_type=data_type,
        array_data_type="FLOAT" if data_type == "ARRAY" else None,
        data_length=int(sized or 1),
        precision=int(precision) if exact else None,
        scale=int(scale) if exact else None,
        data_type_display=written,
        description=comment or None,
        constraint=constraint,
        ordinal_position=place,
    )
