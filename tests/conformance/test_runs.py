"""What a connector finds in its system."""

from collections.abc import Callable, Iterable
from dataclasses import replace

import msgspec
import pytest

from connectors import runner
from connectors.cancellation import Cancellation
from connectors.connector import Capability
from connectors.errors import RunCancelled, SourceUnavailable
from connectors.models.api import CreateApiCollectionRequest, CreateApiEndpointRequest
from connectors.models.base import CreateRequest, Request
from connectors.models.dashboard import (
    CreateChartRequest,
    CreateDashboardDataModelRequest,
    CreateDashboardRequest,
)
from connectors.models.data_model import AddDataModelRequest, ModelColumn
from connectors.models.database import (
    Column,
    CreateDatabaseRequest,
    CreateDatabaseSchemaRequest,
    CreateStoredProcedureRequest,
    CreateTableRequest,
)
from connectors.models.lineage import AddLineageRequest
from connectors.models.messaging import CreateTopicRequest
from connectors.models.mlmodel import CreateMlModelRequest
from connectors.models.names import MAX_FQN_LENGTH, MAX_NAME_LENGTH, encode_name, fqn, parent_fqn, split_fqn
from connectors.models.pipeline import AddPipelineStatusRequest, CreatePipelineRequest
from connectors.models.quality import AddTestCaseResultRequest, CreateTestCaseRequest
from connectors.models.records import DeletionScope, Record, ScopeEnd
from connectors.models.search import CreateSearchIndexRequest
from connectors.models.storage import CreateContainerRequest
from connectors.registry import plan
from tests.conformance.runs import SERVICE, Bench, in_flow, is_view
from tests.in_memory import RecordingSink, contents

WITH_OWNERS = CreateTableRequest | CreatePipelineRequest | CreateMlModelRequest | CreateDashboardRequest
WITH_TAGS = WITH_OWNERS | AddDataModelRequest | CreateContainerRequest
OF_NO_SERVICE = ("classification", "tag", "testDefinition")
# Whose servers tell which databases they have.
LIST_DATABASES = {"cockroach", "greenplum", "postgres", "redshift", "snowflake", "timescale"}
FLOWS = pytest.mark.parametrize("threads", [1, 4])


def columns_below(columns: Iterable[Column]) -> Iterable[Column]:
    for column in columns:
        yield column
        yield from columns_below(column.children or ())


def all_columns(record: Record) -> list[Column] | list[ModelColumn]:
    if isinstance(record, AddDataModelRequest):
        return list(record.columns)
    return list(columns_below(record.columns)) if isinstance(record, CreateTableRequest) else []


def columns_of_model(record: Record) -> list[Column] | list[ModelColumn]:
    """Of a dashboard's or a table's data model, or of what lies in a container."""
    if isinstance(record, AddDataModelRequest):
        return list(record.columns)
    if isinstance(record, CreateContainerRequest):
        return list(record.data_model.columns) if record.data_model else []
    return list(record.columns) if isinstance(record, CreateDashboardDataModelRequest) else []


SHOWS: dict[Capability, Callable[[Record], object]] = {
    Capability.DATABASES: lambda record: isinstance(record, CreateDatabaseRequest),
    Capability.SCHEMAS: lambda record: isinstance(record, CreateDatabaseSchemaRequest),
    Capability.TABLES: lambda record: isinstance(record, CreateTableRequest) and not is_view(record),
    Capability.VIEWS: lambda record: isinstance(record, CreateTableRequest) and is_view(record),
    Capability.STORED_PROCEDURES: lambda record: isinstance(record, CreateStoredProcedureRequest),
    Capability.CONSTRAINTS: lambda record: isinstance(record, CreateTableRequest) and record.table_constraints,
    Capability.COMMENTS: lambda record: (
        isinstance(record, CreateTableRequest | AddDataModelRequest)
        and (record.description or any(column.description for column in all_columns(record)))
    ),
    Capability.TAGS: lambda record: (
        isinstance(record, WITH_TAGS) and (record.tags or any(column.tags for column in all_columns(record)))
    ),
    Capability.OWNERS: lambda record: (
        record.owner_names
        if isinstance(record, AddDataModelRequest)
        else isinstance(record, WITH_OWNERS) and record.owners
    ),
    Capability.DDL: lambda record: (
        isinstance(record, CreateTableRequest) and not is_view(record) and record.schema_definition
    ),
    Capability.TOPICS: lambda record: isinstance(record, CreateTopicRequest),
    Capability.MESSAGE_SCHEMAS: lambda record: (
        isinstance(record, CreateTopicRequest) and record.message_schema and record.message_schema.schema_fields
    ),
    Capability.DASHBOARDS: lambda record: isinstance(record, CreateDashboardRequest) and record.charts,
    Capability.CHARTS: lambda record: isinstance(record, CreateChartRequest),
    Capability.DATA_MODELS: columns_of_model,
    Capability.ML_MODELS: lambda record: isinstance(record, CreateMlModelRequest),
    Capability.CONTAINERS: lambda record: isinstance(record, CreateContainerRequest),
    Capability.SEARCH_INDEXES: lambda record: isinstance(record, CreateSearchIndexRequest) and record.fields,
    Capability.PIPELINES: lambda record: isinstance(record, CreatePipelineRequest),
    Capability.RUN_STATUS: lambda record: isinstance(record, AddPipelineStatusRequest) and record.status.task_status,
    Capability.LINEAGE: lambda record: isinstance(record, AddLineageRequest),
    Capability.API_COLLECTIONS: lambda record: isinstance(record, CreateApiCollectionRequest),
    Capability.API_ENDPOINTS: lambda record: (
        isinstance(record, CreateApiEndpointRequest) and record.response_schema and record.response_schema.schema_fields
    ),
    Capability.DATA_TESTS: lambda record: isinstance(record, CreateTestCaseRequest),
    Capability.TEST_RESULTS: lambda record: isinstance(record, AddTestCaseResultRequest),
    Capability.DELETIONS: lambda record: isinstance(record, DeletionScope),
}


