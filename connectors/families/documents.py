"""Columns of what has no schema: inferred from a bounded sample of documents, the same for the same sample."""

import logging
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, cast

import msgspec

from connectors.families.bounds import MAX_DEPTH, MAX_FIELDS
from connectors.models.database import Column, DataType
from connectors.models.names import encode_name

SAMPLE = 100
MAX_ELEMENTS = 100
MAX_INT = 2**31
NUMBERS: tuple[DataType, ...] = ("INT", "BIGINT", "DOUBLE", "NUMBER")
SHOWN: Mapping[DataType, str] = {"STRUCT": "struct", "NULL": "null"}
logger = logging.getLogger(__name__)


class Shape(msgspec.Struct):
    """What was seen of one field: `kinds` by data type, as they are shown; `fields` of objects, `element` of arrays."""

    kinds: dict[DataType, str] = msgspec.field(default_factory=dict[DataType, str])
    fields: dict[str, "Shape"] = msgspec.field(default_factory=dict[str, "Shape"])
    element: "Shape | None" = None

    @property
    def data_type(self) -> DataType:
        """The one type that fits all that was seen: the widest of numbers, a union of what is unlike."""
        kinds: list[DataType] = [kind for kind in self.kinds if kind != "NULL"]
        if len(kinds) > 1 and all(kind in NUMBERS for kind in kinds):
            return max(kinds, key=NUMBERS.index)
        if not kinds:
            return "NULL"
        return kinds[0] if len(kinds) == 1 else "UNION"

    @property
    def shown(self) -> str:
        """The type as people read it."""
        kind = self.data_type
        if kind == "UNION":
            return f"union<{','.join(sorted(self._shown(each) for each in self.kinds if each != 'NULL'))}>"
        return self._shown(kind)

    def _shown(self, kind: DataType) -> str:
        if kind == "STRUCT":
            return f"struct<{','.join(f'{name}:{shape.shown}' for name, shape in self.fields.items())}>"
        if kind == "ARRAY" and self.element is not None:
            return f"array<{self.element.shown}>"
        return self.kinds.get(kind) or SHOWN.get(kind) or kind.lower()


class Inference:
    """Gathers documents of one `place`. `types` has the data types of a system's own classes, by their names."""

    def __init__(self, place: str, types: Mapping[str, DataType] | None = None) -> None:
        self._place = place
        self._types = types or {}
        self._root = Shape()
        self._is_cut = False

    def add(self, document: Mapping[str, Any]) -> None:
        """Take one more document."""
        self._see_object(self._root, document, 0)

    def columns(self, first: Iterable[Column] = ()) -> tuple[Column, ...]:
        """The columns in the order in which they were seen; those of `first`, which are known, come first."""
        known = tuple(first)
        names = {column.name for column in known}
        found = (column for column in _columns(self._root.fields) if column.name not in names)
        return _numbered((*known, *found))

    def _see(self, shape: Shape, value: object, depth: int) -> None:
        if isinstance(value, Mapping):
            if depth >= MAX_DEPTH:
                shape.kinds.setdefault("JSON", "json")
                return
            shape.kinds.setdefault("STRUCT", "struct")
            self._see_object(shape, cast("Mapping[str, Any]", value), depth)
        elif isinstance(value, list | tuple):
            shape.kinds.setdefault("ARRAY", "array")
            shape.element = shape.element or Shape()
            for item in cast("list[object]", value)[:MAX_ELEMENTS]:
                self._see(shape.element, item, depth + 1)
        else:
            kind, shown = self._scalar(value)
            shape.kinds.setdefault(kind, shown)

    def _see_object(self, shape: Shape, value: Mapping[str, Any], depth: int) -> None:
        for name, item in value.items():
            if name in shape.fields or len(shape.fields) < MAX_FIELDS:
                self._see(shape.fields.setdefault(name, Shape()), item, depth + 1)
            elif not self._is_cut:
                self._is_cut = True
                logger.warning("%s has objects of more than %d fields: others are left out", self._place, MAX_FIELDS)

    def _scalar(self, value: object) -> tuple[DataType, str]:
        name = type(value).__name__
        if name == "int" and not -MAX_INT <= cast("int", value) < MAX_INT:
            return "BIGINT", "bigint"
        own = self._types.get(name)
        if own is not None:
            return own, name.lower()
        kind = SCALARS.get(name)
        return (kind, kind.lower()) if kind is not None else ("UNKNOWN", name.lower())


SCALARS: Mapping[str, DataType] = {
    "NoneType": "NULL", "bool": "BOOLEAN", "int": "INT", "float": "DOUBLE", "Decimal": "NUMBER", "str": "STRING",
    "bytes": "BINARY", "datetime": "TIMESTAMP", "date": "DATE", "UUID": "UUID", "set": "SET",
}  # fmt: skip


def _columns(fields: Mapping[str, Shape]) -> Iterator[Column]:
    seen: set[str] = set()
    for name, shape in fields.items():
        encoded = encode_name(name)
        if encoded and encoded not in seen:
            seen.add(encoded)
            yield _column(encoded, shape)


def _column(name: str, shape: Shape) -> Column:
    kind, element = shape.data_type, shape.element
    # Also where other values were seen in their place, objects have their fields shown.
    inner = next((each for each in (shape, element) if each is not None and "STRUCT" in each.kinds), None)
    return Column(
        name=name,
        data_type=kind,
        array_data_type=element.data_type if kind == "ARRAY" and element is not None else None,
        data_length=1,
        data_type_display=shape.shown,
        children=_numbered(tuple(_columns(inner.fields))) if inner is not None else None,
    )


def _numbered(columns: tuple[Column, ...]) -> tuple[Column, ...]:
    return tuple(msgspec.structs.replace(column, ordinal_position=place) for place, column in enumerate(columns, 1))
