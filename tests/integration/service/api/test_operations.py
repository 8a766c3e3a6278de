"""Probes, metrics, and the document of the API."""

from collections.abc import Iterator
from typing import Any, cast

import httpx
import msgspec
import pytest
from jsonschema import Draft202012Validator, validate
from prometheus_client.parser import text_string_to_metric_families

from service.api import examples
from service.api.dependencies import Readiness, Services
from service.api.router import build_api
from service.metrics import StoreFigures
from service.runs import repository as runs
from service.settings import Settings
from tests.integration.service.api.serving import create, serving, start
from tests.plain_http import NO_TLS

EXTERNAL = ("http://", "https://", "//")
METHODS = {
    "/api/v1/workflows": {"get", "post"},
    "/api/v1/workflows/{name}": {"get", "put", "patch", "delete"},
    "/api/v1/workflows/validate": {"post"},
    "/api/v1/workflows/{name}/revisions": {"get"},
    "/api/v1/workflows/{name}/rollback": {"post"},
    "/api/v1/workflows/{name}/pause": {"post"},
    "/api/v1/workflows/{name}/resume": {"post"},
    "/api/v1/workflows/{name}/ticks": {"get"},
    "/api/v1/workflows/{name}/runs": {"post"},
    "/api/v1/workflows/{name}/backfill": {"post"},
    "/api/v1/workflows/{name}/check": {"post"},
    "/api/v1/runs": {"get"},
    "/api/v1/runs/{run}": {"get"},
    "/api/v1/runs/{run}/logs": {"get"},
    "/api/v1/runs/{run}/failures": {"get"},
    "/api/v1/runs/{run}/attempts": {"get"},
    "/api/v1/runs/{run}/events": {"get"},
    "/api/v1/runs/{run}/cancel": {"post"},
    "/api/v1/runs/{run}/retry": {"post"},
    "/api/v1/connectors": {"get"},
    "/api/v1/connectors/{name}": {"get"},
    "/api/v1/connectors/{name}/check": {"post"},
    "/api/v1/secrets": {"get"},
    "/api/v1/secrets/{name}": {"put", "delete"},
    "/api/v1/keys": {"get", "post"},
    "/api/v1/keys/{prefix}": {"get", "patch", "delete"},
    "/api/v1/audit": {"get"},
    "/health/live": {"get"},
    "/health/ready": {"get"},
    "/metrics": {"get"},
}


@pytest.fixture
def document(client: httpx.Client) -> dict[str, Any]:
    """The OpenAPI document."""
    return client.get("/openapi.json").raise_for_status().json()


