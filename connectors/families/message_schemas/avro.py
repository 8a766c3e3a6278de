"""Avro schemas (https://avro.apache.org/docs/1.12.0/specification)."""

from collections.abc import Mapping, Sequence
from typing import Any, cast

import msgspec

from connectors.families.message_schemas.fields import DEEPEST, Budget, Unreadable
from connectors.models.messaging import FieldType, SchemaField

PRIMITIVES: Mapping[str, FieldType] = {
    "null": "NULL",
    "boolean": "BOOLEAN",
    "int": "INT",
    "long": "LONG",
    "float": "FLOAT",
    "double": "DOUBLE",
    "bytes": "BYTES",
    "string": "STRING",
}
LOGICAL: Mapping[str, FieldType] = {
    "date": "DATE",
    "time-millis": "TIME",
    "time-micros": "TIME",
    "timestamp-millis": "TIMESTAMPZ",
    "timestamp-micros": "TIMESTAMPZ",
    "timestamp-nanos": "TIMESTAMPZ",
    "local-timestamp-millis": "TIMESTAMP",
    "local-timestamp-micros": "TIMESTAMP",
    "local-timestamp-nanos": "TIMESTAMP",
}
NAMED: Mapping[str, FieldType] = {"record": "RECORD", "error": "ERROR", "enum": "ENUM", "fixed": "FIXED"}
Named = tuple[dict[str, Any], str]


def fields_of(text: str, referred: Sequence[str] = ()) -> tuple[SchemaField, ...]:
    """The schema as one field, what lies in it as children; `referred` are the texts it may take types from.

    Raises:
        Unreadable: One of the texts is no Avro schema, or a type is defined nowhere.
    """
    reader = Reader()
    for each in referred:
        reader.define(_decoded(each), "", 0)
    schema = _decoded(text)
    reader.define(schema, "", 0)
    named = cast("dict[str, Any]", schema) if isinstance(schema, dict) else {}
    return (reader.field(str(named.get("name", "value")), cast("object", schema), "", None, ()),)


def _decoded(text: str) -> object:
    try:
        return msgspec.json.decode(text)
    except (msgspec.MsgspecError, RecursionError) as error:
        if text.strip() in PRIMITIVES:
            return text.strip()
        msg = f"it is no Avro schema: {error}"
        raise Unreadable(msg, "correct the schema in the registry") from error


