import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connectors.families.nested_types import (
    MAX_DEPTH,
    Field,
    NestedType,
    NotATypeError,
    column_of_type,
    parse_type,
    written,
)
from connectors.models.database import Column

FLAT = st.sampled_from([
    NestedType("int"), NestedType("string"), NestedType("decimal", (10, 2)), NestedType("varchar", (20,)),
    NestedType("timestamp with time zone"), NestedType("json"), NestedType("variant"), NestedType("geo_thing"),
    NestedType("double precision"), NestedType("decimal", (5, -2)),
])  # fmt: skip
TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=8)
NAMES = TEXTS.filter(bool)


def nested(inner: st.SearchStrategy[NestedType]) -> st.SearchStrategy[NestedType]:
    field = st.builds(Field, NAMES, inner, st.booleans(), st.none() | TEXTS)
    fields = st.lists(field, min_size=1, max_size=4).map(tuple)
    return st.one_of(
        inner.map(lambda part: NestedType("array", parts=(part,))),
        st.tuples(inner, inner).map(lambda parts: NestedType("map", parts=parts)),
        st.lists(inner, min_size=1, max_size=3).map(lambda parts: NestedType("uniontype", parts=tuple(parts))),
        st.tuples(st.sampled_from(["struct", "row", "object"]), fields).map(
            lambda made: NestedType(made[0], fields=made[1])
        ),
    )


TYPES = st.recursive(FLAT, nested, max_leaves=12)


def in_parentheses(found: NestedType) -> str:
    """The same type as Trino and Snowflake write it."""
    if found.fields:
        inside = ", ".join(
            f'"{field.name.replace(chr(34), chr(34) * 2)}" {in_parentheses(field.type)}'
            + (" NOT NULL" if field.required else "")
            for field in found.fields
        )
        return f"{found.name.upper()}({inside})"
    if found.parts:
        return f"{found.name.upper()}({', '.join(map(in_parentheses, found.parts))})"
    return written(found)


def with_brackets(found: NestedType) -> str:
    """The same type as DuckDB writes it: an array's element comes before its brackets."""
    if found.name == "array" and found.parts:
        return f"{with_brackets(found.parts[0])}[]"
    if found.fields:
        inside = ", ".join(
            f'"{field.name.replace(chr(34), chr(34) * 2)}" {with_brackets(field.type)}'
            + (" NOT NULL" if field.required else "")
            for field in found.fields
        )
        return f"{found.name}({inside})"
    return f"{found.name}({', '.join(map(with_brackets, found.parts))})" if found.parts else written(found)


def without_comments(found: NestedType) -> NestedType:
    fields = tuple(Field(field.name, without_comments(field.type), field.required) for field in found.fields)
    return NestedType(found.name, found.arguments, tuple(map(without_comments, found.parts)), fields)


@given(TYPES)
def test_what_is_written_is_read_back(found: NestedType) -> None:
    assert parse_type(written(found)) == found


@given(TYPES)
def test_the_other_spelling_is_read_back(found: NestedType) -> None:
    assert parse_type(in_parentheses(found)) == without_comments(found)


@given(TYPES)
def test_brackets_are_read_back(found: NestedType) -> None:
    assert parse_type(with_brackets(found)) == without_comments(found)


@given(st.text())
def test_any_text_makes_a_column(text: str) -> None:
    column = column_of_type("c", text, 1)
    assert column.data_type_display == text


