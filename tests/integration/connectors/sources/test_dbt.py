"""dbt: what a real project's artefacts become in the catalogue."""

import json
import re
from pathlib import Path
from typing import Any

import msgspec
import pytest

from connectors.ingestion import Result
from connectors.models.data_model import AddDataModelRequest
from connectors.models.lineage import AddLineageRequest
from connectors.models.quality import AddTestCaseResultRequest, CreateTestCaseRequest
from tests import systems
from tests.dbt_artefacts import GOLDEN, SERVICE, fill, in_files, model, written
from tests.fake_openmetadata import FakeOpenMetadata
from tests.in_memory import Walked
from tests.systems import dbt
from tests.whole_runs import ingest_into, walk


def models(walked: Walked) -> dict[str, AddDataModelRequest]:
    return {record.table.removeprefix("svc."): record for record in walked.sink.only(AddDataModelRequest)}


def edges(walked: Walked) -> set[tuple[str, str]]:
    ends = [(record.edge.from_entity, record.edge.to_entity) for record in walked.sink.only(AddLineageRequest)]
    return {
        (str(origin.fully_qualified_name), f"{target.type} {target.fully_qualified_name}") for origin, target in ends
    }


def sent(walked: Walked) -> list[str]:
    """What goes over the wire, but for moments and figures that differ from one build to the next."""
    texts = [msgspec.json.encode(record).decode() for record in walked.sink.records]
    return sorted(re.sub(r'"timestamp":\d+|"value":"\d+"|at \d{4}[^"]*', "", text) for text in texts)


def test_a_real_project_says_what_its_kept_artefacts_say() -> None:
    systems.require("dbt")
    real = walk("dbt", in_files(dbt.prepare() / "target"))
    assert not real.report.failures
    assert sent(real) == sent(walk("dbt", in_files(GOLDEN)))


def test_everything_arrives_and_a_second_run_changes_nothing() -> None:
    with FakeOpenMetadata() as catalogue:
        fill(catalogue)
        result, report = ingest_into(catalogue, "dbt", SERVICE, in_files(GOLDEN), {})
        assert (result, list(report.failures)) == (Result.SUCCEEDED, [])
        assert {entity: dict(counts) for entity, counts in report.by_type.items()} == {
            "classification": {"written": 1},
            "tag": {"written": 3},
            "dataModel": {"written": 6},
            "lineage": {"written": 7},
            "testDefinition": {"written": 8},
            "testCase": {"written": 9},
            "testCaseResult": {"written": 9},
        }
        orders = catalogue.entities("tables")[f"{SERVICE}.shop.main.orders"]
        assert orders["description"] == "One row for each order."
        assert [tag["tagFQN"] for tag in orders["tags"]] == [
            "dbtTags.core", "dbtTags.nightly", "Tier.Tier2", "Shop.Order",
        ]  # fmt: skip
        [owner] = orders["owners"]
        assert owner["id"] == catalogue.catalogue.entities["users"]["ada"].id
        [key] = [column for column in orders["columns"] if column["name"] == "id"]
        assert (key["description"], key["tags"][0]["tagFQN"]) == ("Its number.", "dbtTags.key")
        [daily] = catalogue.entities("tables")[f'{SERVICE}.shop.main."Daily.Sales"']["owners"]
        assert daily["type"] == "team"
        before = {name: dict(table) for name, table in catalogue.entities("tables").items()}
        _, again = ingest_into(catalogue, "dbt", SERVICE, in_files(GOLDEN), {})
        assert dict(again.by_type["dataModel"]) == {"unchanged": 6}
        assert dict(again.by_type["testCaseResult"]) == {"unchanged": 9}
        assert catalogue.entities("tables") == before


def test_a_data_model_has_its_sql_and_what_it_is_made_of() -> None:
    orders = models(walk("dbt", in_files(GOLDEN)))["shop.main.orders"].data_model
    assert (orders.model_type, orders.resource_type, orders.path) == ("DBT", "model", "models/marts/orders.sql")
    assert "{{ ref('stg_orders') }}" in str(orders.raw_sql)
    assert '"shop"."main"."stg_customers"' in str(orders.sql)
    assert orders.upstream == ("svc.shop.main.raw_orders", "svc.shop.main.stg_customers")
    assert orders.dbt_source_project == "shop"


