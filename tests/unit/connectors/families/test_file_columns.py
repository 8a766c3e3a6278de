"""Columns of files: what is inferred, what a schema says, and what is no such file."""

import csv
import gzip
import io
import json
from importlib import import_module
from typing import Any, cast

import fastavro
import pytest
from hypothesis import given
from hypothesis import strategies as st

from connectors.errors import ConnectorError
from connectors.families.file_columns import sample
from connectors.families.file_columns.sample import Sampled, Structure, Vanished, columns_of
from connectors.families.file_columns.text import delimited_columns

arrow, parquet = import_module("pyarrow"), import_module("pyarrow.parquet")


def file_of(content: bytes, asked: list[tuple[int, int]] | None = None) -> Sampled:
    def read(start: int, length: int) -> bytes:
        if asked is not None:
            asked.append((start, length))
        return content[start : start + length]

    return Sampled("s3://lake/file", len(content), read)


def shown(content: bytes, structure: Structure, separator: str | None = None) -> list[tuple[str, str, str | None]]:
    found = columns_of(file_of(content), structure, separator)
    return [(column.name, column.data_type, column.data_type_display) for column in found]


def avro(schema: dict[str, Any], *rows: dict[str, Any]) -> bytes:
    file = io.BytesIO()
    cast("Any", fastavro).writer(file, schema, rows)
    return file.getvalue()


def parquet_of(**columns: Any) -> bytes:
    file = io.BytesIO()
    parquet.write_table(arrow.table(columns), file)
    return file.getvalue()


def test_cells_say_their_types() -> None:
    text = b"id,price,ok,day,at,code,odd,none,note\n1,2.5,TRUE,2026-01-31,2026-01-31T10:00:00,007,2026-13-99,,a\n"
    assert [(name, kind) for name, kind, _ in shown(text, "csv")] == [
        ("id", "INT"),
        ("price", "DOUBLE"),
        ("ok", "BOOLEAN"),
        ("day", "DATE"),
        ("at", "TIMESTAMP"),
        ("code", "STRING"),
        ("odd", "STRING"),
        ("none", "NULL"),
        ("note", "STRING"),
    ]


def test_numbers_widen_and_what_is_unlike_is_a_union() -> None:
    assert shown(b"a;b\n1;1\n5000000000;x\n0.5;\n", "csv", ";") == [
        ("a", "DOUBLE", "double"),
        ("b", "UNION", "union<int,string>"),
    ]


def test_digits_without_end_are_a_text() -> None:
    rows = b"a,b\n" + b"1" * 5000 + b",2\n"
    assert [column.data_type for column in delimited_columns(rows, "f", ",", whole=True)] == ["STRING", "INT"]


def test_headings_alone_are_texts() -> None:
    assert shown(b"\xef\xbb\xbfa\tb\n", "tsv") == [("a", "STRING", "string"), ("b", "STRING", "string")]


def test_headings_that_are_empty_or_repeated_get_names() -> None:
    assert [name for name, _, _ in shown(b"a,,a,a_2\n1,2,3,4\n", "csv")] == ["a", "column_2", "a_2", "a_2_2"]


def test_quoted_cells_may_hold_anything() -> None:
    text = b'a,"b ""::"" c"\n"x,\ny",2\n'
    assert [name for name, _, _ in shown(text, "csv")] == [
        "a",
        "b __reserved__quote____reserved__colon____reserved__quote__ c",
    ]


@pytest.mark.parametrize(
    "text", [b'{"a": 1}\n{"a": 2.5}', b'[{"a": 1}, {"a": 2.5}]', b'{"a":1}{"a":2.5} ', b' [{"a": 2.5}']
)
def test_documents_come_in_every_way(text: bytes) -> None:
    assert shown(text, "json") == [("a", "DOUBLE", "double")]


