"""The connector against answers made by hand, for what the emulator has not."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from datetime import UTC, datetime
from typing import Any

import pytest

from connectors.models.database import CreateStoredProcedureRequest, CreateTableRequest
from tests.bigquery import TAXONOMY
from tests.integration.connectors.sources.bigquery_runs import PLAIN, SHOP, run, seen, tables
from tests.recorded_bigquery import PLACE, PROJECT, Recorded, refusal, table

SINCE = datetime(2026, 1, 1, tzinfo=UTC)


@pytest.fixture
def server() -> Iterator[Callable[[Recorded], Recorded]]:
    with ExitStack() as stack:
        yield stack.enter_context


def test_pages_of_lists_and_answers(server: Callable[[Recorded], Recorded]) -> None:
    many = [table(f"t{number:03}") for number in reversed(range(40))]
    rows = {
        "TABLES": [[f"t{number:03}", None] for number in range(40)],
        "COLUMNS": [[f"t{number:03}", name, "INT64", "YES"] for number in range(40) for name in ("a", "b", "c")],
    }
    one = server(Recorded(many, rows, page=7, waiting=2))
    walked = run(one)
    found = tables(walked)
    assert walked.report.snapshot_progress()["table"] == (40, 40)
    assert list(found) == [f"t{number:03}" for number in range(40)]
    assert {len(each["columns"]) for each in found.values()} == {3}
    assert len(one.queries()) == 5
    assert {body["location"] for body in one.queries()} == {"EU"}
    assert len({body["requestId"] for body in one.queries()}) == 5


def test_partitions(server: Callable[[Recorded], Recorded]) -> None:
    steps = {"start": "0", "end": "100", "interval": "10"}
    listed = [
        table("hourly", timePartitioning={"type": "HOUR"}, clustering={"fields": ["a"]}),
        table("ranged", rangePartitioning={"field": "id", "range": steps}),
        table("outside", "EXTERNAL", hivePartitioningOptions={"fields": ["day"]}),
    ]
    found = tables(run(server(Recorded(listed, {"TABLES": [["hourly", None], ["outside", None], ["ranged", None]]}))))
    assert found["hourly"]["tablePartition"]["columns"] == [
        {"columnName": "_PARTITIONTIME", "intervalType": "INGESTION-TIME", "interval": "HOUR"},
        {"columnName": "a", "intervalType": "COLUMN-VALUE"},
    ]
    assert found["ranged"]["tablePartition"]["columns"] == [
        {"columnName": "id", "intervalType": "INTEGER-RANGE", "interval": "0,100,10"}
    ]
    assert found["outside"]["tablePartition"]["columns"] == [{"columnName": "day", "intervalType": "COLUMN-VALUE"}]


def test_types_and_places(server: Callable[[Recorded], Recorded]) -> None:
    nested = "ARRAY<STRUCT<`a b` NUMERIC(10, 2), span RANGE<DATE>, way STRUCT<x BIGNUMERIC(76, 38), y BYTES(5)>>>"
    views: dict[str, Any] = {
        "TABLES": [["kept", None], ["outside", None]],
        "COLUMNS": [
            ["kept", "odd", "VECTOR<", "YES"],
            ["kept", "sized", "STRING(20)", "NO"],
            ["outside", "n", nested, "YES"],
        ],
        "TABLE_OPTIONS": [
            ["outside", "description", '"a \\"b\\"\\n\\u00e4\\\\\\x41\\101"'],
            ["outside", "uris", '["gs://lake/x/*", "gs://lake/y"]'],
        ],
    }
    listed = [table("outside", "EXTERNAL"), table("kept", "SNAPSHOT", creationTime="never")]
    found = tables(run(server(Recorded(listed, views))))
    assert (found["outside"]["tableType"], found["outside"]["locationPath"]) == ("External", "gs://lake/x/*")
    assert found["outside"]["description"] == 'a "b"\nä\\AA'
    [column] = found["outside"]["columns"]
    assert (column["dataType"], column["arrayDataType"], column["dataTypeDisplay"]) == ("ARRAY", "STRUCT", nested)
    first, _, way = column["children"]
    assert [(each["name"], each["dataType"]) for each in column["children"]] == [
        ("a b", "NUMERIC"),
        ("span", "UNKNOWN"),
        ("way", "STRUCT"),
    ]
    assert (first["precision"], first["scale"]) == (10, 2)
    assert [each["dataType"] for each in way["children"]] == ["NUMERIC", "BINARY"]
    odd, sized = found["kept"]["columns"]
    assert (odd["dataType"], odd["dataTypeDisplay"]) == ("UNKNOWN", "VECTOR<")
    assert (sized["dataLength"], sized["constraint"]) == (20, "NOT_NULL")
    assert (found["kept"]["tableType"], "lifeCycle" in found["kept"]) == ("Regular", False)


def test_foreign_keys_of_several_columns_are_asked_for_by_table(server: Callable[[Recorded], Recorded]) -> None:
    views: dict[str, Any] = {
        **PLAIN,
        "KEY_COLUMN_USAGE": [
            ["a", "a.pk$", "PRIMARY KEY", "y", None, None, None, None],
            ["a", "a.pk$", "PRIMARY KEY", "x", None, None, None, None],
            ["a", "a.fk$1", "FOREIGN KEY", "x", PROJECT, "o", "far", "q"],
            ["a", "a.fk$1", "FOREIGN KEY", "x", PROJECT, "o", "far", "p"],
            ["a", "a.fk$1", "FOREIGN KEY", "y", PROJECT, "o", "far", "q"],
            ["a", "a.fk$1", "FOREIGN KEY", "y", PROJECT, "o", "far", "p"],
            ["b", "b.fk$1", "FOREIGN KEY", "x", PROJECT, "s", "a", "id"],
            ["b", "b.pk$", "PRIMARY KEY", "x", None, None, None, None],
        ],
    }
    one = server(Recorded(SHOP, views))
    references = [
        {"referencingColumn": "x", "referencedColumn": "p"},
        {"referencingColumn": "y", "referencedColumn": "q"},
    ]
    far = {"projectId": PROJECT, "datasetId": "o", "tableId": "far"}
    one.answers[f"GET {PLACE}/tables/a"] = {
        "tableConstraints": {"foreignKeys": [{"referencedTable": far, "columnReferences": references}]}
    }
    found = tables(run(one))
    primary, key = found["a"]["tableConstraints"]
    assert (primary["columns"], key["relationshipType"]) == (["y", "x"], "ONE_TO_ONE")
    assert (key["columns"], key["referredColumns"]) == (["x", "y"], [f"wh.{PROJECT}.o.far.p", f"wh.{PROJECT}.o.far.q"])
    [key] = found["b"]["tableConstraints"]
    assert (key["columns"], key["relationshipType"]) == (["x"], "ONE_TO_ONE")
    assert [path for path in one.paths() if "/tables/" in path] == [f"{PLACE}/tables/a"]


def test_routines_of_every_kind(server: Callable[[Recorded], Recorded]) -> None:
    def routine(name: str, kind: str, **more: str) -> dict[str, Any]:
        return {"routineReference": {"routineId": name}, "routineType": kind, **more}

    one = server(Recorded([]))
    routines = [
        routine("z", "PROCEDURE", language="PYTHON", definitionBody="print(1)", description="at night"),
        routine("f", "SCALAR_FUNCTION", language="JAVASCRIPT", definitionBody="return x"),
        routine("far", "SCALAR_FUNCTION"),
        routine("many", "TABLE_VALUED_FUNCTION", language="SQL", definitionBody="SELECT 1"),
    ]
    one.answers[f"GET {PLACE}/routines"] = {"routines": routines}
    found = {each.name: each for each in run(one).sink.only(CreateStoredProcedureRequest)}
    assert list(found) == ["f", "far", "many", "z"]
    assert {name: each.stored_procedure_type for name, each in found.items() if name != "z"} == dict.fromkeys(
        ("f", "far", "many"), "Function"
    )
    assert found["z"].description == "at night"
    assert [each.stored_procedure_code.language for each in found.values()] == [
        "JavaScript",
        "External",
        "SQL",
        "Python",
    ]
    assert one.queries() == []  # a dataset without tables costs nothing


def test_a_later_run_takes_what_changed(server: Callable[[Recorded], Recorded]) -> None:
    one = server(Recorded(SHOP, {**PLAIN, "__TABLES__": [["a"], ["v"], ["gone"]]}))
    walked = run(one, changed_since=SINCE)
    assert set(tables(walked)) == {"b"}
    assert seen(walked) == {"a", "b", "v"}
    assert walked.report.snapshot_counts()["table"] == {"unchanged": 2}
    assert all("last_modified_time < 1767225600000" in body["query"] for body in one.queries())
    nothing = server(Recorded(SHOP, {**PLAIN, "__TABLES__": [["a"], ["b"], ["v"]]}))
    assert (tables(run(nothing, changed_since=SINCE)), len(nothing.queries())) == ({}, 1)


def test_all_is_read_where_changes_are_not_told(
    server: Callable[[Recorded], Recorded], caplog: pytest.LogCaptureFixture
) -> None:
    denied = refusal(403, "accessDenied", "Access Denied: Table acme:s.__TABLES__: no getData")
    walked = run(server(Recorded(SHOP, {**PLAIN, "__TABLES__": denied})), changed_since=SINCE)
    assert set(tables(walked)) == {"a", "b", "v"}
    assert "all tables are read: what was changed is not told" in caplog.text


def test_policy_tags_that_may_not_be_read_cost_no_table(server: Callable[[Recorded], Recorded]) -> None:
    path = f"{TAXONOMY.removeprefix('/v1/')}/policyTags/7"
    fields = [["a", "id", None, [{"v": path}]], ["b", "x", "what", [{"v": path}, {"v": "odd"}]]]
    one = server(Recorded(SHOP, {**PLAIN, "COLUMN_FIELD_PATHS": fields}))
    one.answers[f"GET {TAXONOMY}"] = one.answers["GET /v1/odd"] = refusal(403, "forbidden", "no")
    walked = run(one)
    assert {each.name for each in walked.sink.only(CreateTableRequest)} == {"a", "b", "v"}
    assert {(each.entity, each.name, each.stage) for each in walked.report.failures} == {
        ("classification", path.partition("/policyTags")[0], "policyTags"),
        ("classification", "odd", "policyTags"),
    }
    assert "roles/datacatalog.viewer" in str(walked.report.failures[0].advice)
    assert one.paths().count(TAXONOMY) == 1
    [said] = [each for each in walked.sink.only(CreateTableRequest) if each.name == "b"]
    assert said.columns[0].description == "what"
    quiet = server(Recorded(SHOP, {**PLAIN, "COLUMN_FIELD_PATHS": fields}))
    tables(run(quiet, changes={"includePolicyTags": False}))
    assert TAXONOMY not in quiet.paths()