def operations(document: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            yield f"{method} {path}", operation


def samples(client: httpx.Client) -> dict[tuple[str, frozenset[tuple[str, str]]], float]:
    response = client.get("/metrics")
    assert response.headers["content-type"].startswith("text/plain; version=0.0.4")
    return {
        (sample.name, frozenset(sample.labels.items())): sample.value
        for family in text_string_to_metric_families(response.text)
        for sample in family.samples
    }


def test_a_ready_replica_says_so(client: httpx.Client) -> None:
    assert client.get("/health/live").json() == {"status": "ok"}
    ready = client.get("/health/ready")
    assert ready.status_code == 200
    assert ready.json() == {"status": "ok", "components": [{"component": "database", "ok": True, "message": ""}]}


def test_a_part_that_fails_is_named(services: Services) -> None:
    parts = [Readiness("database", ok=True), Readiness("worker", ok=False, message="its leases cannot be renewed")]
    with serving(build_api(msgspec.structs.replace(services, ready=lambda: parts))) as address:
        response = httpx.get(f"{address}/health/ready", verify=NO_TLS)
        assert httpx.get(f"{address}/health/live", verify=NO_TLS).status_code == 200
    assert (response.status_code, response.json()["status"]) == (503, "unavailable")
    assert response.json()["components"][1]["message"] == "its leases cannot be renewed"


def test_requests_are_measured_by_route_and_not_by_path(client: httpx.Client) -> None:
    create(client)
    for path in ("/api/v1/workflows/shop", "/api/v1/workflows/nope", "/nope/1", "/nope/2"):
        client.get(path)
    client.request("BREW", "/nope")
    found = samples(client)

    def count(**labels: str) -> float | None:
        return found.get(("headwater_http_request_seconds_count", frozenset(labels.items())))

    assert count(route="/api/v1/workflows/{name}", method="GET", status="200") == 1
    assert count(route="/api/v1/workflows/{name}", method="GET", status="404") == 1
    assert count(route="/api/v1/workflows", method="POST", status="201") == 1
    assert count(route="unmatched", method="GET", status="404") == 2
    assert count(route="unmatched", method="other", status="404") == 1


def test_the_store_is_asked_for_its_figures(client: httpx.Client, services: Services) -> None:
    def figures() -> StoreFigures:
        with services.database.session() as session:
            return StoreFigures(
                {str(state): count for state, count in runs.count_by_state(session).items()},
                last_success=runs.last_successes(session),
            )

    services.metrics.watch_store(figures)
    create(client)
    start(client)
    found = samples(client)
    assert found["headwater_runs", frozenset({("state", "queued")})] == 1
    assert found["headwater_runs", frozenset({("state", "running")})] == 0


def test_every_endpoint_is_in_the_document(document: dict[str, Any]) -> None:
    assert {path: set(methods) for path, methods in document["paths"].items()} == METHODS


def test_every_endpoint_is_described(document: dict[str, Any]) -> None:
    known = {tag["name"] for tag in document["tags"]}
    for name, operation in operations(document):
        assert operation["summary"], name
        assert operation["description"], name
        assert set(operation["tags"]) <= known, name
        assert {"404", "422", "503"} <= set(operation["responses"]), name
    identifiers = [operation["operationId"] for _, operation in operations(document)]
    assert len(set(identifiers)) == len(identifiers)


def test_errors_are_documented_as_problems(document: dict[str, Any]) -> None:
    for name, operation in operations(document):
        for status, response in operation["responses"].items():
            if int(status) >= 400:
                (media,) = response["content"]
                ready = (name, status) == ("get /health/ready", "503")
                assert media == ("application/json" if ready else "application/problem+json"), name


def test_bodies_are_documented_with_examples_that_fit(document: dict[str, Any]) -> None:
    for name, operation in operations(document):
        body = operation.get("requestBody")
        if body is not None:
            assert set(body["content"]) == {"application/json", "application/yaml"}, name
    for name, example in (("WorkflowCreate", examples.SHOP), ("RunRead", examples.RUN)):
        assert document["components"]["schemas"][name]["examples"] == [example]
        schema = {"$ref": f"#/components/schemas/{name}", "components": document["components"]}
        validate(example, schema, Draft202012Validator)


def test_every_reference_of_the_document_leads_somewhere(document: dict[str, Any]) -> None:
    def references(node: object) -> Iterator[str]:
        inside: list[object] = []
        if isinstance(node, dict):
            keyed = cast("dict[str, object]", node)
            yield from (str(value) for key, value in keyed.items() if key == "$ref")
            inside = list(keyed.values())
        elif isinstance(node, list):
            inside = cast("list[object]", node)
        for item in inside:
            yield from references(item)

    schemas = document["components"]["schemas"]
    assert {reference.removeprefix("#/components/schemas/") for reference in references(document)} <= set(schemas)


def test_the_page_needs_nothing_from_elsewhere(client: httpx.Client) -> None:
    page = client.get("/docs")
    assert page.headers["content-type"].startswith("text/html")
    assert "openapi.json" in page.text
    assert not any(f'"{start}' in page.text for start in EXTERNAL)


def test_without_its_role_the_api_has_probes_and_metrics_only(services: Services) -> None:
    worker = msgspec.structs.replace(services, settings=Settings(roles=("timer", "worker")))
    with serving(build_api(worker)) as url, httpx.Client(base_url=url, timeout=60, verify=NO_TLS) as client:
        assert [client.get(path).status_code for path in ("/health/live", "/health/ready", "/metrics")] == [200] * 3
        assert {client.get(path).status_code for path in ("/api/v1/workflows", "/docs", "/openapi.json")} == {404}
