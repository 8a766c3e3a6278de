"""BigQuery through the whole service: an emulator into a catalogue, and incremental runs over answers made by hand."""

from typing import Any

from tests.acceptance.api import Api, Json
from tests.acceptance.catalogues import TOKEN, Catalogue
from tests.bigquery import Played, connection, execute, make_project, private_key
from tests.eventually import eventually
from tests.recorded_bigquery import PROJECT, Recorded, table

PIPELINE = "wh.nightly"


def config_of(given: dict[str, Any], catalogue: Catalogue, **options: Any) -> Json:
    return {
        "source": {
            "type": "bigquery",
            "serviceName": "wh",
            "serviceConnection": {"config": given},
            "sourceConfig": {"config": {"type": "DatabaseMetadata", "threads": 2, **options}},
        },
        "sink": {"type": "metadata-rest", "config": {}},
        "workflowConfig": {
            "openMetadataServerConfig": {"hostPort": catalogue.host_port, "securityConfig": {"jwtToken": TOKEN}}
        },
    }


def test_a_project_goes_into_the_catalogue(api: Api, name: str, catalogue: Catalogue, bigquery_server: str) -> None:
    project = make_project(bigquery_server)
    with Played(bigquery_server) as server:
        created = api.create(name, config_of(connection(server.address, project), catalogue, includeDDL=True))
        assert private_key().splitlines()[1] not in str(created)
        checked = api.post(f"/workflows/{name}/check")
        assert [step["status"] for step in checked["steps"]] == ["passed"] * 4
        first = api.until(api.start(name), "succeeded")
        assert first["counts"]["byType"]["table"] == {"written": 10}
        sales = f"wh.{project}.sales"
        stored = catalogue.entities("tables")
        assert {fqn.removeprefix(f"{sales}.") for fqn in stored} == {
            "adults", "by_arrival", "by_range", "counted", "customer", "events_20240101", "events_20240102", "line",
            "line_kept", "without_columns",
        }  # fmt: skip
        customer = stored[f"{sales}.customer"]
        assert [tag["tagFQN"] for tag in customer["tags"]] == ["pii.pii", "team.sales"]
        [key] = [
            each for each in stored[f"{sales}.line"]["tableConstraints"] if each["constraintType"] == "FOREIGN_KEY"
        ]
        assert key["referredColumns"] == [f"{sales}.customer.id"]
        execute(bigquery_server, project, "DROP TABLE sales.events_20240101")
        second = api.until(api.start(name), "succeeded")
    assert second["counts"]["byType"]["table"] == {"unchanged": 9, "deleted": 1}
    assert f"{sales}.events_20240101" not in catalogue.entities("tables")


def test_a_later_run_takes_what_changed(api: Api, name: str, catalogue: Catalogue) -> None:
    names = ["a", "b", "c"]
    views = {"TABLES": [[each, None] for each in names], "COLUMNS": [[each, "x", "INT64", "YES"] for each in names]}
    catalogue.api.pipelines.add(PIPELINE)
    with Recorded([table(each) for each in names], views) as server:
        config = config_of(connection(server.address, PROJECT), catalogue, incremental={"enabled": True})
        created = api.create(name, config | {"ingestionPipelineFQN": PIPELINE})
        assert created["notes"] == []
        first = api.start(name)
        assert api.until(first, "succeeded")["counts"]["byType"]["table"] == {"written": 3}
        runs = catalogue.api.pipelines.of(PIPELINE, first)
        eventually(lambda: runs.states[-1:] == ["success"], "the server knows that it succeeded")
        server.tables = server.tables[:2]
        server.views |= {"__TABLES__": [["a"], ["c"]], "COLUMNS": [["b", "x", "STRING", "YES"]]}
        second = api.until(api.start(name), "succeeded")
    assert second["counts"]["byType"]["table"] == {"written": 1, "unchanged": 1, "deleted": 1}
    assert "what has not changed since" in api.log(second["id"])
    stored = catalogue.entities("tables")
    assert set(stored) == {f"wh.{PROJECT}.s.a", f"wh.{PROJECT}.s.b"}
    assert stored[f"wh.{PROJECT}.s.b"]["columns"][0]["dataType"] == "STRING"
