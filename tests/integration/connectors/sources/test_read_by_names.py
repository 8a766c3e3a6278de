"""Cockroach and Redshift: real queries against Postgres, with rows recorded for what it has not of their catalogues."""

import json
from typing import Any

import msgspec
import psycopg
import pytest
from psycopg.conninfo import conninfo_to_dict

from connectors import registry
from connectors.cancellation import Cancellation
from connectors.connector import RunContext
from connectors.errors import FatalError
from connectors.families.database_options import DatabaseMetadata
from connectors.models.database import CreateDatabaseSchemaRequest, CreateStoredProcedureRequest, CreateTableRequest
from connectors.models.records import DeletionScope
from connectors.report import Report
from connectors.runner import TopologyRunner
from tests.in_memory import RecordingSink, Walked
from tests.postgres import SourceServer
from tests.sharing import REPOSITORY

GOLDEN = REPOSITORY / "tests" / "golden"
KINDS = ["cockroach", "redshift"]
Tables = dict[str, dict[str, Any]]


def shop(server: SourceServer, kind: str) -> str:
    parts = (GOLDEN / f"{name}.sql" for name in ("shop.by_name", kind))
    return server.make_database(kind, "".join(part.read_text(encoding="utf-8") for part in parts))


def context(url: str, kind: str, options: dict[str, Any] | None = None, **changes: Any) -> RunContext[Any, Any]:
    parts = conninfo_to_dict(url)
    connection = {
        "username": parts["user"],
        "authType": {"password": parts["password"]},
        "hostPort": f"{parts['host']}:{parts['port']}",
        "database": parts["dbname"],
    }
    return RunContext(
        service="shop",
        service_type=kind.title(),
        connection=registry.get(kind).config.model_validate(connection | changes),
        options=DatabaseMetadata.model_validate({"includeOwners": True, **(options or {})}),
        threads=1,
        report=Report(),
        cancellation=Cancellation(),
    )


def run(kind: str, given: RunContext[Any, Any]) -> Walked:
    walked = Walked(RecordingSink(), given.report)
    with registry.get(kind).topology(given) as root:
        TopologyRunner(given.report, given.cancellation, 1).run(root, walked.sink.write)
    return walked


def tables(walked: Walked) -> Tables:
    assert [failure.cause for failure in walked.report.failures] == []
    return {table.name: json.loads(msgspec.json.encode(table)) for table in walked.sink.only(CreateTableRequest)}


def types(table: dict[str, Any]) -> dict[str, str]:
    return {column["name"]: column["dataType"] for column in table["columns"]}


@pytest.fixture(scope="module", params=KINDS)
def either(request: pytest.FixtureRequest, source_server: SourceServer) -> Tables:
    """The tables of the sample, as each of the two reads them."""
    kind: str = request.param
    return tables(run(kind, context(shop(source_server, kind), kind)))


@pytest.fixture(scope="module")
def cockroach(source_server: SourceServer) -> str:
    return shop(source_server, "cockroach")


@pytest.fixture(scope="module")
def redshift(source_server: SourceServer) -> str:
    return shop(source_server, "redshift")


def test_what_both_have_of_the_catalogue(either: Tables) -> None:
    assert {name: either[name]["tableType"] for name in ("customer", "adults", "totals")} == {
        "customer": "Regular", "adults": "View", "totals": "MaterializedView",
    }  # fmt: skip
    customer = {column["name"]: column for column in either["customer"]["columns"]}
    assert list(customer) == ["id", "mail", "born", "seen", "score", "active"]
    assert [column["dataType"] for column in customer.values()][:4] == ["BIGINT", "VARCHAR", "DATE", "TIMESTAMPZ"]
    assert (customer["mail"]["dataLength"], customer["mail"]["description"]) == (120, "where to write")
    assert (customer["score"]["precision"], customer["score"]["scale"]) == (6, 2)
    assert [customer[name]["constraint"] for name in ("id", "mail", "active")] == ["PRIMARY_KEY", "UNIQUE", "NOT_NULL"]
    assert either["customer"]["description"] == "People who buy"
    assert either["customer"]["owners"]
    assert either["adults"]["schemaDefinition"].startswith('CREATE VIEW "sales"."adults" AS\nSELECT')
    assert either["totals"]["schemaDefinition"].startswith("CREATE MATERIALIZED VIEW")


def test_keys_keep_the_order_of_their_columns(either: Tables) -> None:
    keys = {(key["constraintType"], *key["columns"]): key for key in either["orders"]["tableConstraints"]}
    assert set(keys) == {("FOREIGN_KEY", "id"), ("FOREIGN_KEY", "product_sku", "product_region")}
    assert keys["FOREIGN_KEY", "id"]["relationshipType"] == "ONE_TO_ONE"
    composed = keys["FOREIGN_KEY", "product_sku", "product_region"]
    assert [column.split(".")[-2:] for column in composed["referredColumns"]] == [
        ["product", "sku"],
        ["product", "region"],
    ]
    unique = [(key["constraintType"], key["columns"]) for key in either["product"]["tableConstraints"]]
    assert unique == [("UNIQUE", ["sku", "region"]), ("PRIMARY_KEY", ["region", "sku"])]


