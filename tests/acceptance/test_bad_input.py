"""Definitions that cannot be right: refused when they are sent, with the path of the fault, and nothing stored."""

import json
from typing import Any

import httpx
import pytest

from tests.acceptance.api import Api, Json, config_of
from tests.acceptance.sources import Source

SINK: Json = {"type": "file", "config": {"filename": "x.jsonl"}}
CONNECTION = "config.source.serviceConnection.config"
OPTIONS = "config.source.sourceConfig.config"


def changed(document: Json, path: str, value: Any) -> Json:
    """The document with another value at a path."""
    first, _, rest = path.partition(".")
    return document | {first: changed(document.get(first) or {}, rest, value) if rest else value}


@pytest.mark.parametrize(
    ("path", "value", "told"),
    [
        ("config.source.type", "oracel", "not a connector"),
        (f"{CONNECTION}.hostPort", "http://db:5432", "write only host:port"),
        (f"{CONNECTION}.hostPort", "db:65536", "write a number from 1 to 65535"),
        (f"{CONNECTION}.shema", "sales", "not a known key"),
        (f"{CONNECTION}.authType", {"awsConfig": {"awsRegion": "x"}}, "AWS IAM"),
        (f"{CONNECTION}.sslConfig.caCertificate", "/etc/shadow", "below one of HEADWATER_SOURCE_DIRS"),
        (f"{CONNECTION}.sslConfig.caCertificate", "/etc/nope", "below one of HEADWATER_SOURCE_DIRS"),
        (f"{OPTIONS}.threads", "many", "whole number"),
        (f"{OPTIONS}.includeCustomProperties", True, "is not supported"),
        (f"{OPTIONS}.schemaFilterPattern.includes", ["("], "not a valid regular expression"),
        ("config.sink", {"type": "kafka"}, "'metadata-rest' or 'file'"),
        ("config.sink.config.filename", "../../etc/passwd", "must not contain '..'"),
        ("config.sink", {"type": "metadata-rest"}, "openMetadataServerConfig"),
        ("schedule.cron", "0 25 * * *", "is not a cron expression"),
        ("schedule", {"cron": "0 2 * * *", "timezone": "Europe/Atlantis"}, "IANA"),
        ("schedule", {"cron": "0 2 * * *", "intervalSeconds": 5}, "exactly one of"),
        ("policy.maxAttempts", 0, "must be at least 1"),
        ("policy.overlap", "wait", "'skip', 'queue' or 'cancelRunning'"),
        ("name", "a name", "regular expression"),
        ("nmae", "shop", "is not a known key"),
    ],
)
def test_each_fault_is_named_with_its_path(api: Api, shop: Source, path: str, value: Any, told: str) -> None:
    definition = changed({"name": "never-stored", "config": config_of(shop.connection(), sink=SINK)}, path, value)
    for call in ("/api/v1/workflows", "/api/v1/workflows/validate"):
        answer = api.http.post(call, json=definition)
        assert answer.status_code == 422, answer.text
        [problem] = answer.json()["problems"]
        assert path.startswith(problem["path"]) or problem["path"].startswith(path)
        assert told in problem["message"]
    assert api.http.get("/api/v1/workflows/never-stored").status_code == 404


@pytest.mark.parametrize("port", ["65536", "0", "99999999", "x"])
def test_a_port_of_the_server_that_there_cannot_be(api: Api, shop: Source, port: str) -> None:
    config = config_of(shop.connection(), sink={"type": "metadata-rest", "config": {}})
    server = {"hostPort": f"http://openmetadata:{port}/api", "securityConfig": {"jwtToken": "secret:om-bot"}}
    config["workflowConfig"] = {"openMetadataServerConfig": server}
    answer = api.http.post("/api/v1/workflows", json={"name": "never-stored", "config": config})
    assert answer.status_code == 422
    [problem] = answer.json()["problems"]
    assert problem["path"] == "config.workflowConfig.openMetadataServerConfig.hostPort"
    assert "write a number from 1 to 65535" in problem["message"]


@pytest.mark.parametrize("path", ["", "config", CONNECTION, OPTIONS])
def test_an_unknown_key_is_not_repeated_at_length(api: Api, shop: Source, path: str) -> None:
    definition = {"name": "never-stored", "config": config_of(shop.connection(), sink=SINK)}
    key = "k" * 100_000
    answer = api.http.post("/api/v1/workflows", json=changed(definition, f"{path}.{key}" if path else key, 1))
    assert answer.status_code == 422
    [problem] = answer.json()["problems"]
    assert "is not a known key" in problem["message"]
    assert problem["path"].endswith("kkk…")
    assert len(answer.text) < 1000


def test_a_name_is_taken_once(api: Api, name: str, shop: Source) -> None:
    config = config_of(shop.connection(), sink=SINK)
    api.create(name, config)
    again = api.http.post("/api/v1/workflows", json={"name": name, "config": config, "description": "another"})
    assert (again.status_code, name in again.json()["detail"]) == (409, True)
    assert api.get(f"/workflows/{name}")["description"] == ""


def test_bodies_that_cannot_be_read(api: Api) -> None:
    def post(content: bytes, kind: str) -> httpx.Response:
        return api.http.post("/api/v1/workflows", content=content, headers={"Content-Type": kind})

    broken = post(b"name: [}", "application/yaml")
    assert (broken.status_code, "broken YAML at line 1" in broken.json()["detail"]) == (400, True)
    assert post(b"{", "application/json").status_code == 400
    assert post(b"<a/>", "application/xml").status_code == 415
    large = post(json.dumps({"name": "x" * 50_000_000}).encode(), "application/json")
    assert (large.status_code, "larger than" in large.json()["detail"]) == (413, True)


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/runs/11111111-1111-1111-1111-111111111111"),
        ("POST", "/runs/11111111-1111-1111-1111-111111111111/cancel"),
        ("POST", "/workflows/not-there/runs"),
        ("POST", "/workflows/not-there/pause"),
        ("DELETE", "/workflows/not-there"),
        ("GET", "/not-there"),
    ],
)
def test_what_is_not_there_is_404(api: Api, method: str, path: str) -> None:
    answer = api.http.request(method, f"/api/v1{path}")
    assert answer.status_code == 404
    assert answer.headers["content-type"] == "application/problem+json"


def test_a_connection_can_be_tested_step_by_step(api: Api, name: str, shop: Source) -> None:
    api.create(name, config_of(shop.connection(), sink=SINK))
    good = api.post(f"/workflows/{name}/check")
    assert (good["passed"], {step["status"] for step in good["steps"] if step["mandatory"]}) == (True, {"passed"})
    wrong = shop.connection(authType={"password": "not-the-password"})
    bad = api.post("/connectors/postgres/check", {"connection": wrong})
    assert bad["passed"] is False
    failed = next(step for step in bad["steps"] if step["status"] == "failed")
    assert "password authentication failed" in failed["message"]
    assert failed["advice"] == "correct username and authType.password"
