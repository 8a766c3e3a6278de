"""Whatever is sent, the service answers, and never with a 500."""

import json
from copy import deepcopy
from typing import Any, cast
from urllib.parse import quote

import httpx
import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydantic import JsonValue

from tests.integration.service.api.serving import create, definition_of, problem

HOSTILE = st.sampled_from(
    ["", "a\0b", "\ud800", "\U0001f600", "..", "%", "'; drop table runs", "**********", "secret:x", "1" * 400, "null"]
)
LEAVES = st.one_of(
    HOSTILE,
    st.none(),
    st.booleans(),
    st.integers(),
    st.sampled_from([2**31, 2**63, -(2**63), 10**400, 1e308, 5e-324, -0.0]),
    st.floats(allow_nan=False),
    st.text(max_size=20),
)
VALUES = st.recursive(
    LEAVES,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)
WORDS = st.one_of(
    HOSTILE,
    st.sampled_from(["shop", "postgres", "0", "-1", str(2**63), "2026-01-01T00:00:00Z", "9999-12-31T23:59:59-14:00"]),
    st.text(max_size=20),
)
FULL = definition_of(
    description="x",
    labels={"team": "data"},
    enabled=True,
    schedule={"cron": "0 2 * * *", "timezone": "Europe/Berlin", "start": "2026-01-01T00:00:00Z"},
    policy={"maxAttempts": 1, "overlap": "queue", "timeoutSeconds": None},
)
JSON = {"Content-Type": "application/json"}
SETTINGS = settings(
    max_examples=50, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)


def places(node: JsonValue, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    if not isinstance(node, dict):
        return [path]
    keyed = cast("dict[str, Any]", node)
    return [path, *(place for key, value in keyed.items() for place in places(value, (*path, key)))]


def replaced(document: dict[str, Any], path: tuple[Any, ...], value: Any) -> Any:
    if not path:
        return value
    changed = deepcopy(document)
    holder: Any = changed
    for key in path[:-1]:
        holder = holder[key]
    holder[path[-1]] = value
    return changed


MUTATED = st.builds(replaced, st.just(FULL), st.sampled_from(places(FULL)), VALUES)
BODIES = st.one_of(VALUES, MUTATED, st.dictionaries(st.sampled_from(sorted(FULL)), VALUES, max_size=3))


def assert_answered(response: httpx.Response) -> None:
    assert response.status_code < 500 or response.status_code == 503, response.text
    if response.status_code >= 400:
        problem(response, response.status_code)


Endpoint = tuple[str, str, dict[str, Any]]


@pytest.fixture
def endpoints(client: httpx.Client) -> list[Endpoint]:
    """Every endpoint but those that call a source or stream."""
    paths = client.get("/openapi.json").json()["paths"]
    return [
        (method, path, operation)
        for path, methods in paths.items()
        for method, operation in methods.items()
        if not path.endswith(("/check", "/events"))
    ]


@given(data=st.data())
@SETTINGS
def test_no_request_is_too_strange(client: httpx.Client, endpoints: list[Endpoint], data: st.DataObject) -> None:
    method, path, operation = data.draw(st.sampled_from(endpoints))
    query: dict[str, str] = {}
    headers: dict[str, str] = {}
    for parameter in operation.get("parameters", []):
        name = parameter["name"]
        if parameter["in"] == "path":
            value = data.draw(WORDS, name).encode("utf-8", "replace").decode()
            path = path.replace(f"{{{name}}}", quote(value, safe=""))
        elif data.draw(st.booleans(), f"{name}?"):
            value = data.draw(WORDS, name)
            if parameter["in"] == "query":
                query[name] = value.encode("utf-8", "replace").decode()
            elif value.isascii() and value.isprintable():
                headers[name] = value
    content = None
    if "requestBody" in operation:
        content = json.dumps(data.draw(BODIES, "body"))
        headers["Content-Type"] = data.draw(st.sampled_from(["application/json", "application/yaml", "text/plain"]))
    assert_answered(client.request(method.upper(), path, params=query, headers=headers, content=content))


@given(body=BODIES, as_yaml=st.booleans())
@SETTINGS
def test_no_definition_is_too_strange(client: httpx.Client, body: Any, as_yaml: bool) -> None:
    try:
        text = yaml.safe_dump(body) if as_yaml else json.dumps(body)
        content = text.encode()
    except (UnicodeEncodeError, ValueError):
        content = json.dumps(body).encode()
    kind = {"Content-Type": "application/yaml" if as_yaml else "application/json"}
    assert_answered(client.post("/api/v1/workflows/validate", content=content, headers=kind))
    stored = client.put("/api/v1/workflows/shop", content=content, headers=kind)
    assert_answered(stored)
    if stored.is_success:
        # What was stored can be read in every way.
        for path in ("", "/revisions", "/ticks"):
            assert client.get(f"/api/v1/workflows/shop{path}").status_code == 200


@given(change=BODIES, overrides=VALUES)
@SETTINGS
def test_no_change_is_too_strange(client: httpx.Client, change: Any, overrides: Any) -> None:
    if client.get("/api/v1/workflows/shop").status_code == 404:
        create(client)
    url = "/api/v1/workflows/shop"
    assert_answered(client.patch(url, content=json.dumps(change), headers=JSON))
    assert_answered(client.post(f"{url}/runs", content=json.dumps({"overrides": overrides}), headers=JSON))
    assert client.get("/api/v1/workflows/shop").status_code == 200


@given(content=st.binary(max_size=200), kind=st.sampled_from(["application/json", "application/yaml"]))
@SETTINGS
def test_no_bytes_are_too_strange(client: httpx.Client, content: bytes, kind: str) -> None:
    assert_answered(client.post("/api/v1/workflows", content=content, headers={"Content-Type": kind}))
