"""Avro, JSON Schema and Protobuf as fields."""

import json
from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import Any, cast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connectors.families.message_schemas import avro, json_schema, protobuf
from connectors.families.message_schemas.fields import Unreadable
from connectors.models.messaging import SchemaField

Shown = tuple[str, str, str | None]


def shown(fields: tuple[SchemaField, ...], above: str = "") -> Iterator[Shown]:
    """Each field by its path, with its type and how that is displayed."""
    for field in fields:
        path = f"{above}.{field.name}" if above else field.name
        yield path, field.data_type, field.data_type_display
        yield from shown(field.children or (), path)


ORDER = {
    "type": "record",
    "name": "Order",
    "namespace": "shop",
    "doc": "An order.",
    "fields": [
        {"name": "id", "type": "long", "doc": "Its number."},
        {"name": "note", "type": ["null", "string"], "default": None},
        {"name": "price", "type": {"type": "bytes", "logicalType": "decimal", "precision": 9, "scale": 2}},
        {"name": "at", "type": {"type": "long", "logicalType": "timestamp-millis"}},
        {"name": "state", "type": {"type": "enum", "name": "State", "symbols": ["OPEN", "PAID"]}},
        {"name": "lines", "type": {"type": "array", "items": {"type": "record", "name": "Line", "fields": [
            {"name": "sku", "type": "string"}, {"name": "again", "type": ["null", "Line"]}]}}},
        {"name": "labels", "type": {"type": "map", "values": "string"}},
        {"name": "key", "type": {"type": "fixed", "name": "Key", "size": 16}},
        {"name": "either", "type": ["int", "Line", "State"]},
        {"name": "buyer", "type": "people.Person"},
    ],
}  # fmt: skip
PERSON = {"type": "record", "name": "Person", "namespace": "people", "fields": [{"name": "name", "type": "string"}]}


def test_avro() -> None:
    [order] = avro.fields_of(json.dumps(ORDER), [json.dumps(PERSON)])
    assert order.description == "An order."
    assert next(each.description for each in order.children or ()) == "Its number."
    assert list(shown((order,))) == [
        ("Order", "RECORD", "Order"),
        ("Order.id", "LONG", "long"),
        ("Order.note", "STRING", "union<null,string>"),
        ("Order.price", "BYTES", "decimal(9,2)"),
        ("Order.at", "TIMESTAMPZ", "timestamp-millis"),
        ("Order.state", "ENUM", "enum(OPEN,PAID)"),
        ("Order.lines", "ARRAY", "array<Line>"),
        ("Order.lines.item", "RECORD", "Line"),
        ("Order.lines.item.sku", "STRING", "string"),
        ("Order.lines.item.again", "RECORD", "union<null,Line>"),
        ("Order.labels", "MAP", "map<string>"),
        ("Order.key", "FIXED", "fixed(16)"),
        ("Order.either", "UNION", "union<int,Line,enum(OPEN,PAID)>"),
        ("Order.either.Line", "RECORD", "Line"),
        ("Order.either.Line.sku", "STRING", "string"),
        ("Order.either.Line.again", "RECORD", "union<null,Line>"),
        ("Order.buyer", "RECORD", "Person"),
        ("Order.buyer.name", "STRING", "string"),
    ]


@pytest.mark.parametrize("text", ['"string"', "string"])
def test_an_avro_schema_may_be_a_word(text: str) -> None:
    assert list(shown(avro.fields_of(text))) == [("value", "STRING", "string")]


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("{", "it is no Avro schema"),
        (json.dumps(ORDER), "buyer is of the type 'people.Person', which nobody defines"),
        ('{"type": "record", "fields": []}', "has no name"),
        ('{"type": "record", "name": "a", "fields": 3}', "the fields of a are none"),
        ('{"type": "record", "name": "a", "fields": [{"name": "b", "type": 3}]}', "the type of b is 3, which is none"),
        ("[" * 5000, "it is no Avro schema"),
        ('{"type":"array","items":' * 60 + '"int"' + "}" * 60, "nested more than"),
    ],
)
def test_what_is_no_avro(text: str, reason: str) -> None:
    with pytest.raises(Unreadable, match=reason) as caught:
        avro.fields_of(text)
    assert caught.value.advice