@FLOWS
def test_nothing_is_lost(bench: Bench, threads: int) -> None:
    report = in_flow(bench, threads).report
    assert [(failure.name, failure.cause) for failure in report.failures] == []
    progress = report.snapshot_progress()
    assert {entity: done for entity, (done, due) in progress.items() if due not in (None, done)} == {}


def test_it_finds_exactly_what_it_claims(bench: Bench) -> None:
    records = bench.standard.sink.records
    shown = {capability for capability, shows in SHOWS.items() if any(shows(record) for record in records)}
    assert shown == bench.connector.capabilities & set(SHOWS)


def test_names_are_well_formed(bench: Bench) -> None:
    for record in bench.standard.sink.only(CreateRequest):
        assert 0 < len(record.name) <= MAX_NAME_LENGTH
        assert encode_name(record.name) == record.name
        assert len(record.fqn) <= MAX_FQN_LENGTH
        path = split_fqn(record.fqn)
        assert (fqn(*path), path[-1]) == (record.fqn, record.name)
        assert record.named(record.parent, record.name) == record.fqn
        assert parent_fqn(record.fqn) in (record.parent, f"{record.parent}.{record.below}")
        assert record.entity in OF_NO_SERVICE or path[0] == SERVICE


def test_names_are_unique(bench: Bench) -> None:
    records = bench.standard.sink.only(CreateRequest)
    names = [(record.entity, record.fqn) for record in records]
    assert len(names) == len(set(names))


def test_columns_are_named_once_each(bench: Bench) -> None:
    for record in bench.standard.sink.only(CreateTableRequest):
        names = [column.name for column in record.columns]
        assert len(names) == len(set(names))
        assert all(encode_name(column.name) == column.name for column in all_columns(record))
        for constraint in record.table_constraints:
            assert set(constraint.columns) <= set(names)


@FLOWS
def test_parents_come_first(bench: Bench, threads: int) -> None:
    known: set[str] = set()
    for record in in_flow(bench, threads).sink.records:
        if isinstance(record, CreateRequest):
            assert not record.parent or record.parent in known or record.joins
            known.add(record.fqn)
        elif not (isinstance(record, Request) and record.joins):  # what it joins may be in other services
            assert record.fqn in known


@FLOWS
def test_tags_are_made_before_they_are_used(bench: Bench, threads: int) -> None:
    known: set[str] = set()
    for record in in_flow(bench, threads).sink.only(CreateRequest):
        known.add(record.fqn)
        if isinstance(record, CreateTableRequest):
            used = [*record.tags, *(tag for column in all_columns(record) for tag in column.tags)]
            assert {tag.tag_fqn for tag in used} <= known


@FLOWS
def test_scopes_end_after_what_lies_in_them(bench: Bench, threads: int) -> None:
    ended: set[str] = set()
    for record in in_flow(bench, threads).sink.records:
        assert record.fqn not in ended
        assert not isinstance(record, CreateRequest) or record.parent not in ended
        if isinstance(record, ScopeEnd):
            ended.add(record.fqn)
    assert bool(ended) is bench.has_scopes


def test_foreign_keys_point_at_columns_that_were_found(bench: Bench) -> None:
    tables = bench.standard.sink.by_fqn(CreateTableRequest)
    for table in tables.values():
        for constraint in table.table_constraints:
            for referred in constraint.referred_columns or ():
                *parents, name = split_fqn(referred)
                assert name in {column.name for column in tables[fqn(*parents)].columns}


