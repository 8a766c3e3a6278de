"""JSON Schemas, as descriptions of APIs hold them, as fields."""

from collections.abc import Iterator, Sequence
from typing import Any

import msgspec

from connectors.errors import ConnectorError
from connectors.families.bounds import LONG_TEXT, fields_for
from connectors.families.openapi.references import BrokenReference, References, Resolved
from connectors.families.openapi.text import Object, items, mapping, text
from connectors.models.messaging import FieldType, SchemaField
from connectors.models.names import encode_name

# A schema with more fields than these is shown less deep: what refers to itself in many places grows without end.
MOST_FIELDS = 2000
# An object with more than that on its own has up to so many.
MOST_WIDE = 10_000
DEPTHS = (24, 8, 4, 2, 1)
# Schemas that are put together of each other again and again.
MOST_STEPS = 200_000
MOST_VALUES = 20
LONGEST_NAME = 128
FORMATS: dict[tuple[str, str], FieldType] = {
    ("integer", "int64"): "LONG", ("number", "float"): "FLOAT", ("string", "date"): "DATE",
    ("string", "date-time"): "TIMESTAMP", ("string", "time"): "TIME", ("string", "binary"): "BYTES",
    ("string", "byte"): "BYTES", ("string", "base64"): "BYTES", ("string", "base64url"): "BYTES",
}  # fmt: skip
TYPES: dict[str, FieldType] = {
    "string": "STRING", "integer": "INT", "number": "DOUBLE", "boolean": "BOOLEAN", "array": "ARRAY",
    "object": "RECORD", "null": "NULL", "file": "BYTES",
}  # fmt: skip
UNKNOWN = Resolved({}, None, frozenset())


class TooManyFields(Exception):
    """The schema is to be read less deep."""


class Fields(msgspec.Struct, frozen=True):
    """What a schema holds; `broken` says which of its references could not be followed."""

    fields: tuple[SchemaField, ...]
    broken: tuple[str, ...] = ()


def fields_of(schema: object, references: References) -> Fields:
    """The fields of an object's schema; anything else is one field, called `items` for a list and else `value`.

    Raises:
        ConnectorError: The schema is too entangled to be read.
    """
    for depth in DEPTHS:
        reader = SchemaReader(references, MOST_WIDE if depth == DEPTHS[-1] else MOST_FIELDS)
        try:
            found = reader.top(schema, depth)
        except TooManyFields:
            continue
        return Fields(found, tuple(dict.fromkeys(reader.broken)))
    msg = f"the schema comes to more than {MOST_WIDE} fields, each {LONG_TEXT} characters counted as one"
    raise ConnectorError(msg, "write it with fewer fields, or say less of each")