class Reader:
    """One schema's named types, which may be used before and after they are defined."""

    def __init__(self) -> None:
        self._types: dict[str, Named] = {}
        self._budget = Budget()

    def define(self, schema: object, space: str, depth: int) -> None:
        """Note every named type in a schema."""
        if depth > DEEPEST:
            msg = f"the schema is nested more than {DEEPEST} deep"
            raise Unreadable(msg, "name its inner types instead")
        if isinstance(schema, list):
            for branch in cast("list[object]", schema):
                self.define(branch, space, depth + 1)
        elif isinstance(schema, dict):
            self._define_type(cast("dict[str, Any]", schema), space, depth)

    def _define_type(self, schema: dict[str, Any], space: str, depth: int) -> None:
        kind = schema.get("type")
        if isinstance(kind, dict | list):
            self.define(cast("object", kind), space, depth + 1)
        elif kind in NAMED:
            full = _full_name(schema, space)
            space = full.rpartition(".")[0]
            self._types[full] = (schema, space)
            for each in _fields(schema):
                self.define(each.get("type"), space, depth + 1)
        for key in ("items", "values"):
            if key in schema:
                self.define(schema[key], space, depth + 1)

    def field(self, name: str, schema: object, space: str, doc: str | None, path: tuple[str, ...]) -> SchemaField:
        """A field of this type; `path` names the types it lies in, which it does not unfold again."""
        self._budget.take()
        if isinstance(schema, list):
            return self._union(name, cast("list[object]", schema), space, doc, path)
        if isinstance(schema, str):
            return self._by_name(name, schema, space, doc, path)
        if not isinstance(schema, dict):
            msg = f"the type of {name} is {schema!r}, which is none"
            raise Unreadable(msg, "correct the schema in the registry")
        return self._complex(name, cast("dict[str, Any]", schema), space, doc, path)

    def _by_name(self, name: str, kind: str, space: str, doc: str | None, path: tuple[str, ...]) -> SchemaField:
        if kind in PRIMITIVES:
            return self._budget.made(name, PRIMITIVES[kind], kind, doc)
        found = self._types.get(f"{space}.{kind}" if space and "." not in kind else kind) or self._types.get(kind)
        if found is None:
            msg = f"{name} is of the type {kind!r}, which nobody defines"
            raise Unreadable(msg, "add the schema that defines it to the references in the registry")
        return self._complex(name, found[0], found[1], doc, path)

    def _complex(
        self, name: str, schema: dict[str, Any], space: str, doc: str | None, path: tuple[str, ...]
    ) -> SchemaField:
        kind = schema.get("type")
        doc = doc or _text(schema.get("doc"))
        if isinstance(kind, dict | list):
            return self.field(name, cast("object", kind), space, doc, path)
        if kind in NAMED:
            return self._named(name, schema, space, doc, path)
        if kind in ("array", "map"):
            inner = self.field(
                "item" if kind == "array" else "value", schema.get("items", schema.get("values")), space, None, path
            )
            kinds: Mapping[str, FieldType] = {"array": "ARRAY", "map": "MAP"}
            children = (inner,) if inner.children else ()
            return self._budget.made(name, kinds[kind], f"{kind}<{inner.data_type_display}>", doc, children)
        logical = str(schema.get("logicalType", ""))
        if kind == "bytes" and logical == "decimal":
            return self._budget.made(name, "BYTES", f"decimal({schema.get('precision')},{schema.get('scale', 0)})", doc)
        if logical in LOGICAL and kind in ("int", "long"):
            return self._budget.made(name, LOGICAL[logical], logical, doc)
        return self._by_name(name, str(kind), space, doc, path)

    def _named(
        self, name: str, schema: dict[str, Any], space: str, doc: str | None, path: tuple[str, ...]
    ) -> SchemaField:
        full, kind = _full_name(schema, space), NAMED[str(schema["type"])]
        short = full.rpartition(".")[2]
        if kind == "ENUM":
            symbols = ",".join(map(str, cast("list[object]", schema.get("symbols") or [])))
            return self._budget.made(name, kind, f"enum({symbols})", doc)
        if kind == "FIXED":
            return self._budget.made(name, kind, f"fixed({schema.get('size')})", doc)
        if full in path or len(path) >= DEEPEST:
            return self._budget.made(name, kind, short, doc)
        inside = full.rpartition(".")[0]
        children = [
            self.field(str(each.get("name", "")), each.get("type"), inside, _text(each.get("doc")), (*path, full))
            for each in _fields(schema)
        ]
        return self._budget.made(name, kind, short, doc, children)

    def _union(
        self, name: str, branches: list[object], space: str, doc: str | None, path: tuple[str, ...]
    ) -> SchemaField:
        """What may be null besides is of the other type; anything else shows the branches that hold fields."""
        each = [self.field(_branch_name(branch), branch, space, None, path) for branch in branches]
        display = f"union<{','.join(str(one.data_type_display) for one in each)}>"
        others = [one for one in each if one.data_type != "NULL"]
        if len(others) == 1:
            only = others[0]
            return self._budget.made(name, only.data_type, display, doc or only.description, only.children or ())
        return self._budget.made(name, "UNION", display, doc, [one for one in others if one.children])


def _branch_name(branch: object) -> str:
    if isinstance(branch, dict):
        named = cast("dict[str, Any]", branch)
        return str(named.get("name") or named.get("type"))
    return str(branch).rpartition(".")[2]


def _full_name(schema: dict[str, Any], space: str) -> str:
    name = str(schema.get("name", ""))
    if not name:
        msg = f"a type {schema.get('type')!r} has no name"
        raise Unreadable(msg, "correct the schema in the registry")
    space = str(schema.get("namespace", space) or "")
    return name if "." in name or not space else f"{space}.{name}"


def _fields(schema: dict[str, Any]) -> list[dict[str, Any]]:
    fields = schema.get("fields", [])
    if not isinstance(fields, list) or not all(isinstance(each, dict) for each in cast("list[object]", fields)):
        msg = f"the fields of {schema.get('name')} are none"
        raise Unreadable(msg, "correct the schema in the registry")
    return cast("list[dict[str, Any]]", fields)


def _text(value: object) -> str | None:
    return value if isinstance(value, str) else None