def test_types_that_unfold_without_end_are_refused() -> None:
    records = [
        {"type": "record", "name": f"r{n}", "fields": [{"name": f"f{k}", "type": f"r{n + 1}"} for k in range(6)]}
        for n in range(7)
    ]
    records.append({"type": "record", "name": "r7", "fields": []})
    both = {f"a{n}": {"allOf": [{"allOf": [{"$ref": f"#/$defs/a{n + 1}"}]}] * 6} for n in range(9)}
    with pytest.raises(Unreadable, match="more than 10000 fields"):
        json_schema.fields_of(json.dumps({"$ref": "#/$defs/a0", "$defs": {**both, "a9": {"type": "object"}}}))
    with pytest.raises(Unreadable, match="more than 10000 fields"):
        avro.fields_of(json.dumps(records[0]), [json.dumps(each) for each in records[1:]])


LONG = "x" * 100_000
OFTEN = [f"f{place}" for place in range(101)]
DOUBLING = "".join(f"message M{n} {{ M{n + 1} a = 1; M{n + 1} b = 2; }}\n" for n in range(30))
OF_PROTOBUF = f"message A {{ {' '.join(f'B {name} = 1;' for name in OFTEN)} }}"
OF_JSON = {
    "properties": {name: {"$ref": "#/$defs/said"} for name in OFTEN},
    "$defs": {"said": {"type": "string", "description": LONG}},
}


def of_avro(**said: Any) -> str:
    first = {"name": "first", "type": {"name": "said", **said}}
    fields = [first, *({"name": name, "type": "said"} for name in OFTEN)]
    return json.dumps({"type": "record", "name": "a", "fields": fields})


@pytest.mark.parametrize(
    ("read", "text"),
    [
        (protobuf.fields_of, DOUBLING + "message M30 {}"),
        (protobuf.fields_of, f"{OF_PROTOBUF} enum B {{ {LONG} = 0; }}"),
        (protobuf.fields_of, f"{OF_PROTOBUF}\n// {LONG}\nmessage B {{}}"),
        (avro.fields_of, of_avro(type="enum", symbols=[LONG])),
        (avro.fields_of, of_avro(type="record", doc=LONG, fields=[])),
        (json_schema.fields_of, json.dumps(OF_JSON)),
    ],
    ids=["messages", "symbols of Protobuf", "comments", "symbols of Avro", "docs", "descriptions"],
)
def test_what_is_said_of_a_type_counts_wherever_it_is_used(read: Callable[[str], object], text: str) -> None:
    with pytest.raises(Unreadable, match="more than 10000 fields, each 1000 characters counted as one") as caught:
        read(text)
    assert caught.value.advice == "let its types use each other less often, or say less of each"


ORDER_SCHEMA: dict[str, Any] = {
    "title": "Order",
    "type": "object",
    "properties": {
        "id": {"type": "integer", "description": "Its number."},
        "note": {"type": ["null", "string"]},
        "at": {"type": "string", "format": "date-time"},
        "state": {"enum": ["open", "paid"]},
        "lines": {"type": "array", "items": {"$ref": "#/$defs/line"}},
        "labels": {"type": "object", "additionalProperties": {"type": "number"}},
        "pay": {"oneOf": [{"title": "Card", "properties": {"no": {"type": "string"}}}, {"type": "boolean"}]},
        "buyer": {"$ref": "person.json"},
        "all": {"allOf": [{"$ref": "person.json#/definitions/named"}, {"properties": {"age": {"type": "integer"}}}]},
        "any": True,
    },
    "$defs": {"line": {"type": "object", "properties": {"sku": {"type": "string"}, "in": {"$ref": "#/$defs/line"}}}},
}
PERSON_SCHEMA: dict[str, Any] = {
    "type": "object",
    "properties": {"name": {"$ref": "#/definitions/name"}},
    "definitions": {
        "name": {"type": "string"},
        "named": {"type": "object", "properties": {"nick": {"$ref": "#/definitions/name"}}},
    },
}