def test_lineage_goes_through_ephemeral_models_and_to_exposures() -> None:
    assert edges(walk("dbt", in_files(GOLDEN))) == {
        ("svc.shop.crm.crm_customers", "table svc.shop.main.stg_customers"),
        ("svc.shop.main.raw_orders", "table svc.shop.main.orders"),
        ("svc.shop.main.stg_customers", "table svc.shop.main.orders"),
        ("svc.shop.main.orders", 'table svc.shop.main."Daily.Sales"'),
        ("svc.shop.main.raw_orders", "table svc.shop.history.orders_history"),
        ('svc.shop.main."Daily.Sales"', "dashboard bi.42"),
        ("svc.shop.main.raw_orders", "dashboard bi.42"),
    }


def of_columns(walked: Walked) -> dict[str, list[str]]:
    """What each column of a table is made of."""
    found: dict[str, list[str]] = {}
    for record in walked.sink.only(AddLineageRequest):
        origin = f"{record.edge.from_entity.fully_qualified_name}."
        for each in record.edge.lineage_details.columns_lineage:
            assert all(name.startswith(origin) for name in each.from_columns)
            names = [name.removeprefix("svc.shop.") for name in each.from_columns]
            found.setdefault(each.to_column.removeprefix("svc.shop."), []).extend(names)
    return found


def test_columns_are_made_of_columns_also_through_ephemeral_models() -> None:
    walked = walk("dbt", in_files(GOLDEN))
    assert of_columns(walked) == {
        "main.stg_customers.id": ["crm.crm_customers.id"],
        "main.stg_customers.name": ["crm.crm_customers.name"],
        "main.orders.id": ["main.raw_orders.id"],
        "main.orders.amount": ["main.raw_orders.amount"],
        "main.orders.state": ["main.raw_orders.state"],
        "main.orders.customer_id": ["main.stg_customers.id"],
        "main.orders.name": ["main.stg_customers.name"],
        'main."Daily.Sales".state': ["main.orders.state"],
        'main."Daily.Sales".amount': ["main.orders.amount"],
        "history.orders_history.id": ["main.raw_orders.id"],
        "history.orders_history.customer_id": ["main.raw_orders.customer_id"],
        "history.orders_history.amount": ["main.raw_orders.amount"],
        "history.orders_history.state": ["main.raw_orders.state"],
    }
    assert "columnLineage" not in walked.report.by_type


def test_lineage_of_columns_arrives_as_far_as_the_catalogue_has_the_columns() -> None:
    with FakeOpenMetadata() as catalogue:
        fill(catalogue)
        store = catalogue.catalogue
        columns = [{"name": name, "dataType": "STRING"} for name in ("id", "state", "customer_id")]
        store.put("tables", {"name": "orders", "databaseSchema": f"{SERVICE}.shop.main", "columns": columns})
        result, report = ingest_into(catalogue, "dbt", SERVICE, in_files(GOLDEN), {})
        assert (result, list(report.failures)) == (Result.SUCCEEDED, [])
        main = f"{SERVICE}.shop.main"
        assert store.edges[f"{main}.raw_orders", f"{main}.orders"]["columnsLineage"] == [
            {"fromColumns": [f"{main}.raw_orders.{name}"], "toColumn": f"{main}.orders.{name}"}
            for name in ("id", "state")
        ]


def two_tables(folder: Path, *, sql: str, adapter: str = "duckdb", **fields: Any) -> dict[str, Any]:
    """A project of `raw` and `made`, whose SQL is given."""
    raw = model("raw", relation_name='"shop"."main"."raw"')
    made = model("made", "raw", relation_name='"shop"."main"."made"', compiled_code=sql, **fields)
    written(folder, "manifest", metadata={"adapter_type": adapter}, nodes={**raw, **made})
    tables: dict[str, Any] = {
        f"model.shop.{name}": {
            "metadata": {"name": name, "schema": "main", "database": "shop"}, "columns": {"id": {}, "at": {}},
        }
        for name in ("raw", "made")
    }  # fmt: skip
    written(folder, "catalog", nodes=tables, sources={})
    return in_files(folder, "manifest", "catalog")


