"""What the database family makes of a source: records, names, order, progress."""

import pytest

from connectors.errors import ConnectorError, SourceUnavailable
from connectors.families.database_source import Database, ForeignKey, Schema, Tag
from connectors.models.base import TagLabel
from connectors.models.database import (
    ConstraintType,
    CreateDatabaseRequest,
    CreateDatabaseSchemaRequest,
    CreateDatabaseServiceRequest,
    CreateStoredProcedureRequest,
    CreateTableRequest,
    PartitionColumn,
    StoredProcedureCode,
    TableConstraint,
    TablePartition,
    TableType,
)
from connectors.models.names import fqn
from connectors.models.tags import CreateClassificationRequest, CreateTagRequest
from tests.in_memory import (
    MemorySource,
    StoredDatabase,
    StoredSchema,
    column,
    contents,
    memory,
    routine,
    schema,
    table,
    walk,
)

FLOWS = pytest.mark.parametrize("threads", [1, 4])
SALES = schema("sales", table("orders"), table("recent", TableType.VIEW), routine("total"), description="what we sell")
NASTY = ["a.b", "a::b", 'a"b', "a>b", "a\nb", "größe", "a b", "'", "%s", "."]

pytestmark = pytest.mark.usefixtures("threads_end")


@FLOWS
def test_everything_of_a_database(threads: int) -> None:
    source = memory(SALES, schema("empty"), description="the shop")
    walked = walk(source, {"threads": threads})
    assert walked.sink.names("databaseService") == {"svc"}
    assert walked.sink.names("database") == {"svc.shop"}
    assert walked.sink.names("databaseSchema") == {"svc.shop.sales", "svc.shop.empty"}
    assert walked.sink.names("table") == {"svc.shop.sales.orders", "svc.shop.sales.recent"}
    assert walked.sink.names("storedProcedure") == {"svc.shop.sales.total"}
    assert set(walked.sink.scope_ends()) == {"svc.shop.sales", "svc.shop.empty"}
    assert walked.report.total("failed") == 0
    assert (source.opened, source.closed) == (1, 1)


def test_descriptions_and_parents() -> None:
    sink = walk(memory(SALES, description="the shop")).sink
    assert sink.only(CreateDatabaseServiceRequest) == [
        CreateDatabaseServiceRequest(name="svc", service_type="CustomDatabase")
    ]
    assert sink.only(CreateDatabaseRequest) == [
        CreateDatabaseRequest(name="shop", service="svc", description="the shop")
    ]
    assert sink.only(CreateDatabaseSchemaRequest) == [
        CreateDatabaseSchemaRequest(name="sales", database="svc.shop", description="what we sell")
    ]


def test_the_service_keeps_what_is_to_be_stored_of_the_connection() -> None:
    stored = {"type": "Postgres", "hostPort": "db:5432"}
    [service] = walk(memory(), stored_connection=stored).sink.only(CreateDatabaseServiceRequest)
    assert service.connection == {"config": stored}


def test_a_table_is_sent_as_it_is() -> None:
    primary = TableConstraint(constraint_type=ConstraintType.PRIMARY_KEY, columns=("id",))
    partition = TablePartition(columns=(PartitionColumn(column_name="day", interval_type="TIME-UNIT"),))
    columns = (column("id", constraint="PRIMARY_KEY", ordinal_position=1), column("day", data_type="DATE"))
    given = table(
        "orders",
        TableType.PARTITIONED,
        columns=columns,
        constraints=(primary,),
        partition=partition,
        description="all of them",
    )
    [request] = walk(memory(schema("sales", given))).sink.only(CreateTableRequest)
    assert request == CreateTableRequest(
        name="orders",
        description="all of them",
        table_type=TableType.PARTITIONED,
        database_schema="svc.shop.sales",
        columns=columns,
        table_constraints=(primary,),
        table_partition=partition,
    )


@pytest.mark.parametrize(("unique", "relationship"), [(True, "ONE_TO_ONE"), (False, "MANY_TO_ONE")])
def test_a_foreign_key_points_at_qualified_columns(unique: bool, relationship: str) -> None:
    primary = TableConstraint(constraint_type=ConstraintType.PRIMARY_KEY, columns=("id",))
    key = ForeignKey(("a::b", "c"), "shop", "other.schema", "custo>mers", ("x.y", "z"), unique)
    given = table("orders", constraints=(primary,), foreign_keys=(key,))
    [request] = walk(memory(schema("sales", given)), service="my.svc").sink.only(CreateTableRequest)
    assert request.table_constraints[0] is primary
    [_, constraint] = request.table_constraints
    assert constraint.constraint_type is ConstraintType.FOREIGN_KEY
    assert constraint.columns == ("a__reserved__colon__b", "c")
    referred = '"my.svc".shop."other.schema".custo__reserved__arrow__mers'
    assert constraint.referred_columns == (f'{referred}."x.y"', f"{referred}.z")
    assert constraint.relationship_type == relationship