def test_json_schema() -> None:
    [order] = json_schema.fields_of(json.dumps(ORDER_SCHEMA), {"person.json": json.dumps(PERSON_SCHEMA)})
    assert next(each.description for each in order.children or ()) == "Its number."
    assert list(shown((order,))) == [
        ("Order", "RECORD", "object"),
        ("Order.id", "LONG", "integer"),
        ("Order.note", "STRING", "union<null,string>"),
        ("Order.at", "TIMESTAMPZ", "date-time"),
        ("Order.state", "ENUM", "enum(open,paid)"),
        ("Order.lines", "ARRAY", "array<object>"),
        ("Order.lines.item", "RECORD", "object"),
        ("Order.lines.item.sku", "STRING", "string"),
        ("Order.lines.item.in", "RECORD", "line"),
        ("Order.labels", "MAP", "map<number>"),
        ("Order.pay", "UNION", "union<object,boolean>"),
        ("Order.pay.Card", "RECORD", "object"),
        ("Order.pay.Card.no", "STRING", "string"),
        ("Order.buyer", "RECORD", "object"),
        ("Order.buyer.name", "STRING", "string"),
        ("Order.all", "RECORD", "object"),
        ("Order.all.nick", "STRING", "string"),
        ("Order.all.age", "LONG", "integer"),
        ("Order.any", "UNKNOWN", None),
    ]


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("{", "it is no JSON Schema"),
        ("3", "3 is no JSON Schema"),
        ('{"properties": {"a": {"$ref": "#/nowhere"}}}', "'#/nowhere' leads nowhere"),
        ('{"properties": {"a": 3}}', "3 is no JSON Schema"),
    ],
)
def test_what_is_no_json_schema(text: str, reason: str) -> None:
    with pytest.raises(Unreadable, match=reason) as caught:
        json_schema.fields_of(text)
    assert caught.value.advice


PROTO = """
    syntax = "proto3"; // of the shop
    package shop.v1;
    import "google/protobuf/timestamp.proto";
    option java_package = "com.shop;v1";

    /* An order
     * of the shop. */
    message Order {
      reserved 2, 15, 9 to 11;
      option (my.opt) = { a: 1 };
      enum State { UNKNOWN = 0; PAID = 1 [deprecated = true]; }
      message Line { string sku = 1; Line again = 2; }
      // Its number.
      int64 id = 1;
      optional string note = 3 [(validate.rules).string = {min_len: 1}];
      repeated Line lines = 4;
      map<string, Line> by_sku = 5;
      State state = 6;
      google.protobuf.Timestamp at = 7;
      oneof pay { string card = 8; .people.Person buyer = 12; }
      bytes message = 13;
    }
    message Other {}
    service Orders { rpc Get (Order) returns (stream Order) { option x = 1; } }
"""


def test_protobuf() -> None:
    [order] = protobuf.fields_of(PROTO, ["package people; message Person { required string name = 1; }"])
    assert order.description == "An order of the shop."
    assert next(each.description for each in order.children or ()) == "Its number."
    assert list(shown((order,))) == [
        ("Order", "RECORD", "Order"),
        ("Order.id", "LONG", "int64"),
        ("Order.note", "STRING", "string"),
        ("Order.lines", "ARRAY", "array<Line>"),
        ("Order.lines.item", "RECORD", "Line"),
        ("Order.lines.item.sku", "STRING", "string"),
        ("Order.lines.item.again", "RECORD", "Line"),
        ("Order.by_sku", "MAP", "map<string,Line>"),
        ("Order.by_sku.value", "RECORD", "Line"),
        ("Order.by_sku.value.sku", "STRING", "string"),
        ("Order.by_sku.value.again", "RECORD", "Line"),
        ("Order.state", "ENUM", "enum(UNKNOWN,PAID)"),
        ("Order.at", "TIMESTAMPZ", "Timestamp"),
        ("Order.card", "STRING", "string"),
        ("Order.buyer", "RECORD", "Person"),
        ("Order.buyer.name", "STRING", "string"),
        ("Order.message", "BYTES", "bytes"),
    ]