@pytest.mark.parametrize("structure", ["csv", "json"])
def test_what_is_cut_off_is_left_out(structure: Structure, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sample, "HEAD_BYTES", 25)
    rows = {"csv": "a,b\n1,é\n2,é\n3,é\n4,é\n5,é\n", "json": '{"a": 1}\n{"a": 2}\n{"é": 3}\n'}
    names = [name for name, _, _ in shown(rows[structure].encode(), structure)]
    assert names == {"csv": ["a", "b"], "json": ["a"]}[structure]


@pytest.mark.parametrize("structure", ["csv", "json"])
def test_compressed_text_is_read_as_far_as_it_goes(structure: Structure) -> None:
    text = {"csv": b"a,b\n" + b"1,2\n" * 200_000, "json": b'{"a": 1, "b": 2}\n' * 100_000}[structure]
    assert shown(gzip.compress(text), structure) == [("a", "INT", "int"), ("b", "INT", "int")]


def test_large_files_are_not_read_whole() -> None:
    asked: list[tuple[int, int]] = []
    columns_of(file_of(b"a,b\n" + b"1,2\n" * 1_000_000, asked), "csv")
    assert asked == [(0, sample.HEAD_BYTES)]
    asked.clear()
    numbers = arrow.array(range(1_000_000), arrow.int64())
    content = parquet_of(a=numbers, b=numbers)
    assert [column.name for column in columns_of(file_of(content, asked), "parquet")] == ["a", "b"]
    assert sum(length for _, length in asked) < len(content) / 50


def test_types_of_parquet() -> None:
    content = parquet_of(
        small=arrow.array([1], arrow.uint8()),
        half=arrow.array([1.0], arrow.float16()),
        single=arrow.array([1.0], arrow.float32()),
        at=arrow.array([0], arrow.timestamp("us", "UTC")),
        local=arrow.array([0], arrow.timestamp("ms")),
        time=arrow.array([0], arrow.time32("ms")),
        day=arrow.array([0], arrow.date32()),
        kind=arrow.array(["a"]).dictionary_encode(),
        raw=arrow.array([b"a"], arrow.binary(1)),
        lists=arrow.array([[[1]]]),
        nothing=arrow.nulls(1),
    )
    assert [display for _, _, display in shown(content, "parquet")] == [
        "smallint", "float", "float", "timestamp with time zone", "timestamp", "time", "date", "string", "binary",
        "array<array<bigint>>", "null",
    ]  # fmt: skip


def test_types_of_avro() -> None:
    money = {"type": "bytes", "logicalType": "decimal", "precision": 10, "scale": 2}
    fields = {
        "id": {"type": "string", "logicalType": "uuid"},
        "price": money,
        "state": {"type": "enum", "name": "State", "symbols": ["open"]},
        "again": "State",
        "hash": {"type": "fixed", "name": "Hash", "size": 1},
        "either": ["null", "int", {"type": "map", "values": "string"}],
        "inside": ["null", "Tree"],
        "unsure": {"type": "bytes", "logicalType": "decimal"},
        "odd": {"type": "string", "logicalType": "decimal", "precision": 4},
    }
    schema = {"type": "record", "name": "Tree", "fields": [{"name": key, "type": of} for key, of in fields.items()]}
    assert [(name, display) for name, _, display in shown(avro(schema), "avro")] == [
        ("id", "uuid"),
        ("price", "decimal(10,2)"),
        ("state", "string"),
        ("again", "string"),
        ("hash", "binary"),
        ("either", "uniontype<int,map<string,string>>"),
        ("inside", "struct"),
        ("unsure", "binary"),
        ("odd", "string"),
    ]


def test_an_avro_file_of_bare_values_has_one_column() -> None:
    assert shown(avro({"type": "array", "items": "long"}), "avro") == [("value", "ARRAY", "array<bigint>")]


