"""Ticks while the service is up: what they do while an earlier run goes on, pause and resume, backfill, revisions."""

from datetime import UTC, datetime, timedelta
from itertools import pairwise

from tests.acceptance.api import Api, config_of
from tests.acceptance.catalogues import Catalogue
from tests.acceptance.sources import Source
from tests.eventually import eventually

EVERY_SECOND = {"intervalSeconds": 1}


def test_a_tick_during_a_run_is_skipped_and_shown(api: Api, name: str, shop: Source, catalogue: Catalogue) -> None:
    catalogue.hold()
    api.create(name, config_of(shop.connection(), catalogue), schedule=EVERY_SECOND)
    first, second = api.some_runs(name, 2)[:2]
    api.until(first["id"], "running")
    assert second["state"] == "skipped"
    assert second["error"]["title"] == "Skipped: an earlier run was still active"
    assert first["id"] in second["error"]["detail"]
    assert "policy.overlap" in second["error"]["advice"]
    catalogue.release()
    api.until(first["id"], "succeeded")


def test_ticks_during_a_run_wait_for_its_end(api: Api, name: str, shop: Source, catalogue: Catalogue) -> None:
    catalogue.hold()
    policy = {"overlap": "queue", "misfire": "all"}
    api.create(name, config_of(shop.connection(), catalogue), schedule=EVERY_SECOND, policy=policy)
    first, second, third = (run["id"] for run in api.some_runs(name, 3)[:3])
    api.until(first, "running")
    assert [api.run(run)["state"] for run in (second, third)] == ["queued", "queued"]
    api.post(f"/workflows/{name}/pause")
    catalogue.release()
    runs = [api.until(run, "succeeded") for run in (first, second, third)]
    ticks = [datetime.fromisoformat(run["scheduledFor"]) for run in runs]
    assert [later - earlier for earlier, later in pairwise(ticks)] == [timedelta(seconds=1)] * 2


def test_a_tick_cancels_the_run_before(api: Api, name: str, shop: Source, catalogue: Catalogue) -> None:
    catalogue.hold()
    policy = {"overlap": "cancelRunning"}
    api.create(name, config_of(shop.connection(), catalogue), schedule=EVERY_SECOND, policy=policy)
    first = api.some_runs(name, 2)[0]
    assert "superseded" in api.until(first["id"], "cancelled")["cancelReason"]
    api.post(f"/workflows/{name}/pause")
    catalogue.release()
    assert api.ended(api.runs(name)[-1]["id"])["state"] == "succeeded"


def test_a_paused_workflow_is_not_due_until_it_is_resumed(api: Api, name: str, shop: Source) -> None:
    sink = {"type": "file", "config": {"filename": f"{name}.jsonl"}}
    config = config_of(shop.connection(), sink=sink)
    api.create(name, config, schedule=EVERY_SECOND)
    api.create(f"{name}-witness", config, schedule=EVERY_SECOND)
    api.some_runs(name)
    assert api.post(f"/workflows/{name}/pause")["enabled"] is False
    before = [run["id"] for run in api.runs(name)]
    api.some_runs(f"{name}-witness", len(api.runs(f"{name}-witness")) + 2)
    assert [run["id"] for run in api.runs(name)] == before

    api.ended(before[-1])
    assert api.until(api.start(name), "succeeded")["trigger"] == "manual"
    resumed = api.post(f"/workflows/{name}/resume")
    assert resumed["enabled"] is True
    next_run = api.some_runs(name, len(before) + 2)[-1]
    assert next_run["scheduledFor"] > resumed["updatedAt"]
    missed = [run for run in api.runs(name) if run["scheduledFor"] and run["id"] not in before]
    assert all(run["scheduledFor"] >= next_run["scheduledFor"] for run in missed)


def test_a_workflow_that_keeps_failing_pauses_itself(api: Api, name: str, shop: Source, catalogue: Catalogue) -> None:
    config = config_of(shop.connection(authType={"password": "secret:nowhere"}), catalogue)
    api.create(name, config, schedule=EVERY_SECOND, policy={"pauseAfterFailures": 2})
    eventually(lambda: not api.get(f"/workflows/{name}")["enabled"], "the workflow is paused")
    workflow = api.get(f"/workflows/{name}")
    assert workflow["consecutiveFailures"] == 2
    assert "2 failed runs in a row" in workflow["pausedReason"]
    assert api.post(f"/workflows/{name}/resume")["consecutiveFailures"] == 0


def test_past_ticks_are_run_once(api: Api, name: str, shop: Source, catalogue: Catalogue) -> None:
    now = datetime.now(UTC)
    schedule = {"intervalSeconds": 3600, "anchor": (now - timedelta(days=1, minutes=30)).isoformat()}
    api.create(name, config_of(shop.connection(), catalogue), schedule=schedule)
    span = {"from": (now - timedelta(hours=3)).isoformat(), "to": now.isoformat()}
    ids = api.post(f"/workflows/{name}/backfill", span)["runs"]
    runs = [api.until(run, "succeeded") for run in ids]
    ticks = [datetime.fromisoformat(run["scheduledFor"]) for run in runs]
    assert ticks == [now - timedelta(minutes=minutes) for minutes in (150, 90, 30)]
    assert {run["trigger"] for run in runs} == {"backfill"}
    assert all(earlier["finishedAt"] <= later["startedAt"] for earlier, later in pairwise(runs))
    assert api.post(f"/workflows/{name}/backfill", span) == {"runs": []}


def test_a_change_makes_a_revision_that_can_be_taken_back(
    api: Api, name: str, shop: Source, catalogue: Catalogue
) -> None:
    api.create(name, config_of(shop.connection(), catalogue))
    narrower = {"source": {"sourceConfig": {"config": {"includeViews": False}}}}
    changed = api.http.patch(f"/api/v1/workflows/{name}", json={"config": narrower, "description": "no views"})
    assert changed.json()["revision"] == 2
    run = api.until(api.start(name), "succeeded")
    assert run["revision"] == 2
    assert len(catalogue.names()["tables"]) == len(shop.golden_names()["tables"]) - 4

    assert api.post(f"/workflows/{name}/rollback", {"revision": 1})["revision"] == 3
    run = api.until(api.start(name), "succeeded")
    assert (run["revision"], catalogue.names()) == (3, shop.golden_names())
    described = [revision["description"] for revision in api.get(f"/workflows/{name}/revisions")["data"]]
    assert described == ["", "no views", ""]
    assert shop.password not in str(api.get(f"/workflows/{name}/revisions"))


def test_applying_the_same_again_changes_nothing(api: Api, name: str, shop: Source, catalogue: Catalogue) -> None:
    definition = {"name": name, "config": config_of(shop.connection(), catalogue), "labels": {"team": "data"}}
    first = api.http.put(f"/api/v1/workflows/{name}", json=definition)
    shown = first.json()["config"]["source"]["serviceConnection"]["config"]["authType"]["password"]
    again = api.http.put(f"/api/v1/workflows/{name}", json=definition)
    masked = api.http.put(f"/api/v1/workflows/{name}", json=definition | {"config": first.json()["config"]})
    assert shown == "**********"
    assert [answer.status_code for answer in (first, again, masked)] == [201, 200, 200]
    assert [answer.json()["revision"] for answer in (first, again, masked)] == [1, 1, 1]
    api.until(api.start(name), "succeeded")
    assert api.http.delete(f"/api/v1/workflows/{name}").status_code == 204
