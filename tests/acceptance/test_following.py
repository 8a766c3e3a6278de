"""Runs followed as they go on: server-sent events, and the questions a dashboard asks."""

from tests.acceptance.api import Api, Json, config_of
from tests.acceptance.catalogues import Catalogue
from tests.acceptance.processes import Replica, log_lines
from tests.acceptance.sources import Source


def test_the_events_of_a_run_lead_to_its_end(api: Api, name: str, shop: Source, catalogue: Catalogue) -> None:
    catalogue.hold("/tables/bulk")
    api.create(name, config_of(shop.connection(), catalogue))
    run = api.start(name)
    catalogue.wait_until_held()
    told: list[tuple[str, Json]] = []
    for kind, data in api.events(run):
        told.append((kind, data))
        catalogue.release()
    states = [data["state"] for kind, data in told if kind == "state"]
    assert states == ["running", "succeeded"]
    assert told[-1] == ("state", api.run(run))
    assert "\n".join(data["message"] for kind, data in told if kind == "log") == api.log(run)
    progress = [data["counts"]["written"] for kind, data in told if kind == "progress"]
    assert progress == sorted(progress)
    assert progress[-1] == api.run(run)["counts"]["written"]


def test_who_has_heard_the_end_is_told_nothing_more(api: Api, name: str, shop: Source, catalogue: Catalogue) -> None:
    api.create(name, config_of(shop.connection(), catalogue))
    run = api.until(api.start(name), "succeeded")["id"]
    path = f"/api/v1/runs/{run}/events"
    *_, last = (line for line in api.http.get(path).text.splitlines() if line.startswith("id: "))
    answer = api.http.get(path, headers={"Last-Event-ID": last.removeprefix("id: ")})
    assert (answer.status_code, answer.text) == (204, "")


def test_an_unknown_run_has_no_events(api: Api) -> None:
    answer = api.http.get("/api/v1/runs/00000000-0000-0000-0000-000000000000/events")
    assert answer.status_code == 404
    assert answer.headers["content-type"] == "application/problem+json"


def test_a_running_run_shows_how_far_it_is(api: Api, name: str, shop: Source, catalogue: Catalogue) -> None:
    catalogue.hold("/tables/bulk")
    api.create(name, config_of(shop.connection(), catalogue))
    run = api.start(name)
    catalogue.wait_until_held()
    for _, data in api.events(run):
        progress = data["progress"].get("table") if "progress" in data else None
        if progress and progress["processed"]:
            break
    going = api.run(run)
    assert (going["state"], going["finishedAt"]) == ("running", None)
    assert going["progress"]["table"]["expected"] >= going["progress"]["table"]["processed"] > 0
    assert "etaSeconds" in going["progress"]
    assert [each["outcome"] for each in api.attempts(run)] == ["running"]
    catalogue.release()
    api.until(run, "succeeded")


def test_the_log_of_the_service_is_json_and_names_the_run(
    api: Api, service: Replica, name: str, shop: Source, catalogue: Catalogue
) -> None:
    api.create(name, config_of(shop.connection(), catalogue))
    run = api.until(api.start(name), "succeeded")["id"]
    about = [line for line in log_lines(service.said()) if line.get("run_id") == run]
    assert f"Attempt 1 of workflow {name} begins" in [line["message"] for line in about]
    assert {line["workflow"] for line in about} == {name}
    assert shop.password not in service.said()


def test_runs_are_found_by_workflow_state_and_time(api: Api, name: str, shop: Source, catalogue: Catalogue) -> None:
    api.create(name, config_of(shop.connection(), catalogue))
    first, second = (api.until(api.start(name), "succeeded") for _ in range(2))
    not_there = {"source": {"serviceConnection": {"config": {"database": "not_there"}}}}
    failed = api.until(api.start(name, overrides=not_there), "failed")

    def found(**query: object) -> list[str]:
        return [run["id"] for run in api.get("/runs", workflow=name, **query)["data"]]

    assert found() == [failed["id"], second["id"], first["id"]]
    assert found(state="failed") == [failed["id"]]
    assert found(state=["succeeded", "running"]) == [second["id"], first["id"]]
    assert found(since=second["queuedAt"]) == [failed["id"], second["id"]]
    assert found(until=second["queuedAt"]) == [first["id"]]
    page = api.get("/runs", workflow=name, limit=2)
    rest = api.get("/runs", workflow=name, limit=2, cursor=page["nextCursor"])
    assert [run["id"] for run in page["data"] + rest["data"]] == found()
    assert rest["nextCursor"] is None
