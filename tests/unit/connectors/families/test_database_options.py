"""Every option of DatabaseMetadata: what it does, or how it is refused."""

from collections.abc import Mapping
from typing import Any

import pytest
from pydantic import BaseModel

from connectors.definition import parse
from connectors.errors import ConfigurationError
from connectors.families.database_options import DatabaseConnection, DatabaseMetadata
from connectors.families.database_source import Tag
from connectors.models.base import TagLabel
from connectors.models.database import CreateTableRequest, TableType
from connectors.models.tags import CreateClassificationRequest, CreateTagRequest
from tests.in_memory import MemorySource, Walked, column, memory, routine, schema, table, walk

LABELS = (TagLabel(tag_fqn="Policies.own"),)
PATTERNS = ("databaseFilterPattern", "schemaFilterPattern", "tableFilterPattern", "storedProcedureFilterPattern")
SOURCE_OF_ALL = (
    schema(
        "sales",
        table("orders"),
        table("orders_old"),
        table("Recent", TableType.VIEW),
        table("totals", TableType.MATERIALIZED_VIEW),
        table("abroad", TableType.FOREIGN),
        routine("sum_up"),
    ),
    schema("tmp", table("scratch"), routine("clean")),
)
ALL_TABLES = {"orders", "orders_old", "Recent", "totals", "abroad", "scratch"}


def source() -> MemorySource:
    return memory(*SOURCE_OF_ALL, tags=(Tag("Policies", "", "own", ""),))


def last_names(walked: Walked, entity: str) -> set[str]:
    return {name.rpartition(".")[2] for name in walked.sink.names(entity)}


def problems(model: type[BaseModel], raw: object) -> list[str]:
    with pytest.raises(ConfigurationError) as caught:
        parse(model, raw)
    return [problem.path for problem in caught.value.problems]


@pytest.mark.parametrize(
    ("options", "kept"),
    [
        ({}, ALL_TABLES),
        ({"includeTables": True, "includeViews": True}, ALL_TABLES),
        ({"includeTables": False}, {"Recent", "totals"}),
        ({"includeViews": False}, {"orders", "orders_old", "abroad", "scratch"}),
        ({"includeTables": False, "includeViews": False}, set[str]()),
    ],
)
def test_include_tables_and_views(options: Mapping[str, Any], kept: set[str]) -> None:
    walked = walk(source(), options)
    assert last_names(walked, "table") == kept
    assert last_names(walked, "storedProcedure") == {"sum_up", "clean"}
    progress = walked.report.snapshot_progress().get("table", (0, None))
    assert progress in ((6, 6), (0, None))


def test_without_tables_and_views_they_are_not_even_listed() -> None:
    given = source()
    walk(given, {"includeTables": False, "includeViews": False})
    assert not [path for path in given.asked if path[0] == "tables"]


def test_include_stored_procedures() -> None:
    given = source()
    walked = walk(given, {"includeStoredProcedures": False})
    assert walked.sink.names("storedProcedure") == set()
    assert not [path for path in given.asked if path[0] == "routines"]
    assert "storedProcedure" not in walked.report.snapshot_progress()
    assert last_names(walked, "table") == ALL_TABLES


@pytest.mark.parametrize("included", [True, False])
def test_include_tags(included: bool) -> None:
    nested = column("address", data_type="STRUCT", children=(column("zip", tags=LABELS),))
    columns = (column("id", tags=LABELS), column("plain"), nested)
    given = memory(
        schema("s", table("t", columns=columns, tags=("Policies.own",))), tags=(Tag("Policies", "", "own", ""),)
    )
    walked = walk(given, {"includeTags": included})
    [request] = walked.sink.only(CreateTableRequest)
    assert bool(request.tags) is included
    assert bool(request.columns[0].tags) is included
    assert request.columns[1] == column("plain")
    children = request.columns[2].children
    assert children is not None
    assert bool(children[0].tags) is included
    assert len(walked.sink.only(CreateTagRequest)) == int(included)
    assert len(walked.sink.only(CreateClassificationRequest)) == int(included)
    assert (("tags", "shop") in given.asked) is included


