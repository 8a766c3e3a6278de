import sys
from pathlib import Path
from urllib.parse import urlsplit

import httpx
import pytest
from jsonschema import Draft202012Validator

from connectors import registry
from service.api.dependencies import Services
from service.api.router import build_api
from tests.integration.service.api.serving import connection_of, definition_of, problem, problems, serving
from tests.plain_http import NO_TLS
from tests.postgres import SourceServer

CONNECTORS = "/api/v1/connectors"
AWAY = connection_of(hostPort="127.0.0.1:1", authType={"password": "hunter2"})


def test_all_connectors_are_listed(guest: httpx.Client) -> None:
    listed = guest.get(CONNECTORS).json()["data"]
    assert [found["name"] for found in listed] == registry.names()
    (postgres,) = [found for found in listed if found["name"] == "postgres"]
    assert (postgres["serviceType"], postgres["installed"], postgres["extra"]) == ("Postgres", True, "postgres")
    assert "tables" in postgres["capabilities"]
    assert postgres["checks"][0]["mandatory"] is True


@pytest.mark.parametrize("name", registry.names())
def test_schemas_are_json_schemas_of_what_people_write(guest: httpx.Client, name: str) -> None:
    read = guest.get(f"{CONNECTORS}/{name}").json()
    for schema in (read["configSchema"], read["optionsSchema"]):
        Draft202012Validator.check_schema(schema)
    places = {
        *("hostPort", "host", "account", "bootstrapServers", "trackingUri", "awsConfig", "configSource"),
        *("openAPISchemaConnection", "credentials", "dbtConfigType"),
    }
    assert places & read["configSchema"]["properties"].keys()


def test_an_unknown_connector_is_not_found(guest: httpx.Client) -> None:
    assert "'postgres'" in problem(guest.get(f"{CONNECTORS}/postgrs"), 404)["detail"]
    problem(guest.post(f"{CONNECTORS}/postgrs/check", json={"connection": {}}), 404)


def test_a_connection_is_tested_step_by_step(guest: httpx.Client, source_server: SourceServer) -> None:
    url = urlsplit(source_server.make_database("checked", "create table orders (id int)"))
    connection = connection_of(
        username=url.username,
        authType={"password": url.password},
        hostPort=f"{url.hostname}:{url.port}",
        database=url.path.strip("/"),
    )
    response = guest.post(f"{CONNECTORS}/postgres/check", json={"connection": connection})
    assert response.status_code == 200, response.text
    report = response.json()
    assert report["passed"] is True
    assert set(report["steps"][0]) == {"name", "description", "status", "mandatory", "seconds", "message", "advice"}
    assert {step["status"] for step in report["steps"]} <= {"passed", "warning"}


def test_a_source_away_fails_the_test_with_advice(guest: httpx.Client) -> None:
    response = guest.post(f"{CONNECTORS}/postgres/check", json={"connection": AWAY})
    report = response.json()
    assert (response.status_code, report["passed"]) == (200, False)
    assert report["steps"][0]["status"] == "failed"
    assert {step["status"] for step in report["steps"][1:]} == {"skipped"}
    assert "hunter2" not in response.text


def test_the_connection_of_a_workflow_is_tested(client: httpx.Client) -> None:
    definition = definition_of()
    definition["config"]["source"]["serviceConnection"]["config"] = AWAY
    client.post("/api/v1/workflows", json=definition).raise_for_status()
    report = client.post("/api/v1/workflows/shop/check").json()
    assert report["passed"] is False
    assert "127.0.0.1" in report["steps"][0]["message"]


def test_a_connection_that_does_not_fit_is_refused(guest: httpx.Client) -> None:
    url = f"{CONNECTORS}/postgres/check"
    assert "connection.hostPrt" in problems(guest.post(url, json={"connection": connection_of(hostPrt="x")}))
    masked = connection_of(authType={"password": "**********"})
    assert list(problems(guest.post(url, json={"connection": masked}))) == ["connection.authType.password"]
    missing = connection_of(authType={"password": "secret:nowhere"})
    found = problems(guest.post(url, json={"connection": missing}))
    assert "nowhere" in found["connection.authType.password"]


def test_a_missing_secret_of_a_workflow_is_named(client: httpx.Client) -> None:
    definition = definition_of()
    definition["config"]["source"]["serviceConnection"]["config"]["authType"]["password"] = "secret:nowhere"
    client.post("/api/v1/workflows", json=definition).raise_for_status()
    found = problems(client.post("/api/v1/workflows/shop/check"))
    assert "nowhere" in found["config.source.serviceConnection.config.authType.password"]


def test_only_so_many_connections_are_tested_at_once(services: Services) -> None:
    while services.check_slots.acquire(blocking=False):
        pass
    with serving(build_api(services)) as address, httpx.Client(base_url=address, timeout=60, verify=NO_TLS) as client:
        url = f"{CONNECTORS}/postgres/check"
        problem(client.post(url, json={"connection": AWAY}), 503)
        services.check_slots.release()
        assert client.post(url, json={"connection": AWAY}).status_code == 200
        assert client.post(url, json={"connection": AWAY}).status_code == 200


def test_a_broken_connector_hides_no_other(
    client: httpx.Client, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "acme_connector.py").write_text("raise ImportError('no acme today')")
    (tmp_path / "acme-1.0.dist-info").mkdir()
    (tmp_path / "acme-1.0.dist-info" / "METADATA").write_text("Name: acme\nVersion: 1.0\n")
    entry = f"[{registry.ENTRY_POINTS}]\nacme = acme_connector:CONNECTOR\n"
    (tmp_path / "acme-1.0.dist-info" / "entry_points.txt").write_text(entry)
    monkeypatch.setattr(sys, "path", [str(tmp_path), *sys.path])
    listed = {found["name"]: found for found in client.get(CONNECTORS).json()["data"]}
    assert "no acme today" in listed["acme"]["problem"]
    assert (listed["acme"]["installed"], listed["postgres"]["installed"]) == (False, True)
    assert "no acme today" in problem(client.get(f"{CONNECTORS}/acme"), 409)["detail"]
