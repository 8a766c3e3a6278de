"""An OpenMetadata server that drives the service as it would Airflow, through the whole life of a pipeline."""

import uuid
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx
import pytest

from tests.acceptance.api import Api, Json, config_of
from tests.acceptance.catalogues import TOKEN, Catalogue
from tests.acceptance.processes import Replica
from tests.acceptance.sources import SERVICE, Source
from tests.eventually import eventually

PREFIXES = ("/pluginsv2/api/v2/openmetadata", "/api/v2/openmetadata", "/api/v1/openmetadata")
CREDENTIALS = ("openmetadata", "the-servers-password")
TASK = "ingestion_task"


class PipelineServiceClient:
    """Calls as the server's client does: finds the prefix, asks for a CSRF token before each change."""

    def __init__(self, url: str, auth: tuple[str, str] | None = CREDENTIALS) -> None:
        self.http = httpx.Client(base_url=url, auth=auth, timeout=30, trust_env=False)
        self.prefix = ""

    def find(self) -> str:
        """The version that the first prefix tells that answers."""
        for prefix in PREFIXES:
            answer = self.http.get(f"{prefix}/health-auth")
            if answer.status_code == 200:
                self.prefix = prefix
                return answer.json()["version"]
        raise AssertionError

    def get(self, route: str, **query: Any) -> httpx.Response:
        return self.http.get(f"{self.prefix}{route}", params=query)

    def change(self, route: str, body: Json) -> httpx.Response:
        token = self.get("/csrf-token").json()["csrf_token"]
        assert token
        return self.http.post(f"{self.prefix}{route}", json=body, headers={"X-CSRFToken": token})

    def done(self, route: str, body: Json) -> str:
        answer = self.change(route, body)
        assert answer.status_code == 200, answer.text
        return answer.json()["message"]


@pytest.fixture
def server(service: Replica) -> Iterator[PipelineServiceClient]:
    client = PipelineServiceClient(service.url)
    with client.http:
        client.find()
        yield client


@pytest.fixture
def known(shop: Source, catalogue: Catalogue) -> Catalogue:
    """A server that knows the shop as one of its services."""
    connection = {"config": {"type": "Postgres", **shop.connection()}}
    catalogue.catalogue.put(
        "services/databaseServices", {"name": SERVICE, "serviceType": "Postgres", "connection": connection}
    )
    return catalogue


def server_of(catalogue: Catalogue) -> Json:
    """How the server says it is to be reached, with keys that only its own ingestion knows."""
    return {
        "clusterName": "openmetadata",
        "type": "OpenMetadata",
        "hostPort": catalogue.host_port,
        "authProvider": "openmetadata",
        "verifySSL": "no-ssl",
        "securityConfig": {"jwtToken": TOKEN},
        "secretsManagerProvider": "db",
        "secretsManagerLoader": "noop",
        "limitRecords": 1000,
        "supportsDataInsightExtraction": True,
    }


def pipeline(name: str, catalogue: Catalogue, schedule: str | None = None, **fields: Any) -> Json:
    """The body of a deployment, as the server sends it."""
    return {
        "id": str(uuid.uuid4()),
        "name": name,
        "displayName": name,
        "pipelineType": "metadata",
        "fullyQualifiedName": f"{SERVICE}.{name}",
        "sourceConfig": {"config": {"type": "DatabaseMetadata", "includeTables": True}},
        "openMetadataServerConnection": server_of(catalogue),
        "airflowConfig": {
            "pausePipeline": False,
            "concurrency": 1,
            "startDate": "2024-01-01T00:00:00.000000Z",
            "pipelineTimezone": "UTC",
            "retries": 0,
            "retryDelay": 300,
            "pipelineCatchup": False,
            "scheduleInterval": schedule,
            "maxActiveRuns": 1,
            "workflowDefaultView": "tree",
        },
        "service": {"id": str(uuid.uuid4()), "type": "databaseService", "name": SERVICE, "fullyQualifiedName": SERVICE},
        "loggerLevel": "INFO",
        "raiseOnError": True,
        "deployed": False,
        "enabled": True,
        "href": "http://somewhere",
        "owners": [],
        "provider": "user",
        **fields,
    }


