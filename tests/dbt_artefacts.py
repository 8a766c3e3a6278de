"""dbt's artefacts: those of a real project, kept in tests/golden, and small ones of a test's own."""

import json
from pathlib import Path
from typing import Any

from tests.fake_openmetadata import FakeOpenMetadata

GOLDEN = Path(__file__).parent / "golden" / "dbt"
SERVICE = "duck"
AT = "2026-11-01T02:03:04.500000Z"
KEYS = {"manifest": "Manifest", "catalog": "Catalog", "run_results": "RunResults", "sources": "Sources"}
SCHEMAS = {
    "manifest": "manifest/v12",
    "catalog": "catalog/v1",
    "run_results": "run-results/v6",
    "sources": "sources/v3",
}


def in_files(folder: Path, *artefacts: str) -> dict[str, Any]:
    """`dbtConfigSource` of artefacts in a folder; all of them, if none is named."""
    return {
        "dbtConfigType": "local",
        **{f"dbt{KEYS[name]}FilePath": str(folder / f"{name}.json") for name in artefacts or KEYS},
    }


def at_addresses(address: str, **more: Any) -> dict[str, Any]:
    """The same, of artefacts that a server has below /target."""
    places = {f"dbt{key}HttpPath": f"{address}/target/{name}.json" for name, key in KEYS.items()}
    return {"dbtConfigType": "http", **places, **more}


def written(folder: Path, artefact: str, version: str | None = None, **parts: Any) -> Path:
    """An artefact of these parts, as a file; gives the folder."""
    schema = f"https://schemas.getdbt.com/dbt/{version or SCHEMAS[artefact]}.json"
    metadata = {
        "dbt_schema_version": schema,
        "generated_at": AT,
        **parts.pop("metadata", {}),
    }
    (folder / f"{artefact}.json").write_text(json.dumps({"metadata": metadata, **parts}))
    return folder


def model(name: str, *upstream: str, **fields: Any) -> dict[str, Any]:
    """A node of a manifest: a table in shop.main, or with `materialized` something else."""
    materialized = fields.pop("materialized", "table")
    return {
        f"model.shop.{name}": {
            "resource_type": "model",
            "name": name,
            "package_name": "shop",
            "database": "shop",
            "schema": "main",
            "alias": name,
            "config": {"materialized": materialized},
            "depends_on": {"nodes": [f"model.shop.{each}" for each in upstream]},
            **fields,
        }
    }


def fill(catalogue: FakeOpenMetadata, *, without: str = "") -> None:
    """What a run over the project's database finds, and what its `meta` refers to; `without` names a table."""
    store = catalogue.catalogue
    store.put("services/databaseServices", {"name": SERVICE, "serviceType": "CustomDatabase"})
    store.put("databases", {"name": "shop", "service": SERVICE})
    catalog = json.loads((GOLDEN / "catalog.json").read_text(encoding="utf-8"))
    tables = [*catalog["nodes"].values(), *catalog["sources"].values()]
    for schema in dict.fromkeys(table["metadata"]["schema"] for table in tables):
        store.put("databaseSchemas", {"name": schema, "database": f"{SERVICE}.shop"})
    for table in tables:
        place = table["metadata"]
        columns = [{"name": name, "dataType": "STRING"} for name in table["columns"]]
        if place["name"] != without:
            request = {"name": place["name"], "databaseSchema": f"{SERVICE}.shop.{place['schema']}", "columns": columns}
            store.put("tables", request)
    store.put("services/dashboardServices", {"name": "bi", "serviceType": "Superset"})
    store.put("dashboards", {"name": "42", "service": "bi"})
    store.put("classifications", {"name": "Tier", "description": ""})
    store.put("tags", {"name": "Tier2", "classification": "Tier", "description": ""})
    store.add_person("glossaryTerms", "Shop.Order")
    store.add_person("users", "ada")
    store.add_person("teams", "finance@shop.test")