@pytest.mark.parametrize(("sql", "adapter", "reason"), [
    ("selec id frm", "duckdb", "what their SQL says of columns cannot be told"),
    ("select id from raw", "strange", "the SQL of dbt's adapter strange is not known"),
    (f"select id {' ' * 1_000_000} from raw", "duckdb", "their SQL has more than 1,000,000 characters"),
])  # fmt: skip
def test_sql_that_cannot_be_read_leaves_the_lineage_of_tables(
    sql: str, adapter: str, reason: str, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    walked = walk("dbt", two_tables(tmp_path, sql=sql, adapter=adapter))
    assert edges(walked) == {("svc.shop.main.raw", "table svc.shop.main.made")}
    assert (of_columns(walked), list(walked.report.failures)) == ({}, [])
    assert walked.report.by_type["columnLineage"] == {"filtered": 1}
    [said] = [record.message for record in caplog.records if "lineage of columns" in record.message]
    assert said.startswith(f"lineage of columns is left out for 1 tables: {reason}")


def test_sql_is_not_read_where_the_extra_is_missing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    artefacts = two_tables(tmp_path, sql='select id from "shop"."main"."raw"')
    assert of_columns(walk("dbt", artefacts)) == {"main.made.id": ["main.raw.id"]}
    monkeypatch.setattr("connectors.families.dbt.column_lineage.PARSER", "no_such_parser")
    walked = walk("dbt", artefacts)
    assert (of_columns(walked), len(edges(walked))) == ({}, 1)
    assert "pip install 'headwater[dbt]'" in caplog.text


def test_columns_that_the_warehouse_does_not_have_have_no_lineage(tmp_path: Path) -> None:
    sql = 'select id, later, at as renamed from "shop"."main"."raw"'
    assert of_columns(walk("dbt", two_tables(tmp_path, sql=sql))) == {"main.made.id": ["main.raw.id"]}
    assert of_columns(walk("dbt", two_tables(tmp_path, sql="def model(dbt, session): ...", language="python"))) == {}
    (tmp_path / "catalog.json").unlink()
    walked = walk("dbt", in_files(tmp_path, "manifest"))
    assert (of_columns(walked), "columnLineage" in walked.report.by_type) == ({}, False)


def test_tests_are_cases_with_their_results() -> None:
    walked = walk("dbt", in_files(GOLDEN))
    results = {
        record.test_case.removeprefix("svc.shop."): record.result
        for record in walked.sink.only(AddTestCaseResultRequest)
    }
    assert {
        name: (result.test_case_status, str(result.result).partition(":")[0]) for name, result in results.items()
    } == {
        "main.orders.id.unique_orders_ID": ("Success", "pass"),
        "main.orders.id.not_null_orders_ID": ("Success", "pass"),
        "main.orders.state.accepted_values_orders_state__paid__open": ("Failed", "warn"),
        "main.orders.customer_id.relationships_orders_customer_id__id__ref_stg_customers_": ("Success", "pass"),
        "crm.crm_customers.id.source_not_null_crm_customers_id": ("Success", "pass"),
        "main.orders.no_order_is_negative": ("Success", "pass"),
        "main.stg_customers.no_order_is_negative": ("Success", "pass"),
        'main."Daily.Sales".daily_is_small': ("Failed", "fail"),
        "crm.crm_customers.crm_customers_freshness": ("Failed", "error"),
    }
    [case] = [each for each in walked.sink.only(CreateTestCaseRequest) if each.name.startswith("accepted_values")]
    assert [(each.name, each.value) for each in case.parameter_values] == [("values", '["paid","open"]')]
    [daily] = [result for name, result in results.items() if name.endswith("daily_is_small")]
    assert [(each.name, each.value) for each in daily.test_result_value] == [("failures", "4")]
    assert {len(str(result.timestamp)) for result in results.values()} == {13}


def test_a_table_that_the_catalogue_lacks_is_left_out_with_all_that_is_about_it() -> None:
    with FakeOpenMetadata() as catalogue:
        fill(catalogue, without="orders")
        result, report = ingest_into(catalogue, "dbt", SERVICE, in_files(GOLDEN), {})
        assert (result, list(report.failures)) == (Result.SUCCEEDED, [])
        counts = {entity: report.by_type[entity]["filtered"] for entity in ("dataModel", "lineage", "testCase")}
        assert counts == {"dataModel": 1, "lineage": 3, "testCase": 5}
        assert report.by_type["testCaseResult"]["filtered"] == 5


def test_filters_leave_tables_and_their_tests_out() -> None:
    kept = walk("dbt", in_files(GOLDEN), tableFilterPattern={"includes": ["^orders$"]})
    assert set(models(kept)) == {"shop.main.orders"}
    assert {origin for origin, target in edges(kept) if target.startswith("table")} == {
        "svc.shop.main.raw_orders", "svc.shop.main.stg_customers",
    }  # fmt: skip
    assert {case.parent.split(".")[3] for case in kept.sink.only(CreateTestCaseRequest)} == {"orders"}
    assert models(walk("dbt", in_files(GOLDEN), schemaFilterPattern={"includes": ["history"]})).keys() == {
        "shop.history.orders_history"
    }
    assert not models(walk("dbt", in_files(GOLDEN), databaseFilterPattern={"excludes": ["shop"]}))


@pytest.mark.parametrize(
    ("options", "updates"),
    [
        ({}, (False, False)),
        ({"dbtUpdateDescriptions": True}, (True, False)),
        ({"dbtUpdateOwners": True}, (False, True)),
        ({"overrideMetadata": True}, (True, True)),
    ],
)
def test_what_is_replaced_is_said(options: dict[str, Any], updates: tuple[bool, bool]) -> None:
    found = models(walk("dbt", in_files(GOLDEN), **options)).values()
    assert {(each.update_descriptions, each.update_owners) for each in found} == {updates}


def test_tags_may_be_chosen_or_left() -> None:
    def tags(**options: Any) -> set[str]:
        found = models(walk("dbt", in_files(GOLDEN), **options))["shop.main.orders"]
        labels = [*found.tags, *(label for column in found.columns for label in column.tags)]
        return {label.tag_fqn for label in labels}

    own = {"Tier.Tier2", "Shop.Order"}
    assert tags(tagFilterPattern={"excludes": ["night"]}) == own | {"dbtTags.core", "dbtTags.key"}
    assert tags(includeTags=False) == own
    assert "From dbt.core" in tags(dbtClassificationName="From dbt")


def test_without_a_catalogue_names_are_the_manifests(tmp_path: Path) -> None:
    quoted = model("Kept", relation_name='"shop"."main"."Kept"')
    manifest: dict[str, Any] = {"nodes": {**model("orders", relation_name="shop.main.orders"), **quoted}, "sources": {
        "source.shop.crm.people": {
            "resource_type": "source", "name": "people", "source_name": "crm", "identifier": "people_1",
            "database": None, "schema": "crm", "relation_name": "crm.people_1",
        }
    }}  # fmt: skip
    written(tmp_path, "manifest", metadata={"adapter_type": "snowflake"}, **manifest)
    found = models(walk("dbt", in_files(tmp_path, "manifest")))
    assert set(found) == {"SHOP.MAIN.ORDERS", "shop.main.Kept", "DEFAULT.CRM.PEOPLE_1"}
    written(tmp_path, "manifest", metadata={"adapter_type": "clickhouse"}, **manifest)
    assert "default.crm.people_1" in models(walk("dbt", in_files(tmp_path, "manifest")))


def test_an_exposure_that_names_nothing_is_a_failure(tmp_path: Path) -> None:
    meta = {"open_metadata_fqn": 'a."b'}
    exposure = {"name": "e", "type": "ml", "meta": meta, "depends_on": {"nodes": ["model.shop.t"]}}
    written(tmp_path, "manifest", nodes=model("t"), exposures={"exposure.shop.e": exposure})
    [failure] = walk("dbt", in_files(tmp_path, "manifest")).report.failures
    assert failure.cause.startswith("open_metadata_fqn of exposure.shop.e is none: ")
    assert failure.advice == "correct meta.open_metadata_fqn of the exposure"


def test_a_test_of_a_source_is_attached_by_its_arguments(tmp_path: Path) -> None:
    """Older manifests do not say what a test is attached to; it is not what a relationship leads to."""
    nodes = {**model("a"), **model("b"), "test.shop.rel.x": {
        "resource_type": "test", "name": "rel", "column_name": "a_id",
        "test_metadata": {"name": "relationships", "kwargs": {
            "model": "{{ get_where_subquery(ref('shop', 'b')) }}", "to": "ref('a')", "field": "id",
        }},
        "depends_on": {"nodes": ["model.shop.a", "model.shop.b"]},
    }}  # fmt: skip
    written(tmp_path, "manifest", "manifest/v7", nodes=nodes)
    [case] = walk("dbt", in_files(tmp_path, "manifest")).sink.only(CreateTestCaseRequest)
    assert case.fqn == "svc.shop.main.b.a_id.rel"
    assert {each.name for each in case.parameter_values} == {"to", "field"}


def test_a_test_that_is_of_no_table_is_counted(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    def reading(name: str, *nodes: str) -> dict[str, Any]:
        return {f"test.shop.{name}": {"resource_type": "test", "name": name, "depends_on": {"nodes": nodes}}}

    nodes = {**model("t"), **model("e", materialized="ephemeral"), **model("other")}
    tests = {
        **reading("of_nothing"), **reading("of_none", "model.shop.e"), **reading("of_other", "model.shop.other"),
        **reading("of_table", "model.shop.t", "model.shop.other"),
    }  # fmt: skip
    written(tmp_path, "manifest", nodes={**nodes, **tests})
    caplog.set_level("INFO", logger="connectors")
    walked = walk("dbt", in_files(tmp_path, "manifest"), tableFilterPattern={"excludes": ["other"]})
    assert [case.name for case in walked.sink.only(CreateTestCaseRequest)] == ["of_table"]
    assert walked.report.by_type["testCase"]["filtered"] == 3
    said = [record.message for record in caplog.records if record.message.startswith("the test ")]
    assert said == [
        "the test test.shop.of_nothing is left out: it is of no table",
        "the test test.shop.of_none is left out: it is of no table",
        "the test test.shop.of_other is left out: filters leave its tables out",
    ]


def test_what_was_only_compiled_or_skipped_has_no_result(tmp_path: Path) -> None:
    names = {"a": "success", "b": "skipped", "c": "error", "d": "pass"}
    tests = {
        f"test.shop.{name}": {"resource_type": "test", "name": name, "depends_on": {"nodes": ["model.shop.t"]}}
        for name in names
    }
    written(tmp_path, "manifest", nodes={**model("t"), **tests})
    written(tmp_path, "run_results", results=[
        {"unique_id": f"test.shop.{name}", "status": status, "timing": []} for name, status in names.items()
    ])  # fmt: skip
    found = walk("dbt", in_files(tmp_path, "manifest", "run_results")).sink.only(AddTestCaseResultRequest)
    assert {(each.test_case.rpartition(".")[2], each.result.test_case_status) for each in found} == {
        ("c", "Aborted"), ("d", "Success"),
    }  # fmt: skip
    assert {each.result.timestamp for each in found} == {1793498584500}


def test_owners_are_whom_the_project_names_then_the_group_then_the_warehouse(tmp_path: Path) -> None:
    def owned(name: str, **config: Any) -> dict[str, Any]:
        return model(name, config={"materialized": "table", **config})

    nodes = {
        **owned("one", meta={"openmetadata": {"owner": ["ada", "team:sales"]}, "owner": "bob"}),
        **owned("two", meta={"owner": "bob"}, group="g"),
        **owned("three", group="g"),
        **owned("four", meta={"owner": {"odd": 1}, "openmetadata": "odd"}),
    }
    group = {"group.shop.g": {"name": "g", "owner": {"name": "G", "email": ["a@b", "c@d"]}}}
    written(tmp_path, "manifest", nodes=nodes, groups=group)
    table = {"metadata": {"name": "four", "schema": "main", "database": "shop", "owner": "dba"}}
    written(tmp_path, "catalog", nodes={"model.shop.four": table}, sources={})
    found = models(walk("dbt", in_files(tmp_path, "manifest", "catalog")))
    assert {name.rpartition(".")[2]: each.owner_names for name, each in found.items()} == {
        "one": ("ada", "team:sales"), "two": ("bob",), "three": ("a@b", "c@d"), "four": ("dba",),
    }  # fmt: skip


def test_what_cannot_be_read_of_a_node_is_a_failure_of_that_node(tmp_path: Path) -> None:
    nodes = {**model("good"), **model("odd", columns=[1]), "test.shop.t": {"resource_type": "test"}}
    written(tmp_path, "manifest", nodes=nodes, exposures={"exposure.shop.e": {"name": 1}})
    walked = walk("dbt", in_files(tmp_path, "manifest"))
    assert set(models(walked)) == {"shop.main.good"}
    found = {(failure.entity, failure.name) for failure in walked.report.failures}
    assert found == {
        ("dataModel", "svc.shop.main.odd"), ("testCase", "test.shop.t"), ("exposure", "exposure.shop.e"),
    }  # fmt: skip
    assert all(failure.advice for failure in walked.report.failures)


def test_the_kept_artefacts_are_of_the_project() -> None:
    """What is kept says nothing that the project, as it is written now, does not say."""
    manifest = json.loads((GOLDEN / "manifest.json").read_text(encoding="utf-8"))
    texts = {node["original_file_path"]: node.get("raw_code") for node in manifest["nodes"].values()}
    sql = {path: text for path, text in dbt.PROJECT.items() if path.endswith(".sql") and path.startswith("models")}
    assert sql
    assert {path: texts[path].strip() for path in sql} == {path: text.strip() for path, text in sql.items()}
