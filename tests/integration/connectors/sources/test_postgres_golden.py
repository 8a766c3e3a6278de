"""Everything that OpenMetadata's own ingestion sends for the sample database is sent, but for the differences here.

Each function is one item of the list in docs/postgres.md and changes what OpenMetadata sends into what we send.
"""

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.integration.connectors.sources.postgres_runs import Sent, ingest
from tests.postgres import SourceServer

GOLDEN = Path(__file__).parents[3] / "golden"
Entities = dict[str, dict[str, Any]]
Golden = dict[str, Entities]


def columns(golden: Golden) -> Iterator[dict[str, Any]]:
    return (column for table in golden["tables"].values() for column in table["columns"])


def column(golden: Golden, name: str) -> dict[str, Any]:
    return next(each for each in columns(golden) if each["name"] == name)


def add_foreign_key(golden: Golden, table: str, own: list[str], referred: list[str]) -> None:
    schema = next(name for name in golden["tables"] if name.endswith(table)).removesuffix(table)
    golden["tables"][f"{schema}{table}"]["tableConstraints"].append(
        {
            "constraintType": "FOREIGN_KEY",
            "columns": own,
            "referredColumns": [f"{schema}{each}" for each in referred],
            "relationshipType": "MANY_TO_ONE",
        }
    )


def positions_are_sent(golden: Golden) -> None:
    for table in golden["tables"].values():
        for position, each in enumerate(table["columns"], 1):
            each["ordinalPosition"] = position


def domains_have_the_type_they_are_of(golden: Golden) -> None:
    column(golden, "mail")["dataType"] = "TEXT"


def composite_types_are_structs_with_their_fields(golden: Golden) -> None:
    fields: list[dict[str, Any]] = [
        {"name": "street", "dataType": "TEXT", "dataLength": 1, "dataTypeDisplay": "text"},
        {"name": "zip", "dataType": "VARCHAR", "dataLength": 10, "dataTypeDisplay": "character varying(10)"},
        {"name": "geo", "dataType": "GEOMETRY", "dataLength": 1, "dataTypeDisplay": "point"},
    ]
    places = ({"ordinalPosition": place, "constraint": "NULL"} for place in (1, 2, 3))
    children = [{**field, **place} for field, place in zip(fields, places, strict=True)]
    column(golden, "addr").update(dataType="STRUCT", children=children)


def ranges_have_a_type(golden: Golden) -> None:
    column(golden, "spans")["dataType"] = "DATETIMERANGE"
    column(golden, "span")["dataType"] = "RECORD"


def object_ids_have_a_type(golden: Golden) -> None:
    column(golden, "oid_col")["dataType"] = "UINT"


def bit_strings_have_their_length(golden: Golden) -> None:
    column(golden, "bits")["dataLength"] = 16


def foreign_keys_are_sent_with_their_table(golden: Golden) -> None:
    add_foreign_key(golden, '"dot.ted"', ["ref"], ["Mixed Case.Id"])
    add_foreign_key(golden, "order", ["customer_id"], ["customer.id"])
    add_foreign_key(golden, "order_line", ["order_id"], ["order.id"])
    add_foreign_key(golden, "order_line", ["sku"], ["product.sku"])
    add_foreign_key(golden, "shipment", ["order_id", "line_no"], ["order_line.order_id", "order_line.line_no"])


def routines_have_a_language(golden: Golden) -> None:
    for routine in golden["storedProcedures"].values():
        routine["storedProcedureCode"]["language"] = "SQL"


DIFFERENCES: tuple[Callable[[Golden], None], ...] = (
    positions_are_sent,
    domains_have_the_type_they_are_of,
    composite_types_are_structs_with_their_fields,
    ranges_have_a_type,
    object_ids_have_a_type,
    bit_strings_have_their_length,
    foreign_keys_are_sent_with_their_table,
    routines_have_a_language,
)


def shop(server: SourceServer) -> tuple[str, str]:
    """The sample database: its URL and its name."""
    url = server.make_database("shop", (GOLDEN / "shop.sql").read_text(encoding="utf-8"))
    return url, url.rpartition("/")[2]


def what_openmetadata_sends(database: str) -> Golden:
    text = (GOLDEN / "shop.openmetadata-2.0.7.json").read_text(encoding="utf-8")
    golden: Golden = json.loads(text.replace('"shop.shop', f'"shop.{database}'))
    golden["databases"][f"shop.{database}"]["name"] = database
    return golden


def without_definitions(tables: Entities) -> Entities:
    return {name: {key: table[key] for key in table if key != "schemaDefinition"} for name, table in tables.items()}


@pytest.fixture
def sent_and_golden(postgres: SourceServer) -> tuple[Sent, Golden]:
    url, name = shop(postgres)
    golden = what_openmetadata_sends(name)
    for difference in DIFFERENCES:
        difference(golden)
    return ingest(url, {"includeDDL": True}), golden


def test_everything_is_sent_but_for_the_differences(sent_and_golden: tuple[Sent, Golden]) -> None:
    sent, golden = sent_and_golden
    assert not sent.report.failures
    for collection in ("databases", "databaseSchemas", "storedProcedures"):
        assert sent.requests(collection) == golden[collection]
    assert without_definitions(sent.requests("tables")) == without_definitions(golden["tables"])


def test_the_service_is_the_same_but_for_its_connection(sent_and_golden: tuple[Sent, Golden]) -> None:
    sent, _ = sent_and_golden
    assert sent.requests("services/databaseServices")["shop"] == {"name": "shop", "serviceType": "Postgres"}


def test_view_definitions_are_statements_that_run(older_server: SourceServer) -> None:
    """On the older server only: since 16 Postgres words the queries of views in another way."""
    url, name = shop(older_server)
    sent = ingest(url).requests("tables")
    golden = what_openmetadata_sends(name)["tables"]
    quoted = {
        "Odd Names": 'VIEW "Odd Names"."View.1"',
        "big_orders": "VIEW sales.big_orders",
        "daily": "MATERIALIZED VIEW sales.daily",
        "of_view": "VIEW sales.of_view",
    }
    views = {name: table for name, table in golden.items() if table["tableType"].endswith("View")}
    assert len(views) == len(quoted)
    for name, view in views.items():
        [kind_and_name] = [quoted[each] for each in quoted if each in name]
        query = view["schemaDefinition"].partition(" as ")[2]
        assert sent[name]["schemaDefinition"] == f"CREATE {kind_and_name} AS\n{query}"


def test_table_definitions_have_the_true_types(sent_and_golden: tuple[Sent, Golden]) -> None:
    sent, golden = sent_and_golden
    tables = {name: table for name, table in golden["tables"].items() if not table["tableType"].endswith("View")}
    for name in tables:
        assert "schemaDefinition" in sent.requests("tables")[name]
    customer = next(table for name, table in sent.requests("tables").items() if name.endswith(".sales.customer"))
    for line in ("mail sales.email", "addr sales.address", "seen timestamp with time zone", "tags text[]"):
        assert f"    {line}" in customer["schemaDefinition"]


def test_definitions_of_tables_are_sent_only_on_demand(source_server: SourceServer) -> None:
    url, _ = shop(source_server)
    assert {table["tableType"] for table in ingest(url).tables().values() if "schemaDefinition" in table} == {
        "View",
        "MaterializedView",
    }
