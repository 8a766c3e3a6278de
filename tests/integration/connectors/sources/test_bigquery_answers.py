"""The connector against answers made by hand: what the emulator has not, and what goes wrong."""

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from datetime import UTC, datetime
from typing import Any

import msgspec
import pytest

from connectors.cancellation import Cancellation
from connectors.connector import RunContext, run_checks
from connectors.errors import ConnectorError, FatalError, RunCancelled, SourceUnavailable
from connectors.families.bigquery import api
from connectors.families.bigquery.config import BigQueryConfig
from connectors.families.database_options import DatabaseMetadata, IncrementalMetadata
from connectors.families.rest import RestLimits
from connectors.http.retry import RetryPolicy
from connectors.models.database import CreateStoredProcedureRequest, CreateTableRequest
from connectors.models.records import DeletionScope
from connectors.report import Report
from connectors.runner import TopologyRunner
from connectors.sources.bigquery import CONNECTOR
from tests.answering import Asked, Status
from tests.bigquery import TAXONOMY, TOKEN, connection
from tests.fake_openmetadata.faults import Fault
from tests.in_memory import RecordingSink, Walked
from tests.recorded_bigquery import BASE, PLACE, PROJECT, Recorded, refusal, table

SINCE = datetime(2026, 1, 1, tzinfo=UTC)
SCOPE = f"wh.{PROJECT}.s"
PLAIN: dict[str, Any] = {
    "TABLES": [["a", None], ["b", None], ["v", "CREATE VIEW v AS SELECT 1"]],
    "COLUMNS": [["a", "id", "INT64", "NO"], ["b", "x", "STRING(20)", "YES"], ["v", "x", "INT64", "YES"]],
}
SHOP = [table("v", "VIEW"), table("a"), table("b")]


@pytest.fixture
def server() -> Iterator[Callable[[Recorded], Recorded]]:
    with ExitStack() as stack:
        yield stack.enter_context


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    limits = RestLimits(retry=RetryPolicy(tries=3, few_tries=2, first_seconds=0.01))
    monkeypatch.setattr(api, "LIMITS", limits)


def run(
    server: Recorded,
    cancellation: Cancellation | None = None,
    changed_since: datetime | None = None,
    changes: dict[str, Any] | None = None,
    **options: Any,
) -> Walked:
    walked, stop = Walked(RecordingSink(), Report()), cancellation or Cancellation()
    context: RunContext[BigQueryConfig, DatabaseMetadata] = RunContext(
        service="wh",
        service_type="BigQuery",
        connection=BigQueryConfig.model_validate(connection(server.address, PROJECT, **changes or {})),
        options=IncrementalMetadata.model_validate(options),
        threads=1,
        report=walked.report,
        cancellation=stop,
        changed_since=changed_since,
    )
    with CONNECTOR.topology(context) as root:
        TopologyRunner(walked.report, stop, 1).run(root, walked.sink.write)
    return walked


def tables(walked: Walked) -> dict[str, dict[str, Any]]:
    assert [failure.cause for failure in walked.report.failures] == []
    return {each.name: json.loads(msgspec.json.encode(each)) for each in walked.sink.only(CreateTableRequest)}


def seen(walked: Walked) -> set[str]:
    """The tables that are not gone; none where nothing is said of it."""
    found = [each for each in walked.sink.records if isinstance(each, DeletionScope) and each.entity == "table"]
    return {name.removeprefix(f"{SCOPE}.") for each in found for name in each.seen}


def test_pages_of_lists_and_answers(server: Callable[[Recorded], Recorded]) -> None:
    many = [table(f"t{number:03}") for number in reversed(range(40))]
    rows = {
        "TABLES": [[f"t{number:03}", None] for number in range(40)],
        "COLUMNS": [[f"t{number:03}", name, "INT64", "YES"] for number in range(40) for name in ("a", "b", "c")],
    }
    one = server(Recorded(many, rows, page=7, waiting=2))
    found = tables(run(one))
    assert list(found) == [f"t{number:03}" for number in range(40)]
    assert {len(each["columns"]) for each in found.values()} == {3}
    assert len(one.queries()) == 5
    assert {body["location"] for body in one.queries()} == {"EU"}
    assert len({body["requestId"] for body in one.queries()}) == 5


