"""What the OpenMetadata server hears of the runs of its pipelines: the real service over HTTP, and the command line."""

import json
import uuid
from pathlib import Path

import pytest

from tests.acceptance.api import Api, Json, config_of
from tests.acceptance.catalogues import Catalogue
from tests.acceptance.processes import headwater
from tests.acceptance.sources import SERVICE, Source
from tests.eventually import eventually
from tests.fake_openmetadata import Fault, Manners
from tests.fake_openmetadata.pipelines import Told

PIPELINE = f"{SERVICE}.nightly"
ONCE = {"maxAttempts": 1}


def reported(config: Json, *, with_logs: bool = False) -> Json:
    """The config of a run that belongs to a pipeline of the server."""
    return {**config, "ingestionPipelineFQN": PIPELINE, "enableStreamableLogs": with_logs}


def told_end(catalogue: Catalogue, run: str, state: str) -> Told:
    """What was told of a run, once its end was."""
    told = catalogue.api.pipelines.of(PIPELINE, run)
    over = ("PIPELINE_COMPLETE", "ERROR")
    eventually(
        lambda: told.states[-1:] == [state] and any(each["updateType"] in over for each in told.progress),
        f"{state} is reported",
    )
    return told


@pytest.mark.parametrize("isolation", ["thread", "process"])
def test_a_run_is_reported_from_start_to_end(
    api: Api, name: str, shop: Source, catalogue: Catalogue, isolation: str
) -> None:
    catalogue.api.pipelines.add(PIPELINE)
    catalogue.hold()
    policy = {"isolation": isolation}
    api.create(name, reported(config_of(shop.connection(), catalogue), with_logs=True), policy=policy)
    run = api.start(name)
    catalogue.wait_until_held()
    told = catalogue.api.pipelines.of(PIPELINE, run)
    eventually(lambda: any(each["updateType"] == "PROCESSING" for each in told.progress), "progress while it runs")
    eventually(lambda: told.logs, "log lines while it runs")
    assert told.begun == ["running"]
    catalogue.release()
    counts = api.until(run, "succeeded")["counts"]
    told_end(catalogue, run, "success")
    eventually(lambda: told.logs_closed, "the logs are closed")
    last = told.statuses[-1]
    assert last["startDate"] <= last["endDate"]
    source, sink = last["status"]
    assert (source["name"], source["errors"], sink["name"]) == ("Postgres", 0, "OpenMetadata")
    assert sink["records"] == counts["written"] == told.progress[-1]["totalAssetsIngested"]
    assert told.progress[0]["updateType"] == "DISCOVERY"
    assert told.progress[-1]["updateType"] == "PIPELINE_COMPLETE"
    tables = [each for each in told.progress[-1]["globalCounters"] if each["entityType"] == "table"]
    assert [each["done"] for each in tables] == [each["total"] for each in tables] != []
    assert "Attempt 1" in told.logs[0]
    assert told.logs[0].endswith("begins")
    assert any("ended after" in line for line in told.logs)
    assert shop.password not in "\n".join(told.logs)


@pytest.mark.parametrize("isolation", ["thread", "process"])
def test_a_cancelled_run_is_stopped(api: Api, name: str, shop: Source, catalogue: Catalogue, isolation: str) -> None:
    catalogue.api.pipelines.add(PIPELINE)
    catalogue.hold()
    api.create(name, reported(config_of(shop.connection(), catalogue)), policy={"isolation": isolation})
    run = api.start(name)
    catalogue.wait_until_held()
    api.post(f"/runs/{run}/cancel")
    api.until(run, "cancelled")
    told = told_end(catalogue, run, "stopped")
    assert "cancelled by a request" in told.statuses[-1]["status"][0]["failures"][-1]["error"]


def test_a_run_that_takes_too_long_has_failed(api: Api, name: str, shop: Source, catalogue: Catalogue) -> None:
    catalogue.api.pipelines.add(PIPELINE)
    catalogue.hold()
    policy = {**ONCE, "timeoutSeconds": 1}
    api.create(name, reported(config_of(shop.connection(), catalogue)), policy=policy)
    run = api.start(name)
    api.until(run, "failed")
    told = told_end(catalogue, run, "failed")
    assert "timed out" in told.statuses[-1]["status"][0]["failures"][-1]["error"]


def test_a_run_that_fails_at_its_source_is_reported_without_its_password(
    api: Api, name: str, shop: Source, catalogue: Catalogue
) -> None:
    catalogue.api.pipelines.add(PIPELINE)
    wrong = shop.connection(authType={"password": "not-the-password"})
    api.create(name, reported(config_of(wrong, catalogue), with_logs=True), policy=ONCE)
    told = told_end(catalogue, api.until(api.start(name), "failed")["id"], "failed")
    assert "password authentication failed" in told.statuses[-1]["status"][0]["failures"][-1]["error"]
    assert told.progress[-1]["updateType"] == "ERROR"
    assert "not-the-password" not in json.dumps(told.statuses) + "\n".join(told.logs)