def test_records_go_over_the_wire(bench: Bench) -> None:
    for record in bench.standard.sink.only(CreateRequest):
        sent = msgspec.json.decode(msgspec.json.encode(record))
        assert sent["name"] == record.name


def test_deletions_name_what_lies_there_only(bench: Bench) -> None:
    found = bench.standard.sink.deletions()
    for scope in found.values():
        inside = [name for name in scope.seen if parent_fqn(name).startswith(scope.fqn)]
        assert inside == list(scope.seen)
        assert len(scope.seen) == len(set(scope.seen))
        written = {
            record.fqn
            for record in bench.standard.sink.only(CreateRequest)
            if record.entity == scope.entity and (scope.nested or record.parent == scope.fqn)
        }
        assert written <= set(scope.seen)


def test_both_flows_find_the_same(bench: Bench) -> None:
    assert contents(bench.standard.sink.records) == contents(bench.threaded.sink.records)


@FLOWS
def test_a_second_run_finds_the_same(bench: Bench, threads: int) -> None:
    assert contents(bench.run(threads).sink.records) == contents(in_flow(bench, threads).sink.records)


@FLOWS
@pytest.mark.parametrize("share", [0.0, 0.3, 0.9])
def test_a_cancel_stops_within_one_item(bench: Bench, threads: int, share: float) -> None:
    cancellation, sink = Cancellation(), RecordingSink()
    count = len(in_flow(bench, threads).sink.records)
    last = min(int(count * share), count - 2)  # after the very last record there is nothing to stop

    def before(_record: Record) -> None:
        if len(sink.records) == last:
            cancellation.cancel("enough")

    sink.before = before
    with pytest.raises(RunCancelled, match="enough"):
        bench.run(threads, sink, cancellation)
    assert len(sink.records) == last + 1


@FLOWS
def test_an_expired_run_does_not_begin(bench: Bench, threads: int) -> None:
    sink = RecordingSink()
    with pytest.raises(RunCancelled, match="timed out"):
        bench.run(threads, sink, Cancellation(0))
    assert sink.records == []


def test_a_run_tells_of_its_queries(bench: Bench) -> None:
    assert bench.standard.report.stage_seconds


def test_secrets_show_nowhere(bench: Bench) -> None:
    planned = plan(bench.definition())
    assert planned.secret_paths
    assert planned.connection is not None
    shown = [repr(planned), planned.connection.model_dump_json(), repr(bench.standard.sink.records)]
    for secret in bench.system.secrets:
        assert not any(secret in text for text in shown)


@pytest.fixture
def leaving_out_databases(bench: Bench) -> Bench:
    """The same connector, if it is one of databases, told to leave all of them out."""
    if Capability.DATABASES not in bench.connector.capabilities:
        pytest.skip("it reads no databases")
    options = bench.system.options | {"databaseFilterPattern": {"excludes": [".*"]}, "markDeletedDatabases": False}
    return Bench(bench.name, replace(bench.system, options=options))


def test_a_filter_that_leaves_all_databases_out_leaves_the_service(leaving_out_databases: Bench) -> None:
    walked = leaving_out_databases.run(1)
    assert [(record.entity, record.fqn) for record in walked.sink.only(CreateRequest)] == [("databaseService", SERVICE)]
    assert walked.report.snapshot_counts()["database"] == {"filtered": 1}


def test_a_database_that_only_the_definition_names_makes_no_other_one_gone(bench: Bench) -> None:
    """Two definitions may give a service different names for what they read."""
    if Capability.DATABASES not in bench.connector.capabilities:
        pytest.skip("it reads no databases")
    options = bench.system.options | {"markDeletedDatabases": True}
    walked = Bench(bench.name, replace(bench.system, options=options)).run(1)
    if bench.name not in LIST_DATABASES:
        assert "database" not in {scope.entity for scope in walked.sink.only(DeletionScope)}


def test_not_even_the_service_where_the_system_is_gone(
    leaving_out_databases: Bench, closed_port: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(runner, "LISTING_RETRY_SECONDS", 0.0)
    bench = leaving_out_databases
    gone = Bench(bench.name, replace(bench.system, connection=bench.system.connection_to("127.0.0.1", closed_port)))
    sink = RecordingSink()
    with pytest.raises(SourceUnavailable):
        gone.run(1, sink)
    assert sink.records == []


@FLOWS
def test_a_run_over_a_system_that_is_gone_may_be_tried_again(
    bench: Bench, threads: int, closed_port: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(runner, "LISTING_RETRY_SECONDS", 0.0)
    gone = Bench(bench.name, replace(bench.system, connection=bench.system.connection_to("127.0.0.1", closed_port)))
    sink = RecordingSink()
    with pytest.raises(SourceUnavailable) as caught:
        gone.run(threads, sink)
    assert str(closed_port) in caught.value.message
    assert caught.value.advice
    assert sink.records == []