def test_partitions_types_and_places(server: Callable[[Recorded], Recorded]) -> None:
    steps = {"start": "0", "end": "100", "interval": "10"}
    listed = [
        table("hourly", timePartitioning={"type": "HOUR"}, clustering={"fields": ["a"]}),
        table("ranged", rangePartitioning={"field": "id", "range": steps}),
        table("outside", "EXTERNAL", hivePartitioningOptions={"fields": ["day"]}),
        table("kept", "SNAPSHOT", creationTime="never"),
    ]
    nested = "ARRAY<STRUCT<`a b` NUMERIC(10, 2), span RANGE<DATE>, way STRUCT<x BIGNUMERIC(76, 38), y BYTES(5)>>>"
    views: dict[str, Any] = {
        "TABLES": [[each["tableReference"]["tableId"], "CREATE"] for each in sorted(listed, key=str)],
        "COLUMNS": [
            ["hourly", "a", "STRING(20)", "NO"],
            ["kept", "odd", "VECTOR<", "YES"],
            ["outside", "n", nested, "YES"],
        ],
        "TABLE_OPTIONS": [
            ["outside", "description", '"a \\"b\\"\\n\\u00e4\\\\"'],
            ["outside", "uris", '["gs://lake/x/*", "gs://lake/y"]'],
        ],
    }
    views["TABLES"].sort()
    found = tables(run(server(Recorded(listed, views))))
    assert found["hourly"]["tablePartition"]["columns"] == [
        {"columnName": "_PARTITIONTIME", "intervalType": "INGESTION-TIME", "interval": "HOUR"},
        {"columnName": "a", "intervalType": "COLUMN-VALUE"},
    ]
    assert found["ranged"]["tablePartition"]["columns"] == [
        {"columnName": "id", "intervalType": "INTEGER-RANGE", "interval": "0,100,10"}
    ]
    assert found["outside"]["tablePartition"]["columns"] == [{"columnName": "day", "intervalType": "COLUMN-VALUE"}]
    assert (found["outside"]["tableType"], found["outside"]["locationPath"]) == ("External", "gs://lake/x/*")
    assert found["outside"]["description"] == 'a "b"\nä\\'
    [column] = found["outside"]["columns"]
    assert (column["dataType"], column["arrayDataType"], column["dataTypeDisplay"]) == ("ARRAY", "STRUCT", nested)
    assert [(each["name"], each["dataType"]) for each in column["children"]] == [
        ("a b", "NUMERIC"), ("span", "UNKNOWN"), ("way", "STRUCT"),
    ]  # fmt: skip
    assert (column["children"][0]["precision"], column["children"][0]["scale"]) == (10, 2)
    assert [each["dataType"] for each in column["children"][2]["children"]] == ["NUMERIC", "BINARY"]
    [sized] = found["hourly"]["columns"]
    assert (sized["dataLength"], sized["constraint"]) == (20, "NOT_NULL")
    assert [each["dataType"] for each in found["kept"]["columns"]] == ["UNKNOWN"]
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
    assert one.queries() == []  # a data set without tables costs nothing


def test_a_later_run_takes_what_changed(server: Callable[[Recorded], Recorded]) -> None:
    one = server(Recorded(SHOP, {**PLAIN, "__TABLES__": [["b"]]}))
    walked = run(one, changed_since=SINCE)
    assert set(tables(walked)) == {"b"}
    assert seen(walked) == {"a", "b", "v"}
    assert walked.report.snapshot_counts()["table"] == {"unchanged": 2}
    assert all("last_modified_time >= 1767225600000" in body["query"] for body in one.queries())
    nothing = server(Recorded(SHOP, {**PLAIN, "__TABLES__": []}))
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


def test_a_table_that_is_dropped_meanwhile_is_gone(server: Callable[[Recorded], Recorded]) -> None:
    walked = run(server(Recorded([*SHOP, table("dropped")], PLAIN)))
    assert set(tables(walked)) == {"a", "b", "v"}
    assert seen(walked) == {"a", "b", "v"}


