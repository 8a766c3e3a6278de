import pytest
from hypothesis import given
from hypothesis import strategies as st

from connectors.families.clickhouse.types import clickhouse_column, parse_clickhouse_type
from connectors.families.nested_types import Field, NestedType
from connectors.families.type_tokens import NotATypeError
from connectors.models.database import Column

PLAIN = {
    "tinyint": "Int8",
    "largeint": "Int256",
    "uint": "UInt64",
    "double": "Float64",
    "datetime": "DateTime64(3, 'UTC')",
    "enum": "Enum8('a(' = 1, 'b\\', )' = -2)",
    "string": "String",
    "date": "Date32",
    "ipv6": "IPv6",
}
NAMES = st.text(min_size=1, max_size=8)


def nested(inner: st.SearchStrategy[NestedType]) -> st.SearchStrategy[NestedType]:
    named = st.builds(Field, NAMES, inner, st.just(True))
    return st.one_of(
        inner.map(lambda part: NestedType("array", parts=(part,))),
        st.tuples(inner, inner).map(lambda parts: NestedType("map", parts=parts)),
        st.lists(inner, min_size=1, max_size=3).map(lambda parts: NestedType("uniontype", parts=tuple(parts))),
        st.lists(named, min_size=1, max_size=3).map(lambda fields: NestedType("struct", fields=tuple(fields))),
    )


FLAT = st.one_of(
    st.sampled_from(sorted(PLAIN)).map(NestedType),
    st.tuples(st.integers(1, 76), st.integers(0, 9)).map(lambda numbers: NestedType("decimal", numbers)),
    st.integers(1, 999).map(lambda size: NestedType("char", (size,))),
)
TYPES = st.recursive(FLAT, nested, max_leaves=10)


def quoted(name: str) -> str:
    return "`" + name.replace("\\", "\\\\").replace("`", "\\`") + "`"


def spelled(found: NestedType) -> str:
    """As ClickHouse writes it."""
    if found.fields:
        return f"Tuple({', '.join(f'{quoted(field.name)} {spelled(field.type)}' for field in found.fields)})"
    if found.parts:
        word = {"array": "Array", "map": "Map", "uniontype": "Variant"}[found.name]
        return f"{word}({', '.join(map(spelled, found.parts))})"
    if found.name == "decimal":
        return f"Decimal({found.arguments[0]}, {found.arguments[1]})"
    return f"FixedString({found.arguments[0]})" if found.name == "char" else PLAIN[found.name]


def nullable_in_fields(found: NestedType) -> NestedType:
    """Of what may be NULL by its nature no field is required."""
    fields = tuple(
        Field(field.name, nullable_in_fields(field.type), field.type.name != "uniontype") for field in found.fields
    )
    return NestedType(found.name, found.arguments, tuple(map(nullable_in_fields, found.parts)), fields)


@given(TYPES)
def test_what_is_written_is_read_back(found: NestedType) -> None:
    assert parse_clickhouse_type(spelled(found))[0] == nullable_in_fields(found)


@given(TYPES, st.sampled_from(["Nullable({})", "LowCardinality(Nullable({}))"]))
def test_wrappers_are_taken_off(found: NestedType, wrapper: str) -> None:
    assert parse_clickhouse_type(wrapper.format(spelled(found))) == (nullable_in_fields(found), True)


@given(st.text())
def test_any_text_makes_a_column(text: str) -> None:
    assert clickhouse_column("c", text, 1).data_type_display == text


def shape(column: Column) -> object:
    kind = f"{column.data_type}[{column.array_data_type}]" if column.array_data_type else column.data_type
    return (column.name, kind, [shape(child) for child in column.children]) if column.children else (column.name, kind)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Array(Nullable(Int32))", ("c", "ARRAY[INT]")),
        ("Map(LowCardinality(String), Array(UInt8))", ("c", "MAP", [("key", "STRING"), ("value", "ARRAY[UINT]")])),
        ("Tuple(Int8, String)", ("c", "STRUCT", [("1", "TINYINT"), ("2", "STRING")])),
        ("Nested(x Int8, y Tuple(z Date))", ("c", "STRUCT", [("x", "TINYINT"), ("y", "STRUCT", [("z", "DATE")])])),
        ("Tuple(`a b` Int8, Array Array(Int8))", ("c", "STRUCT", [("a b", "TINYINT"), ("Array", "ARRAY[TINYINT]")])),
        ("Variant(Int8, String)", ("c", "UNION", [("tag_0", "TINYINT"), ("tag_1", "STRING")])),
        ("SimpleAggregateFunction(groupArrayArray(7), Array(Int64))", ("c", "ARRAY[BIGINT]")),
        ("AggregateFunction(quantiles(0.5, 0.9), UInt64)", ("c", "AGGREGATEFUNCTION")),
        ("JSON(max_dynamic_paths=8, a.b Int32, SKIP REGEXP 'x)')", ("c", "JSON")),
        ("Object('json')", ("c", "JSON")), ("Point", ("c", "POINT")), ("Bool", ("c", "BOOLEAN")),
        ("DateTime('Asia/Tokyo')", ("c", "DATETIME")), ("IPv4", ("c", "IPV4")), ("Wonder(1)", ("c", "UNKNOWN")),
    ],
)  # fmt: skip
def test_each_spelling(text: str, expected: object) -> None:
    assert shape(clickhouse_column("c", text, 1)) == expected


def test_sizes_and_nulls() -> None:
    money = clickhouse_column("c", "Nullable(Decimal(10, 2))", 1)
    assert (money.precision, money.scale, money.constraint) == (10, 2, "NULL")
    narrow = clickhouse_column("c", "Decimal32(4)", 1)
    assert (narrow.precision, narrow.scale, narrow.constraint) == (9, 4, "NOT_NULL")
    assert clickhouse_column("c", "FixedString(3)", 1).data_length == 3
    assert clickhouse_column("c", "DateTime64(3)", 1).data_length == 1


@pytest.mark.parametrize(
    "text", ["", "(", "Array()", "Array(Int8, Int8)", "Map(Int8)", "Tuple(a)b", "Nullable(Int8", "Enum8('a' = 1", "`a`"]
)
def test_what_is_no_type(text: str) -> None:
    with pytest.raises(NotATypeError, match="is not a type"):
        parse_clickhouse_type(text)


def test_endless_nesting_is_no_type() -> None:
    with pytest.raises(NotATypeError):
        parse_clickhouse_type("Array(" * 100 + "Int8" + ")" * 100)
