"""Postgres's types in OpenMetadata's words."""

from collections.abc import Iterable
from typing import NamedTuple, NewType

import msgspec

from connectors.families.postgres.session import Row
from connectors.models.database import Column, ColumnConstraint, DataType
from connectors.models.names import encode_name

NAME_LENGTH = 63
# The first four bytes of a modifier are its own header.
HEADER = 4
# Types below are the same in every database of every server.
FIRST_OID_OF_USERS = 10000

BUILT_IN: dict[str, DataType] = {
    "bool": "BOOLEAN", "int2": "SMALLINT", "int4": "INT", "int8": "BIGINT", "float4": "FLOAT", "float8": "DOUBLE",
    "numeric": "NUMERIC", "money": "MONEY", "text": "TEXT", "varchar": "VARCHAR", "bpchar": "CHAR", "char": "CHAR",
    "name": "VARCHAR", "bytea": "BYTEA", "bit": "BIT", "varbit": "BIT", "date": "DATE", "time": "TIME",
    "timetz": "TIME", "timestamp": "TIMESTAMP", "timestamptz": "TIMESTAMP", "interval": "INTERVAL", "uuid": "UUID",
    "json": "JSON", "jsonb": "JSON", "jsonpath": "TEXT", "xml": "XML", "inet": "INET", "cidr": "CIDR",
    "macaddr": "MACADDR", "macaddr8": "MACADDR", "point": "GEOMETRY", "line": "GEOMETRY", "lseg": "GEOMETRY",
    "box": "GEOMETRY", "path": "GEOMETRY", "polygon": "GEOMETRY", "circle": "GEOMETRY", "tsvector": "TSVECTOR",
    "tsquery": "TSQUERY", "pg_lsn": "PG_LSN", "pg_snapshot": "PG_SNAPSHOT", "txid_snapshot": "TXID_SNAPSHOT",
    "oid": "UINT", "xid": "UINT", "xid8": "UINT", "cid": "UINT", "tid": "ROWID", "regclass": "UINT",
    "regcollation": "UINT", "regconfig": "UINT", "regdatabase": "UINT", "regdictionary": "UINT",
    "regnamespace": "UINT", "regoper": "UINT", "regoperator": "UINT", "regproc": "UINT", "regprocedure": "UINT",
    "regrole": "UINT", "regtype": "UINT", "refcursor": "TEXT", "aclitem": "TEXT", "pg_node_tree": "TEXT",
    "gtsvector": "TSVECTOR", "record": "RECORD", "cstring": "TEXT",
}  # fmt: skip
# Base types that well-known extensions bring, in whatever schema they were put.
OF_EXTENSIONS: dict[str, DataType] = {
    "citext": "TEXT", "ltree": "TEXT", "lquery": "TEXT", "ltxtquery": "TEXT", "query_int": "TEXT", "semver": "TEXT",
    "hstore": "MAP", "vector": "ARRAY", "halfvec": "ARRAY", "sparsevec": "ARRAY", "geometry": "GEOMETRY",
    "geography": "GEOGRAPHY", "box2d": "GEOMETRY", "box3d": "GEOMETRY", "cube": "GEOMETRY", "raster": "BLOB",
    "seg": "RECORD", "lo": "UINT", "ean13": "CHAR", "isbn": "CHAR", "isbn13": "CHAR", "ismn": "CHAR",
    "ismn13": "CHAR", "issn": "CHAR", "issn13": "CHAR", "upc": "CHAR",
}  # fmt: skip
ISBN_LENGTH = 13
TEMPORAL: frozenset[DataType] = frozenset({"DATE", "TIMESTAMP"})
# A type's oid, of 32 bits without a sign, and in those below it its modifier, with one: together an int8 of Postgres.
TypeKey = NewType("TypeKey", int)
LOW_BITS = 2**32 - 1


def type_key(oid: int, modifier: int) -> TypeKey:
    """Both in one number, as queries.TABLES has them."""
    key = oid << 32 | modifier & LOW_BITS
    return TypeKey(key if oid < 2**31 else key - 2**64)


def type_of(key: TypeKey) -> tuple[int, int]:
    """The oid and the modifier of a key."""
    modifier = key & LOW_BITS
    return key >> 32 & LOW_BITS, modifier if modifier < 2**31 else modifier - 2**32


class Shape(NamedTuple):
    """What a column's type says about the column."""

    data_type: DataType
    display: str
    length: int = 1
    array_data_type: DataType | None = None
    precision: int | None = None
    scale: int | None = None
    children: tuple[Column, ...] | None = None


