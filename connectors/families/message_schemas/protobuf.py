"""Protobuf schemas: the first message of a .proto file, as the registries' clients take it."""

from collections.abc import Mapping, Sequence

from connectors.families.message_schemas.fields import DEEPEST, Budget, Unreadable
from connectors.families.message_schemas.proto_text import ProtoField, ProtoType, types_of
from connectors.models.messaging import FieldType, SchemaField

SCALARS: Mapping[str, FieldType] = {
    "double": "DOUBLE", "float": "FLOAT", "int32": "INT", "uint32": "INT", "sint32": "INT", "fixed32": "INT",
    "sfixed32": "INT", "int64": "LONG", "uint64": "LONG", "sint64": "LONG", "fixed64": "LONG", "sfixed64": "LONG",
    "bool": "BOOLEAN", "string": "STRING", "bytes": "BYTES",
}  # fmt: skip
# Types that every compiler brings along, so that no registry holds them.
WELL_KNOWN: Mapping[str, FieldType] = {
    "google.protobuf.Timestamp": "TIMESTAMPZ", "google.protobuf.Duration": "STRING", "google.protobuf.Any": "RECORD",
    "google.protobuf.Empty": "RECORD", "google.protobuf.FieldMask": "STRING", "google.protobuf.Struct": "MAP",
    "google.protobuf.Value": "UNION", "google.protobuf.ListValue": "ARRAY", "google.protobuf.NullValue": "NULL",
    "google.protobuf.DoubleValue": "DOUBLE", "google.protobuf.FloatValue": "FLOAT",
    "google.protobuf.Int64Value": "LONG", "google.protobuf.UInt64Value": "LONG", "google.protobuf.Int32Value": "INT",
    "google.protobuf.UInt32Value": "INT", "google.protobuf.BoolValue": "BOOLEAN",
    "google.protobuf.StringValue": "STRING", "google.protobuf.BytesValue": "BYTES", "google.type.Date": "DATE",
    "google.type.TimeOfDay": "TIME", "google.type.DateTime": "TIMESTAMP", "google.type.Money": "RECORD",
    "google.type.LatLng": "RECORD", "confluent.type.Decimal": "BYTES",
}  # fmt: skip


def fields_of(text: str, referred: Sequence[str] = ()) -> tuple[SchemaField, ...]:
    """The first message as one field, its fields as children; `referred` are the files that it imports.

    Raises:
        Unreadable: One of the texts is no .proto file, or a type is defined nowhere.
    """
    own = types_of(text)
    root = next((each for each in own if each.symbols is None), None)
    if root is None:
        msg = "the .proto file has no message"
        raise Unreadable(msg, "correct the schema in the registry")
    types = {each.full: each for file in referred for each in types_of(file)} | {each.full: each for each in own}
    return (Reader(types).message(root.full.rpartition(".")[2], root, root.comment, ()),)


class Reader:
    """The types that a schema may use."""

    def __init__(self, types: Mapping[str, ProtoType]) -> None:
        self._types = types
        self._budget = Budget()

    def message(self, name: str, kind: ProtoType, doc: str | None, path: tuple[str, ...]) -> SchemaField:
        """A field of a message's type; `path` names the messages it lies in, which it does not unfold again."""
        self._budget.take()
        short = kind.full.rpartition(".")[2]
        if kind.symbols is not None:
            return self._budget.made(name, "ENUM", f"enum({','.join(kind.symbols)})", doc or kind.comment)
        if kind.full in path or len(path) >= DEEPEST:
            return self._budget.made(name, "RECORD", short, doc or kind.comment)
        inside = (*path, kind.full)
        children = [self._field(each, kind.full, inside) for each in kind.fields]
        return self._budget.made(name, "RECORD", short, doc or kind.comment, children)

    def _field(self, field: ProtoField, scope: str, path: tuple[str, ...]) -> SchemaField:
        if field.key is not None:
            inner = self._one("value", field.type, scope, None, path)
            display = f"map<{field.key},{inner.data_type_display}>"
            return self._budget.made(field.name, "MAP", display, field.comment, (inner,) if inner.children else ())
        if field.repeated:
            inner = self._one("item", field.type, scope, None, path)
            display = f"array<{inner.data_type_display}>"
            return self._budget.made(field.name, "ARRAY", display, field.comment, (inner,) if inner.children else ())
        return self._one(field.name, field.type, scope, field.comment, path)

    def _one(self, name: str, kind: str, scope: str, doc: str | None, path: tuple[str, ...]) -> SchemaField:
        if kind in SCALARS:
            self._budget.take()
            return self._budget.made(name, SCALARS[kind], kind, doc)
        found = self._resolved(kind, scope)
        if found is not None:
            return self.message(name, found, doc, path)
        well_known = WELL_KNOWN.get(kind.lstrip("."))
        if well_known is None:
            msg = f"{name} is of the type {kind!r}, which nobody defines"
            raise Unreadable(msg, "add the schema that defines it to the references in the registry")
        self._budget.take()
        return self._budget.made(name, well_known, kind.lstrip(".").rpartition(".")[2], doc)

    def _resolved(self, kind: str, scope: str) -> ProtoType | None:
        """From the innermost scope outwards, as the language says."""
        if kind.startswith("."):
            return self._types.get(kind[1:])
        while scope:
            if (found := self._types.get(f"{scope}.{kind}")) is not None:
                return found
            scope = scope.rpartition(".")[0]
        return self._types.get(kind)