class SchemaReader(msgspec.Struct, eq=False):
    """One way through a schema, down to some depth and to `most` fields."""

    references: References
    most: int
    count: int = 0
    steps: int = 0
    broken: list[str] = msgspec.field(default_factory=list[str])

    def top(self, schema: object, depth: int) -> tuple[SchemaField, ...]:
        """The fields of a whole schema."""
        node = self.flat(self.resolved(schema, UNKNOWN))
        if not node.value:
            return (self.field("value", node, depth),) if node.name else ()
        if self.kind(node) == "RECORD":
            return tuple(self.children(node, depth))
        return (self.field("items" if self.kind(node) == "ARRAY" else "value", node, depth),)

    def resolved(self, value: object, within: Resolved) -> Resolved:
        """What a schema is; of one that cannot be found, the name at least."""
        self.steps += 1
        if self.steps > MOST_STEPS:
            msg = "the schema is made of others in too many ways"
            raise ConnectorError(msg, "write it with fewer schemas inside of schemas")
        try:
            return self.references.resolve(value, within.path)
        except BrokenReference as error:
            self.broken.append(error.message)
            name = str(mapping(value).get("$ref")).rpartition("/")[2]
            return Resolved({}, name, within.path)

    def flat(self, node: Resolved) -> Resolved:
        """The same with the parts of `allOf` laid over each other, and without a choice of one."""
        own, path = dict(node.value), node.path
        value: dict[str, Any] = {}
        properties: dict[str, Any] = {}
        for part in items(own.pop("allOf", None)):
            other = self.flat(self.resolved(part, Resolved({}, None, path)))
            if not other.again:
                path |= other.path
                value |= other.value
                properties |= mapping(other.value.get("properties"))
        value |= own
        if properties:
            value["properties"] = {**properties, **mapping(own.get("properties"))}
        for key in ("anyOf", "oneOf"):
            choices = [choice for choice in items(value.get(key)) if mapping(choice).get("type") != "null"]
            if len(choices) == 1:
                only = self.flat(self.resolved(choices[0], Resolved({}, None, path)))
                rest = {name: item for name, item in value.items() if name != key}
                return Resolved({**only.value, **rest}, node.name or only.name, only.path, node.again or only.again)
            if choices:
                value[key] = choices
        return Resolved(value, node.name, path, node.again)

    def kind(self, node: Resolved) -> FieldType:
        """OpenMetadata's word for what a schema describes."""
        value = node.value
        if node.again:
            return "RECORD"
        if len(self.choices(node)) > 1:
            return "UNION"
        if "enum" in value or "const" in value:
            return "ENUM"
        named = self.type_name(value)
        if named == "object" and not mapping(value.get("properties")) and value.get("additionalProperties"):
            return "MAP"
        kind = str(value.get("format", ""))
        return FORMATS.get((named, kind)) or TYPES.get(named, "UNKNOWN")

    @staticmethod
    def type_name(value: Object) -> str:
        """JSON Schema's word for it, which may have to be guessed."""
        named = value.get("type")
        if kinds := items(named):
            named = next((each for each in kinds if each != "null"), "null")
        if isinstance(named, str):
            return named
        if "properties" in value or "additionalProperties" in value:
            return "object"
        return "array" if "items" in value else ""

    @staticmethod
    def choices(node: Resolved) -> list[Any]:
        """The schemas of which one holds."""
        value = node.value
        kinds = [each for each in items(value.get("type")) if each != "null"]
        if len(kinds) > 1:
            return [{**value, "type": kind} for kind in kinds]
        return items(value.get("oneOf")) or items(value.get("anyOf"))

    def field(self, name: str, node: Resolved, depth: int) -> SchemaField:
        """One field, with what lies in it as far down as `depth`."""
        self._take(1)
        display, description = self.written(node), text(node.value.get("description"))
        self._take(fields_for(display, description))
        deeper = depth > 1 and not node.again
        return SchemaField(
            name=encode_name(name)[:LONGEST_NAME] or "value",
            data_type=self.kind(node),
            data_type_display=display,
            description=description,
            children=tuple(self.children(node, depth - 1)) or None if deeper else None,
        )

    def _take(self, count: int) -> None:
        self.count += count
        if self.count > self.most:
            raise TooManyFields

    def children(self, node: Resolved, depth: int) -> Iterator[SchemaField]:
        """An object's properties, a map's `key` and `value`, what a list has for elements, each choice."""
        match self.kind(node):
            case "RECORD":
                for name, schema in mapping(node.value.get("properties")).items():
                    yield self.field(str(name), self.flat(self.resolved(schema, node)), depth)
            case "MAP":
                yield SchemaField("key", "STRING")
                yield self.field("value", self.within(node, "additionalProperties"), depth)
            case "ARRAY":
                inner = self.within(node, "items")
                while self.kind(inner) == "ARRAY":
                    inner = self.within(inner, "items")
                yield from self.children(inner, depth) if not inner.again else ()
            case "UNION":
                for number, choice in enumerate(self.choices(node), 1):
                    found = self.flat(self.resolved(choice, node))
                    yield self.field(found.name or text(found.value.get("title")) or f"choice_{number}", found, depth)
            case _:
                return

    def within(self, node: Resolved, key: str) -> Resolved:
        """What a list's elements or a map's values are."""
        return self.flat(self.resolved(node.value.get(key), node))

    def written(self, node: Resolved) -> str | None:
        """The type as a person writes it: the name of what is referred to, or the kind with its format."""
        value = node.value
        if node.name and self.kind(node) not in ("ARRAY", "ENUM"):
            return node.name
        match self.kind(node):
            case "ARRAY":
                return f"array<{self.written(self.within(node, 'items')) or 'any'}>"
            case "MAP":
                return f"map<string,{self.written(self.within(node, 'additionalProperties')) or 'any'}>"
            case "ENUM":
                return _values(items(value.get("enum")) or [value.get("const")])
            case "UNION":
                found = (self.flat(self.resolved(choice, node)) for choice in self.choices(node))
                return "union<" + ",".join(self.written(each) or "any" for each in found) + ">"
            case _:
                named, kind = self.type_name(value), text(value.get("format"))
                return f"{named}({kind})" if named and kind else named or None


def _values(values: Sequence[object]) -> str:
    shown = ",".join(repr(value) for value in values[:MOST_VALUES])
    return f"enum({shown}{',…' if len(values) > MOST_VALUES else ''})"
