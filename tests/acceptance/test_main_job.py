"""The main job: POST a workflow, it runs on schedule, the metadata arrives, the run can be followed."""

from datetime import UTC, datetime, timedelta

import pytest

from tests.acceptance.api import Api, Json, config_of
from tests.acceptance.catalogues import Catalogue
from tests.acceptance.sources import SERVICE, Source


def shortly() -> dict[str, str]:
    """A schedule that is due in a moment, but not before a busy machine has taken and shown it."""
    return {"at": (datetime.now(UTC) + timedelta(seconds=5)).isoformat()}


def test_a_scheduled_workflow_fills_the_catalogue(api: Api, name: str, shop: Source, catalogue: Catalogue) -> None:
    created = api.create(name, config_of(shop.connection(), catalogue), schedule=shortly())
    assert api.runs(name) == []
    [tick] = api.get(f"/workflows/{name}/ticks")["data"]

    run = api.ended(api.some_runs(name)[0]["id"])

    assert (run["state"], run["error"]) == ("succeeded", None)
    assert catalogue.names() == shop.golden_names()
    assert run["trigger"] == "schedule"
    assert run["scheduledFor"] == tick
    assert (run["workflow"], run["revision"], run["attempt"]) == (name, created["revision"], 1)
    assert run["worker"]
    assert run["queuedAt"] <= run["startedAt"] <= run["finishedAt"]
    assert datetime.fromisoformat(run["queuedAt"]) - datetime.fromisoformat(tick) < timedelta(seconds=30)


def test_counts_and_progress_tell_what_was_found(api: Api, name: str, shop: Source, catalogue: Catalogue) -> None:
    api.create(name, config_of(shop.connection(), catalogue))
    run = api.ended(api.start(name))
    found = {collection: len(names) for collection, names in shop.golden_names().items()}
    written = {
        "databaseService": 1,
        "database": found["databases"],
        "databaseSchema": found["databaseSchemas"],
        "table": found["tables"],
        "storedProcedure": found["storedProcedures"],
    }
    counts = run["counts"]
    assert {entity: outcomes.get("written") for entity, outcomes in counts["byType"].items()} == written
    assert counts["written"] == sum(written.values())
    assert (counts["failed"], counts["deleted"], counts["unchanged"]) == (0, 0, 0)
    assert run["progress"].pop("etaSeconds") is None
    for entity in ("databaseSchema", "table", "storedProcedure"):
        progress = run["progress"][entity]
        assert progress["processed"] == progress["expected"] >= written[entity]


def test_a_second_run_changes_nothing(api: Api, name: str, shop: Source, catalogue: Catalogue) -> None:
    api.create(name, config_of(shop.connection(), catalogue))
    api.until(api.start(name), "succeeded")
    before = catalogue.contents()
    run = api.until(api.start(name), "succeeded")
    assert catalogue.contents() == before
    assert run["counts"]["byType"]["table"] == {"unchanged": len(before["tables"])}


def test_a_dropped_table_is_deleted_in_the_catalogue(api: Api, name: str, shop: Source, catalogue: Catalogue) -> None:
    shop.execute("create table sales.short_lived (x int)")
    api.create(name, config_of(shop.connection(), catalogue))
    try:
        api.until(api.start(name), "succeeded")
    finally:
        shop.execute("drop table sales.short_lived")
    run = api.until(api.start(name), "succeeded")
    assert catalogue.deleted("tables") == {f"{SERVICE}.{shop.database}.sales.short_lived"}
    assert run["counts"]["deleted"] == 1


@pytest.mark.parametrize("isolation", ["thread", "process"])
def test_a_deletion_that_is_refused_makes_the_run_partial(
    api: Api, name: str, shop: Source, catalogue: Catalogue, isolation: str
) -> None:
    shop.execute(f"create table sales.gone_{isolation} (x int)")
    config = config_of(shop.connection(), catalogue)
    config["sink"]["config"]["maxDeletedPercent"] = 0
    api.create(name, config, policy={"isolation": isolation})
    try:
        api.until(api.start(name), "succeeded")
    finally:
        shop.execute(f"drop table sales.gone_{isolation}")
    run = api.until(api.start(name), "partial")
    assert [each["stage"] for each in api.failures(run["id"])] == ["delete"]
    assert not catalogue.deleted("tables")


def test_both_flows_leave_the_same_catalogue(api: Api, name: str, shop: Source) -> None:
    contents: list[Json] = []
    for threads in (1, 4):
        with Catalogue() as catalogue:
            config = config_of(shop.connection(), catalogue, options={"threads": threads, "includeDDL": True})
            api.create(f"{name}-{threads}", config)
            run = api.until(api.start(f"{name}-{threads}"), "succeeded")
            contents.append({**catalogue.contents(), "counts": run["counts"]})
    standard, multithread = contents
    assert standard == multithread


def test_the_log_of_a_run_can_be_read(api: Api, name: str, shop: Source, catalogue: Catalogue) -> None:
    api.create(name, config_of(shop.connection(), catalogue))
    run = api.start(name)
    api.until(run, "succeeded")
    lines = api.get(f"/runs/{run}/logs")
    messages = [line["message"] for line in lines["data"]]
    assert messages[0] == f"Attempt 1 of workflow {name} begins"
    assert messages[-1].startswith("Attempt 1 ended after ")
    assert {line["level"] for line in lines["data"]} == {"INFO"}
    assert shop.password not in api.log(run)
    rest = api.get(f"/runs/{run}/logs", after=lines["data"][0]["id"])["data"]
    assert [line["message"] for line in rest] == messages[1:]
    assert api.get(f"/runs/{run}/logs", after=lines["nextAfter"])["data"] == []


def test_the_metrics_tell_of_a_run(api: Api, name: str, shop: Source, catalogue: Catalogue) -> None:
    before = api.metrics()
    api.create(name, config_of(shop.connection(), catalogue), schedule=shortly())
    run = api.until(api.some_runs(name)[0]["id"], "succeeded")
    after = api.metrics()

    def grown(series: str) -> float:
        return after[series] - before.get(series, 0)

    assert grown('headwater_runs_total{connector="postgres",state="succeeded"}') == 1
    assert grown('headwater_run_duration_seconds_count{connector="postgres",state="succeeded"}') == 1
    assert grown('headwater_run_queue_seconds_count{pool="default"}') == 1
    assert grown("headwater_schedule_lag_seconds_count") == 1
    tables = run["counts"]["byType"]["table"]["written"]
    assert grown('headwater_records_total{connector="postgres",entity="table",outcome="written"}') == tables
    assert grown('headwater_source_queries_seconds_count{connector="postgres"}') > 0
    assert grown('headwater_stage_seconds_total{connector="postgres",entity="table",stage="produce"}') > 0
    assert [series for series in after if series.startswith("headwater_sink_request_seconds_count{") and grown(series)]


@pytest.mark.parametrize("isolation", ["thread", "process"])
def test_secrets_are_looked_up_by_reference(
    api: Api, name: str, shop: Source, catalogue: Catalogue, isolation: str
) -> None:
    connection = shop.connection(authType={"password": "secret:in-the-environment"})
    created = api.create(name, config_of(connection, catalogue), policy={"isolation": isolation})
    assert created["config"]["source"]["serviceConnection"]["config"]["authType"] == {
        "password": "secret:in-the-environment"
    }
    api.until(api.start(name), "succeeded")
    assert catalogue.names() == shop.golden_names()
