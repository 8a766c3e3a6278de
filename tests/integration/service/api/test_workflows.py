from typing import Any

import httpx
import pytest
import yaml

from service.api import examples
from service.api.dependencies import Services
from service.database.engine import Database
from service.runs import repository as runs
from service.runs.status import RunState
from service.workflows import repository
from tests.integration.service.api.serving import (
    MASK,
    claim,
    create,
    definition_of,
    password_in,
    problem,
    problems,
    start,
)

WORKFLOWS = "/api/v1/workflows"
NIGHTLY = {"cron": "0 2 * * *", "timezone": "Europe/Berlin"}


def test_a_new_workflow_is_answered_with_its_place(client: httpx.Client) -> None:
    response = client.post(WORKFLOWS, json=definition_of(schedule=NIGHTLY, labels={"team": "data"}))
    assert response.status_code == 201
    assert response.headers["location"] == "/api/v1/workflows/shop"
    answer = response.json()
    assert (answer["name"], answer["revision"], answer["connector"]) == ("shop", 1, "postgres")
    assert answer["policy"]["maxAttempts"] == 3
    assert answer["notes"] == []
    assert client.get(response.headers["location"]).json() == {k: v for k, v in answer.items() if k != "notes"}


def test_a_created_workflow_is_durable_before_it_is_answered(client: httpx.Client, services: Services) -> None:
    create(client)
    with services.database.session() as session:
        assert repository.get(session, "shop").revision == 1


def test_the_name_can_be_taken_once(client: httpx.Client) -> None:
    create(client)
    document = problem(client.post(WORKFLOWS, json=definition_of()), 409)
    assert "shop" in document["detail"]


def test_secrets_come_back_masked_and_are_stored_sealed(client: httpx.Client, services: Services) -> None:
    answer = create(client)
    assert password_in(answer) == MASK
    with services.database.session() as session:
        row = repository.get(session, "shop")
        assert "hunter2" not in str(row.config)
        assert password_in({"config": services.rules.vault.open(row.config)}) == "hunter2"
    for path in ("", "/revisions"):
        assert "hunter2" not in client.get(f"{WORKFLOWS}/shop{path}").text


def test_the_mask_sent_back_leaves_the_secret(client: httpx.Client, services: Services) -> None:
    config = create(client)["config"]
    response = client.put(f"{WORKFLOWS}/shop", json={"config": config})
    assert (response.status_code, response.json()["revision"]) == (200, 1)
    with services.database.session() as session:
        row = repository.get(session, "shop")
        assert password_in({"config": services.rules.vault.open(row.config)}) == "hunter2"


def test_a_mask_that_stands_for_nothing_is_refused(guest: httpx.Client) -> None:
    definition = definition_of()
    definition["config"]["source"]["serviceConnection"]["config"]["authType"]["password"] = MASK
    found = problems(guest.post(WORKFLOWS, json=definition))
    assert list(found) == ["config.source.serviceConnection.config.authType.password"]


@pytest.mark.parametrize("kind", ["application/yaml", "text/yaml", "application/x-yaml; charset=utf-8"])
def test_yaml_is_as_good_as_json(client: httpx.Client, kind: str) -> None:
    text = yaml.safe_dump(definition_of(schedule={"at": "2031-01-01T00:00:00Z"}))
    response = client.post(WORKFLOWS, content=text, headers={"Content-Type": kind})
    assert response.status_code == 201, response.text
    assert response.json()["schedule"] == {"at": "2031-01-01T00:00:00Z"}


def test_put_creates_changes_and_leaves(client: httpx.Client) -> None:
    definition = definition_of()
    created = client.put(f"{WORKFLOWS}/shop", json=definition)
    assert (created.status_code, created.json()["revision"]) == (201, 1)
    assert created.headers["location"] == "/api/v1/workflows/shop"
    same = client.put(f"{WORKFLOWS}/shop", json=definition)
    assert (same.status_code, same.json()["revision"]) == (200, 1)
    del definition["name"]
    changed = client.put(f"{WORKFLOWS}/shop", json=definition | {"description": "new"})
    assert (changed.status_code, changed.json()["revision"]) == (200, 2)


def test_what_was_read_can_be_sent_back(client: httpx.Client) -> None:
    created = create(client, labels={"team": "data"})
    read = client.get("/api/v1/workflows/shop").json()
    answer = client.put("/api/v1/workflows/shop", json=read)
    assert (answer.status_code, answer.json()["revision"]) == (200, created["revision"])
    read["description"] = "edited"
    assert client.put("/api/v1/workflows/shop", json=read).json()["revision"] == created["revision"] + 1