@pytest.mark.parametrize("answer", [refusal(403, "accessDenied", "no bigquery.tables.get"), Status(200, {})])
def test_tables_that_are_hidden_fail_their_listing(server: Callable[[Recorded], Recorded], answer: Status) -> None:
    one = server(Recorded([*SHOP, table("hidden")], PLAIN))
    one.answers[f"GET {PLACE}/tables/hidden"] = answer
    walked = run(one)
    assert {each.name for each in walked.sink.only(CreateTableRequest)} == {"a", "b", "v"}
    assert seen(walked) == set()
    [failure] = walked.report.failures
    assert "1 tables of s show no column: hidden" in failure.cause
    assert "roles/bigquery.metadataViewer" in str(failure.advice)


def test_a_data_set_that_may_not_be_read_is_one_failure(server: Callable[[Recorded], Recorded]) -> None:
    one = server(Recorded(SHOP, PLAIN))
    other = {"datasetReference": {"datasetId": "shut"}, "location": "US"}
    one.answers[f"GET {BASE}/datasets"]["datasets"].append(other)
    one.answers[f"GET {BASE}/datasets/shut"] = refusal(403, "accessDenied", "no bigquery.datasets.get")
    one.answers[f"GET {BASE}/datasets/shut/routines"] = {}
    one.answers[f"GET {BASE}/datasets/shut/tables"] = refusal(403, "accessDenied", "no bigquery.tables.list")
    gone = {"datasetReference": {"datasetId": "vanished"}}
    one.answers[f"GET {BASE}/datasets"]["datasets"].append(gone)
    walked = run(one)
    [failure] = walked.report.failures
    assert failure.name == f"wh.{PROJECT}.shut"
    assert "the tables of data set acme.shut" in failure.cause
    assert "roles/bigquery.metadataViewer" in str(failure.advice)
    assert walked.sink.names("databaseSchema") == {f"wh.{PROJECT}.s", f"wh.{PROJECT}.shut"}
    assert {scope for scope, entity in walked.sink.deletions() if entity == "table"} == {SCOPE}


@pytest.mark.parametrize(
    ("answer", "error", "advice"),
    [
        (refusal(403, "accessDenied", "User does not have bigquery.jobs.create permission"), FatalError, "jobUser"),
        (refusal(403, "accessDenied", "BigQuery API has not been used in project 1 before"), FatalError, "API enabled"),
        (refusal(403, "accessDenied", "no bigquery.tables.get on it"), None, "metadataViewer"),
        (refusal(400, "invalidQuery", "Unrecognized name: policy_tags"), None, "look into the log"),
        (refusal(403, "quotaExceeded", "Exceeded rate limits"), SourceUnavailable, "see whether"),
        (refusal(503, "backendError", "try later"), SourceUnavailable, "see whether"),
        (
            Status(200, b"<html>hello</html>", {"Content-Type": "text/html"}),
            None,
            "see whether hostPort is the address",
        ),
        (
            Status(200, {"jobComplete": True, "errors": [{"reason": "stopped", "message": "m"}]}),
            None,
            "the query's job",
        ),
    ],
)
def test_what_a_query_is_told(
    server: Callable[[Recorded], Recorded], answer: Status, error: type[Exception] | None, advice: str
) -> None:
    one = server(Recorded(SHOP, {**PLAIN, "COLUMNS": answer}))
    if error is not None:
        with pytest.raises(ConnectorError) as caught:
            run(one)
        assert type(caught.value) is error
        assert advice in str(caught.value.advice)
        return
    walked = run(one)
    [failure] = walked.report.failures
    assert advice in str(failure.advice)
    assert seen(walked) == set()  # what was not read is not gone