def test_a_pipeline_is_deployed_and_run(
    server: PipelineServiceClient, api: Api, name: str, shop: Source, known: Catalogue
) -> None:
    dag = {"dag_id": name}
    assert server.done("/deploy", pipeline(name, known)) == f"Workflow [{name}] has been created"
    assert server.get("/status", dag_id=name, only_queued="true").json() == []
    known.hold()
    assert "has been triggered" in server.done("/trigger?run_id=mine", dag)
    known.wait_until_held()
    server.done("/trigger", {**dag, "conf": {"appConfigOverride": {"includeViews": False}}})
    [queued] = server.get("/status", dag_id=name, only_queued="true").json()
    assert queued["pipelineState"] == "queued"
    running = server.get("/status", dag_id=name).json()[1]
    assert (running["pipelineState"], running["endDate"]) == ("running", None)
    assert running["runId"] != "mine"
    log = eventually(lambda: _log(server, name), "the log of the running run")
    assert f"of workflow {name} begins" in log
    known.release()
    for run in (running, queued):
        api.until(run["runId"], "succeeded")
        told = known.api.pipelines.of(f"{SERVICE}.{name}", run["runId"])
        eventually(lambda told=told: told.states[-1:] == ["success"], "the server hears of the end under that id")
    assert known.names()["tables"] == shop.golden_names()["tables"]


def test_a_pipeline_is_a_workflow_that_changes_with_it(
    server: PipelineServiceClient, api: Api, name: str, known: Catalogue
) -> None:
    server.done("/deploy", pipeline(name, known, "0 3 * * *"))
    workflow = api.get(f"/workflows/{name}")
    assert (workflow["schedule"]["cron"], workflow["enabled"]) == ("0 3 * * *", True)
    assert "serviceConnection" not in workflow["config"]["source"]
    assert TOKEN not in str(workflow)
    for route, enabled in (("/disable", False), ("/enable", True)):
        server.done(route, {"dag_id": name})
        assert api.get(f"/workflows/{name}")["enabled"] is enabled
    redeployed = pipeline(name, known, "30 4 * * *", description="later")
    assert server.done("/deploy", redeployed) == f"Workflow [{name}] has been changed"
    assert api.get(f"/workflows/{name}")["revision"] == 2
    assert server.done("/deploy", redeployed) == f"Workflow [{name}] is as it was"


def test_a_pipeline_is_killed_and_deleted(server: PipelineServiceClient, api: Api, name: str, known: Catalogue) -> None:
    dag = {"dag_id": name}
    server.done("/deploy", pipeline(name, known))
    known.hold()
    server.done("/trigger", dag)
    known.wait_until_held()
    [killed] = server.get("/status", dag_id=name).json()
    server.done("/kill", dag)
    api.until(killed["runId"], "cancelled")
    assert server.get("/status", dag_id=name).json()[0]["pipelineState"] == "stopped"
    assert server.change("/kill", dag).status_code == 404
    deleted = server.http.delete(f"{server.prefix}/delete", params=dag)
    assert (deleted.status_code, api.http.get(f"/api/v1/workflows/{name}").status_code) == (200, 404)
    assert server.change("/enable", dag).status_code == 404


def _log(server: PipelineServiceClient, name: str) -> str | None:
    answer = server.get("/last_dag_logs", dag_id=name, task_id=TASK)
    text = answer.json().get(TASK, "")
    return text or None