@pytest.mark.parametrize("kind", KINDS)
def test_the_first_of_several_routines_keeps_its_plain_name(request: pytest.FixtureRequest, kind: str) -> None:
    walked = run(kind, context(request.getfixturevalue(kind), kind))
    found = {routine.name for routine in walked.sink.only(CreateStoredProcedureRequest)}
    assert found == {"one", "one(integer)"}


def test_cockroachs_own_types_and_hidden_columns(cockroach: str) -> None:
    found = tables(run("cockroach", context(cockroach, "cockroach", {"includeDDL": True})))
    assert types(found["more"]) == {"tags": "ARRAY", "mood": "ENUM", "doc": "JSON", "place": "GEOMETRY"}
    assert types(found["unkeyed"]) == {"v": "INT"}
    assert found["unkeyed"]["tableConstraints"] == []
    assert found["customer"]["schemaDefinition"] == "CREATE TABLE sales.customer (...)"


def test_one_schema_of_cockroach(cockroach: str) -> None:
    options = {"markDeletedSchemas": True}
    walked = run("cockroach", context(cockroach, "cockroach", options, databaseSchema="empty_one"))
    assert "databaseSchema" not in {scope.entity for scope in walked.sink.only(DeletionScope)}
    assert [schema.name for schema in walked.sink.only(CreateDatabaseSchemaRequest)] == ["empty_one"]
    walked = run("cockroach", context(cockroach, "cockroach", databaseSchema="none"))
    [failure] = walked.report.failures
    assert ("there is no schema none" in failure.cause, failure.advice) == (True, "correct databaseSchema")


def reader_of(url: str) -> dict[str, Any]:
    """A role that may use the schema `sales` and nothing more."""
    with psycopg.connect(url) as connection:
        name = f"reader_{conninfo_to_dict(url)['dbname']}"
        connection.execute(f"create role \"{name}\" login password 'a-password'".encode())
        connection.execute(f'grant usage on schema sales to "{name}"'.encode())
    return {"username": name, "authType": {"password": "a-password"}}


def test_what_cockroach_does_not_show_fails_the_schema_and_says_what_to_grant(cockroach: str) -> None:
    walked = run("cockroach", context(cockroach, "cockroach", {"includeDDL": True}, **reader_of(cockroach)))
    advice = {failure.name.rpartition(".")[2]: failure.advice for failure in walked.report.failures}
    assert "includeDDL" in str(advice["sales"])
    assert "GRANT USAGE ON SCHEMA" in str(advice["empty_one"])


def test_tables_whose_columns_are_hidden_are_not_taken_for_gone(source_server: SourceServer) -> None:
    url = shop(source_server, "cockroach")
    walked = run("cockroach", context(url, "cockroach", **reader_of(url)))
    [hidden] = [failure for failure in walked.report.failures if failure.name.endswith(".sales")]
    assert "show no column: customer" in hidden.cause
    assert 'GRANT SELECT ON ALL TABLES IN SCHEMA "sales" TO "reader_' in str(hidden.advice)
    scopes = [record for record in walked.sink.records if isinstance(record, DeletionScope)]
    assert not any(scope.entity == "table" and scope.fqn.endswith(".sales") for scope in scopes)


def test_redshifts_external_tables_and_views_that_are_bound_late(redshift: str) -> None:
    found = tables(run("redshift", context(redshift, "redshift")))
    clicks = found["clicks"]
    assert (clicks["tableType"], types(clicks)) == ("External", {"id": "BIGINT", "who": "STRUCT", "day": "DATE"})
    assert [child["dataType"] for child in clicks["columns"][1]["children"]] == ["STRING", "ARRAY"]
    assert [part["columnName"] for part in clicks["tablePartition"]["columns"]] == ["day"]
    assert found["bound_late"]["columns"][0]["dataLength"] == 7
    assert types(found["totals"]) == {"n": "SUPER"}
    assert "mv_tbl__totals__0" not in found


@pytest.mark.parametrize("kind", KINDS)
def test_a_wrong_password(request: pytest.FixtureRequest, kind: str) -> None:
    given = context(request.getfixturevalue(kind), kind, authType={"password": "wrong"})
    with pytest.raises(FatalError, match="password authentication failed") as caught:
        run(kind, given)
    assert caught.value.advice == "correct username and authType.password"


@pytest.mark.parametrize("kind", KINDS)
def test_a_schema_dropped_while_it_is_read(source_server: SourceServer, kind: str) -> None:
    url = shop(source_server, kind)
    given = context(url, kind)
    with registry.get(kind).topology(given) as root:
        seen: list[object] = []

        def write(record: object) -> None:
            seen.append(record)
            if isinstance(record, CreateDatabaseSchemaRequest) and record.name == "empty_one":
                with psycopg.connect(url) as connection:
                    connection.execute(b"drop schema sales cascade")

        TopologyRunner(given.report, given.cancellation, 1).run(root, write)
    assert {failure.name.rpartition(".")[2] for failure in given.report.failures} == {"sales"}
    assert all("dropped during the run" in failure.cause for failure in given.report.failures)