@pytest.mark.parametrize("is_function", [True, False])
def test_a_routine(is_function: bool) -> None:
    code = StoredProcedureCode(code="select 2", language="SQL")
    given = routine("f(int)", code=code, is_function=is_function, display_name="f", description="two")
    [request] = walk(memory(schema("sales", given))).sink.only(CreateStoredProcedureRequest)
    assert request == CreateStoredProcedureRequest(
        name="f(int)",
        display_name="f",
        description="two",
        database_schema="svc.shop.sales",
        stored_procedure_code=code,
        stored_procedure_type="Function" if is_function else "StoredProcedure",
    )


@pytest.mark.parametrize("service", ["my.svc", "größe > 'x'"])
@pytest.mark.parametrize("name", NASTY)
def test_names_are_encoded_once_and_quoted_where_they_hold_a_dot(service: str, name: str) -> None:
    stored = StoredSchema(Schema(name), (table(name),), (routine(f"{name}()"),))
    source = MemorySource((StoredDatabase(Database(name), (stored,)),))
    sink = walk(source, service=service).sink
    encoded = sink.only(CreateDatabaseRequest)[0].name
    assert sink.names("database") == {fqn(service, encoded)}
    assert sink.names("databaseSchema") == {fqn(service, encoded, encoded)}
    assert sink.names("table") == {fqn(service, encoded, encoded, encoded)}
    assert sink.names("storedProcedure") == {fqn(service, encoded, encoded, f"{encoded}()")}
    assert sink.deletions()[fqn(service, encoded, encoded), "table"].seen == (fqn(service, encoded, encoded, encoded),)
    assert set(sink.scope_ends()) == {fqn(service, encoded, encoded)}
    assert not set(encoded) & {'"', ">", "\n"}


def test_tags_come_before_tables_and_their_classification_before_them() -> None:
    tags = (Tag("Policies", "row level", "own.rows", "mine"), Tag("Policies", "row level", "all", "any"))
    tagged = table("orders", tags=('Policies."own.rows"',))
    sink = walk(memory(schema("sales", tagged), tags=tags)).sink
    assert sink.only(CreateClassificationRequest) == [
        CreateClassificationRequest(name="Policies", description="row level")
    ]
    assert set(sink.by_fqn(CreateTagRequest)) == {'Policies."own.rows"', "Policies.all"}
    [request] = sink.only(CreateTableRequest)
    assert request.tags == (TagLabel(tag_fqn='Policies."own.rows"'),)
    kinds = [type(record) for record in sink.records]
    order = (CreateClassificationRequest, CreateTagRequest, CreateTableRequest)
    assert [kinds.index(kind) for kind in order] == sorted(kinds.index(kind) for kind in order)


def test_tags_of_several_classifications() -> None:
    tags = (Tag("A.B", "first", "x", ""), Tag("C", "second", "x", ""), Tag("A.B", "first", "y", ""))
    sink = walk(memory(tags=tags)).sink
    assert [request.name for request in sink.only(CreateClassificationRequest)] == ["A.B", "C"]
    assert set(sink.by_fqn(CreateTagRequest)) == {'"A.B".x', "C.x", '"A.B".y'}


@FLOWS
def test_tags_that_tables_bring_along_are_sent_once_and_before_them(threads: int) -> None:
    old, new = Tag("A", "first", "x", ""), Tag("A", "first", "y", "")
    brings = [table(f"t{number}", new_tags=(old, new), tags=("A.x", "A.y")) for number in range(4)]
    stored = memory(*(schema(f"s{number}", each) for number, each in enumerate(brings)), tags=(old,))
    records = walk(stored, {"threads": threads}).sink.records
    sent = [record.fqn for record in records if isinstance(record, CreateClassificationRequest | CreateTagRequest)]
    assert sent == ["A", "A.x", "A.y"]
    first = next(place for place, record in enumerate(records) if isinstance(record, CreateTableRequest))
    assert all(not isinstance(record, CreateTagRequest) for record in records[first:])
    untagged = walk(memory(schema("s", brings[0])), {"includeTags": False}).sink
    assert untagged.only(CreateTagRequest) == []


def test_progress_knows_what_is_to_come() -> None:
    walked = walk(memory(SALES, schema("other", table("x"))))
    assert walked.report.snapshot_progress() == {
        "databaseService": (1, None),
        "database": (1, None),
        "databaseSchema": (2, 2),
        "table": (3, 3),
        "storedProcedure": (1, 1),
    }


def test_what_filters_leave_out_is_not_to_come() -> None:
    source = memory(SALES, schema("other", table("x")))
    walked = walk(source, {"schemaFilterPattern": {"includes": ["^sales$"]}, "includeStoredProcedures": False})
    assert walked.report.snapshot_progress() == {
        "databaseService": (1, None),
        "database": (1, None),
        "databaseSchema": (2, 2),
        "table": (2, 2),
    }