def test_a_schema_that_unfolds_without_end_is_refused() -> None:
    def level(number: int) -> Any:
        inner = level(number + 1) if number < 6 else "long"
        first = [{"name": "f0", "type": inner}]
        rest = [{"name": f"f{place}", "type": f"r{number + 1}" if number < 6 else "long"} for place in range(1, 6)]
        return {"type": "record", "name": f"r{number}", "fields": first + rest}

    with pytest.raises(ConnectorError, match="more than 10000 types") as caught:
        columns_of(file_of(avro(level(0))), "avro")
    assert caught.value.advice


def test_what_is_said_of_an_avro_type_counts_wherever_it_is_used() -> None:
    said = {"type": "record", "name": "said", "fields": [{"name": "a", "type": "int", "doc": "x" * 100_000}]}
    fields = [{"name": "f", "type": said}, *({"name": f"f{place}", "type": "said"} for place in range(100))]
    with pytest.raises(ConnectorError, match="more than 10000 types, each 1000 characters counted as one"):
        columns_of(file_of(avro({"type": "record", "name": "all", "fields": fields})), "avro")
    assert len(shown(avro({"type": "record", "name": "all", "fields": fields[:50]}), "avro")) == 50


@pytest.mark.parametrize(
    ("content", "structure", "reason"),
    [
        (b"", "csv", "has no line of headings"),
        (b"\n1,2\n", "csv", "has no line of headings"),
        (b"a\xff,b\n", "csv", "is no UTF-8 text"),
        (b'"' + b"x" * 140_000 + b'"\n', "csv", "cannot be read as delimited text"),
        (b"1 2 3", "json", "has no JSON object"),
        (b"<html>", "json", "has no JSON object"),
        (b"\x1f\x8bnothing", "json", "begins like a gzip file"),
        (b"no", "parquet", "is no Parquet file"),
        (b"PAR1" + b"\0" * 40 + b"PAR1", "parquet", "is no Parquet file"),
        (b"no", "avro", "is no Avro file"),
    ],
)
def test_what_is_no_such_file(content: bytes, structure: Structure, reason: str) -> None:
    with pytest.raises(ConnectorError, match=reason) as caught:
        columns_of(file_of(content), structure)
    assert caught.value.message.startswith("s3://lake/file")
    assert caught.value.advice


@pytest.mark.parametrize("structure", ["csv", "json", "parquet", "avro"])
def test_a_file_that_is_gone(structure: Structure) -> None:
    with pytest.raises(Vanished, match="was deleted since it was listed"):
        columns_of(Sampled("f", 100, lambda _start, _length: None), structure)


def test_a_footer_without_end_is_not_read(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sample, "MOST_BYTES", 100)
    with pytest.raises(ConnectorError, match="takes more than 100 bytes"):
        columns_of(file_of(parquet_of(a=arrow.array([1]))), "parquet")


HEADING = st.text(st.characters(codec="utf-8", exclude_categories=("C", "Z")), min_size=1)
NAMES = st.lists(HEADING, min_size=1, unique=True)
VALUES = st.recursive(st.none() | st.integers() | st.text(), st.lists, max_leaves=5)
DOCUMENTS = st.dictionaries(st.text(min_size=1), VALUES, min_size=1, max_size=5)


@given(NAMES, st.lists(st.integers() | st.booleans() | st.text("abc,;'\"\n"), max_size=8))
def test_what_is_written_as_csv_has_its_names(names: list[str], cells: list[Any]) -> None:
    text = io.StringIO()
    csv.writer(text).writerows([names, cells[: len(names)]])
    found = shown(text.getvalue().encode(), "csv")
    assert len(found) == len(names)


@given(st.lists(DOCUMENTS, min_size=1, max_size=5), st.integers(min_value=0))
def test_json_that_breaks_off_anywhere_is_columns_or_a_clear_error(documents: list[Any], cut: int) -> None:
    text = json.dumps(documents).encode()
    part = text[: cut % (len(text) + 1)]
    try:
        found = len(columns_of(Sampled("f", len(text), lambda _start, _length: part), "json"))
    except ConnectorError as error:
        found = -len(error.advice or "")
    assert found