def test_a_missing_secret_of_the_source_is_reported(api: Api, name: str, shop: Source, catalogue: Catalogue) -> None:
    catalogue.api.pipelines.add(PIPELINE)
    connection = shop.connection(authType={"password": "secret:not-there"})
    api.create(name, reported(config_of(connection, catalogue)), policy=ONCE)
    told = told_end(catalogue, api.until(api.start(name), "failed")["id"], "failed")
    assert "not-there" in told.statuses[-1]["status"][0]["failures"][-1]["error"]


def test_lost_entities_are_failures_of_the_sink(api: Api, name: str, shop: Source, catalogue: Catalogue) -> None:
    catalogue.api.pipelines.add(PIPELINE)
    catalogue.poison["customer"] = 400
    config = reported(config_of(shop.connection(), catalogue))
    config["workflowConfig"]["successThreshold"] = 1
    api.create(name, config, policy=ONCE)
    run = api.until(api.start(name), "partial")
    told = told_end(catalogue, run["id"], "partialSuccess")
    source, sink = told.statuses[-1]["status"]
    assert (source["errors"], sink["errors"]) == (0, run["counts"]["failed"])
    assert any("customer" in each["name"] for each in sink["failures"])


def test_warnings_are_counted(api: Api, name: str, shop: Source, catalogue: Catalogue) -> None:
    catalogue.api.pipelines.add(PIPELINE)
    config = reported(config_of(shop.connection(), catalogue))
    config["sink"]["config"]["api_endpoint"] = "http://elsewhere:8585/api"
    api.create(name, config)
    run = api.until(api.start(name), "succeeded")["id"]
    source, sink = told_end(catalogue, run, "success").statuses[-1]["status"]
    lines = api.get(f"/runs/{run}/logs", limit=1000)["data"]
    assert source["warnings"] == len([line for line in lines if line["level"] == "WARNING"]) > 0
    assert sink["warnings"] == 0


def test_what_patterns_leave_out_is_told(api: Api, name: str, shop: Source, catalogue: Catalogue) -> None:
    catalogue.api.pipelines.add(PIPELINE)
    options = {"tableFilterPattern": {"excludes": ["^customer$"]}}
    api.create(name, reported(config_of(shop.connection(), catalogue, options=options)))
    run = api.until(api.start(name), "succeeded")
    steps = told_end(catalogue, run["id"], "success").statuses[-1]["status"]
    assert steps[0]["filtered"] == run["counts"]["filtered"] > steps[1]["filtered"] == 0
    for step in steps:
        assert set(step) == {"name", "records", "updated_records", "warnings", "errors", "filtered", "failures"}
        assert step["updated_records"] == 0


def test_nothing_else_of_the_pipelines_is_asked(api: Api, name: str, shop: Source, catalogue: Catalogue) -> None:
    catalogue.api.pipelines.add(PIPELINE)
    api.create(name, reported(config_of(shop.connection(), catalogue), with_logs=True))
    run = api.until(api.start(name), "succeeded")["id"]
    told = told_end(catalogue, run, "success")
    eventually(lambda: told.logs_closed, "the logs are closed")
    about = "/api/v1/services/ingestionPipelines/"
    asked = {(each.method, each.path.removeprefix(about)) for each in catalogue.requests if about in each.path}
    of_run = f"{PIPELINE}/{run}"
    assert asked == {
        ("PUT", f"{PIPELINE}/pipelineStatus"),
        ("PUT", f"progress/{of_run}"),
        ("POST", f"logs/{of_run}"),
        ("POST", f"logs/{of_run}/close"),
    }


def test_a_pipeline_that_is_missing_is_made(api: Api, name: str, shop: Source, catalogue: Catalogue) -> None:
    api.create(name, reported(config_of(shop.connection(), catalogue)))
    run = api.until(api.start(name), "succeeded")["id"]
    told_end(catalogue, run, "success")
    made = catalogue.api.pipelines.made[PIPELINE]
    assert (made["name"], made["pipelineType"]) == ("nightly", "metadata")


def test_a_server_without_progress_hears_of_the_state(api: Api, name: str, shop: Source) -> None:
    with Catalogue(Manners(no_progress=True)) as catalogue:
        catalogue.api.pipelines.add(PIPELINE)
        api.create(name, reported(config_of(shop.connection(), catalogue), with_logs=True))
        run = api.until(api.start(name), "succeeded")["id"]
        told = catalogue.api.pipelines.of(PIPELINE, run)
        eventually(lambda: told.begun == ["running", "success"], "the end is reported")
        assert len(catalogue.sent("PUT", f"/progress/{PIPELINE}/{run}")) == 1


