"""What the OpenMetadata server hears of runs that no worker tells of: waiting, cancelled, lost, broken off."""

import uuid

import psycopg

from tests.acceptance.api import Api, Json, config_of
from tests.acceptance.catalogues import Catalogue
from tests.acceptance.conftest import ClientOf, StartReplica
from tests.acceptance.sources import SERVICE, Source
from tests.eventually import eventually
from tests.fake_openmetadata.pipelines import Told

PIPELINE = f"{SERVICE}.nightly"
ONCE = {"maxAttempts": 1}
NOWHERE = {"pool": "of-nobody", "overlap": "queue"}


def reported(connection: Json, catalogue: Catalogue) -> Json:
    """The config of a run that belongs to a pipeline of the server, which knows it."""
    catalogue.api.pipelines.add(PIPELINE)
    return {**config_of(connection, catalogue), "ingestionPipelineFQN": PIPELINE}


def told_last(catalogue: Catalogue, run: str, state: str) -> Told:
    """What was told of a run, once that was the last."""
    told = catalogue.api.pipelines.of(PIPELINE, run)
    eventually(lambda: told.states[-1:] == [state], f"{state} is told")
    return told


def error_in(told: Told) -> str:
    """The last error that was told."""
    return told.statuses[-1]["status"][0]["failures"][-1]["error"]


def test_a_run_that_waits_is_queued_and_then_stopped(api: Api, name: str, shop: Source, catalogue: Catalogue) -> None:
    api.create(name, reported(shop.connection(), catalogue), policy=NOWHERE)
    run = api.start(name)
    told = told_last(catalogue, run, "queued")
    assert "endDate" not in told.statuses[-1]
    api.post(f"/runs/{run}/cancel")
    told_last(catalogue, run, "stopped")
    assert told.states == ["queued", "stopped"]
    assert "cancelled by a request" in error_in(told)
    assert told.statuses[-1]["startDate"] <= told.statuses[-1]["endDate"]
    eventually(lambda: [each["updateType"] for each in told.progress] == ["ERROR"], "its end is told as progress, too")


def test_a_run_whose_workflow_is_deleted_is_stopped(api: Api, name: str, shop: Source, catalogue: Catalogue) -> None:
    api.create(name, reported(shop.connection(), catalogue), policy=NOWHERE)
    run = api.start(name)
    told_last(catalogue, run, "queued")
    assert api.http.delete(f"/api/v1/workflows/{name}").status_code == 204
    told = told_last(catalogue, run, "stopped")
    assert "the workflow was deleted" in error_in(told)


def test_a_run_without_a_pipeline_is_told_nobody(api: Api, name: str, shop: Source, catalogue: Catalogue) -> None:
    silent, heard = f"{name}-silent", f"{name}-heard"
    api.create(silent, config_of(shop.connection(), catalogue), policy=NOWHERE)
    api.create(heard, reported(shop.connection(), catalogue), policy=NOWHERE)
    runs = [api.start(silent), api.start(heard)]
    told_last(catalogue, runs[1], "queued")
    assert [run for _, run in catalogue.api.pipelines.told] == [runs[1]]


def test_the_pipeline_may_be_named_for_one_run(api: Api, name: str, shop: Source, catalogue: Catalogue) -> None:
    config = reported(shop.connection(), catalogue)
    named = config.pop("ingestionPipelineFQN")
    api.create(name, config, policy=NOWHERE)
    told_last(catalogue, api.start(name, overrides={"ingestionPipelineFQN": named}), "queued")


def test_a_run_that_fails_before_it_can_be_planned_has_failed(
    start_replica: StartReplica, client_of: ClientOf, shop: Source, catalogue: Catalogue
) -> None:
    config = reported(shop.connection(), catalogue)
    server = config["workflowConfig"]["openMetadataServerConfig"]
    token, server["securityConfig"] = server["securityConfig"]["jwtToken"], {"jwtToken": "secret:bot"}
    other_key = "UGxlYXNlLCBub3QgdGhpcyBrZXkgaW4gZWFybmVzdCE="
    sealing = client_of(start_replica(roles="api", secret_key=other_key))
    sealing.create("sealed", config, policy=ONCE)
    run = sealing.start("sealed")
    api = client_of(start_replica(secret_bot=token))
    assert "cannot be run" in api.until(run, "failed")["error"]["title"]
    told = told_last(catalogue, run, "failed")
    assert "source.serviceConnection.config.authType.password" in error_in(told)


def test_a_run_that_was_lost_too_often_has_failed(
    start_replica: StartReplica, client_of: ClientOf, shop: Source, catalogue: Catalogue, database_url: str
) -> None:
    catalogue.hold("/tables/bulk")
    first = start_replica()
    client_of(first).create("lost", reported(shop.connection(), catalogue))
    run = client_of(first).start("lost")
    catalogue.wait_until_held()
    first.kill()
    with psycopg.connect(database_url) as store:
        store.execute("update runs set losses = 3, lease_until = now() where id = %s", [uuid.UUID(run)])
    catalogue.release()
    client_of(start_replica()).until(run, "failed")
    told = told_last(catalogue, run, "failed")
    assert "stopped renewing its lease" in error_in(told)


def test_an_end_that_could_not_be_told_is_told_by_the_next_process(
    start_replica: StartReplica, client_of: ClientOf, shop: Source, catalogue: Catalogue
) -> None:
    catalogue.hold("/pipelineStatus")
    first = start_replica()
    client_of(first).create("late", reported(shop.connection(), catalogue))
    run = client_of(first).start("late")
    ended = client_of(first).until(run, "succeeded")
    assert first.terminate() == 0
    catalogue.release()
    start_replica()
    told = told_last(catalogue, run, "success")
    source, sink = told.statuses[-1]["status"]
    assert (source["name"], source["errors"], sink["records"]) == ("Postgres", 0, ended["counts"]["written"])
    eventually(lambda: told.progress != [], "its counts are told")
    assert told.progress[-1]["totalAssetsIngested"] == ended["counts"]["written"]


def test_lost_entities_are_told_by_the_next_process_too(
    start_replica: StartReplica, client_of: ClientOf, shop: Source, catalogue: Catalogue
) -> None:
    catalogue.poison["customer"] = 400
    catalogue.hold("/pipelineStatus")
    config = reported(shop.connection(), catalogue)
    config["workflowConfig"]["successThreshold"] = 1
    first = start_replica()
    client_of(first).create("late", config, policy=ONCE)
    run = client_of(first).start("late")
    ended = client_of(first).until(run, "partial")
    assert first.terminate() == 0
    catalogue.release()
    start_replica()
    source, sink = told_last(catalogue, run, "partialSuccess").statuses[-1]["status"]
    assert (source["errors"], sink["errors"]) == (0, ended["counts"]["failed"])
    assert any("customer" in each["name"] for each in sink["failures"])


def test_a_pipeline_that_the_server_does_not_have_is_given_up(
    start_replica: StartReplica, client_of: ClientOf, shop: Source, catalogue: Catalogue
) -> None:
    config = {**config_of(shop.connection(), catalogue), "ingestionPipelineFQN": "another.nightly"}
    one = start_replica()
    client_of(one).create("unknown", config, policy=NOWHERE)
    run = client_of(one).start("unknown")
    eventually(lambda: f"not told of run {run}" in one.said(), "it is given up")
    assert "make it in OpenMetadata, or correct ingestionPipelineFQN" in one.said()
