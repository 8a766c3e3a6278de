from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import httpx
import pytest

from service.api.runs import MAX_BACKFILL
from service.database.engine import Database
from service.runs import repository as runs
from service.runs.repository import Ending, LogLine, LostEntity
from service.runs.schemas import RunError
from service.runs.status import RunState
from tests.integration.service.api.serving import claim, create, password_in, problem, problems, start

RUNS = "/api/v1/runs"
AT = datetime(2026, 11, 22, 1, tzinfo=UTC)


def test_a_run_by_hand_is_queued(client: httpx.Client) -> None:
    create(client)
    response = client.post("/api/v1/workflows/shop/runs")
    assert response.status_code == 202
    run = response.json()
    assert response.headers["location"] == f"{RUNS}/{run['id']}"
    assert (run["workflow"], run["state"], run["trigger"], run["revision"]) == ("shop", "queued", "manual", 1)
    assert client.get(response.headers["location"]).json() == run


def test_a_repeated_request_starts_no_second_run(client: httpx.Client) -> None:
    create(client)
    key = {"Idempotency-Key": "deploy 42"}
    first = client.post("/api/v1/workflows/shop/runs", headers=key)
    second = client.post("/api/v1/workflows/shop/runs", headers=key)
    assert (second.status_code, second.json()["id"]) == (202, first.json()["id"])
    problem(client.post("/api/v1/workflows/shop/runs", headers={"Idempotency-Key": "other"}), 409)
    too_long = client.post("/api/v1/workflows/shop/runs", headers={"Idempotency-Key": "x" * 256})
    assert list(problems(too_long)) == ["Idempotency-Key"]


def test_overrides_that_a_list_could_not_hold_are_refused(client: httpx.Client) -> None:
    create(client)
    large = {"source": {"sourceConfig": {"config": {"tableFilterPattern": {"includes": ["x" * 65_536]}}}}}
    response = client.post("/api/v1/workflows/shop/runs", json={"overrides": large})
    message = "is 65,615 bytes as JSON, of 65,536 at most; change the workflow for more"
    assert problems(response) == {"overrides": message}


def test_overrides_are_checked_with_the_definition(client: httpx.Client) -> None:
    create(client)
    url = "/api/v1/workflows/shop/runs"
    wrong = client.post(url, json={"overrides": {"source": {"type": "nope"}}})
    assert list(problems(wrong)) == ["overrides.source.type"]
    secret = {"source": {"serviceConnection": {"config": {"authType": {"password": "hunter3"}}}}}
    right = client.post(url, json={"overrides": secret, "priority": 7})
    assert right.status_code == 202, right.text
    assert right.json()["priority"] == 7
    assert password_in({"config": right.json()["overrides"]}) == "**********"
    assert list(problems(client.post(url, json={"priority": 10**6, "overides": {}}))) == ["priority", "overides"]
    assert problems(client.post(url, json={"priority": True}))["priority"] == "must be a whole number"


def test_runs_are_listed_the_last_first(client: httpx.Client) -> None:
    for name in ("a", "b"):
        create(client, name, policy={"overlap": "queue"})
    made = [start(client, name)["id"] for name in ("a", "b", "a")]
    client.post(f"{RUNS}/{made[0]}/cancel").raise_for_status()

    def ids(**query: Any) -> list[str]:
        return [run["id"] for run in client.get(RUNS, params=query).raise_for_status().json()["data"]]

    assert ids() == made[::-1]
    assert ids(workflow="a") == [made[2], made[0]]
    assert ids(workflow="a", state="queued") == [made[2]]
    assert ids(state=["queued", "cancelled"]) == made[::-1]
    assert ids(since="2031-01-01T00:00:00+14:00") == []
    assert ids(until="2031-01-01T00:00:00Z", limit=1) == [made[2]]
    first = client.get(RUNS, params={"limit": 2}).json()
    assert ids(limit=2, cursor=first["nextCursor"]) == [made[0]]


@pytest.mark.parametrize(
    ("query", "path"),
    [
        ("state=asleep", "state.0"),
        ("since=yesterday", "since"),
        ("since=2026-01-01T00:00:00", "since"),
        ("since=0", "since"),
        ("until=0001-01-01T00:00:00%2B14:00", "until"),
        ("limit=-1", "limit"),
        ("cursor=e30", "cursor"),
    ],
)
def test_a_query_that_means_nothing_is_refused(guest: httpx.Client, query: str, path: str) -> None:
    assert list(problems(guest.get(f"{RUNS}?{query}"))) == [path]