def shape(column: Column) -> object:
    kind = f"{column.data_type}[{column.array_data_type}]" if column.array_data_type else column.data_type
    return (column.name, kind, [shape(child) for child in column.children]) if column.children else (column.name, kind)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("struct<a:int,b:array<string>>", ("c", "STRUCT", [("a", "INT"), ("b", "ARRAY[STRING]")])),
        ("STRUCT<a INT64, b ARRAY<STRUCT<x FLOAT64>>>",
         ("c", "STRUCT", [("a", "BIGINT"), ("b", "ARRAY[STRUCT]", [("x", "DOUBLE")])])),
        ("row(a integer, b map(varchar, double))",
         ("c", "STRUCT", [("a", "INT"), ("b", "MAP", [("key", "VARCHAR"), ("value", "DOUBLE")])])),
        ("row(t timestamp(3) with time zone)", ("c", "STRUCT", [("t", "TIMESTAMPZ")])),
        ("OBJECT(a NUMBER(10,2) NOT NULL, v VARIANT)", ("c", "STRUCT", [("a", "NUMBER"), ("v", "VARIANT")])),
        ("ARRAY(NUMBER(38,0) NOT NULL)", ("c", "ARRAY[NUMBER]")),
        ("array<array<struct<x:int>>>", ("c", "ARRAY[ARRAY]", [("x", "INT")])),
        ("uniontype<int,struct<a:string>>", ("c", "UNION", [("tag_0", "INT"), ("tag_1", "STRUCT", [("a", "STRING")])])),
        ("struct<`a:b`:int COMMENT 'it\\'s',timestamp:date>", ("c", "STRUCT", [("a:b", "INT"), ("timestamp", "DATE")])),
        ("STRUCT<span RANGE<DATE>, n INT64>", ("c", "STRUCT", [("span", "UNKNOWN"), ("n", "BIGINT")])),
        ("JSON", ("c", "JSON")),
        ("GEOMETRY(POINT,4326)", ("c", "GEOMETRY")),
        ("text[]", ("c", "ARRAY[TEXT]")),
        ("numeric(6,2)[][]", ("c", "ARRAY[ARRAY]")),
        ("timestamp(3) with time zone[]", ("c", "ARRAY[TIMESTAMPZ]")),
        ("struct(a int[])[]", ("c", "ARRAY[STRUCT]", [("a", "ARRAY[INT]")])),
        ("ARRAY", ("c", "ARRAY[UNKNOWN]")),
        ("struct<a:int", ("c", "UNKNOWN")),
        ("struct<first name:string,last name: array<int>>",
         ("c", "STRUCT", [("first name", "STRING"), ("last name", "ARRAY[INT]")])),
        ("row(integer, varchar(10), x double, array(bigint))",
         ("c", "STRUCT", [("1", "INT"), ("2", "VARCHAR"), ("x", "DOUBLE"), ("4", "ARRAY[BIGINT]")])),
        ("STRUCT<INT64, STRUCT<STRING>>", ("c", "STRUCT", [("1", "BIGINT"), ("2", "STRUCT", [("1", "STRING")])])),
        ("string collate UNICODE", ("c", "STRING")),
        ("VARCHAR(10) COLLATE 'en-ci'", ("c", "VARCHAR")),
        ("struct<a:string collate UTF8_LCASE COMMENT 'x',collate:int>",
         ("c", "STRUCT", [("a", "STRING"), ("collate", "INT")])),
        ("interval hour to second", ("c", "INTERVAL")),
        ("INTERVAL DAY(2) TO SECOND(6)", ("c", "INTERVAL")),
        ("struct<interval:interval day,minute:int>", ("c", "STRUCT", [("interval", "INTERVAL"), ("minute", "INT")])),
        ("VECTOR(FLOAT, 256)", ("c", "ARRAY[FLOAT]")),
        ("vector(3)", ("c", "ARRAY[UNKNOWN]")),
        ("geography(ANY)", ("c", "GEOGRAPHY")),
        ("geometry(OGC:CRS84)", ("c", "GEOMETRY")),
        ("geometry(OGC", ("c", "UNKNOWN")),
        ("wonder<int>", ("c", "UNKNOWN")),
    ],
)  # fmt: skip
def test_each_spelling(text: str, expected: object) -> None:
    assert shape(column_of_type("c", text, 1)) == expected


def test_what_fields_say() -> None:
    column = column_of_type("c", "struct<a:decimal(10,2) NOT NULL COMMENT 'money',b:varchar(7),d:decimal(3)>", 2)
    assert column.children is not None
    money, text, whole = column.children
    assert (money.precision, money.scale, money.constraint, money.description) == (10, 2, "NOT_NULL", "money")
    assert (text.data_length, text.data_type_display, text.constraint) == (7, "varchar(7)", "NULL")
    assert (whole.precision, whole.scale, whole.ordinal_position) == (3, 0, 3)


@pytest.mark.parametrize(
    "text",
    [
        "", "<", "array<>", "array<int,int>", "map<int>", "struct<a>", "int)", "decimal(x)", "struct<a:int>[",
        "numeric(1)[x]", "int[] x",
    ],
)  # fmt: skip
def test_what_is_no_type(text: str) -> None:
    with pytest.raises(NotATypeError, match=re.escape("is not a type")):
        parse_type(text)


def test_endless_nesting_is_no_type() -> None:
    with pytest.raises(NotATypeError):
        parse_type("array<" * (MAX_DEPTH + 2) + "int" + ">" * (MAX_DEPTH + 2))