def test_what_was_answered_to_a_change_can_be_sent_back(client: httpx.Client) -> None:
    created = create(client)
    assert "notes" in created
    answer = client.put("/api/v1/workflows/shop", json=created)
    assert (answer.status_code, answer.json()["revision"]) == (200, created["revision"])


def test_a_schedule_without_a_tick_to_come_is_noted(client: httpx.Client) -> None:
    created = create(client, schedule={"at": "2020-01-01T00:00:00Z"})
    assert [note.partition(",")[0] for note in created["notes"]] == ["schedule has no tick to come"]
    assert create(client, "later", schedule={"cron": "0 2 * * *"})["notes"] == []


def test_variables_and_misplaced_references_are_noted(client: httpx.Client) -> None:
    definition = definition_of("noted")
    place = definition["config"]["source"]["serviceConnection"]["config"]
    place |= {"username": "secret:user", "database": "${PG_DATABASE}", "authType": {"password": "${PG_PASSWORD}"}}
    below = "source.serviceConnection.config"
    for path in ("/api/v1/workflows/validate", "/api/v1/workflows"):
        notes = [note.removeprefix(below) for note in client.post(path, json=definition).json()["notes"]]
        assert sorted(notes) == [
            ".authType.password is taken as it stands, as the service puts in no variables: write secret:<name>",
            ".database is taken as it stands, as the service puts in no variables: write the value itself",
            ".username is taken as it stands, as only secrets can be secret:<name>: write the value itself",
        ]


def test_put_refuses_another_name_than_the_address(guest: httpx.Client) -> None:
    assert list(problems(guest.put(f"{WORKFLOWS}/other", json=definition_of()))) == ["name"]
    problem(guest.get(f"{WORKFLOWS}/other"), 404)


def test_put_names_the_path_of_a_fault(guest: httpx.Client) -> None:
    assert problems(guest.put(f"{WORKFLOWS}/shop", json={"policy": {"pool": "-"}, "extra": 1})) == {
        "config": "is required",
        "extra": "is not a known key; correct or remove it",
        "policy.pool": "must match the regular expression ^[A-Za-z0-9][A-Za-z0-9._-]{0,127}$",
    }


def test_patch_changes_only_what_it_names(client: httpx.Client) -> None:
    create(client, labels={"team": "data", "tier": "1"}, schedule=NIGHTLY)
    changes = {
        "labels": {"tier": None},
        "schedule": {"intervalSeconds": 60},
        "policy": {"timeoutSeconds": None},
        "config": {"source": {"serviceName": "other"}},
    }
    answer = client.patch(f"{WORKFLOWS}/shop", json=changes).json()
    assert answer["labels"] == {"team": "data"}
    assert answer["schedule"]["intervalSeconds"] == 60
    assert "cron" not in answer["schedule"]
    assert answer["policy"]["timeoutSeconds"] is None
    assert answer["config"]["source"]["serviceName"] == "other"
    assert (answer["revision"], password_in(answer)) == (2, MASK)


def test_patch_checks_the_whole(client: httpx.Client) -> None:
    create(client)
    url = f"{WORKFLOWS}/shop"
    assert list(problems(client.patch(url, json={"config": {"source": {"type": "nope"}}}))) == ["config.source.type"]
    assert list(problems(client.patch(url, json={"policy": {"maxAttempts": 0}}))) == ["policy.maxAttempts"]
    assert list(problems(client.patch(url, json={"name": "x"}))) == ["name"]
    assert client.get(url).json()["revision"] == 1


