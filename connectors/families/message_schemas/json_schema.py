"""JSON Schemas of any draft (https://json-schema.org/specification): what a message holds, not how it is checked."""

from collections.abc import Mapping
from typing import Any, cast
from urllib.parse import unquote

import msgspec

from connectors.families.message_schemas.fields import DEEPEST, Budget, Unreadable
from connectors.models.messaging import FieldType, SchemaField

TYPES: Mapping[str, FieldType] = {
    "object": "RECORD",
    "array": "ARRAY",
    "string": "STRING",
    "integer": "LONG",
    "number": "DOUBLE",
    "boolean": "BOOLEAN",
    "null": "NULL",
}
FORMATS: Mapping[str, FieldType] = {"date-time": "TIMESTAMPZ", "date": "DATE", "time": "TIME"}
ROOT = ""
Schema = dict[str, Any]


def fields_of(text: str, referred: Mapping[str, str] | None = None) -> tuple[SchemaField, ...]:
    """The schema as one field, its properties as children; `referred` are other documents by the name `$ref` uses.

    Raises:
        Unreadable: One of the texts is no JSON Schema, or `$ref` leads nowhere.
    """
    documents = {ROOT: _decoded(text), **{name: _decoded(each) for name, each in (referred or {}).items()}}
    root = documents[ROOT]
    for document in list(documents.values()):
        own = document.get("$id", document.get("id"))
        if isinstance(own, str) and own:
            documents.setdefault(own.rstrip("#"), document)
    reader = Reader(documents)
    return (reader.field(str(root.get("title") or "value"), root, ROOT, ()),)


def _decoded(text: str) -> Schema:
    try:
        found = msgspec.json.decode(text)
    except (msgspec.MsgspecError, RecursionError) as error:
        msg = f"it is no JSON Schema: {error}"
        raise Unreadable(msg, "correct the schema in the registry") from error
    return _schema(found)


def _schema(value: object) -> Schema:
    if isinstance(value, bool):
        return {}
    if not isinstance(value, dict):
        msg = f"{value!r:.80} is no JSON Schema"
        raise Unreadable(msg, "correct the schema in the registry")
    return cast("Schema", value)