def test_what_a_run_left_behind_can_be_read(client: httpx.Client, database: Database) -> None:
    create(client)
    run = start(client)
    lease = claim(database)
    lines = [LogLine(AT, "INFO", "connectors", f"line {number}") for number in range(3)]
    lost = LostEntity("table", "shop.sales.orders", "columns", "permission denied", "grant select")
    with database.session() as session:
        runs.add_logs(session, {lease: lines}, keep=100)
        runs.add_failures(session, lease, [lost, lost])
        error = RunError(title="Too many entities failed", advice="see the failures")
        runs.finish(session, lease, Ending(RunState.FAILED, {"failed": 2}, error=error))
    url = f"{RUNS}/{run['id']}"
    read = client.get(url).json()
    assert (read["state"], read["counts"]["failed"], read["error"]["advice"]) == ("failed", 2, "see the failures")
    first = client.get(f"{url}/logs?limit=2").json()
    assert [line["message"] for line in first["data"]] == ["line 0", "line 1"]
    rest = client.get(f"{url}/logs", params={"after": first["nextAfter"]}).json()
    assert [line["message"] for line in rest["data"]] == ["line 2"]
    nothing = client.get(f"{url}/logs", params={"after": rest["nextAfter"]}).json()
    assert nothing == {"data": [], "nextAfter": rest["nextAfter"]}
    page = client.get(f"{url}/failures?limit=1").json()
    assert (page["data"][0]["name"], page["data"][0]["advice"]) == ("shop.sales.orders", "grant select")
    assert client.get(f"{url}/failures", params={"cursor": page["nextCursor"]}).json()["nextCursor"] is None
    attempts = client.get(f"{url}/attempts").json()["data"]
    assert [(attempt["attempt"], attempt["outcome"], attempt["worker"]) for attempt in attempts] == [
        (1, "failed", "worker-1")
    ]


def test_a_waiting_run_is_cancelled_at_once(client: httpx.Client) -> None:
    create(client)
    url = f"{RUNS}/{start(client)['id']}"
    answer = client.post(f"{url}/cancel")
    assert (answer.status_code, answer.json()["state"]) == (202, "cancelled")
    assert "already cancelled" in problem(client.post(f"{url}/cancel"), 409)["detail"]


def test_a_running_run_is_told_to_stop(client: httpx.Client, database: Database) -> None:
    create(client)
    url = f"{RUNS}/{start(client)['id']}"
    claim(database)
    answer = client.post(f"{url}/cancel")
    assert (answer.status_code, answer.json()["state"]) == (202, "running")
    assert answer.json()["cancelRequestedAt"] is not None


def test_an_ended_run_can_be_run_again(client: httpx.Client) -> None:
    create(client)
    run = start(client, priority=5)
    problem(client.post(f"{RUNS}/{run['id']}/retry"), 409)
    client.post(f"{RUNS}/{run['id']}/cancel").raise_for_status()
    again = client.post(f"{RUNS}/{run['id']}/retry")
    assert again.status_code == 202
    assert (again.json()["trigger"], again.json()["priority"]) == ("retry", 5)
    assert again.headers["location"] == f"{RUNS}/{again.json()['id']}"
    client.delete("/api/v1/workflows/shop").raise_for_status()
    assert "deleted" in problem(client.post(f"{RUNS}/{run['id']}/retry"), 409)["detail"]


@pytest.mark.parametrize("path", ["", "/logs", "/failures", "/attempts", "/events"])
def test_an_unknown_run_is_not_found(guest: httpx.Client, path: str) -> None:
    run_id = uuid4()
    assert str(run_id) in problem(guest.get(f"{RUNS}/{run_id}{path}"), 404)["detail"]


@pytest.mark.parametrize("action", ["cancel", "retry"])
def test_an_unknown_run_cannot_be_acted_upon(guest: httpx.Client, action: str) -> None:
    problem(guest.post(f"{RUNS}/{uuid4()}/{action}"), 404)
    assert list(problems(guest.post(f"{RUNS}/7/{action}"))) == ["run"]


@pytest.mark.parametrize("query", ["after=-1", "after=9223372036854775808", "limit=0"])
def test_log_positions_are_bounded(client: httpx.Client, query: str) -> None:
    create(client)
    response = client.get(f"{RUNS}/{start(client)['id']}/logs?{query}")
    assert list(problems(response)) == [query.partition("=")[0]]


def test_past_ticks_are_run_once(client: httpx.Client) -> None:
    create(client, schedule={"cron": "0 2 * * *", "timezone": "UTC"})
    url = "/api/v1/workflows/shop/backfill"
    span = {"from": "2026-01-01T00:00:00Z", "to": "2026-01-03T02:00:00Z"}
    answer = client.post(url, json=span)
    assert (answer.status_code, len(answer.json()["runs"])) == (202, 3)
    assert client.post(url, json=span).json()["runs"] == []
    made = client.get(f"{RUNS}?workflow=shop").json()["data"]
    assert {run["scheduledFor"] for run in made} == {f"2026-01-0{day}T02:00:00Z" for day in (1, 2, 3)}
    assert {run["trigger"] for run in made} == {"backfill"}


def test_a_backfill_is_bounded(client: httpx.Client) -> None:
    create(client, schedule={"intervalSeconds": 60})
    create(client, "manual")
    url = "/api/v1/workflows/shop/backfill"
    long_ago = datetime(2026, 1, 1, tzinfo=UTC)
    enough = {"from": long_ago.isoformat(), "to": (long_ago + timedelta(minutes=MAX_BACKFILL)).isoformat()}
    found = problems(client.post(url, json=enough))
    assert str(MAX_BACKFILL) in found["to"]
    assert "2026-01-01T16:39:00" in found["to"]
    backwards = {"from": "2026-01-02T00:00:00Z", "to": "2026-01-01T00:00:00Z"}
    assert "before" in problems(client.post(url, json=backwards))["to"]
    future = {"from": "2026-01-02T00:00:00Z", "to": "2999-01-01T00:00:00Z"}
    assert "future" in problems(client.post(url, json=future))["to"]
    assert list(problems(client.post(url, json={"from": "2026-01-02"}))) == ["from", "to"]
    assert "no schedule" in problem(client.post("/api/v1/workflows/manual/backfill", json=backwards), 409)["detail"]