@pytest.mark.parametrize(
    ("change", "path", "words"),
    [
        ({"schedule": {"cron": "61 * * * *"}}, "schedule.cron", "61"),
        ({"schedule": {"cron": "0 2 * * *", "timezone": "Mars/Base"}}, "schedule.timezone", "IANA"),
        ({"schedule": {"cron": "0 2 * * *", "at": "2031-01-01T00:00:00Z"}}, "schedule", "exactly one"),
        ({"schedule": {"intervalSeconds": "often"}}, "schedule.intervalSeconds", "whole number"),
        ({"schedule": {"intervalSeconds": 1.5}}, "schedule.intervalSeconds", "whole number"),
        ({"schedule": {"at": "tomorrow"}}, "schedule.at", "like 2026-01-31T02:00:00Z"),
        ({"schedule": {"at": "2031-01-31"}}, "schedule.at", "with its offset from UTC"),
        ({"schedule": {"at": "2.0310131e7"}}, "schedule.at", "like 2026-01-31T02:00:00Z"),
        ({"schedule": {"at": 20310131}}, "schedule.at", "like 2026-01-31T02:00:00Z"),
        ({"schedule": {"at": "20310131"}}, "schedule.at", "like 2026-01-31T02:00:00Z"),
        ({"schedule": {"cron": "0 2 * * *", "start": 0}}, "schedule.start", "like 2026-01-31T02:00:00Z"),
        ({"enabled": "no"}, "enabled", "true or false"),
        ({"policy": {"maxAttempts": True}}, "policy.maxAttempts", "whole number"),
        ({"policy": {"retryBackoff": "2"}}, "policy.retryBackoff", "number"),
        ({"policy": {"overlap": "never"}}, "policy.overlap", "'skip'"),
        ({"policy": {"maxAttemps": 3}}, "policy.maxAttemps", "not a known key"),
        ({"labels": {"bad key": "x"}}, "labels.bad key", "match"),
        ({"name": "no spaces"}, "name", "match"),
        ({"config": {}}, "config.source", "required"),
        ({"config": [1]}, "config", "object"),
    ],
)
def test_every_fault_is_named_by_its_path(guest: httpx.Client, change: Any, path: str, words: str) -> None:
    found = problems(guest.post(WORKFLOWS, json=definition_of() | change))
    assert words in found[path]
    assert guest.get(WORKFLOWS).json()["data"] == []


@pytest.mark.parametrize(
    ("at", "value", "path"),
    [
        (("source", "type"), "postgrs", "config.source.type"),
        (("source", "sourceConfig"), {"config": {"threads": "many"}}, "config.source.sourceConfig.config.threads"),
        (
            ("source", "sourceConfig"),
            {"config": {"tableFilterPattern": {"includes": ["("]}}},
            "config.source.sourceConfig.config.tableFilterPattern.includes",
        ),
        (("source", "serviceConnection", "config", "hostprt"), "x", "config.source.serviceConnection.config.hostprt"),
        (("sink", "config"), {"filename": "../../etc/passwd"}, "config.sink.config.filename"),
    ],
)
def test_faults_of_the_config_are_found_at_post(
    guest: httpx.Client, at: tuple[str, ...], value: Any, path: str
) -> None:
    definition = definition_of()
    holder = definition["config"]
    for key in at[:-1]:
        holder = holder[key]
    holder[at[-1]] = value
    assert path in problems(guest.post(WORKFLOWS, json=definition))


def test_no_answer_repeats_a_secret_that_was_sent(guest: httpx.Client) -> None:
    definition = definition_of(policy={"maxAttempts": "hunter3"})
    response = guest.post(WORKFLOWS, json=definition)
    assert response.status_code == 422
    assert "hunter" not in response.text


def test_validate_stores_nothing(guest: httpx.Client) -> None:
    answer = guest.post(f"{WORKFLOWS}/validate", json=definition_of(schedule=NIGHTLY))
    assert answer.status_code == 200, answer.text
    assert (answer.json()["connector"], len(answer.json()["ticks"])) == ("postgres", 5)
    assert password_in(answer.json()) == MASK
    problem(guest.get(f"{WORKFLOWS}/shop"), 404)
    bad = guest.post(f"{WORKFLOWS}/validate", json=definition_of(schedule={"cron": "x"}))
    assert list(problems(bad)) == ["schedule.cron"]


def test_the_example_of_the_document_is_valid(guest: httpx.Client) -> None:
    response = guest.post(f"{WORKFLOWS}/validate", json=examples.SHOP)
    assert response.status_code == 200, response.text
    assert response.json()["config"] == examples.SHOP["config"]


def test_lists_are_paged_and_filtered(client: httpx.Client) -> None:
    for name, team in (("a", "data"), ("b", "web"), ("c", "data")):
        create(client, name, labels={"team": team}, enabled=name != "c", description=f"the {name} of {team}")

    def names(**query: Any) -> list[str]:
        return [found["name"] for found in client.get(WORKFLOWS, params=query).raise_for_status().json()["data"]]

    assert names() == ["a", "b", "c"]
    assert names(label="team:data") == ["a", "c"]
    assert names(label="team:data", enabled=True) == ["a"]
    assert names(label=["team:data", "tier:1"]) == []
    assert names(q="of WEB") == ["b"]
    first = client.get(WORKFLOWS, params={"limit": 2}).json()
    assert [found["name"] for found in first["data"]] == ["a", "b"]
    last = client.get(WORKFLOWS, params={"limit": 2, "cursor": first["nextCursor"]}).json()
    assert ([found["name"] for found in last["data"]], last["nextCursor"]) == (["c"], None)