@pytest.mark.parametrize(
    ("options", "definition"), [({}, None), ({"includeDDL": False}, None), ({"includeDDL": True}, "create table t ()")]
)
def test_include_ddl(options: Mapping[str, Any], definition: str | None) -> None:
    asked: list[int] = []

    def ddl() -> str:
        asked.append(1)
        return "create table t ()"

    view = table("v", TableType.VIEW, definition="select 1", ddl=ddl)
    walked = walk(memory(schema("s", table("t", ddl=ddl), view, table("none"))), options)
    requests = walked.sink.by_fqn(CreateTableRequest)
    assert requests["svc.shop.s.t"].schema_definition == definition
    assert requests["svc.shop.s.v"].schema_definition == "select 1"
    assert requests["svc.shop.s.none"].schema_definition is None
    assert len(asked) == (1 if definition else 0)


FILTERS: list[tuple[str, dict[str, Any], set[str]]] = [
    ("databaseFilterPattern", {"includes": ["shop"]}, ALL_TABLES),
    ("databaseFilterPattern", {"excludes": ["SHOP"]}, set()),
    ("schemaFilterPattern", {"includes": ["^tmp$"]}, {"scratch"}),
    ("schemaFilterPattern", {"excludes": ["t"]}, ALL_TABLES - {"scratch"}),
    ("schemaFilterPattern", {"includes": [".*"], "excludes": ["TMP"]}, ALL_TABLES - {"scratch"}),
    ("tableFilterPattern", {"includes": ["orders"]}, {"orders", "orders_old"}),
    ("tableFilterPattern", {"includes": ["orders"], "excludes": ["orders_"]}, {"orders"}),
    ("tableFilterPattern", {"includes": ["recent", "ABROAD"]}, {"Recent", "abroad"}),
    ("tableFilterPattern", {"includes": ["svc"]}, set()),
    ("tableFilterPattern", {"includes": None, "excludes": None}, ALL_TABLES),
    ("storedProcedureFilterPattern", {"excludes": [".*"]}, ALL_TABLES),
]


@pytest.mark.parametrize("threads", [1, 4])
@pytest.mark.parametrize(("key", "pattern", "kept"), FILTERS)
def test_patterns_in_the_options_and_in_the_connection_do_the_same(
    key: str, pattern: Mapping[str, Any], kept: set[str], threads: int
) -> None:
    for options, connection in (({key: pattern}, {}), ({}, {key: pattern})):
        walked = walk(source(), {**options, "threads": threads}, connection)
        assert last_names(walked, "table") == kept


def test_routines_have_a_pattern_of_their_own() -> None:
    walked = walk(source(), {"storedProcedureFilterPattern": {"includes": ["sum"]}})
    assert last_names(walked, "storedProcedure") == {"sum_up"}
    assert walked.report.snapshot_counts()["storedProcedure"] == {"filtered": 1}


def test_both_patterns_have_to_keep() -> None:
    options = {"tableFilterPattern": {"includes": ["orders"]}}
    connection = {"tableFilterPattern": {"excludes": ["orders_old"]}}
    assert last_names(walk(source(), options, connection), "table") == {"orders"}


def test_what_patterns_leave_out_is_counted_and_not_walked() -> None:
    given = source()
    walked = walk(given, {"schemaFilterPattern": {"excludes": ["sales"]}})
    assert walked.report.snapshot_counts()["databaseSchema"] == {"filtered": 1}
    assert ("tables", "shop", "sales") not in given.asked
    given = source()
    walked = walk(given, {"databaseFilterPattern": {"excludes": ["shop"]}})
    assert walked.report.snapshot_counts()["database"] == {"filtered": 1}
    assert given.asked == [("databases",)]


@pytest.mark.parametrize(
    ("options", "kept"),
    [
        ({"tableFilterPattern": {"includes": [r"svc\.shop\.tmp\."]}}, {"scratch"}),
        ({"tableFilterPattern": {"includes": ["orders"]}}, set[str]()),
        ({"tableFilterPattern": {"excludes": [r".*\.sales\.orders"]}}, ALL_TABLES - {"orders", "orders_old"}),
        ({"schemaFilterPattern": {"includes": [r"^svc\.shop\.sales$"]}}, ALL_TABLES - {"scratch"}),
        ({"databaseFilterPattern": {"includes": [r"svc\.shop$"]}}, ALL_TABLES),
        ({"databaseFilterPattern": {"includes": ["shop"]}}, set[str]()),
    ],
)
def test_use_fqn_for_filtering(options: Mapping[str, Any], kept: set[str]) -> None:
    assert last_names(walk(source(), {**options, "useFqnForFiltering": True}), "table") == kept