class Reader:
    """One schema and the documents it refers to."""

    def __init__(self, documents: Mapping[str, Schema]) -> None:
        self._documents = documents
        self._budget = Budget()

    def field(self, name: str, schema: Schema, base: str, path: tuple[str, ...]) -> SchemaField:
        """A field of this schema; `path` holds the references it lies in, which it does not unfold again."""
        self._budget.take()
        target = schema.get("$ref")
        if isinstance(target, str):
            where = f"{base}|{target}"
            if where in path or len(path) >= DEEPEST:
                return self._budget.made(name, "RECORD", target.rpartition("/")[2], _text(schema.get("description")))
            found, inside = self._found(target, base)
            return self.field(name, {**found, **_without_ref(schema)}, inside, (*path, where))
        if len(path) >= DEEPEST:
            return self._budget.made(name, "UNKNOWN", None, _text(schema.get("description")))
        return self._plain(name, self._merged(schema, base, path), base, path)

    def _plain(self, name: str, schema: Schema, base: str, path: tuple[str, ...]) -> SchemaField:
        doc = _text(schema.get("description"))
        choices = schema.get("oneOf") or schema.get("anyOf")
        if isinstance(choices, list) and "properties" not in schema:
            return self._choice(name, [_schema(each) for each in cast("list[object]", choices)], base, path, doc)
        kinds = _kinds(schema)
        if len(kinds) > 1:
            return self._choice(
                name, [{**schema, "type": kind, "description": None} for kind in kinds], base, path, doc
            )
        if kinds == ["object"]:
            return self._record(name, schema, base, path, doc)
        if kinds == ["array"]:
            return self._array(name, schema, base, path, doc)
        return self._leaf(name, kinds[0] if kinds else None, schema, doc)

    def _record(self, name: str, schema: Schema, base: str, path: tuple[str, ...], doc: str | None) -> SchemaField:
        deeper = (*path, "")
        properties = _schema(schema.get("properties") or {})
        children = [self.field(key, _schema(each), base, deeper) for key, each in properties.items()]
        values = schema.get("additionalProperties")
        if not children and isinstance(values, dict):
            inner = self.field("value", cast("Schema", values), base, deeper)
            return self._budget.made(
                name, "MAP", f"map<{inner.data_type_display}>", doc, (inner,) if inner.children else ()
            )
        return self._budget.made(name, "RECORD", "object", doc, children)

    def _array(self, name: str, schema: Schema, base: str, path: tuple[str, ...], doc: str | None) -> SchemaField:
        items: object = schema.get("items", {})
        if isinstance(items, list):  # a tuple, as drafts before 2020-12 write it
            items = {"anyOf": cast("list[object]", items)} if items else {}
        inner = self.field("item", _schema(items), base, (*path, ""))
        return self._budget.made(
            name, "ARRAY", f"array<{inner.data_type_display}>", doc, (inner,) if inner.children else ()
        )

    def _choice(
        self, name: str, choices: list[Schema], base: str, path: tuple[str, ...], doc: str | None
    ) -> SchemaField:
        each = [
            self.field(str(choice.get("title") or f"option{place}"), choice, base, (*path, ""))
            for place, choice in enumerate(choices, 1)
        ]
        display = f"union<{','.join(str(one.data_type_display) for one in each)}>"
        others = [one for one in each if one.data_type != "NULL"]
        if len(others) == 1:
            return self._budget.made(
                name, others[0].data_type, display, doc or others[0].description, others[0].children or ()
            )
        return self._budget.made(name, "UNION", display, doc, [one for one in others if one.children])

    def _merged(self, schema: Schema, base: str, path: tuple[str, ...]) -> Schema:
        """The schema with the properties of all parts of `allOf`."""
        parts = schema.get("allOf")
        if not isinstance(parts, list):
            return schema
        merged: Schema = {key: value for key, value in schema.items() if key != "allOf"}
        properties: Schema = {}
        for part in cast("list[object]", parts):
            self._budget.take()  # they may be made of each other in more ways than can be counted
            one = _schema(part)
            target = one.get("$ref")
            inside = base
            if isinstance(target, str) and f"{base}|{target}" not in path:
                one, inside = self._found(target, base)
                one = one if inside == base else _schema(_absolute(one, inside))
                path = (*path, f"{base}|{target}")
            if len(path) < DEEPEST:
                one = self._merged(one, inside, (*path, ""))
            properties.update(_schema(one.get("properties") or {}))
            merged = {**{key: value for key, value in one.items() if key not in ("properties", "$ref")}, **merged}
        properties.update(_schema(merged.get("properties") or {}))
        return {**merged, "properties": properties} if properties else merged

    def _leaf(self, name: str, kind: str | None, schema: Schema, doc: str | None) -> SchemaField:
        if isinstance(schema.get("enum"), list):
            symbols = ",".join(map(str, cast("list[object]", schema["enum"])))
            return self._budget.made(name, "ENUM", f"enum({symbols})", doc)
        shape = schema.get("format")
        if kind == "string" and shape in FORMATS:
            return self._budget.made(name, FORMATS[str(shape)], str(shape), doc)
        return self._budget.made(name, TYPES.get(kind or "", "UNKNOWN"), kind, doc)

    def _found(self, target: str, base: str) -> tuple[Schema, str]:
        document, _, pointer = target.partition("#")
        inside = document or base
        found: object = self._documents.get(inside)
        for key in filter(None, pointer.split("/")):
            step = unquote(key).replace("~1", "/").replace("~0", "~")
            found = cast("dict[str, object]", found).get(step) if isinstance(found, dict) else None
        if found is None:
            msg = f"$ref {target!r} leads nowhere"
            raise Unreadable(msg, "add the schema it means to the references in the registry, or correct it")
        return _schema(found), inside


def _kinds(schema: Schema) -> list[str]:
    kind = schema.get("type")
    if isinstance(kind, str):
        return [kind]
    if isinstance(kind, list):
        return [str(each) for each in cast("list[object]", kind)]
    if "properties" in schema:
        return ["object"]
    return ["array"] if "items" in schema else []


def _absolute(value: object, document: str) -> object:
    """The same part of a document, its references written so that they can be followed from another one."""
    if isinstance(value, list):
        return [_absolute(each, document) for each in cast("list[object]", value)]
    if not isinstance(value, dict):
        return value
    return {
        key: f"{document}{each}"
        if key == "$ref" and isinstance(each, str) and each.startswith("#")
        else _absolute(each, document)
        for key, each in cast("Schema", value).items()
    }


def _without_ref(schema: Schema) -> Schema:
    return {key: value for key, value in schema.items() if key not in ("$ref", "$defs", "definitions")}


def _text(value: object) -> str | None:
    return value if isinstance(value, str) else None