@pytest.mark.parametrize(
    ("query", "path"),
    [
        ("limit=0", "limit"),
        ("limit=501", "limit"),
        ("limit=ten", "limit"),
        ("cursor=x", "cursor"),
        ("cursor=WzFd", "cursor"),
        ("label=team", "label"),
        ("label=a:1&label=a:2", "label"),
        ("enabled=perhaps", "enabled"),
        ("q=%00", "q"),
        ("colour=red", "colour"),
    ],
)
def test_a_query_that_means_nothing_is_refused(guest: httpx.Client, query: str, path: str) -> None:
    assert list(problems(guest.get(f"{WORKFLOWS}?{query}"))) == [path]


def test_revisions_can_be_read_and_gone_back_to(client: httpx.Client) -> None:
    create(client, description="one")
    client.patch(f"{WORKFLOWS}/shop", json={"description": "two"}).raise_for_status()
    listed = client.get(f"{WORKFLOWS}/shop/revisions").json()["data"]
    assert [(found["revision"], found["description"]) for found in listed] == [(2, "two"), (1, "one")]
    back = client.post(f"{WORKFLOWS}/shop/rollback", json={"revision": 1})
    assert (back.status_code, back.json()["revision"], back.json()["description"]) == (200, 3, "one")
    problem(client.post(f"{WORKFLOWS}/shop/rollback", json={"revision": 9}), 404)
    assert list(problems(client.post(f"{WORKFLOWS}/shop/rollback", json={"revision": 2**40}))) == ["revision"]


def test_the_schedule_can_be_switched_off_and_on(client: httpx.Client) -> None:
    create(client, schedule=NIGHTLY)
    assert client.post(f"{WORKFLOWS}/shop/pause").json()["enabled"] is False
    assert client.get(f"{WORKFLOWS}/shop/ticks").json()["enabled"] is False
    assert client.post(f"{WORKFLOWS}/shop/resume").json()["enabled"] is True
    assert client.get(f"{WORKFLOWS}/shop").json()["revision"] == 1


def test_ticks_are_previewed(client: httpx.Client) -> None:
    create(client, schedule=NIGHTLY)
    create(client, "manual")
    assert len(client.get(f"{WORKFLOWS}/shop/ticks").json()["data"]) == 10
    assert len(client.get(f"{WORKFLOWS}/shop/ticks?count=100").json()["data"]) == 100
    assert client.get(f"{WORKFLOWS}/manual/ticks").json() == {"enabled": True, "data": []}
    assert list(problems(client.get(f"{WORKFLOWS}/shop/ticks?count=101"))) == ["count"]


def test_deleting_cancels_active_runs_and_keeps_them(client: httpx.Client, database: Database) -> None:
    create(client, policy={"overlap": "queue"})
    running, queued = start(client), start(client)
    lease = claim(database)
    assert str(lease.run_id) == running["id"]
    assert client.delete(f"{WORKFLOWS}/shop").status_code == 204
    problem(client.get(f"{WORKFLOWS}/shop"), 404)
    assert client.get(f"/api/v1/runs/{queued['id']}").json()["state"] == "cancelled"
    with database.session() as session:
        assert runs.get(session, lease.run_id).cancel_requested_at is not None
        assert runs.get(session, lease.run_id).state is RunState.RUNNING


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", ""),
        ("PATCH", ""),
        ("DELETE", ""),
        ("GET", "/revisions"),
        ("POST", "/rollback"),
        ("POST", "/pause"),
        ("POST", "/resume"),
        ("GET", "/ticks"),
        ("POST", "/runs"),
        ("POST", "/backfill"),
        ("POST", "/check"),
    ],
)
def test_an_unknown_workflow_is_not_found(guest: httpx.Client, method: str, path: str) -> None:
    bodies = {
        "/rollback": {"revision": 1},
        "/backfill": {"from": "2026-01-01T00:00:00Z", "to": "2026-01-02T00:00:00Z"},
    }
    body = bodies.get(path) or ({} if method == "PATCH" else None)
    document = problem(guest.request(method, f"{WORKFLOWS}/nope{path}", json=body), 404)
    assert "'nope'" in document["detail"]


def test_a_name_with_nul_is_refused(guest: httpx.Client) -> None:
    assert list(problems(guest.get(f"{WORKFLOWS}/a%00b"))) == ["name"]
