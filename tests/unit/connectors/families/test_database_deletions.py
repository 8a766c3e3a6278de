"""What may be deleted: only what was listed completely."""

from collections.abc import Mapping
from typing import Any

import pytest

from connectors.errors import ConnectorError
from connectors.families.database_source import Database, Schema
from connectors.models.database import TableType
from connectors.models.records import DeletionScope
from tests.in_memory import MemorySource, StoredDatabase, StoredSchema, memory, routine, schema, table, walk

EVERYTHING = {
    "markDeletedTables": True,
    "markDeletedStoredProcedures": True,
    "markDeletedSchemas": True,
    "markDeletedDatabases": True,
}
NOTHING = dict.fromkeys(EVERYTHING, False)
TABLES, ROUTINES = ("svc.shop.sales", "table"), ("svc.shop.sales", "storedProcedure")
SCHEMAS, DATABASES = ("svc.shop", "databaseSchema"), ("svc", "database")
FLOWS = pytest.mark.parametrize("threads", [1, 4])

pytestmark = pytest.mark.usefixtures("threads_end")


def sales(**broken: Exception) -> MemorySource:
    source = memory(schema("sales", table("orders"), table("recent", TableType.VIEW), routine("sum_up")))
    source.broken = {
        (kind, "shop", "sales")[: 2 if kind in ("schemas", "tags") else 3]: e for kind, e in broken.items()
    }
    return source


def scopes(source: MemorySource, options: Mapping[str, Any]) -> dict[tuple[str, str], DeletionScope]:
    return walk(source, options).sink.deletions()


@FLOWS
def test_complete_listings_may_be_cleaned_up(threads: int) -> None:
    found = scopes(sales(), {**EVERYTHING, "threads": threads})
    assert found == {
        TABLES: DeletionScope(
            "svc.shop.sales",
            "databaseSchema",
            "table",
            "tables",
            ("svc.shop.sales.orders", "svc.shop.sales.recent"),
        ),
        ROUTINES: DeletionScope(
            "svc.shop.sales", "databaseSchema", "storedProcedure", "storedProcedures", ("svc.shop.sales.sum_up",)
        ),
        SCHEMAS: DeletionScope(
            "svc.shop", "database", "databaseSchema", "databaseSchemas", ("svc.shop.sales",), holds=True
        ),
        DATABASES: DeletionScope("svc", "databaseService", "database", "databases", ("svc.shop",), holds=True),
    }


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({}, {TABLES, ROUTINES}),
        (NOTHING, set[tuple[str, str]]()),
        ({**NOTHING, "markDeletedTables": True}, {TABLES}),
        ({**NOTHING, "markDeletedStoredProcedures": True}, {ROUTINES}),
        ({**NOTHING, "markDeletedSchemas": True}, {SCHEMAS}),
        ({**NOTHING, "markDeletedDatabases": True}, {DATABASES}),
        ({**EVERYTHING, "includeTables": False, "includeViews": False}, {ROUTINES, SCHEMAS, DATABASES}),
        ({**EVERYTHING, "includeStoredProcedures": False}, {TABLES, SCHEMAS, DATABASES}),
    ],
)
def test_each_option_marks_its_own_kind(options: Mapping[str, Any], expected: set[tuple[str, str]]) -> None:
    assert set(scopes(sales(), options)) == expected


@pytest.mark.parametrize(
    "options",
    [
        {"includeViews": False},
        {"includeTables": False},
        {"tableFilterPattern": {"excludes": ["recent"]}},
        {"tableFilterPattern": {"includes": ["nothing"]}},
    ],
)
def test_what_is_left_out_on_purpose_is_not_gone(options: Mapping[str, Any]) -> None:
    assert scopes(sales(), options)[TABLES].seen == ("svc.shop.sales.orders", "svc.shop.sales.recent")


def test_filtered_schemas_and_databases_are_not_gone() -> None:
    options = {**EVERYTHING, "schemaFilterPattern": {"excludes": ["sales"]}}
    found = scopes(sales(), options)
    assert set(found) == {SCHEMAS, DATABASES}
    assert found[SCHEMAS].seen == ("svc.shop.sales",)
    found = scopes(sales(), {**EVERYTHING, "databaseFilterPattern": {"excludes": ["shop"]}})
    assert {key: scope.seen for key, scope in found.items()} == {DATABASES: ("svc.shop",)}