def test_it_waits_as_it_is_told_to(server: Callable[[Recorded], Recorded]) -> None:
    too_many = Fault("/queries", status=429, headers={"Retry-After": "0"})
    one = server(Recorded(SHOP, PLAIN, [too_many, Fault("/tables", status=503, headers={"Retry-After": "0"})]))
    answers = iter([refusal(403, "rateLimitExceeded", "Exceeded rate limits: too many api requests")])
    begun = one.answers[f"POST {BASE}/queries"]

    def busy(asked: Asked) -> Any:
        return next(answers, None) or begun(asked)

    one.answers[f"POST {BASE}/queries"] = busy
    assert set(tables(run(one))) == {"a", "b", "v"}


def test_a_token_that_is_over_is_fetched_anew(server: Callable[[Recorded], Recorded]) -> None:
    one = server(Recorded(SHOP, PLAIN))
    tokens = iter([f"{TOKEN}-1", f"{TOKEN}-2"])

    def another(_asked: Asked) -> Status:
        return Status(200, {"access_token": next(tokens), "expires_in": 3600})

    one.answers["POST /token"] = another
    begun = one.answers[f"GET {PLACE}/tables"]

    def over(asked: Asked) -> Any:
        old = asked.headers["authorization"].endswith("-1")
        return refusal(401, "authError", "Invalid Credentials") if old else begun(asked)

    one.answers[f"GET {PLACE}/tables"] = over
    assert set(tables(run(one))) == {"a", "b", "v"}
    assert next(tokens, None) is None


def test_a_token_that_is_refused_is_the_credentials_fault(server: Callable[[Recorded], Recorded]) -> None:
    one = server(Recorded([]))
    one.answers[f"GET {BASE}/datasets"] = refusal(401, "authError", f"Invalid Credentials: {TOKEN}")
    with pytest.raises(FatalError, match="does not let the user in") as caught:
        run(one)
    assert "credentials.gcpConfig" in str(caught.value.advice)
    assert TOKEN not in str(caught.value)


@pytest.mark.parametrize("path", ["/token", "/queries", "/tables"])
def test_a_cancel_ends_a_question_without_an_answer(server: Callable[[Recorded], Recorded], path: str) -> None:
    one, cancellation = server(Recorded(SHOP, PLAIN, [Fault(path, "slow", seconds=60)])), Cancellation()
    stopped: list[BaseException] = []

    def ask() -> None:
        try:
            run(one, cancellation)
        except RunCancelled as error:
            stopped.append(error)

    asking = threading.Thread(target=ask)
    asking.start()
    while not any(each.endswith(path) for each in one.paths()):
        asking.join(0.01)
    cancellation.cancel("enough")
    asking.join(30)
    assert [str(error) for error in stopped] == ["enough"]


def test_checks(server: Callable[[Recorded], Recorded]) -> None:
    one = server(Recorded(SHOP, {"TABLES": [["3"]]}))
    config = BigQueryConfig.model_validate(connection(one.address, PROJECT))
    assert [(each.status, each.message) for each in run_checks(CONNECTOR.checks, config)] == [
        ("passed", "projects: acme"),
        ("passed", "1 data sets"),
        ("passed", "3 tables and views in acme.s"),
        ("passed", "INFORMATION_SCHEMA of acme.s shows 3 tables and views"),
    ]
    one.views["TABLES"] = refusal(403, "accessDenied", "User does not have bigquery.jobs.create permission")
    results = {each.name: each for each in run_checks(CONNECTOR.checks, config)}
    assert results["GetColumns"].status == "failed"
    assert "roles/bigquery.jobUser" in str(results["GetColumns"].advice)
    one.answers[f"GET {BASE}/datasets"] = {}
    results = {each.name: each for each in run_checks(CONNECTOR.checks, config)}
    assert (results["GetSchemas"].status, results["GetSchemas"].message) == ("failed", "no data set is shown")
    assert results["GetTables"].message == results["GetColumns"].message == "no data set to look into"


def test_no_project_is_named(server: Callable[[Recorded], Recorded]) -> None:
    one = server(Recorded([]))
    given = connection(one.address, PROJECT)
    del given["credentials"]["gcpConfig"]["projectId"]
    config = BigQueryConfig.model_validate(given)
    first = next(run_checks(CONNECTOR.checks, config))
    assert (first.status, first.advice) == ("failed", "give credentials.gcpConfig.projectId")
