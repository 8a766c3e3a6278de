"""Each operation of the OpenAPI document against no key, wrong keys and each role."""

import re
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from service.access.roles import Role
from tests.integration.service.api.keyed import Keyed, keyed, migrated
from tests.integration.service.api.serving import definition_of, problem
from tests.plain_http import NO_TLS
from tests.postgres import Server

# Said here once more, so that a route that asks for too little is seen.
OPERATOR = {
    "post /api/v1/workflows/validate",
    "post /api/v1/workflows/{name}/pause",
    "post /api/v1/workflows/{name}/resume",
    "post /api/v1/workflows/{name}/runs",
    "post /api/v1/workflows/{name}/backfill",
    "post /api/v1/workflows/{name}/check",
    "post /api/v1/connectors/{name}/check",
    "post /api/v1/runs/{run}/cancel",
    "post /api/v1/runs/{run}/retry",
}
FOR_ADMINS = ("/api/v1/keys", "/api/v1/audit", "/api/v1/secrets")
OPEN = {"get /health/live", "get /health/ready", "get /metrics"}
UNKNOWN = "hw_00000000_" + "0" * 38


def role_for(operation: str) -> Role:
    method, path = operation.split()
    if operation in OPERATOR:
        return Role.OPERATOR
    return Role.VIEWER if method == "get" and not path.startswith(FOR_ADMINS) else Role.ADMIN


@pytest.fixture(scope="module")
def api(postgres_server: Server, migrated_template: str) -> Iterator[Keyed]:
    """An API that asks for keys; its tests change nothing that others read."""
    with migrated(postgres_server, migrated_template) as store, keyed(store) as api:
        yield api


@pytest.fixture(scope="module")
def document(api: Keyed) -> dict[str, Any]:
    """The OpenAPI document, which is open."""
    return api.call("GET", "/openapi.json").raise_for_status().json()


def operations(document: dict[str, Any]) -> list[str]:
    return [f"{method} {path}" for path, methods in document["paths"].items() for method in methods]


def address_of(path: str) -> str:
    path = path.replace("{run}", "00000000-0000-4000-8000-000000000000")
    return re.sub(r"\{\w+\}", "hw_00000000" if "/keys/" in path else "nobody", path)


def assert_unauthenticated(answer: httpx.Response, operation: str) -> None:
    assert answer.status_code == 401, operation
    assert answer.headers["www-authenticate"] == 'Bearer realm="headwater"', operation
    problem(answer, 401)


def test_each_operation_refuses_who_has_no_key_or_a_wrong_one(api: Keyed, document: dict[str, Any]) -> None:
    guarded = [operation for operation in operations(document) if operation not in OPEN]
    assert len(guarded) > 25
    for operation in guarded:
        method, path = operation.split()
        assert_unauthenticated(api.call(method, address_of(path)), operation)
        assert_unauthenticated(api.call(method, address_of(path), UNKNOWN), operation)


def test_each_operation_refuses_lesser_roles_before_it_reads_a_body(api: Keyed, document: dict[str, Any]) -> None:
    for operation in operations(document):
        method, path = operation.split()
        if operation in OPEN:
            assert api.call(method, path).status_code == 200
            continue
        for role in Role:
            answer = api.as_role(role, method, address_of(path), content=b"{", headers={"Content-Type": "text/odd"})
            if role.includes(role_for(operation)):
                assert answer.status_code not in {401, 403}, (operation, role)
            else:
                assert f"needs the role {role_for(operation)}" in problem(answer, 403)["detail"], (operation, role)


def test_the_document_says_which_role_each_operation_needs(document: dict[str, Any]) -> None:
    for path, methods in document["paths"].items():
        for method, described in methods.items():
            name = f"{method} {path}"
            said = (described.get("x-required-role"), described.get("security"))
            assert said == ((None, None) if name in OPEN else (role_for(name).value, [{"apiKey": []}])), name
            assert {"401", "403", "429"} <= set(described["responses"]), name
    assert document["components"]["securitySchemes"] == {"apiKey": {"type": "http", "scheme": "bearer"}}


@pytest.mark.parametrize(
    "path",
    ["/", "/nope", "/api", "/api/v1", "/api/v1/", "/health", "/health/live/", "/docs/", "/openapi.json/..",
     "//health/live", "/metrics/../api/v1/workflows", "/api/v1/openmetadataX", "/health/live%2f..%2f..%2fapi/v1/runs"],
)  # fmt: skip
def test_what_is_not_named_as_open_is_closed(api: Keyed, path: str) -> None:
    assert api.call("GET", path).status_code == 401


