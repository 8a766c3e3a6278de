"""Edges between entities: sent by name, after both ends."""

from dataclasses import replace
from pathlib import Path

import pytest

from connectors.errors import SinkUnavailable
from connectors.models.base import EntityReference
from connectors.models.database import CreateStoredProcedureRequest, StoredProcedureCode
from connectors.models.lineage import AddLineageRequest, ColumnLineage, LineageDetails
from connectors.models.records import ScopeEnd
from connectors.report import Report
from connectors.sinks.file import FileSink
from connectors.sinks.replay import replay
from tests.fake_openmetadata import FakeOpenMetadata, Fault
from tests.integration.connectors.sinks.harness import Run, schema, table, tree

VIEW = LineageDetails(source="ViewLineage")
MOVER = EntityReference(type="storedProcedure", fully_qualified_name="s.d.x.load")


def edge(origin: str, target: str, details: LineageDetails = VIEW, parent: str = "s.d.x") -> AddLineageRequest:
    return AddLineageRequest.between(("table", f"{parent}.{origin}"), ("table", f"{parent}.{target}"), details)


def test_an_edge_that_comes_first_is_sent_last(fake: FakeOpenMetadata, run: Run) -> None:
    columns = (ColumnLineage(from_columns=("s.d.x.t0.id",), to_column="s.d.x.t1.id"),)
    details = LineageDetails(source="QueryLineage", sql_query="select id from t0", columns_lineage=columns)
    report = run.deliver([edge("t0", "t1", details), *tree(2)])
    assert fake.catalogue.edges == {
        ("s.d.x.t0", "s.d.x.t1"): {
            "source": "QueryLineage",
            "description": None,
            "sqlQuery": "select id from t0",
            "columnsLineage": [{"fromColumns": ["s.d.x.t0.id"], "toColumn": "s.d.x.t1.id"}],
            "pipeline": None,
        }
    }
    assert report.counts("lineage") == {"written": 1}


def test_names_that_no_one_should_use(fake: FakeOpenMetadata, run: Run) -> None:
    parent = 's.d."a/b.c?"'
    records = [*tree(0), schema("a/b.c?"), *(table(name, parent) for name in ("t/1%2F", "größe #1"))]
    assert run.deliver([*records, edge("t/1%2F", "größe #1", parent=parent)]).lost == []
    assert set(fake.catalogue.edges) == {(f"{parent}.t/1%2F", f"{parent}.größe #1")}


def test_an_end_that_the_catalogue_lacks_is_no_failure(fake: FakeOpenMetadata, run: Run) -> None:
    report = run.deliver([*tree(1), edge("elsewhere", "t0"), ScopeEnd("s.d.x", {"table": 1})])
    assert fake.catalogue.edges == {}
    assert (report.lost, report.counts("lineage"), run.dead()) == ([], {"filtered": 1}, [])
    assert report.scopes == ["s.d.x"]


def test_a_scope_is_done_when_its_edges_are(fake: FakeOpenMetadata, run: Run) -> None:
    sink = run.sink()
    for record in [*tree(2), edge("t0", "t1"), ScopeEnd("s.d.x", {"table": 2})]:
        sink.write(record)
    sink.flush()
    assert (run.report.scopes, fake.catalogue.edges) == ([], {})
    sink.close()
    assert (run.report.scopes, len(fake.catalogue.edges)) == (["s.d.x"], 1)


def test_columns_that_the_catalogue_lacks_are_left_out(fake: FakeOpenMetadata, run: Run) -> None:
    known, unknown = "s.d.x.t0.id", "s.d.x.t0.no"
    columns = (
        ColumnLineage(from_columns=(known, unknown), to_column="s.d.x.t1.id"),
        ColumnLineage(from_columns=(unknown,), to_column="s.d.x.t1.id"),
        ColumnLineage(from_columns=(known,), to_column="s.d.x.t1.no"),
    )
    report = run.deliver([*tree(2), edge("t0", "t1", LineageDetails(source="DbtLineage", columns_lineage=columns))])
    assert (report.lost, report.counts("lineage")) == ([], {"written": 1})
    [sent] = fake.catalogue.edges.values()
    assert sent["columnsLineage"] == [{"fromColumns": [known], "toColumn": "s.d.x.t1.id"}]


