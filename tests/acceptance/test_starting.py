"""Runs by hand: once per key, with overrides, by priority, again; and what an earlier run has to do with it."""

from typing import Any

import pytest

from tests.acceptance.api import Api, config_of
from tests.acceptance.catalogues import Catalogue
from tests.acceptance.sources import Source


def test_a_request_repeated_under_its_key_starts_one_run(
    api: Api, name: str, shop: Source, catalogue: Catalogue
) -> None:
    api.create(name, config_of(shop.connection(), catalogue))
    path, key = f"/workflows/{name}/runs", {"Idempotency-Key": "morning"}
    first = api.post(path, {}, **key)
    api.until(first["id"], "succeeded")
    again = api.post(path, {}, **key)
    assert (again["id"], again["state"]) == (first["id"], "succeeded")
    other = api.post(path, {}, **{"Idempotency-Key": "evening"})
    assert [run["id"] for run in api.runs(name)] == [first["id"], other["id"]]
    api.ended(other["id"])


def test_overrides_hold_for_one_run(api: Api, name: str, shop: Source, catalogue: Catalogue) -> None:
    api.create(name, config_of(shop.connection(), catalogue, options={"markDeletedTables": False}))
    only_sales = {"source": {"sourceConfig": {"config": {"schemaFilterPattern": {"includes": ["^sales$"]}}}}}
    run = api.until(api.start(name, overrides=only_sales), "succeeded")
    assert run["overrides"] == only_sales
    assert run["counts"]["byType"]["databaseSchema"] == {"written": 1, "filtered": 3}
    assert {schema.rpartition(".")[2] for schema in catalogue.names()["databaseSchemas"]} == {"sales"}
    assert api.get(f"/workflows/{name}")["revision"] == 1
    api.until(api.start(name), "succeeded")
    assert catalogue.names() == shop.golden_names()


def test_wrong_overrides_are_refused_with_their_path(api: Api, name: str, shop: Source, catalogue: Catalogue) -> None:
    api.create(name, config_of(shop.connection(), catalogue))
    wrong = {"source": {"sourceConfig": {"config": {"threads": 0}}}}
    answer = api.http.post(f"/api/v1/workflows/{name}/runs", json={"overrides": wrong})
    assert answer.status_code == 422
    assert [each["path"] for each in answer.json()["problems"]] == ["overrides.source.sourceConfig.config.threads"]
    assert api.runs(name) == []


def test_the_urgent_run_comes_first(api: Api, name: str, shop: Source, catalogue: Catalogue) -> None:
    catalogue.hold()
    config = config_of(shop.connection(), catalogue)
    names = {priority: f"{name}-{priority}" for priority in (0, 5, -5, 100)}
    for priority, workflow in names.items():
        api.create(workflow, config, policy={"pool": "narrow", "priority": min(priority, 5)})
    running = api.start(names[0])
    catalogue.wait_until_held()
    waiting = {5: api.start(names[5]), -5: api.start(names[-5]), 100: api.start(names[100], priority=100)}
    assert {api.run(run)["state"] for run in waiting.values()} == {"queued"}
    catalogue.release()
    began = {priority: api.until(run, "succeeded")["startedAt"] for priority, run in waiting.items()}
    assert began[100] < began[5] < began[-5]
    assert api.run(running)["finishedAt"] <= began[100]


@pytest.mark.parametrize("policy", [{}, {"overlap": "skip"}])
def test_a_second_run_by_hand_is_refused_while_one_is_active(
    api: Api, name: str, shop: Source, catalogue: Catalogue, policy: dict[str, Any]
) -> None:
    catalogue.hold()
    api.create(name, config_of(shop.connection(), catalogue), policy=policy)
    running = api.start(name)
    answer = api.http.post(f"/api/v1/workflows/{name}/runs")
    assert answer.status_code == 409
    assert running in answer.json()["detail"]
    assert api.http.post(f"/api/v1/runs/{running}/retry").status_code == 409
    catalogue.release()
    api.until(running, "succeeded")
    api.until(api.start(name), "succeeded")


def test_runs_that_queue_follow_one_another(api: Api, name: str, shop: Source, catalogue: Catalogue) -> None:
    catalogue.hold()
    api.create(name, config_of(shop.connection(), catalogue), policy={"overlap": "queue"})
    first, second, third = (api.start(name) for _ in range(3))
    catalogue.wait_until_held()
    assert [api.run(run)["state"] for run in (first, second, third)] == ["running", "queued", "queued"]
    catalogue.release()
    runs = [api.until(run, "succeeded") for run in (first, second, third)]
    assert runs[0]["finishedAt"] <= runs[1]["startedAt"]
    assert runs[1]["finishedAt"] <= runs[2]["startedAt"]


def test_a_newer_run_takes_the_place_of_the_older(api: Api, name: str, shop: Source, catalogue: Catalogue) -> None:
    catalogue.hold()
    api.create(name, config_of(shop.connection(), catalogue), policy={"overlap": "cancelRunning"})
    older = api.start(name)
    catalogue.wait_until_held()
    newer = api.start(name)
    superseded = api.until(older, "cancelled")
    assert "superseded" in superseded["cancelReason"]
    catalogue.release()
    run = api.until(newer, "succeeded")
    assert superseded["finishedAt"] <= run["startedAt"]
    assert catalogue.names() == shop.golden_names()


def test_a_run_can_be_made_again_with_its_overrides(api: Api, name: str, shop: Source, catalogue: Catalogue) -> None:
    api.create(name, config_of(shop.connection(), catalogue))
    overrides = {"source": {"serviceConnection": {"config": {"database": "not_there"}}}}
    failed = api.until(api.start(name, overrides=overrides, priority=7), "failed")
    again = api.post(f"/runs/{failed['id']}/retry")
    assert (again["trigger"], again["overrides"], again["priority"]) == ("retry", overrides, 7)
    assert "not_there" in api.until(again["id"], "failed")["error"]["detail"]
    assert [run["id"] for run in api.runs(name)] == [failed["id"], again["id"]]