def test_a_source_that_cannot_count_is_ingested_all_the_same() -> None:
    source = memory(SALES)
    source.broken = {("counts", "shop"): ConnectorError("no right")}
    walked = walk(source)
    assert walked.sink.names("table") == {"svc.shop.sales.orders", "svc.shop.sales.recent"}
    assert walked.report.total("failed") == 0


@FLOWS
def test_both_flows_find_the_same_in_many_schemas(threads: int) -> None:
    schemas = [schema(f"s{n}", *(table(f"t{m}") for m in range(5)), routine("f")) for n in range(20)]
    databases = tuple(StoredDatabase(Database(f"d{n}"), tuple(schemas)) for n in range(3))
    standard = walk(MemorySource(databases), {"threads": 1})
    other = walk(MemorySource(databases), {"threads": threads})
    assert contents(standard.sink.records) == contents(other.sink.records)
    assert len(standard.sink.names("table")) == 300


@FLOWS
def test_a_failing_table_is_one_failure_and_the_others_are_sent(threads: int) -> None:
    def ddl() -> str:
        message = "no right to read the definition"
        raise ConnectorError(message, "grant it")

    source = memory(schema("sales", table("a"), table("bad", ddl=ddl), table("c")), schema("other", table("d")))
    walked = walk(source, {"threads": threads, "includeDDL": True})
    [failure] = walked.report.failures
    assert (failure.entity, failure.name, failure.stage) == ("table", "svc.shop.sales.bad", "table")
    assert (failure.cause, failure.advice) == ("no right to read the definition", "grant it")
    assert walked.sink.names("table") == {"svc.shop.sales.a", "svc.shop.sales.c", "svc.shop.other.d"}
    assert set(walked.sink.scope_ends()) == {"svc.shop.other"}


@FLOWS
@pytest.mark.parametrize("kind", ["tables", "routines"])
def test_a_broken_listing_ends_no_other(threads: int, kind: str) -> None:
    source = memory(SALES, schema("other", table("d")))
    source.broken = {(kind, "shop", "sales"): ValueError("bad row")}
    walked = walk(source, {"threads": threads})
    [failure] = walked.report.failures
    entity = {"tables": "table", "routines": "storedProcedure"}[kind]
    assert (failure.entity, failure.name, failure.stage) == (entity, "svc.shop.sales", "produce")
    assert set(walked.sink.scope_ends()) == {"svc.shop.other"}
    assert "svc.shop.sales.total" in walked.sink.names("storedProcedure")


@FLOWS
def test_a_source_that_goes_away_is_closed(threads: int) -> None:
    source = memory(SALES)
    source.broken = {("tables", "shop", "sales"): SourceUnavailable("gone")}
    with pytest.raises(SourceUnavailable, match="gone"):
        walk(source, {"threads": threads})
    assert (source.opened, source.closed) == (1, 1)


@FLOWS
def test_a_later_attempt_leaves_out_what_was_delivered(threads: int) -> None:
    source = memory(SALES, schema("other", table("d")))
    first = walk(source, {"threads": threads, "markDeletedSchemas": True})
    source.asked.clear()
    walked = walk(source, {"threads": threads, "markDeletedSchemas": True}, finished=frozenset({"svc.shop.sales"}))
    assert ("tables", "shop", "sales") not in source.asked
    assert walked.sink.names("table") == {"svc.shop.other.d"}
    assert walked.sink.names("databaseSchema") == {"svc.shop.other"}
    key = ("svc.shop", "databaseSchema")
    assert walked.sink.deletions()[key] == first.sink.deletions()[key]


def test_the_next_schema_is_read_ahead_in_the_databases_where_the_source_allows_it() -> None:
    schemas = tuple(schema(name, table("orders"), routine("total")) for name in "abc")
    stored = tuple(StoredDatabase(Database(name), schemas) for name in ("one", "other"))
    in_turn, ahead = MemorySource(stored), MemorySource(stored, reads_ahead=frozenset({"one"}))
    assert walk(ahead).sink.records == walk(in_turn).sink.records

    def order(source: MemorySource, database: str) -> list[str]:
        return [f"{path[0]} of {path[2]}" for path in source.asked if path[1:2] == (database,) and len(path) > 2]

    one_by_one = [f"{what} of {name}" for name in "abc" for what in ("tables", "routines")]
    assert order(in_turn, "one") == order(in_turn, "other") == order(ahead, "other") == one_by_one
    assert sorted(order(ahead, "one")) == sorted(one_by_one)
    assert {path for path in ahead.asked if path[0] == "ahead"} == {("ahead", "one"), ("ahead", "other")}