def test_a_group_of_proto2() -> None:
    [found] = protobuf.fields_of("message A { repeated group Hit = 1 { required string url = 2; } }")
    assert list(shown((found,))) == [
        ("A", "RECORD", "A"),
        ("A.hit", "ARRAY", "array<Hit>"),
        ("A.hit.item", "RECORD", "Hit"),
        ("A.hit.item.url", "STRING", "string"),
    ]


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "has no message"),
        ("enum A { B = 0; }", "has no message"),
        ("message A {", "line 1: it ends too early"),
        ("message A {\n string b;\n}", "line 2: ';' stands where '=' should"),
        ("hello", "line 1: 'hello' has no place there"),
        ("message A { § }", "'§' has no place there"),
        ("message A { B b = 1; }", "b is of the type 'B', which nobody defines"),
        ("message A { 1 2 = 3; }", "1 2 is no field"),
        ("message A {" * 40, "nested more than"),
        ("message A {" + "oneof x {" * 5000, "nested more than"),
        ("message A {" + "optional group G = 1 {" * 5000, "nested more than"),
    ],
)
def test_what_is_no_protobuf(text: str, reason: str) -> None:
    with pytest.raises(Unreadable, match=reason) as caught:
        protobuf.fields_of(text)
    assert caught.value.advice


NAMES = st.from_regex(r"[a-z][a-z0-9_]{0,8}", fullmatch=True).filter(
    lambda name: (
        name not in {"message", "enum", "oneof", "option", "reserved", "extensions", "extend", "group", "map"}
        and name not in {"optional", "required", "repeated"}
    )
)
LEAVES = st.sampled_from(["int32", "int64", "string", "bytes", "bool", "double", "float"])
TREES: st.SearchStrategy[Any] = st.recursive(
    LEAVES, lambda inner: st.dictionaries(NAMES, inner, max_size=4), max_leaves=12
)
RECORDS = st.dictionaries(NAMES, TREES, min_size=1, max_size=5)
AVRO = {"int32": "int", "int64": "long", "bool": "boolean"}
JSON = {"int32": "integer", "int64": "integer", "bytes": "string", "bool": "boolean", "double": "number"}


def names_of(tree: dict[str, Any], above: str) -> Iterator[str]:
    for name, inner in tree.items():
        yield f"{above}.{name}"
        if isinstance(inner, dict):
            yield from names_of(cast("dict[str, Any]", inner), f"{above}.{name}")


def as_proto(name: str, tree: dict[str, Any]) -> str:
    lines = [f"message {name} {{"]
    for number, (field, inner) in enumerate(tree.items(), 1):
        kind = inner if isinstance(inner, str) else f"T{number}"
        lines += [] if isinstance(inner, str) else [as_proto(kind, inner)]
        lines.append(f"{kind} {field} = {number};")
    return "\n".join([*lines, "}"])


def as_avro(path: str, tree: dict[str, Any]) -> dict[str, Any]:
    fields = [
        {"name": name, "type": AVRO.get(inner, inner) if isinstance(inner, str) else as_avro(f"{path}_{place}", inner)}
        for place, (name, inner) in enumerate(tree.items())
    ]
    return {"type": "record", "name": path, "fields": fields}


def as_json(tree: dict[str, Any]) -> dict[str, Any]:
    properties = {
        name: {"type": JSON.get(inner, inner).replace("float", "number")} if isinstance(inner, str) else as_json(inner)
        for name, inner in tree.items()
    }
    return {"type": "object", "title": "Root", "properties": properties}


@given(RECORDS)
def test_every_field_is_found_again_in_every_language(tree: dict[str, Any]) -> None:
    expected = ["Root", *names_of(tree, "Root")]
    assert [path for path, *_ in shown(protobuf.fields_of(as_proto("Root", tree)))] == expected
    assert [path for path, *_ in shown(avro.fields_of(json.dumps(as_avro("Root", tree))))] == expected
    assert [path for path, *_ in shown(json_schema.fields_of(json.dumps(as_json(tree))))] == expected


@given(st.text(alphabet="message{}=;<>\"'/* \n1aA.,[]()", max_size=80))
def test_any_text_is_read_or_refused(text: str) -> None:
    for read in (protobuf.fields_of, avro.fields_of, json_schema.fields_of):
        with suppress(Unreadable):
            read(text)
