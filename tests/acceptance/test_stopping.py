"""Runs that are told to stop: by people, by their time limit, by the end of their workflow."""

import psycopg
import pytest

from tests.acceptance.api import Api, config_of
from tests.acceptance.catalogues import Catalogue
from tests.acceptance.sources import SERVICE, Source, role_in
from tests.eventually import eventually
from tests.postgres import SourceServer

BY_REQUEST = "cancelled by a request"


def test_a_queued_run_is_cancelled_at_once(api: Api, name: str, shop: Source, catalogue: Catalogue) -> None:
    api.create(name, config_of(shop.connection(), catalogue), policy={"pool": "of-nobody"})
    queued = api.start(name)
    run = api.post(f"/runs/{queued}/cancel")
    assert (run["state"], run["attempt"], run["worker"]) == ("cancelled", 0, None)
    assert run["error"] == {"title": "Cancelled", "detail": BY_REQUEST, "advice": None}
    assert run["finishedAt"]
    assert api.attempts(queued) == []


def test_a_running_run_is_cancelled_within_moments(api: Api, name: str, shop: Source, catalogue: Catalogue) -> None:
    catalogue.hold()
    api.create(name, config_of(shop.connection(), catalogue))
    running = api.start(name)
    catalogue.wait_until_held()
    asked = api.post(f"/runs/{running}/cancel")
    assert (asked["state"], asked["cancelReason"]) == ("running", BY_REQUEST)
    run = api.until(running, "cancelled")
    assert (run["error"]["title"], run["error"]["detail"]) == ("The run was stopped", BY_REQUEST)
    assert [each["outcome"] for each in api.attempts(running)] == ["cancelled"]
    catalogue.release()
    assert api.until(api.start(name), "succeeded")["attempt"] == 1


def test_a_cancel_ends_the_statement_in_the_source(
    api: Api, name: str, source_server: SourceServer, catalogue: Catalogue
) -> None:
    url = source_server.make_database("locked", "create view blocked as select 1 as x")
    source = role_in(url, "public")
    waiting = "select count(*) from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'"
    api.create(name, config_of(source.connection(), catalogue))
    with psycopg.connect(url) as owner, psycopg.connect(url, autocommit=True) as watcher:

        def waits() -> int:
            [count] = watcher.execute(waiting).fetchone() or (0,)
            return int(count)

        owner.execute("lock table blocked in access exclusive mode")
        running = api.start(name)
        eventually(lambda: waits() == 1, "the listing waits for the lock")
        api.post(f"/runs/{running}/cancel")
        api.until(running, "cancelled")
        eventually(lambda: waits() == 0, "the statement has ended")
    assert catalogue.names()["tables"] == set()


def test_what_has_ended_cannot_be_cancelled(api: Api, name: str, shop: Source, catalogue: Catalogue) -> None:
    api.create(name, config_of(shop.connection(), catalogue))
    ended = api.until(api.start(name), "succeeded")["id"]
    answer = api.http.post(f"/api/v1/runs/{ended}/cancel")
    assert answer.status_code == 409
    assert "already succeeded" in answer.json()["detail"]
    assert api.run(ended)["state"] == "succeeded"


@pytest.mark.parametrize("isolation", ["thread", "process"])
def test_a_run_that_takes_too_long_has_failed(
    api: Api, name: str, shop: Source, catalogue: Catalogue, isolation: str
) -> None:
    catalogue.hold()
    # On a busy machine the time may be up before the run has anything to lose: then another gets more.
    for seconds in (4, 12, 36):
        policy = {"timeoutSeconds": seconds, "maxAttempts": 1, "isolation": isolation}
        api.create(f"{name}-{seconds}", config_of(shop.connection(), catalogue), policy=policy)
        started = api.start(f"{name}-{seconds}")
        run = api.ended(started)
        assert run["state"] == "failed"
        assert f"{seconds} s" in run["error"]["detail"]
        if catalogue.is_holding():
            break
    lost = api.failures(started)
    assert {each["cause"] for each in lost} == {f"not delivered: timed out after {seconds} s"}
    assert f"database {SERVICE}.{shop.database}" in {f"{each['entity']} {each['name']}" for each in lost}


def test_a_late_attempt_is_followed_by_another(api: Api, name: str, shop: Source, catalogue: Catalogue) -> None:
    catalogue.hold()
    policy = {"timeoutSeconds": 1, "maxAttempts": 20, "retryDelaySeconds": 0}
    api.create(name, config_of(shop.connection(), catalogue), policy=policy)
    running = api.start(name)
    catalogue.wait_until_held()
    eventually(lambda: len(api.attempts(running)) >= 2, "the second attempt begins")
    catalogue.release()
    assert api.until(running, "succeeded")["attempt"] >= 2
    *late, last = [each["outcome"] for each in api.attempts(running)]
    assert set(late) == {"retrying"}
    assert last == "succeeded"
    assert catalogue.names() == shop.golden_names()


def test_deleting_a_workflow_cancels_its_runs_and_keeps_them_as_history(
    api: Api, name: str, shop: Source, catalogue: Catalogue
) -> None:
    catalogue.hold()
    api.create(name, config_of(shop.connection(), catalogue), policy={"overlap": "queue"})
    running, queued = api.start(name), api.start(name)
    catalogue.wait_until_held()
    assert api.http.delete(f"/api/v1/workflows/{name}").status_code == 204
    for run in (running, queued):
        assert "the workflow was deleted" in str(api.until(run, "cancelled")["error"])
    assert api.http.get(f"/api/v1/workflows/{name}").status_code == 404
    assert [run["id"] for run in api.runs(name)] == [running, queued]
    assert f"Attempt 1 of workflow {name} begins" in api.log(running)
    assert api.http.post(f"/api/v1/runs/{running}/retry").status_code == 409