class TypeRow(msgspec.Struct, frozen=True):
    """One type with one modifier, as the catalogue has it; `part` is its element, base or range subtype."""

    oid: int
    modifier: int
    display: str
    name: str
    built_in: bool
    kind: str
    not_null: bool
    part: int | None
    base_modifier: int
    longest_label: int | None
    names: list[str] | None
    types: list[int] | None
    modifiers: list[int] | None
    not_nulls: list[bool] | None
    descriptions: list[str | None] | None


class Types:
    """The types that one schema's columns have, each worked out once; what Postgres itself brings, once for all."""

    def __init__(self, lasting: dict[TypeKey, Shape]) -> None:
        self._rows: dict[TypeKey, TypeRow] = {}
        self._lasting = lasting
        self.shapes = dict(lasting)
        self.never_null: set[TypeKey] = set()

    def add(self, rows: Iterable[Row]) -> None:
        """Take rows of queries.TYPES, with all the types that theirs are made of."""
        new = {type_key(row.oid, row.modifier): row for row in (TypeRow(*values) for values in rows)}
        self._rows |= new
        for key, row in new.items():
            shape = self._shape(key)
            if row.oid < FIRST_OID_OF_USERS:
                self._lasting[key] = shape
        self.never_null |= {key for key in new if self._forbids_null(key)}

    def _forbids_null(self, key: TypeKey) -> bool:
        row = self._rows[key]
        if row.kind != "d" or row.part is None:
            return False
        return row.not_null or self._forbids_null(type_key(row.part, row.base_modifier))

    def _shape(self, key: TypeKey) -> Shape:
        if key not in self.shapes:
            self.shapes[key] = self._work_out(self._rows[key])
        return self.shapes[key]

    def _work_out(self, row: TypeRow) -> Shape:
        display = row.display
        if row.kind == "d" and row.part is not None:
            return self._shape(type_key(row.part, row.base_modifier))._replace(display=display)
        if row.kind == "e":
            return Shape("VARCHAR", display, max(row.longest_label or 0, 1))
        if row.kind == "c":
            return Shape("STRUCT", display, children=tuple(self._fields(row)))
        if row.kind in ("r", "m") and row.part is not None:
            of = self._shape(type_key(row.part, -1)).data_type
            return Shape("DATETIMERANGE" if of in TEMPORAL else "RECORD", display)
        if row.part is not None:
            element = self._shape(type_key(row.part, row.modifier))
            return Shape("ARRAY", display, array_data_type=element.data_type, children=element.children)
        return base(row.name, row.modifier, display, row.built_in)

    def _fields(self, row: TypeRow) -> Iterable[Column]:
        fields = zip(
            row.names or (),
            row.types or (),
            row.modifiers or (),
            row.not_nulls or (),
            row.descriptions or (),
            strict=True,
        )
        for place, (name, oid, modifier, not_null, description) in enumerate(fields, 1):
            constraint: ColumnConstraint = "NOT_NULL" if not_null else "NULL"
            shape = self._shape(type_key(oid, modifier))
            yield Column(
                name=encode_name(name),
                data_type=shape.data_type,
                array_data_type=shape.array_data_type,
                data_length=shape.length,
                precision=shape.precision,
                scale=shape.scale,
                data_type_display=shape.display,
                description=description,
                constraint=constraint,
                ordinal_position=place,
                children=shape.children,
            )


def base(name: str, modifier: int, display: str, built_in: bool) -> Shape:
    """A base type of this name, of Postgres's own or of an extension."""
    data_type = (BUILT_IN if built_in else OF_EXTENSIONS).get(name, "UNKNOWN")
    if name == "numeric" and modifier >= HEADER:
        return _numeric(modifier - HEADER, display)
    if data_type == "ARRAY":
        return Shape("ARRAY", display, array_data_type="FLOAT")
    if data_type == "BIT" and modifier > 0:
        return Shape("BIT", display, modifier)
    if name in ("varchar", "bpchar") and modifier >= HEADER:
        return Shape(data_type, display, modifier - HEADER)
    if name == "name":
        return Shape(data_type, display, NAME_LENGTH)
    return Shape(data_type, display, ISBN_LENGTH if data_type == "CHAR" and not built_in else 1)


def _numeric(packed: int, display: str) -> Shape:
    shape = Shape("NUMERIC", display)
    precision = packed >> 16 & 0xFFFF
    scale = (packed & 0x7FF ^ 1024) - 1024
    if scale > precision:  # numeric(2, 5) is legal, but OpenMetadata would refuse the table
        return shape
    return shape._replace(precision=precision, scale=scale)