def test_a_connection_is_tested_in_the_background_step_by_step(
    server: PipelineServiceClient, name: str, shop: Source, catalogue: Catalogue
) -> None:
    right = catalogue.api.automations.add(name, "Postgres", shop.connection())
    wrong = catalogue.api.automations.add(f"{name}-2", "Postgres", {**shop.connection(), "database": "no_such"})
    strange = catalogue.api.automations.add(f"{name}-3", "Nonesuch", {"hostPort": "localhost:1"})
    hidden = catalogue.api.automations.add(f"{name}-4", "Postgres", shop.connection(authType={"password": "*********"}))
    order = {
        "workflowType": "TEST_CONNECTION",
        "openMetadataServerConnection": server_of(catalogue),
    }
    for automation in (right, wrong, strange, hidden):
        message = server.done("/run_automation", {**order, "name": automation.entity["name"]})
        assert message.endswith("has been triggered.")
    for automation, end in ((right, "Successful"), (wrong, "Failed"), (strange, "Failed"), (hidden, "Failed")):
        eventually(
            lambda automation=automation: bool(automation.told) and automation.told[-1][0] != "Running", "an end"
        )
        assert automation.told[-1][0] == automation.told[-1][1]["status"] == end
        assert automation.told[0] == ("Running", {**automation.told[0][1], "steps": []})
    steps = right.told[-1][1]["steps"]
    assert steps[0] == {**steps[0], "name": "CheckAccess", "mandatory": True, "passed": True}
    assert [len(response["steps"]) for _, response in right.told] == [*range(len(steps) + 1), len(steps)]
    assert "no_such" in wrong.told[-1][1]["steps"][0]["message"]
    assert {step["status"] for step in steps} == {"Passed"}
    assert all(step["durationMs"] >= 0 for step in steps)
    [failed, *skipped] = wrong.told[-1][1]["steps"]
    assert (failed["status"], {step["status"] for step in skipped}) == ("Failed", {"Skipped"})
    assert {step["skipReason"] for step in skipped} == {"ConnectionNotEstablished"}
    assert "authType.password: OpenMetadata hides it" in hidden.told[-1][1]["steps"][0]["message"]
    assert "not a connector" in strange.told[-1][1]["steps"][0]["message"]


def test_a_connection_of_the_server_names_only_secrets_that_it_may(
    server: PipelineServiceClient, api: Api, name: str, shop: Source, known: Catalogue
) -> None:
    refused = "the secret 'in-the-environment' is none that a connection of the OpenMetadata server may name"
    order = {"workflowType": "TEST_CONNECTION", "openMetadataServerConnection": server_of(known)}
    server.done("/deploy", pipeline(name, known))
    for reference, state, end in (
        ("secret:in-the-environment", "failed", "Failed"),
        ("secret:openmetadata-service-shop", "succeeded", "Successful"),
    ):
        connection = {"type": "Postgres", **shop.connection(authType={"password": reference})}
        service = {"name": SERVICE, "serviceType": "Postgres", "connection": {"config": connection}}
        known.catalogue.put("services/databaseServices", service)
        run = api.ended(api.start(name))
        assert run["state"] == state, run
        assert (refused in str(run["error"])) == (state == "failed")
        automation = known.api.automations.add(f"{name}-{state}", "Postgres", connection)
        server.done("/run_automation", {**order, "name": automation.entity["name"]})
        eventually(lambda told=automation.told: bool(told) and told[-1][0] != "Running", "an end")
        assert automation.told[-1][0] == end
        assert (refused in str(automation.told[-1])) == (end == "Failed")


def test_an_older_server_is_told_of_a_step_only_what_it_knows(
    server: PipelineServiceClient, name: str, shop: Source
) -> None:
    with Catalogue(version="1.13.1") as old:
        automation = old.api.automations.add(name, "Postgres", shop.connection(hostPort="127.0.0.1:1"))
        order = {"workflowType": "TEST_CONNECTION", "openMetadataServerConnection": server_of(old), "name": name}
        server.done("/run_automation", order)
        eventually(lambda: bool(automation.told) and automation.told[-1][0] != "Running", "an end")
    steps = automation.told[-1][1]["steps"]
    assert set().union(*steps) == {"name", "mandatory", "passed", "message", "errorLog"}


def test_two_pipelines_of_one_name_do_not_take_each_others_place(
    server: PipelineServiceClient, api: Api, name: str, shop: Source, known: Catalogue
) -> None:
    server.done("/deploy", pipeline(name, known))
    other = server.change("/deploy", pipeline(name, known, fullyQualifiedName=f"elsewhere.{name}"))
    assert other.status_code == 409
    assert f"of the pipeline {SERVICE}.{name}" in other.json()["error"]
    api.create(f"{name}-own", config_of(shop.connection(), known))
    for route in ("/deploy", "/trigger", "/kill"):
        body = pipeline(f"{name}-own", known) if route == "/deploy" else {"dag_id": f"{name}-own"}
        assert server.change(route, body).status_code == (409 if route == "/deploy" else 404)


