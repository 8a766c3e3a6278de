"""A dbt project through the whole service, the command line, and an OpenMetadata server that deploys it."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from tests.acceptance.api import Api, Json
from tests.acceptance.catalogues import TOKEN, Catalogue
from tests.acceptance.processes import Replica, headwater
from tests.acceptance.test_pipeline_service import PipelineServiceClient, pipeline
from tests.answering import Answering, Status
from tests.dbt_artefacts import GOLDEN, KEYS, SERVICE, at_addresses, fill

SECRET = "the-artefacts-token"
ORDERS = f"{SERVICE}.shop.main.orders"
YAML = """
source:
  type: dbt
  serviceName: duck
  sourceConfig:
    config:
      type: DBT
      dbtConfigSource:
        dbtConfigType: local
        dbtCatalogFilePath: $TARGET/catalog.json
        dbtManifestFilePath: $TARGET/manifest.json
        dbtRunResultsFilePath: $TARGET/run_results.json
        dbtSourcesFilePath: $TARGET/sources.json
      dbtUpdateDescriptions: true
      dbtUpdateOwners: true
      includeTags: true
      dbtClassificationName: dbtTags
      searchAcrossDatabases: false
      overrideLineage: false
      parsingTimeoutLimit: 300
sink:
  type: metadata-rest
  config: {}
workflowConfig:
  loggerLevel: INFO
  openMetadataServerConfig:
    hostPort: %s
    authProvider: openmetadata
    securityConfig: {jwtToken: %s}