def test_an_edge_that_is_refused_for_something_else_is_not_sent_with_less(fake: FakeOpenMetadata, run: Run) -> None:
    columns = (ColumnLineage(from_columns=("s.d.x.t0.id",), to_column="s.d.x.t1.id"),)
    fake.faults.add(Fault("/table/name/s.d.x.t1", status=400, method="PUT"))
    report = run.deliver([*tree(2), edge("t0", "t1", LineageDetails(source="DbtLineage", columns_lineage=columns))])
    assert [failure.cause for failure in report.lost] == ["OpenMetadata refuses it (HTTP 400): injected"]
    assert fake.catalogue.edges == {}


@pytest.mark.parametrize("fault", [
    Fault("/tables/name/s.d.x.t0", status=410, method="GET"),
    Fault("/tables/name/s.d.x.t0", kind="garbage", method="GET"),
])  # fmt: skip
def test_a_server_that_does_not_tell_its_columns_gets_none(fake: FakeOpenMetadata, run: Run, fault: Fault) -> None:
    columns = (ColumnLineage(from_columns=("s.d.x.t0.no",), to_column="s.d.x.t1.id"),)
    fake.faults.add(replace(fault))
    report = run.deliver([*tree(2), edge("t0", "t1", LineageDetails(source="DbtLineage", columns_lineage=columns))])
    assert report.lost == []
    [sent] = fake.catalogue.edges.values()
    assert sent["columnsLineage"] == []


def test_a_refused_edge_is_a_failure_that_can_be_replayed(fake: FakeOpenMetadata, run: Run, tmp_path: Path) -> None:
    fake.faults.add(Fault("/table/name/s.d.x.t1", status=400, method="PUT"))
    report = run.deliver([*tree(2), edge("t0", "t1"), ScopeEnd("s.d.x", {"table": 2})])
    [failure] = report.lost
    assert (failure.entity, failure.name, failure.stage) == ("lineage", "s.d.x.t1", "sink")
    assert "OpenMetadata refuses it (HTTP 400)" in failure.cause
    assert report.scopes == []
    kept = run.dead_letters.rename(tmp_path / "kept.jsonl")
    replay(kept, run.target(), run.report, run.cancellation)
    assert len(fake.catalogue.edges) == 1


def test_a_file_keeps_edges_for_a_replay(fake: FakeOpenMetadata, run: Run, tmp_path: Path) -> None:
    sink = FileSink(tmp_path / "a.jsonl", Report())
    for record in [edge("t0", "t1"), edge("t0", "gone"), *tree(2)]:
        sink.write(record)
    sink.close()
    replay(tmp_path / "a.jsonl", run.target(), run.report, run.cancellation)
    assert set(fake.catalogue.edges) == {("s.d.x.t0", "s.d.x.t1")}
    assert run.report.counts("lineage") == {"written": 1, "filtered": 1}


def test_what_moves_the_data_is_sent_by_id(fake: FakeOpenMetadata, run: Run) -> None:
    mover = CreateStoredProcedureRequest(
        name="load",
        database_schema="s.d.x",
        stored_procedure_code=StoredProcedureCode(code="select 1", language="SQL"),
        stored_procedure_type="StoredProcedure",
    )
    details = LineageDetails(source="PipelineLineage", pipeline=MOVER)
    run.deliver([*tree(2), mover, edge("t0", "t1", details)])
    [sent] = fake.catalogue.edges.values()
    assert sent["pipeline"] == {
        "type": "storedProcedure",
        "id": fake.catalogue.entities["storedProcedures"]["s.d.x.load"].id,
    }


def test_a_mover_that_the_catalogue_lacks_is_left_out(
    fake: FakeOpenMetadata, run: Run, caplog: pytest.LogCaptureFixture
) -> None:
    run.deliver([*tree(2), edge("t0", "t1", LineageDetails(source="PipelineLineage", pipeline=MOVER))])
    [sent] = fake.catalogue.edges.values()
    assert sent["pipeline"] is None
    assert "OpenMetadata has no storedProcedure 's.d.x.load': what refers to it is sent without it" in caplog.text


def test_edges_of_a_run_that_breaks_off_are_dead_letters(fake: FakeOpenMetadata, run: Run) -> None:
    fake.faults.add(Fault("/tables/bulk", status=503, times=100))
    with pytest.raises(SinkUnavailable):
        run.deliver([edge("t0", "t1"), *tree(2)])
    assert [line.collection for line in run.dead()] == ["tables", "tables", "lineage"]
    assert [failure.entity for failure in run.report.lost] == ["table", "table", "lineage"]