@FLOWS
@pytest.mark.parametrize(
    ("kind", "expected"),
    [
        ("tables", {ROUTINES}),
        ("routines", {TABLES}),
        ("schemas", {TABLES, ROUTINES}),
        ("tags", {TABLES, ROUTINES, SCHEMAS}),
    ],
)
def test_a_broken_listing_deletes_nothing_there_or_above(
    threads: int, kind: str, expected: set[tuple[str, str]]
) -> None:
    source = sales(**{kind: ConnectorError("no right")})
    assert set(scopes(source, {**EVERYTHING, "threads": threads})) == expected


def test_a_broken_list_of_databases_deletes_no_database() -> None:
    source = memory(schema("sales"))
    source.broken = {("databases",): ConnectorError("no right")}
    assert set(scopes(source, EVERYTHING)) == {TABLES, ROUTINES, SCHEMAS}


@FLOWS
def test_a_failed_table_keeps_its_schema_from_being_cleaned_up(threads: int) -> None:
    def ddl() -> str:
        message = "no right"
        raise ConnectorError(message)

    source = memory(schema("sales", table("bad", ddl=ddl), routine("f")), schema("other", table("good")))
    found = scopes(source, {**EVERYTHING, "includeDDL": True, "threads": threads})
    assert set(found) == {ROUTINES, ("svc.shop.other", "table"), ("svc.shop.other", "storedProcedure")}


def test_an_empty_schema_may_be_cleaned_up() -> None:
    found = scopes(memory(schema("sales")), {})
    assert found[TABLES].seen == ()
    assert found[ROUTINES].seen == ()


def test_a_database_without_schemas_may_be_cleaned_up() -> None:
    assert scopes(memory(), EVERYTHING)[SCHEMAS].seen == ()


def test_deletions_follow_everything_they_speak_of() -> None:
    records = walk(sales(), EVERYTHING).sink.records
    kinds = [(record.fqn, getattr(record, "entity", "end")) for record in records]
    assert kinds.index(TABLES) > kinds.index(("svc.shop.sales.orders", "table"))
    assert kinds[-2:] == [SCHEMAS, DATABASES]


def test_a_database_that_is_closed_to_us_is_not_taken_for_gone() -> None:
    source = MemorySource((StoredDatabase(Database("shop")), StoredDatabase(Database("vault", closed=True))))
    walked = walk(source, EVERYTHING)
    assert walked.sink.deletions()[DATABASES].seen == ("svc.shop", "svc.vault")
    assert walked.sink.names("database") == {"svc.shop"}
    assert walked.report.snapshot_counts()["database"] == {"filtered": 1}


def test_other_schemas_are_left_alone_by_a_definition_that_names_one(caplog: pytest.LogCaptureFixture) -> None:
    assert set(scopes(memory(schema("sales"), in_part=True), EVERYTHING)) == {TABLES, ROUTINES, DATABASES}
    assert "markDeletedSchemas has no effect in svc.shop" in caplog.text


def test_tables_are_left_alone_where_not_all_are_listed() -> None:
    in_part = StoredDatabase(Database("shop"), (StoredSchema(Schema("sales", in_part=True)),))
    found = scopes(MemorySource((in_part,)), EVERYTHING)
    assert set(found) == {ROUTINES, SCHEMAS, DATABASES}


def test_other_databases_are_left_alone_by_a_definition_that_names_one(caplog: pytest.LogCaptureFixture) -> None:
    source = sales()
    source.lists_all_databases = False
    assert set(scopes(source, EVERYTHING)) == {TABLES, ROUTINES, SCHEMAS}
    assert "markDeletedDatabases has no effect" in caplog.text


@FLOWS
def test_what_the_user_may_not_see_is_not_taken_for_gone(threads: int, caplog: pytest.LogCaptureFixture) -> None:
    hidden = [schema(f"s{number}", table("a"), routine("f"), tables_need=f"GRANT {number}") for number in range(7)]
    source = memory(*hidden, schema("sales", routines_need="GRANT 0"), schemas_need="GRANT all")
    found = scopes(source, {**EVERYTHING, "threads": threads})
    assert set(found) == {TABLES, DATABASES} | {(f"svc.shop.s{number}", "storedProcedure") for number in range(7)}
    [warning] = [record.getMessage() for record in caplog.records if "GRANT" in record.getMessage()]
    assert warning.endswith(": GRANT 0; GRANT 1; GRANT 2; GRANT 3; GRANT 4; and 3 more")


def test_of_a_missing_right_nothing_is_told_where_nothing_would_be_deleted(caplog: pytest.LogCaptureFixture) -> None:
    source = memory(schema("sales", tables_need="GRANT t", routines_need="GRANT r"), schemas_need="GRANT s")
    assert scopes(source, NOTHING) == {}
    assert "GRANT" not in caplog.text
