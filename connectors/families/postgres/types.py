"""Postgres's types in OpenMetadata's words."""

import logging
from collections.abc import Iterable
from graphlib import TopologicalSorter
from typing import NamedTuple, NewType

import msgspec

from connectors.families.bounds import MAX_DEPTH, MAX_FIELDS, fields_for
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
RANGES = frozenset({"r", "m"})
TEMPORAL: frozenset[DataType] = frozenset({"DATE", "TIMESTAMP"})
# A type's oid, of 32 bits without a sign, and in those below it its modifier, with one: together an int8 of Postgres.
TypeKey = NewType("TypeKey", int)
LOW_BITS = 2**32 - 1
logger = logging.getLogger(__name__)


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

    def parts(self) -> list[TypeKey]:
        """What it is made of: its fields' types in order, or the one it is a domain, a range or an array of."""
        if self.kind == "c":
            return list(map(type_key, self.types or (), self.modifiers or ()))
        if self.part is None:
            return []
        modifier = self.base_modifier if self.kind == "d" else -1 if self.kind in RANGES else self.modifier
        return [type_key(self.part, modifier)]


class Nested(NamedTuple):
    """The fields of a composite type: `own` and `size`, with all that lies in them, are what they count for.

    `size` is MAX_FIELDS + 1 at most. Both are known without unfolding anything.
    """

    row: TypeRow
    own: int
    size: int
    height: int

    def fits(self) -> bool:
        """Whether a table can show all of it."""
        return self.size <= MAX_FIELDS and self.height <= MAX_DEPTH


class Types:
    """The types that one schema's columns have, each worked out once; what Postgres itself brings, once for all."""

    def __init__(self, lasting: dict[TypeKey, Shape]) -> None:
        self._lasting = lasting
        self._nested: dict[TypeKey, Nested] = {}
        self.shapes = dict(lasting)
        self.never_null: set[TypeKey] = set()

    def add(self, rows: Iterable[Row]) -> None:
        """Take rows of queries.TYPES, with all the types that theirs are made of."""
        new = {type_key(row.oid, row.modifier): row for row in (TypeRow(*values) for values in rows)}
        # Not by recursion: types lie in each other as deep as somebody likes.
        for key in TopologicalSorter({key: row.parts() for key, row in new.items()}).static_order():
            row = new[key]
            if row.kind == "d" and (row.not_null or not self.never_null.isdisjoint(row.parts())):
                self.never_null.add(key)
            if key not in self.shapes:
                self.shapes[key] = self._work_out(key, row)
                if row.oid < FIRST_OID_OF_USERS and key not in self._nested:
                    self._lasting[key] = self.shapes[key]

    def shapes_of(self, kinds: list[TypeKey], place: str) -> list[Shape]:
        """The types of one table's columns; of composite ones together no more than a table can show.

        A table with more shows them less deep, all alike.
        """
        shapes = list(map(self.shapes.__getitem__, kinds))
        if not self._nested or self._nested.keys().isdisjoint(kinds):
            return shapes
        nested = [self._nested.get(kind) for kind in kinds]
        found = [each for each in nested if each is not None]
        if sum(each.size for each in found) <= MAX_FIELDS and all(each.fits() for each in found):
            return shapes
        depth = self._depth(found)
        message = "%s has composite types of more than %d fields or %d levels: what is deeper than %d is left out"
        logger.warning(message, place, MAX_FIELDS, MAX_DEPTH, depth)
        return [
            shape if each is None else shape._replace(children=self._cut(each, depth))
            for shape, each in zip(shapes, nested, strict=True)
        ]

    def _depth(self, level: list[Nested]) -> int:
        """How many levels come to no more than a table can show; looks at no more fields than those."""
        total = 0
        for depth in range(MAX_DEPTH):
            total += sum(each.own for each in level)
            if total > MAX_FIELDS:
                return depth
            level = [self._nested[part] for each in level for part in each.row.parts() if part in self._nested]
        return MAX_DEPTH

    def _cut(self, nested: Nested | None, depth: int) -> tuple[Column, ...] | None:
        if nested is None or depth == 0:
            return None
        inner = (self._cut(self._nested.get(part), depth - 1) for part in nested.row.parts())
        return tuple(self._fields(nested.row, inner))

    def _work_out(self, key: TypeKey, row: TypeRow) -> Shape:
        display, parts = row.display, row.parts()
        if row.kind == "e":
            return Shape("VARCHAR", display, max(row.longest_label or 0, 1))
        if row.kind == "c":
            nested = self._nested[key] = self._measured(row)
            children = (self.shapes[part].children for part in parts)
            return Shape("STRUCT", display, children=tuple(self._fields(row, children)) if nested.fits() else None)
        if not parts:
            return base(row.name, row.modifier, display, row.built_in)
        part = self.shapes[parts[0]]
        if row.kind in RANGES:
            return Shape("DATETIMERANGE" if part.data_type in TEMPORAL else "RECORD", display)
        if parts[0] in self._nested:
            self._nested[key] = self._nested[parts[0]]
        if row.kind == "d":
            return part._replace(display=display)
        return Shape("ARRAY", display, array_data_type=part.data_type, children=part.children)

    def _measured(self, row: TypeRow) -> Nested:
        inner = [self._nested[part] for part in row.parts() if part in self._nested]
        own = sum(1 + fields_for(text) for text in row.descriptions or ())
        size = min(own + sum(each.size for each in inner), MAX_FIELDS + 1)
        return Nested(row, own, size, 1 + max((each.height for each in inner), default=0))

    def _fields(self, row: TypeRow, children: Iterable[tuple[Column, ...] | None]) -> Iterable[Column]:
        fields = zip(
            row.names or (), row.parts(), row.not_nulls or (), row.descriptions or (), children, strict=True
        )  # fmt: skip
        for place, (name, part, not_null, description, inner) in enumerate(fields, 1):
            constraint: ColumnConstraint = "NOT_NULL" if not_null else "NULL"
            shape = self.shapes[part]
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
                children=inner,
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