def test_with_qualified_names_the_connection_still_goes_by_bare_ones() -> None:
    options = {"useFqnForFiltering": True, "tableFilterPattern": {"includes": ["svc"]}}
    assert last_names(walk(source(), options, {"tableFilterPattern": {"includes": ["orders$"]}}), "table") == {"orders"}


def test_qualified_names_are_quoted_and_encoded_as_they_are_sent() -> None:
    given = memory(schema("a.b", table("c>d"), table("e")))
    options = {"useFqnForFiltering": True, "tableFilterPattern": {"includes": [r'svc\.shop\."a\.b"\.c__reserved']}}
    assert walk(given, options).sink.names("table") == {'svc.shop."a.b".c__reserved__arrow__d'}


def test_bare_names_are_those_of_the_source() -> None:
    given = memory(schema("s", table("c>d"), table("c__reserved")))
    assert walk(given, {"tableFilterPattern": {"includes": ["c>"]}}).report.snapshot_counts()["table"] == {
        "filtered": 1
    }


@pytest.mark.parametrize("threads", [1, 2, 64])
def test_threads(threads: int) -> None:
    walked = walk(source(), {"threads": threads})
    assert last_names(walked, "table") == ALL_TABLES


ACCEPTED: dict[str, object] = {
    "type": "DatabaseMetadata",
    "markDeletedTables": False,
    "markDeletedStoredProcedures": False,
    "markDeletedSchemas": True,
    "markDeletedDatabases": True,
    "includeTables": False,
    "includeViews": False,
    "includeTags": False,
    "includeCustomProperties": False,
    "includeOwners": True,
    "ownerConfig": {"default": "team:data"},
    "includeStoredProcedures": False,
    "includeDDL": True,
    "overrideMetadata": True,
    "queryLogDuration": 2,
    "queryParsingTimeoutLimit": 100,
    "useFqnForFiltering": True,
    **{key: {"includes": ["x"]} for key in PATTERNS},
    "threads": 8,
    "incremental": {"enabled": False, "lookbackDays": 7, "safetyMarginDays": 1},
    "extractJsonSchema": False,
    "jsonSchemaSampleSize": 20,
}


@pytest.mark.parametrize(("key", "value"), ACCEPTED.items())
def test_options_that_are_taken_also_as_null(key: str, value: object) -> None:
    parse(DatabaseMetadata, {key: value})
    assert parse(DatabaseMetadata, {key: None}) == DatabaseMetadata()


def test_all_options_together() -> None:
    parse(DatabaseMetadata, ACCEPTED)
    assert len(ACCEPTED) == len(DatabaseMetadata.model_fields)


@pytest.mark.parametrize(
    ("raw", "path"),
    [
        ({"type": "DatabaseLineage"}, "type"),
        ({"includeCustomProperties": True}, "includeCustomProperties"),
        ({"extractJsonSchema": True}, "extractJsonSchema"),
        ({"incremental": {"enabled": True}}, "incremental"),
        ({"incremental": {}}, "incremental.enabled"),
        ({"threads": 0}, "threads"),
        ({"threads": 65}, "threads"),
        ({"threads": "many"}, "threads"),
        ({"jsonSchemaSampleSize": 0}, "jsonSchemaSampleSize"),
        ({"tableFilterPattern": ["x"]}, "tableFilterPattern"),
        ({"tableFilterPattern": {"includes": ["("]}}, "tableFilterPattern.includes"),
        ({"includeTable": True}, "includeTable"),
        ({"bogus": None}, "bogus"),
        ({"include_tables": True}, "include_tables"),
        ({"includeDdl": True}, "includeDdl"),
        ({"ownerConfig": {"owner": "x"}}, "ownerConfig.owner"),
        ({"processQueryLineage": True}, "processQueryLineage"),
    ],
)
def test_options_that_are_refused_by_name(raw: object, path: str) -> None:
    assert problems(DatabaseMetadata, raw) == [path]


@pytest.mark.parametrize("key", PATTERNS)
def test_patterns_of_a_connection_may_be_null(key: str) -> None:
    assert parse(DatabaseConnection, {key: None}) == DatabaseConnection()
    assert problems(DatabaseConnection, {key: {"includes": ["("]}}) == [f"{key}.includes"]