def test_the_contract_of_an_openmetadata_server_takes_no_api_key(api: Keyed) -> None:
    answer = api.as_role(Role.ADMIN, "GET", "/api/v1/openmetadata/health-auth")
    assert (answer.status_code, list(answer.json())) == (403, ["error"])
    for path in ("/api/v1/openmetadata/../workflows", "/api/v1/openmetadata/%2e%2e/workflows"):
        answer = httpx.get(api.address + path.replace("../", "%2e%2e/"), trust_env=False, verify=NO_TLS)
        assert answer.status_code in {401, 404}


def test_metrics_may_want_a_key(api: Keyed) -> None:
    with keyed(api.store, metrics_auth="keys") as closed:
        assert_unauthenticated(closed.call("GET", "/metrics"), "metrics")
        assert closed.as_role(Role.VIEWER, "GET", "/metrics").status_code == 200
        assert closed.call("GET", "/health/ready").status_code == 200


class TestOperators:
    def test_they_override_what_sends_no_secret_elsewhere(self, api: Keyed) -> None:
        api.as_admin(
            "PUT", "/api/v1/workflows/mine", json=definition_of("mine", policy={"overlap": "queue"})
        ).raise_for_status()
        harmless = {"source": {"sourceConfig": {"config": {"threads": 2}}}}
        for overrides, status in (
            ({}, 202),
            (harmless, 202),
            ({"source": {"serviceConnection": {"config": {"hostPort": "evil:5432"}}}}, 403),
            ({**harmless, "sink": {"type": "file"}}, 403),
            ({"source": None}, 403),
        ):
            url = "/api/v1/workflows/mine/runs"
            answer = api.as_role(Role.OPERATOR, "POST", url, json={"overrides": overrides})
            assert answer.status_code == status, (overrides, answer.text)

    def test_they_override_no_connection_that_stands_among_the_options(self, api: Keyed) -> None:
        places = {"dbtConfigType": "http", "dbtManifestHttpPath": "http://a/m", "dbtHttpHeaders": {"X": "secret:a"}}
        options = {"config": {"dbtConfigSource": places}}
        config = {
            "source": {"type": "dbt", "serviceName": "shop", "sourceConfig": options},
            "sink": {"type": "file", "config": {"filename": "x.jsonl"}},
        }
        api.as_admin("PUT", "/api/v1/workflows/dbt", json={"name": "dbt", "config": config}).raise_for_status()
        elsewhere = {"dbtConfigSource": {"dbtManifestHttpPath": "http://evil/m"}}
        for config, status in ((elsewhere, 403), ({"threads": 2}, 202)):
            overrides = {"source": {"sourceConfig": {"config": config}}}
            answer = api.as_role(Role.OPERATOR, "POST", "/api/v1/workflows/dbt/runs", json={"overrides": overrides})
            assert answer.status_code == status, answer.text

    def test_they_test_no_connection_with_stored_secrets(self, api: Keyed) -> None:
        connection = {"type": "Postgres", "hostPort": "evil:1", "authType": {"password": "secret:shop-pg"}}
        url = "/api/v1/connectors/postgres/check"
        answer = api.as_role(Role.OPERATOR, "POST", url, json={"connection": connection})
        assert "without secret:<name>" in problem(answer, 403)["detail"]


def test_without_keys_no_page_of_another_site_may_change_anything(api: Keyed) -> None:
    with keyed(api.store, auth="none") as unasked:
        url, foreign = "/api/v1/runs/00000000-0000-4000-8000-000000000000/cancel", {"Sec-Fetch-Site": "cross-site"}
        assert "another site" in problem(unasked.call("POST", url, headers=foreign), 403)["detail"]
        assert unasked.call("POST", url, headers={"Sec-Fetch-Site": "same-origin"}).status_code == 404
        assert unasked.call("GET", "/api/v1/runs").status_code == 200
        assert (
            "another site" in problem(unasked.call("POST", url, headers={"Sec-Fetch-Site": "same-site"}), 403)["detail"]
        )
        for origin in ("http://evil.example", "null", "http://127.0.0.1:1"):
            assert "another site" in problem(unasked.call("POST", url, headers={"Origin": origin}), 403)["detail"]
        assert unasked.call("POST", url, headers={"Origin": unasked.address}).status_code == 404
        pointed = {"Host": "evil.example:8080", "Sec-Fetch-Site": "same-origin"}
        assert "another name" in problem(unasked.call("GET", "/api/v1/runs", headers=pointed), 403)["detail"]
        assert unasked.call("GET", "/api/v1/runs", headers={"Host": "localhost:8080"}).status_code == 200
