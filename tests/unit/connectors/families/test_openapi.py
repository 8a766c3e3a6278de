"""Schemas as fields: whatever refers to whatever, it ends, and within bounds."""

import time
from collections.abc import Iterable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connectors.errors import ConnectorError
from connectors.families.openapi.document import Description
from connectors.families.openapi.references import References
from connectors.families.openapi.schemas import DEPTHS, LONGEST_NAME, MOST_FIELDS, MOST_WIDE, fields_of
from connectors.families.openapi.text import parse
from connectors.models.messaging import SchemaField

NAMES = ["A", "B", "C", "D"]
REFS = st.sampled_from([*NAMES, "Gone"]).map(lambda name: {"$ref": f"#/components/schemas/{name}"})
LEAVES = st.sampled_from(
    [{}, True, {"type": "string"}, {"type": "integer", "format": "int64"}, {"enum": [1, None]}, {"const": "x"}, "odd"]
)


def below(inner: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    listed = st.lists(inner, max_size=3)
    return st.one_of(
        st.dictionaries(st.text(max_size=3), inner, max_size=3).map(lambda found: {"properties": found}),
        inner.map(lambda found: {"type": "array", "items": found}),
        inner.map(lambda found: {"type": "object", "additionalProperties": found}),
        listed.map(lambda found: {"allOf": found}),
        listed.map(lambda found: {"oneOf": found}),
        listed.map(lambda found: {"anyOf": [*found, {"type": "null"}]}),
    )


SCHEMAS = st.recursive(LEAVES | REFS, below, max_leaves=8)


def all_below(fields: Iterable[SchemaField]) -> Iterable[tuple[int, SchemaField]]:
    for field in fields:
        yield 1, field
        yield from ((depth + 1, each) for depth, each in all_below(field.children or ()))


def of(schema: Any, **schemas: Any) -> tuple[SchemaField, ...]:
    return fields_of(schema, References({"components": {"schemas": schemas}})).fields


@given(st.fixed_dictionaries(dict.fromkeys(NAMES, SCHEMAS)), SCHEMAS)
def test_any_schema_ends_in_fields(schemas: dict[str, Any], schema: Any) -> None:
    document = {"components": {"schemas": schemas}}
    try:
        found = fields_of(schema, References(document))
    except ConnectorError:  # too entangled
        return
    fields = list(all_below(found.fields))
    assert max((depth for depth, _ in fields), default=0) <= DEPTHS[0] + 1
    assert all(0 < len(field.name) <= LONGEST_NAME for _, field in fields)
    assert fields_of(schema, References(document)) == found


def test_what_grows_without_end_is_shown_less_deep() -> None:
    """Each schema holds the next one twenty times: all of it would be 20^8 fields."""
    schemas = {
        f"S{level}": {
            "properties": {f"p{place}": {"$ref": f"#/components/schemas/S{level + 1}"} for place in range(20)}
        }
        for level in range(8)
    }
    found = list(all_below(of({"$ref": "#/components/schemas/S0"}, **schemas, S8={"type": "string"})))
    assert len(found) == 20 + 400
    assert found[1][1].data_type_display == "S2"


def test_an_object_of_very_many_properties_is_whole() -> None:
    wide = {"properties": {f"p{place}": {"type": "string"} for place in range(MOST_FIELDS + 1)}}
    assert len(of(wide)) == MOST_FIELDS + 1


def test_an_object_of_more_properties_than_are_read_is_told() -> None:
    wide = {"properties": {f"p{place}": {"type": "string"} for place in range(MOST_WIDE)}}
    assert len(of(wide)) == MOST_WIDE
    with pytest.raises(ConnectorError, match=f"more than {MOST_WIDE} fields, each 1000 characters") as caught:
        of({"properties": {**wide["properties"], "one": {}}})
    assert caught.value.advice == "write it with fewer fields, or say less of each"


@pytest.mark.parametrize("said", [{"description": "x" * 100_000}, {"enum": ["x" * 100_000]}], ids=["text", "values"])
def test_what_is_said_of_a_schema_counts_wherever_it_is_used(said: dict[str, Any]) -> None:
    used = {"properties": {f"p{place}": {"$ref": "#/components/schemas/Said"} for place in range(101)}}
    with pytest.raises(ConnectorError, match=f"more than {MOST_WIDE} fields, each 1000 characters"):
        of(used, Said=said)
    deeper = {"properties": {"top": {"properties": dict(list(used["properties"].items())[:30])}}}
    assert [(field.name, field.children) for field in of(deeper, Said=said)] == [("top", None)]


def test_schemas_made_of_each_other_in_too_many_ways() -> None:
    schema: dict[str, Any] = {"type": "string"}
    for _ in range(24):
        schema = {"allOf": [schema, schema]}
    with pytest.raises(ConnectorError, match="made of others in too many ways"):
        of(schema)


def test_aliases_of_yaml_take_no_more_room_than_they_are_written() -> None:
    lines = ["a0: &a0 {type: string}"]
    lines += [f"a{level}: &a{level} {{properties: {{x: *a{level - 1}, y: *a{level - 1}}}}}" for level in range(1, 40)]
    began = time.monotonic()
    found = fields_of(parse("\n".join(lines).encode(), "x")["a39"], References({}))
    assert len(list(all_below(found.fields))) <= MOST_FIELDS
    assert time.monotonic() - began < 60


@pytest.mark.parametrize(
    ("schema", "kind", "display"),
    [
        ({"type": "string", "format": "email"}, "STRING", "string(email)"),
        ({"type": ["string", "null"]}, "STRING", "string"),
        ({"type": ["string", "integer"]}, "UNION", "union<string,integer>"),
        ({"type": "array"}, "ARRAY", "array<any>"),
        ({"items": {"type": "integer"}}, "ARRAY", "array<integer>"),
        ({"type": "object", "additionalProperties": True}, "MAP", "map<string,any>"),
        ({"enum": ["a", "b"]}, "ENUM", "enum('a','b')"),
        ({"type": "string", "enum": list(range(30))}, "ENUM", f"enum({','.join(map(str, range(20)))},…)"),
        ({"const": 1}, "ENUM", "enum(1)"),
        ({"type": "null"}, "NULL", "null"),
        ({"type": "strange"}, "UNKNOWN", "strange"),
        ({}, "UNKNOWN", None),
    ],
)
def test_types(schema: dict[str, Any], kind: str, display: str | None) -> None:
    [field] = of({"properties": {"x": schema}})
    assert (field.data_type, field.data_type_display) == (kind, display)


def test_names_of_references_are_unquoted() -> None:
    [field] = of({"properties": {"x": {"$ref": "#/components/schemas/a~1b%20c~0"}}}, **{"a/b c~": {"type": "string"}})
    assert (field.data_type, field.data_type_display) == ("STRING", "a/b c~")


def test_what_stands_beside_a_reference_counts() -> None:
    [field] = of(
        {"properties": {"x": {"$ref": "#/components/schemas/A", "description": "mine"}}},
        A={"type": "string", "description": "its"},
    )
    assert field.description == "mine"


def test_a_server_that_is_no_address_is_told_as_it_is_written() -> None:
    document: dict[str, Any] = {"openapi": "3.0.0", "paths": {"/a": {"get": {}}}, "servers": [{"url": "http://[bad/"}]}
    described = Description(document, "it", "http://here/openapi.json")
    assert [endpoint.url for endpoint in described.endpoints("default")] == ["http://[bad/a"]