def test_a_server_that_does_not_take_reports_costs_the_run_nothing(
    api: Api, name: str, shop: Source, catalogue: Catalogue
) -> None:
    catalogue.api.pipelines.add(PIPELINE)
    catalogue.hold("/pipelineStatus")
    api.create(name, reported(config_of(shop.connection(), catalogue), with_logs=True))
    run = api.until(api.start(name), "succeeded")["id"]
    assert catalogue.names() == shop.golden_names()
    assert catalogue.api.pipelines.of(PIPELINE, run).statuses == []
    catalogue.release()
    told_end(catalogue, run, "success")


def test_what_the_server_refused_is_told_again(api: Api, name: str, shop: Source, catalogue: Catalogue) -> None:
    catalogue.api.pipelines.add(PIPELINE)
    catalogue.faults.add(Fault("/pipelineStatus", status=503, times=2), Fault("/pipelineStatus", "reset"))
    api.create(name, reported(config_of(shop.connection(), catalogue)))
    run = api.until(api.start(name), "succeeded")["id"]
    told_end(catalogue, run, "success")


def test_the_command_line_reports_too(shop: Source, catalogue: Catalogue, tmp_path: Path) -> None:
    catalogue.api.pipelines.add(PIPELINE)
    run = str(uuid.uuid4())
    file = tmp_path / "shop.json"
    config = {**reported(config_of(shop.connection(), catalogue), with_logs=True), "pipelineRunId": run}
    file.write_text(json.dumps(config), encoding="utf-8")
    assert headwater("run", "-c", file).returncode == 0
    told = catalogue.api.pipelines.of(PIPELINE, run)
    assert told.begun == ["running", "success"]
    assert told.logs_closed


def test_the_command_line_reports_a_failure(shop: Source, catalogue: Catalogue, tmp_path: Path) -> None:
    catalogue.api.pipelines.add(PIPELINE)
    run = str(uuid.uuid4())
    file = tmp_path / "shop.json"
    wrong = shop.connection(authType={"password": "not-the-password"})
    file.write_text(json.dumps({**reported(config_of(wrong, catalogue)), "pipelineRunId": run}), encoding="utf-8")
    assert headwater("run", "-c", file).returncode == 1
    assert catalogue.api.pipelines.of(PIPELINE, run).states[-1] == "failed"


def without_connection(catalogue: Catalogue, run: str) -> Json:
    """The config of a run whose connection the server knows."""
    config = reported(config_of({}, catalogue))
    source = {key: value for key, value in config["source"].items() if key != "serviceConnection"}
    return {**config, "source": source, "pipelineRunId": run}


def test_the_command_line_reports_a_service_without_a_connection(catalogue: Catalogue, tmp_path: Path) -> None:
    catalogue.catalogue.put("services/databaseServices", {"name": SERVICE, "serviceType": "Postgres"})
    catalogue.api.pipelines.add(PIPELINE)
    run, file = str(uuid.uuid4()), tmp_path / "shop.json"
    file.write_text(json.dumps(without_connection(catalogue, run)), encoding="utf-8")
    assert headwater("run", "-c", file).returncode == 2
    last = catalogue.api.pipelines.of(PIPELINE, run).statuses[-1]
    assert last["pipelineState"] == "failed"
    assert "has no connection" in last["status"][0]["failures"][0]["error"]


def test_the_command_line_looks_up_what_the_servers_connection_refers_to(
    shop: Source, catalogue: Catalogue, tmp_path: Path
) -> None:
    connection = {"type": "Postgres", **shop.connection(authType={"password": "secret:shop-pg"})}
    service = {"name": SERVICE, "serviceType": "Postgres", "connection": {"config": connection}}
    catalogue.catalogue.put("services/databaseServices", service)
    file = tmp_path / "shop.json"
    file.write_text(json.dumps(without_connection(catalogue, str(uuid.uuid4()))), encoding="utf-8")
    refused = headwater("run", "-c", file, HEADWATER_SECRET_SHOP_PG=shop.password)
    assert refused.returncode == 2
    assert "add it to HEADWATER_OPENMETADATA_SECRETS" in refused.stderr
    allowed = {"HEADWATER_OPENMETADATA_SECRETS": "shop-*"}
    missing = headwater("run", "-c", file, **allowed)
    assert missing.returncode == 2
    assert "there is no secret 'shop-pg'" in missing.stderr
    assert headwater("run", "-c", file, HEADWATER_SECRET_SHOP_PG=shop.password, **allowed).returncode == 0


def test_a_name_that_is_no_pipelines_is_refused(api: Api, name: str, shop: Source, catalogue: Catalogue) -> None:
    config = {**config_of(shop.connection(), catalogue), "ingestionPipelineFQN": "nightly"}
    refused = api.http.post("/api/v1/workflows", json={"name": name, "config": config})
    assert refused.status_code == 422
    assert "config.ingestionPipelineFQN" in refused.text
    assert "write <service>.<pipeline>" in refused.text