"""


@pytest.fixture
def artefacts() -> Iterator[Answering]:
    """A server that has the artefacts of a project."""
    files = {f"GET /target/{name}.json": Status(200, (GOLDEN / f"{name}.json").read_bytes()) for name in KEYS}
    with Answering(files) as running:
        yield running


@pytest.fixture
def server(service: Replica) -> Iterator[PipelineServiceClient]:
    """An OpenMetadata server that drives the service."""
    client = PipelineServiceClient(service.url)
    with client.http:
        client.find()
        yield client


def options_of(server: Answering, header: str = f"Bearer {SECRET}") -> Json:
    return {"type": "DBT", "dbtConfigSource": at_addresses(server.address, dbtHttpHeaders={"Authorization": header})}


def config_of(options: Json, catalogue: Catalogue) -> Json:
    server = {"hostPort": catalogue.host_port, "securityConfig": {"jwtToken": TOKEN}}
    return {
        "source": {"type": "dbt", "serviceName": SERVICE, "sourceConfig": {"config": options}},
        "sink": {"type": "metadata-rest", "config": {}},
        "workflowConfig": {"openMetadataServerConfig": server},
    }


def test_a_project_is_checked_and_run(api: Api, name: str, catalogue: Catalogue, artefacts: Answering) -> None:
    fill(catalogue)
    created = api.create(name, config_of(options_of(artefacts), catalogue))
    assert SECRET not in str(created)
    assert SECRET not in str(api.get(f"/workflows/{name}"))
    checked = api.post(f"/workflows/{name}/check")
    assert [(step["status"], step["name"]) for step in checked["steps"]][-1] == ("passed", "CheckService")
    assert checked["passed"] is True
    assert checked["steps"][-1]["message"] == "duck is of the type CustomDatabase"
    run = api.until(api.start(name), "succeeded")
    assert run["counts"]["byType"]["dataModel"] == {"written": 6}
    assert catalogue.entities("tables")[ORDERS]["dataModel"]["modelType"] == "DBT"
    assert (len(catalogue.catalogue.edges), len(catalogue.api.quality.cases)) == (7, 9)
    again = api.until(api.start(name), "succeeded")
    assert again["counts"]["byType"]["dataModel"] == {"unchanged": 6}
    assert {asked.headers["authorization"] for asked in artefacts.asked} == {f"Bearer {SECRET}"}


def test_a_check_and_a_run_tell_what_is_missing(
    api: Api, name: str, catalogue: Catalogue, artefacts: Answering
) -> None:
    fill(catalogue)
    del artefacts.answers["GET /target/manifest.json"]
    api.create(name, config_of(options_of(artefacts), catalogue), policy={"maxAttempts": 1})
    first, *rest, last = api.post(f"/workflows/{name}/check")["steps"]
    assert (first["status"], {step["status"] for step in rest}) == ("failed", {"skipped"})
    assert last["status"] == "passed"
    assert "dbtConfigSource.dbtManifestHttpPath" in first["advice"]
    run = api.ended(api.start(name))
    assert (run["state"], "manifest.json" in run["error"]["detail"]) == ("failed", True)


def test_a_service_that_the_catalogue_lacks_ends_the_run(
    api: Api, name: str, catalogue: Catalogue, artefacts: Answering
) -> None:
    api.create(name, config_of(options_of(artefacts), catalogue))
    checked = api.post(f"/workflows/{name}/check")
    told = "OpenMetadata has no databaseService 'duck'"
    assert (checked["passed"], told in checked["steps"][-1]["message"]) == (False, True)
    run = api.ended(api.start(name))
    assert (run["state"], told in run["error"]["detail"]) == ("failed", True)
    assert "source.serviceName" in run["error"]["detail"]


def test_a_token_that_is_not_there_is_told_by_the_step_that_needs_it(
    api: Api, name: str, catalogue: Catalogue, artefacts: Answering
) -> None:
    config = config_of(options_of(artefacts), catalogue)
    config["workflowConfig"]["openMetadataServerConfig"]["securityConfig"]["jwtToken"] = "secret:nowhere"
    api.create(name, config)
    *artefact_steps, last = api.post(f"/workflows/{name}/check")["steps"]
    assert {step["status"] for step in artefact_steps} == {"passed"}
    assert (last["name"], last["status"]) == ("CheckService", "failed")
    assert "securityConfig.jwtToken: there is no secret 'nowhere'" in last["message"]


def test_a_connector_is_listed_with_where_its_artefacts_lie(api: Api) -> None:
    found = api.get("/connectors/dbt")
    assert "dbtManifestFilePath" in found["configSchema"]["properties"]
    assert "dbtUpdateOwners" in found["optionsSchema"]["properties"]
    assert found["installed"] is True


def test_files_outside_of_the_allowed_folders_are_refused(api: Api, name: str, catalogue: Catalogue) -> None:
    options = {"dbtConfigSource": {"dbtConfigType": "local", "dbtManifestFilePath": "/etc/passwd"}}
    answer = api.http.post("/api/v1/workflows", json={"name": name, "config": config_of(options, catalogue)})
    assert answer.status_code == 422
    assert "HEADWATER_SOURCE_DIRS" in answer.text
    assert "config.source.sourceConfig.config.dbtConfigSource" in answer.text


def test_a_usual_definition_is_validated_and_run_by_the_command_line(catalogue: Catalogue, tmp_path: Path) -> None:
    fill(catalogue)
    shutil.copytree(GOLDEN, tmp_path / "target")
    definition = tmp_path / "dbt.yaml"
    definition.write_text(YAML % (catalogue.host_port, TOKEN), encoding="utf-8")
    said = headwater("validate", definition, TARGET=str(tmp_path / "target"))
    assert (said.returncode, said.stdout.splitlines()[0]) == (0, f"{definition}: valid for dbt, service 'duck'")
    done = headwater("run", "-c", definition, TARGET=str(tmp_path / "target"))
    assert (done.returncode, done.stdout.splitlines()[-1]) == (0, "succeeded"), done.stderr
    [line] = [line.split() for line in done.stdout.splitlines() if line.startswith("dataModel ")]
    assert line[1] == "6"
    assert catalogue.entities("tables")[ORDERS]["description"] == "One row for each order."
    assert "serviceConnection" not in yaml.safe_load(definition.read_text(encoding="utf-8"))["source"]


def of_dbt(name: str, catalogue: Catalogue, options: Json) -> Json:
    service = {"id": "0" * 8, "type": "databaseService", "name": SERVICE, "fullyQualifiedName": SERVICE}
    return pipeline(
        name,
        catalogue,
        pipelineType="dbt",
        fullyQualifiedName=f"{SERVICE}.{name}",
        service=service,
        sourceConfig={"config": options},
    )


def test_an_openmetadata_server_deploys_and_runs_a_dbt_pipeline(
    server: PipelineServiceClient, api: Api, name: str, catalogue: Catalogue, artefacts: Answering
) -> None:
    fill(catalogue)
    catalogue.api.pipelines.add(f"{SERVICE}.{name}")
    server.done("/deploy", of_dbt(name, catalogue, options_of(artefacts)))
    assert SECRET not in str(api.get(f"/workflows/{name}"))
    server.done("/trigger", {"dag_id": name})
    [told] = server.get("/status", dag_id=name).json()
    run = api.until(told["runId"], "succeeded")
    assert run["counts"]["byType"]["dataModel"] == {"written": 6}


@pytest.mark.parametrize("route", ["/deploy", "/trigger"])
def test_a_server_names_no_secret_of_this_service(
    server: PipelineServiceClient, name: str, catalogue: Catalogue, artefacts: Answering, route: str
) -> None:
    fill(catalogue)
    secret = options_of(artefacts, "secret:in-the-environment")
    if route == "/deploy":
        answer = server.change("/deploy", of_dbt(name, catalogue, secret))
    else:
        server.done("/deploy", of_dbt(name, catalogue, options_of(artefacts)))
        answer = server.change("/trigger", {"dag_id": name, "conf": {"appConfigOverride": secret}})
    assert answer.status_code == 400, answer.text
    assert "may not refer to a secret" in answer.json()["error"]
    assert artefacts.asked == []


def test_a_pipeline_that_the_server_lacks_is_not_made_with_what_reaches_the_artefacts(
    server: PipelineServiceClient, api: Api, name: str, catalogue: Catalogue, artefacts: Answering
) -> None:
    fill(catalogue)
    config = config_of(options_of(artefacts), catalogue)
    api.create(name, {**config, "ingestionPipelineFQN": f"{SERVICE}.{name}"})
    api.until(api.start(name), "succeeded")
    assert catalogue.api.pipelines.made == {}
    assert not [request for request in catalogue.requests if SECRET.encode() in request.raw]
