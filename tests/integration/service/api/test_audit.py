"""Every change leaves a row that says who, what and when, and no secret."""

import json
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from service.access.roles import Role
from tests.integration.service.api.keyed import Keyed, keyed, migrated
from tests.integration.service.api.serving import definition_of, problem
from tests.plain_http import NO_TLS
from tests.postgres import Server

AUDIT = "/api/v1/audit"
WORKFLOWS = "/api/v1/workflows"
CONTRACT = {"openmetadata_username": "om", "openmetadata_password": "the-servers-password"}


@pytest.fixture(scope="module")
def api(postgres_server: Server, migrated_template: str) -> Iterator[Keyed]:
    """An API that asks for keys; each test looks at resources of its own."""
    with migrated(postgres_server, migrated_template) as store, keyed(store, **CONTRACT) as api:
        yield api


def audited(api: Keyed, **which: Any) -> list[dict[str, Any]]:
    """The changes that match, the first one first."""
    answer = api.as_admin("GET", AUDIT, params=which)
    assert answer.status_code == 200, answer.text
    return list(reversed(answer.json()["data"]))


def done(answer: httpx.Response) -> httpx.Response:
    assert answer.is_success, answer.text
    return answer


def test_changes_of_a_workflow_are_noted_with_what_differs(api: Keyed) -> None:
    url = f"{WORKFLOWS}/noted"
    headers = {"X-Request-ID": "the-request"}
    done(api.as_role(Role.ADMIN, "POST", WORKFLOWS, json=definition_of("noted"), headers=headers))
    done(api.as_admin("PUT", url, json=definition_of("noted")))  # changes nothing
    done(api.as_admin("PUT", url, json=definition_of("noted", description="new")))
    done(api.as_admin("PATCH", url, json={"labels": {"team": "data"}}))
    done(api.as_role(Role.OPERATOR, "POST", f"{url}/pause"))
    done(api.as_role(Role.OPERATOR, "POST", f"{url}/pause"))  # is paused
    done(api.as_role(Role.OPERATOR, "POST", f"{url}/resume"))
    done(api.as_admin("POST", f"{url}/rollback", json={"revision": 1}))
    done(api.as_admin("DELETE", url))
    rows = audited(api, resource="workflows/noted")
    assert [row["action"].removeprefix("workflow.") for row in rows] == [
        "create", "apply", "patch", "pause", "resume", "rollback", "delete",
    ]  # fmt: skip
    created, applied, patched, paused, *_, deleted = rows
    assert (created["actor"], created["via"], created["address"]) == ("admin", "api", "127.0.0.1")
    assert created["keyPrefix"] == api.keys[Role.ADMIN][:11]
    assert (created["requestId"], created["before"], created["after"]["name"]) == ("the-request", None, "noted")
    assert (applied["actor"], applied["keyPrefix"]) == ("HEADWATER_ADMIN_KEY", None)
    assert (applied["before"]["description"], applied["after"]["description"]) == ("", "new")
    assert "config" not in applied["before"]
    assert patched["after"]["labels"] == {"team": "data"}
    assert (paused["actor"], paused["before"], paused["after"]) == ("operator", {"enabled": True}, {"enabled": False})
    assert (deleted["before"]["name"], deleted["after"]) == ("noted", None)
    assert "hunter2" not in json.dumps(rows)


def test_what_was_refused_or_rolled_back_is_not_noted(api: Keyed) -> None:
    wrong = definition_of("refused", schedule={"cron": "never"})
    problem(api.as_admin("PUT", f"{WORKFLOWS}/refused", json=wrong), 422)
    problem(api.as_role(Role.VIEWER, "PUT", f"{WORKFLOWS}/refused", json=definition_of("refused")), 403)
    problem(api.as_admin("DELETE", f"{WORKFLOWS}/refused"), 404)
    assert audited(api, resource="workflows/refused") == []


def test_runs_are_noted_once(api: Keyed) -> None:
    definition = definition_of("ran", policy={"overlap": "queue"}, schedule={"cron": "0 0 * * *"})
    done(api.as_admin("PUT", f"{WORKFLOWS}/ran", json=definition))
    key = {"Idempotency-Key": "once"}
    run = done(api.as_role(Role.OPERATOR, "POST", f"{WORKFLOWS}/ran/runs", headers=key)).json()["id"]
    assert done(api.as_role(Role.OPERATOR, "POST", f"{WORKFLOWS}/ran/runs", headers=key)).json()["id"] == run
    done(api.as_role(Role.OPERATOR, "POST", f"/api/v1/runs/{run}/cancel"))
    again = done(api.as_role(Role.OPERATOR, "POST", f"/api/v1/runs/{run}/retry")).json()["id"]
    rows = audited(api, resource=f"runs/{run}")
    assert [row["action"] for row in rows] == ["run.start", "run.cancel"]
    assert (rows[0]["actor"], rows[0]["after"]["workflow"]) == ("operator", "ran")
    assert (rows[1]["before"]["state"], rows[1]["after"]["state"]) == ("queued", "cancelled")
    [retried] = audited(api, resource=f"runs/{again}")
    assert (retried["action"], retried["after"]["retryOf"]) == ("run.retry", run)
    span = {"from": "2026-11-01T00:00:00Z", "to": "2026-11-02T00:00:00Z"}
    made = done(api.as_role(Role.OPERATOR, "POST", f"{WORKFLOWS}/ran/backfill", json=span)).json()["runs"]
    [filled] = audited(api, resource="workflows/ran", action="run.backfill")
    assert filled["after"]["runs"] == made