def test_of_two_pipelines_of_one_name_deployed_at_once_one_is_refused(
    server: PipelineServiceClient, api: Api, name: str, known: Catalogue
) -> None:
    def deploy(service: str) -> tuple[str, int]:
        own = pipeline(name, known, fullyQualifiedName=f"{service}.{name}")
        return service, server.change("/deploy", own).status_code

    with ThreadPoolExecutor(8) as threads:
        answers = Counter(threads.map(deploy, ["here", "there"] * 4))
    holder = api.get(f"/workflows/{name}")["config"]["ingestionPipelineFQN"].partition(".")[0]
    other = "there" if holder == "here" else "here"
    assert answers == {(holder, 200): 4, (other, 409): 4}


def test_a_pipeline_that_is_deleted_by_many_at_once_is_deleted_for_each(
    server: PipelineServiceClient, name: str, known: Catalogue
) -> None:
    server.done("/deploy", pipeline(name, known))
    with ThreadPoolExecutor(6) as threads:
        deleted = [
            threads.submit(server.http.delete, f"{server.prefix}/delete", params={"dag_id": name}) for _ in range(6)
        ]
    assert [each.result().status_code for each in deleted] == [200] * 6


@pytest.mark.parametrize(
    ("fields", "told"),
    [
        ({"pipelineType": "lineage"}, "pipelineType: 'lineage' is not supported"),
        ({"service": {"type": "databaseService", "name": "nowhere"}}, "no databaseService 'nowhere'"),
        ({"service": {"type": "../x", "name": "shop"}}, "service.type"),
        ({"sourceConfig": {"config": {"nonsense": 1}}}, "nonsense: is not a known key"),
        ({"airflowConfig": {"scheduleInterval": "99 * * * *"}}, "cron"),
        ({"fullyQualifiedName": None}, "fullyQualifiedName"),
        ({"openMetadataServerConnection": {"hostPort": "nonsense"}}, "openMetadataServerConnection.hostPort"),
    ],
)
def test_a_deployment_that_cannot_be_run_is_refused_by_name(
    server: PipelineServiceClient, name: str, known: Catalogue, fields: Json, told: str
) -> None:
    answer = server.change("/deploy", pipeline(name, known, **fields))
    assert answer.status_code == 400, answer.text
    assert told in answer.json()["error"]
    assert server.change("/enable", {"dag_id": name}).status_code == 404, "nothing was stored"


def test_a_server_that_does_not_answer_is_told(server: PipelineServiceClient, name: str, known: Catalogue) -> None:
    away = server_of(known) | {"hostPort": "http://127.0.0.1:1/api"}
    answer = server.change("/deploy", pipeline(name, known, openMetadataServerConnection=away))
    assert (answer.status_code, "is not available" in answer.json()["error"]) == (424, True), answer.text


@pytest.mark.parametrize("auth", [None, ("openmetadata", "wrong"), ("other", CREDENTIALS[1]), ("", "")])
def test_nothing_is_done_for_others(service: Replica, auth: tuple[str, str] | None) -> None:
    client = PipelineServiceClient(service.url, auth)
    client.prefix = PREFIXES[0]
    with client.http:
        answers = [
            client.get("/health-auth"),
            client.get("/csrf-token"),
            client.get("/ip"),
            client.get("/status", dag_id="x"),
            client.get("/last_dag_logs", dag_id="x", task_id=TASK),
            client.http.delete(f"{client.prefix}/delete", params={"dag_id": "x"}),
            *(
                client.http.post(f"{client.prefix}/{route}", json={"dag_id": "x"})
                for route in ("deploy", "trigger", "enable", "disable", "kill", "run_automation", "run_application")
            ),
        ]
    assert {answer.status_code for answer in answers} == {401}
    assert all("HEADWATER_OPENMETADATA_PASSWORD" in answer.json()["error"] for answer in answers)
    assert {answer.headers["www-authenticate"] for answer in answers} == {'Basic realm="headwater"'}
