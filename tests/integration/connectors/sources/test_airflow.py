"""Airflow, the real one, and Airflow 2's answers as it documents them."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec
import pytest

from connectors import registry
from connectors.connector import CheckResult
from connectors.errors import ConfigurationError, FatalError, SourceUnavailable
from connectors.families import rest
from connectors.http.retry import RetryPolicy
from connectors.ingestion import Result
from connectors.report import Report
from tests.answering import Answering, Asked, Status
from tests.fake_openmetadata import FakeOpenMetadata
from tests.fake_openmetadata.faults import Fault
from tests.golden.airflow_v1 import ANSWERS
from tests.whole_runs import failures, ingest_into

pytestmark = pytest.mark.timeout(600)
GOLDEN = Path(__file__).parents[3] / "golden"
QUICK = rest.RestLimits(read_seconds=20, retry=RetryPolicy(tries=2, few_tries=2, first_seconds=0.001))
LINEAGE = {"dbServiceNames": ["shop"]}
TABLE = {"columns": [{"name": "id", "dataType": "INT"}]}


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rest, "LIMITS", QUICK)


@pytest.fixture
def catalogue() -> Iterator[FakeOpenMetadata]:
    with FakeOpenMetadata() as fake:
        for name in ("ada", "bob"):
            fake.catalogue.add_person("users", name)
        put = fake.catalogue.put
        put("services/databaseServices", {"name": "shop", "serviceType": "Postgres"})
        put("databases", {"name": "shop", "service": "shop"})
        for schema, table in (("public", "orders"), ("reports", "daily")):
            put("databaseSchemas", {"name": schema, "database": "shop.shop"})
            put("tables", {"name": table, "databaseSchema": f"shop.shop.{schema}", **TABLE})
        yield fake


@pytest.fixture
def through(airflow_server: dict[str, str]) -> Iterator[Answering]:
    """The real Airflow behind a server that can go wrong."""
    with Answering(upstream=airflow_server["address"]) as api:
        yield api


def connection(address: str, **changes: Any) -> dict[str, Any]:
    login = {"username": "reader", "password": "airflow-pw"}
    return {"type": "Airflow", "hostPort": address, "connection": {"authConfig": login}, **changes}


def run(
    address: str, catalogue: FakeOpenMetadata, options: dict[str, Any] | None = None, **changes: Any
) -> tuple[Result, Report]:
    wanted = {"type": "PipelineMetadata", "statusLookbackDays": 365, "lineageInformation": LINEAGE, **(options or {})}
    return ingest_into(catalogue, "airflow", "flows", connection(address, **changes), wanted)


def sent(catalogue: FakeOpenMetadata) -> dict[str, Any]:
    """What the catalogue was given, without what differs from machine to machine and from run to run."""
    pipelines = catalogue.entities("pipelines")
    for pipeline in pipelines.values():
        for owner in pipeline.get("owners", []):
            owner["id"] = "..."
    return {
        "pipelines": pipelines,
        "tags": sorted(catalogue.entities("tags")),
        "statuses": sorted(
            [
                name,
                status["executionStatus"],
                *([task["name"], task["executionStatus"]] for task in status["taskStatus"]),
            ]
            for (name, _), status in catalogue.catalogue.statuses.items()
        ),
        "edges": sorted(
            [*ends, details["pipeline"] is not None] for ends, details in catalogue.catalogue.edges.items()
        ),
    }


def assert_golden(name: str, address: str, sent: dict[str, Any]) -> None:
    """What is sent is what the file says; hashes and the folder of the DAGs apart."""
    for pipeline in sent["pipelines"].values():
        del pipeline["sourceHash"]
        pipeline["pipelineLocation"] = pipeline["pipelineLocation"].rpartition("/")[2]
    text = json.dumps(sent, indent=1, sort_keys=True).replace(address, "http://airflow:8080")
    assert json.loads(text) == json.loads((GOLDEN / name).read_text(encoding="utf-8"))


def test_everything_a_real_airflow_holds_arrives(airflow_server: dict[str, str], catalogue: FakeOpenMetadata) -> None:
    address = airflow_server["address"]
    result, report = run(address, catalogue)
    assert (result, failures(report)) == (Result.SUCCEEDED, set())
    assert_golden("airflow.json", address, sent(catalogue))
    [status] = catalogue.catalogue.statuses.values()
    for task in status["taskStatus"]:
        assert status["timestamp"] <= task["startTime"] <= task["endTime"]
        assert task["logLink"].startswith(f"{address}/dags/load_orders/runs/")


def test_a_second_run_changes_nothing(airflow_server: dict[str, str], catalogue: FakeOpenMetadata) -> None:
    run(airflow_server["address"], catalogue)
    before = sent(catalogue)
    run(airflow_server["address"], catalogue)
    assert sent(catalogue) == before


def test_airflow_2_is_read_by_its_own_version(catalogue: FakeOpenMetadata) -> None:
    with Answering(ANSWERS) as api:
        result, report = run(api.address, catalogue)
        assert (result, failures(report)) == (Result.SUCCEEDED, set())
        assert_golden("airflow_v1.json", api.address, sent(catalogue))
        assert {asked.headers["authorization"] for asked in api.asked} == {"Basic cmVhZGVyOmFpcmZsb3ctcHc="}


def test_filters_options_and_bounds_hold(airflow_server: dict[str, str], catalogue: FakeOpenMetadata) -> None:
    options = {
        "pipelineFilterPattern": {"excludes": ["^report"]},
        "includeTags": False,
        "includeOwners": False,
        "includeLineage": False,
        "statusLookbackDays": 0,
    }
    _, report = run(airflow_server["address"], catalogue, options)
    assert report.by_type["pipeline"] == {"written": 1, "filtered": 1}
    [pipeline] = catalogue.entities("pipelines").values()
    assert pipeline["name"] == "load_orders"
    assert not {"tags", "owners"} & pipeline.keys()
    assert (catalogue.catalogue.statuses, catalogue.catalogue.edges, catalogue.entities("tags")) == ({}, {}, {})


def test_what_the_filters_leave_out_is_not_asked_about(through: Answering, catalogue: FakeOpenMetadata) -> None:
    run(through.address, catalogue, pipelineFilterPattern={"includes": ["^load"]})
    assert [path for path in through.paths() if path.endswith("/tasks")] == ["/api/v2/dags/load_orders/tasks"]


@pytest.mark.parametrize("marks", [True, False])
def test_a_dag_that_is_gone_is_deleted_where_that_is_wanted(
    airflow_server: dict[str, str], catalogue: FakeOpenMetadata, marks: bool
) -> None:
    run(airflow_server["address"], catalogue)
    catalogue.catalogue.put("pipelines", {"name": "old", "service": "flows"})
    run(airflow_server["address"], catalogue, {"markDeletedPipelines": marks})
    assert ("flows.old" in catalogue.entities("pipelines")) is not marks


def test_a_listing_that_breaks_off_deletes_nothing(through: Answering, catalogue: FakeOpenMetadata) -> None:
    run(through.address, catalogue)
    catalogue.catalogue.put("pipelines", {"name": "old", "service": "flows"})
    for kind in ("garbage", "html"):
        through.faults.add(Fault("/api/v2/dags", kind), Fault("/api/v2/dags", kind))
        _, report = run(through.address, catalogue)
        assert ("flows", "produce") in failures(report)
    assert "flows.old" in catalogue.entities("pipelines")


def test_a_dag_that_vanishes_is_one_failure(through: Answering, catalogue: FakeOpenMetadata) -> None:
    through.answers["GET /api/v2/dags/load_orders/tasks"] = Status(404, {"detail": "The Dag was not found"})
    _, report = run(through.address, catalogue)
    assert failures(report) == {("flows.load_orders", "pipeline")}
    assert set(catalogue.entities("pipelines")) == {'flows."report.daily"'}


def test_runs_that_may_not_be_read_are_one_failure_and_keep_no_pipeline_back(
    through: Answering, catalogue: FakeOpenMetadata
) -> None:
    through.answers["POST /api/v2/dags/~/dagRuns/list"] = Status(403, {"detail": "Forbidden"})
    _, report = run(through.address, catalogue)
    [failure] = report.failures
    assert (failure.name, failure.stage) == ("flows", "statuses")
    assert "what became of the latest runs is not known" in failure.cause
    assert len(catalogue.entities("pipelines")) == 2
    assert catalogue.catalogue.statuses == {}


def test_assets_that_may_not_be_read_keep_no_pipeline_back(catalogue: FakeOpenMetadata) -> None:
    with Answering(ANSWERS) as api:
        run(api.address, catalogue)
        catalogue.catalogue.put("pipelines", {"name": "old", "service": "flows"})
        api.answers["GET /api/v1/datasets"] = Status(403, {"detail": "Forbidden"})
        _, report = run(api.address, catalogue, {"overrideMetadata": True})
    [failure] = report.failures
    assert (failure.name, failure.stage) == ("flows", "lineage")
    assert "what its DAGs read and write is not known" in failure.cause
    assert failure.advice == "let the user read it, or leave it out by a filter"
    assert report.snapshot_counts()["pipeline"]["written"] == len(catalogue.entities("pipelines")) > 0
    assert "flows.old" not in catalogue.entities("pipelines"), "the DAGs were listed to the end"


def test_unknown_states_and_times_are_no_crash(through: Answering, catalogue: FakeOpenMetadata) -> None:
    runs = [
        {"dag_run_id": "1", "dag_id": "load_orders", "state": "pondering", "start_date": "2026-11-25T10:00:00Z"},
        {"dag_run_id": "2", "dag_id": "load_orders", "state": "queued", "start_date": None},
    ]
    through.answers["POST /api/v2/dags/~/dagRuns/list"] = {"dag_runs": runs, "total_entries": 2}
    run(through.address, catalogue)
    assert [status["executionStatus"] for status in catalogue.catalogue.statuses.values()] == ["Pending"]
    runs[0]["start_date"] = "yesterday"
    _, report = run(through.address, catalogue)
    assert {stage for _, stage in failures(report)} == {"statuses"}


def test_the_latest_runs_are_told_and_no_more(through: Answering, catalogue: FakeOpenMetadata) -> None:
    def runs(asked: Asked) -> dict[str, Any]:
        first = asked.body["page_offset"]
        page = [
            {
                "dag_run_id": str(n),
                "dag_id": "load_orders",
                "state": "success",
                "start_date": f"2026-11-25T10:{n:02}:00Z",
            }
            for n in range(59 - first, max(-1, 59 - first - asked.body["page_limit"]), -1)
        ]
        return {"dag_runs": page, "total_entries": 60}

    through.answers["POST /api/v2/dags/~/dagRuns/list"] = runs
    run(through.address, catalogue, numberOfStatus=3)
    assert len(catalogue.catalogue.statuses) == 3
    assert max(moment for _, moment in catalogue.catalogue.statuses) == round(
        datetime(2026, 11, 25, 10, 59, tzinfo=UTC).timestamp() * 1000
    )


@pytest.mark.parametrize("login", [{"username": "reader", "password": "wrong-pw"}, {"token": "wrong-pw"}])
def test_wrong_credentials_end_the_run(
    airflow_server: dict[str, str], catalogue: FakeOpenMetadata, login: dict[str, str]
) -> None:
    with pytest.raises(FatalError, match="does not let the user in") as caught:
        run(airflow_server["address"], catalogue, connection={"authConfig": login})
    assert "connection.authConfig" in (caught.value.advice or "")
    assert "wrong-pw" not in str(caught.value)


def test_a_session_that_ends_is_renewed(through: Answering, catalogue: FakeOpenMetadata) -> None:
    through.faults.add(Fault("/tasks", status=403, message="Invalid JWT token"))
    result, _ = run(through.address, catalogue)
    assert result is Result.SUCCEEDED
    assert through.paths().count("/auth/token") == 2


def test_a_server_that_hangs_ends_the_attempt(
    through: Answering, catalogue: FakeOpenMetadata, monkeypatch: pytest.MonkeyPatch
) -> None:
    through.faults.add(Fault("/tasks", "slow", seconds=60, times=9))
    hasty = msgspec.structs.replace(QUICK, read_seconds=2, retry=RetryPolicy(tries=1, few_tries=1))
    monkeypatch.setattr(rest, "LIMITS", hasty)
    with pytest.raises(SourceUnavailable, match="no answer within 2 s"):
        run(through.address, catalogue)


def test_what_is_no_airflow_is_said_so(catalogue: FakeOpenMetadata) -> None:
    with Answering() as api, pytest.raises(FatalError, match="no REST API of Airflow's of the version v2 or v1"):
        run(api.address, catalogue)


def checked(config: dict[str, Any]) -> dict[str, CheckResult]:
    return {result.name: result for result in registry.check("airflow", config)}


def test_the_connection_test_tells_what_can_be_read(through: Answering) -> None:
    results = checked(connection(through.address))
    assert {result.status for result in results.values()} == {"passed"}
    assert results["CheckAccess"].message == "Airflow 3.3.2, API v2"
    assert results["GetTasks"].message == "3 tasks in load_orders"
    through.answers["GET /api/v2/assets"] = Status(403, {"detail": "Forbidden"})
    assert checked(connection(through.address))["GetLineage"].status == "warning"


@pytest.mark.parametrize(
    ("changes", "path", "words"),
    [
        ({"hostPort": "airflow:8080"}, "hostPort", "write it like http://airflow:8080"),
        ({"connection": {"type": "Backend"}}, "", "Airflow's database is not read; use RestAPI"),
        ({"connection": {"authConfig": {"mwaaConfig": {}}}}, "connection.authConfig", "give username and password"),
        ({"connection": {"authConfig": {"username": "x"}}}, "connection.authConfig", "is required"),
        ({"numberOfStatus": 0}, "numberOfStatus", "must be at least 1"),
        ({"sslConfig": {}}, "sslConfig", "is not a known key"),
    ],
)
def test_what_cannot_be_run_is_refused_by_name(changes: dict[str, Any], path: str, words: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        list(registry.check("airflow", connection("http://airflow:8080") | changes))
    assert any(problem.path.startswith(path) and words in problem.message for problem in caught.value.problems)


@pytest.mark.parametrize("options", [{"ownershipUpdateMode": "append"}, {"overrideLineage": True}])
def test_options_that_are_not_supported_are_refused(options: dict[str, Any], catalogue: FakeOpenMetadata) -> None:
    with pytest.raises(ConfigurationError, match="is not supported"):
        run("http://127.0.0.1:1", catalogue, options)