def test_secrets_are_noted_by_name_only(api: Keyed) -> None:
    for value in ("the-first-value", "the-second-value"):
        done(api.as_admin("PUT", "/api/v1/secrets/noted-pw", json={"value": value}))
    done(api.as_admin("DELETE", "/api/v1/secrets/noted-pw"))
    rows = audited(api, resource="secrets/noted-pw")
    assert [row["action"] for row in rows] == ["secret.put", "secret.put", "secret.delete"]
    assert (rows[0]["before"], rows[0]["after"]) == (None, {"name": "noted-pw"})
    assert "value" not in json.dumps(rows)


def test_what_an_openmetadata_server_changes_is_noted_as_its_own(api: Keyed) -> None:
    config = definition_of("driven")["config"] | {"ingestionPipelineFQN": "shop.driven"}
    done(api.as_admin("PUT", f"{WORKFLOWS}/driven", json=definition_of("driven", config=config)))
    base = "/api/v1/openmetadata"

    def call(method: str, path: str, **arguments: Any) -> None:
        url = f"{api.address}{base}{path}"
        done(
            httpx.request(method, url, auth=("om", "the-servers-password"), trust_env=False, verify=NO_TLS, **arguments)
        )

    for path in ("/disable", "/enable", "/trigger", "/kill"):
        call("POST", path, json={"dag_id": "driven"})
    call("DELETE", "/delete", params={"dag_id": "driven"})
    rows = audited(api, actor="om")
    assert [row["action"] for row in rows] == [
        "workflow.pause", "workflow.resume", "run.start", "run.cancel", "workflow.delete",
    ]  # fmt: skip
    assert {(row["via"], row["keyPrefix"], row["address"]) for row in rows} == {("openmetadata", None, "127.0.0.1")}
    assert "the-servers-password" not in json.dumps(rows)


def test_an_openmetadata_server_redirects_no_connection_that_stands_among_the_options(api: Keyed) -> None:
    place = {"dbtConfigType": "http", "dbtManifestHttpPath": "http://dbt.test/m", "dbtHttpHeaders": {"X": "secret:dbt"}}
    source = {
        "type": "dbt",
        "serviceName": "shop",
        "sourceConfig": {"config": {"type": "DBT", "dbtConfigSource": place}},
    }
    server = {"hostPort": "http://127.0.0.1:1/api", "authProvider": "no-auth"}
    config: dict[str, Any] = {
        "source": source,
        "sink": {"type": "metadata-rest", "config": {}},
        "workflowConfig": {"openMetadataServerConfig": server},
        "ingestionPipelineFQN": "shop.redirected",
    }
    done(api.as_admin("PUT", f"{WORKFLOWS}/redirected", json={"name": "redirected", "config": config}))
    override = {"dbtConfigSource": {"dbtManifestHttpPath": "http://elsewhere.test/m"}}
    body = {"dag_id": "redirected", "conf": {"appConfigOverride": override}}
    url = f"{api.address}/api/v1/openmetadata/trigger"
    answer = httpx.post(url, auth=("om", "the-servers-password"), json=body, trust_env=False, verify=NO_TLS)
    assert answer.status_code == 400, answer.text
    assert "may not hold dbtConfigSource" in answer.text
    assert api.as_admin("GET", "/api/v1/runs", params={"workflow": "redirected"}).json()["data"] == []


def test_the_record_is_paged_and_filtered(api: Keyed) -> None:
    for number in range(5):
        done(api.as_admin("PUT", f"/api/v1/secrets/page-{number}", json={"value": "x"}))
    done(api.as_admin("PUT", "/api/v1/secrets/page", json={"value": "x"}))
    whole = audited(api, resource="secrets", action="secret.put", limit=500)
    paged: list[dict[str, Any]] = []
    cursor: str | None = None
    while True:
        which = {"resource": "secrets", "action": "secret.put", "limit": 2} | ({"cursor": cursor} if cursor else {})
        page = api.as_admin("GET", AUDIT, params=which).json()
        paged += page["data"]
        cursor = page["nextCursor"]
        if cursor is None:
            break
    assert paged == whole[::-1]
    assert len(audited(api, resource="secrets/page")) == 1
    middle = whole[2]["at"]
    assert [row["id"] for row in audited(api, resource="secrets", since=middle, until=middle)] == []
    assert {row["at"] < middle for row in audited(api, resource="secrets", until=middle)} == {True}
    assert audited(api, keyPrefix="hw_none") == []
    assert audited(api, requestId=whole[0]["requestId"]) == whole[:1]
    for which in ({"actor": "a\0b"}, {"cursor": "x"}, {"since": "yesterday"}, {"who": "x"}):
        problem(api.as_admin("GET", AUDIT, params=which), 422)
