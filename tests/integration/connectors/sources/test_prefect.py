"""Prefect, the real one, also behind a server that can go wrong."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

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
from tests.golden.prefect_small import ANSWERS, FLOW, RUN, TASKS
from tests.whole_runs import failures, ingest_into

pytestmark = pytest.mark.timeout(600)
GOLDEN = Path(__file__).parents[3] / "golden"
QUICK = rest.RestLimits(read_seconds=20, retry=RetryPolicy(tries=2, few_tries=2, first_seconds=0.001))
FORBIDDEN = Status(403, {"detail": "Forbidden"})
FLOWS, RUNS = "POST /api/flows/filter", "POST /api/flow_runs/filter"
DEPLOYMENTS, TASK_RUNS = "POST /api/deployments/filter", "POST /api/task_runs/filter"


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rest, "LIMITS", QUICK)


@pytest.fixture
def catalogue() -> Iterator[FakeOpenMetadata]:
    with FakeOpenMetadata() as fake:
        yield fake


@pytest.fixture
def through(prefect_server: dict[str, str]) -> Iterator[Answering]:
    """The real Prefect behind a server that can go wrong."""
    with Answering(upstream=prefect_server["address"]) as api:
        yield api


@pytest.fixture
def api() -> Iterator[Answering]:
    """One that answers by hand."""
    with Answering(ANSWERS) as made:
        yield made


def connection(address: str, **changes: Any) -> dict[str, Any]:
    auth = {"authString": "reader:prefect-pw"}
    return {"type": "Prefect", "hostPort": address, "authType": auth, **changes}


def run(
    address: str, catalogue: FakeOpenMetadata, options: dict[str, Any] | None = None, **changes: Any
) -> tuple[Result, Report]:
    wanted = {"type": "PipelineMetadata", "statusLookbackDays": 365, **(options or {})}
    return ingest_into(catalogue, "prefect", "flows", connection(address, **changes), wanted)


def sent(catalogue: FakeOpenMetadata) -> dict[str, Any]:
    """What the catalogue was given, without what differs from run to run."""
    pipelines = catalogue.entities("pipelines")
    for pipeline in pipelines.values():
        pipeline.pop("sourceHash", None)
        pipeline["sourceUrl"] = pipeline["sourceUrl"].rpartition("/")[0]
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
    }


def test_everything_a_real_prefect_holds_arrives(prefect_server: dict[str, str], catalogue: FakeOpenMetadata) -> None:
    address = prefect_server["address"]
    result, report = run(address, catalogue)
    assert (result, failures(report)) == (Result.SUCCEEDED, set())
    text = json.dumps(sent(catalogue), indent=1, sort_keys=True).replace(address, "http://prefect:4200")
    assert json.loads(text) == json.loads((GOLDEN / "prefect.json").read_text(encoding="utf-8"))
    for status in catalogue.catalogue.statuses.values():
        for task in status["taskStatus"]:
            assert status["timestamp"] <= task["startTime"] <= task["endTime"]


def test_a_second_run_changes_nothing(prefect_server: dict[str, str], catalogue: FakeOpenMetadata) -> None:
    run(prefect_server["address"], catalogue)
    before = sent(catalogue)
    run(prefect_server["address"], catalogue)
    assert sent(catalogue) == before


def test_filters_options_and_bounds_hold(through: Answering, catalogue: FakeOpenMetadata) -> None:
    options = {"pipelineFilterPattern": {"includes": ["^load"]}, "includeTags": False, "statusLookbackDays": 0}
    _, report = run(through.address, catalogue, options, numberOfStatus=1)
    assert report.by_type["pipeline"] == {"written": 1, "filtered": 2}
    [pipeline] = catalogue.entities("pipelines").values()
    assert "tags" not in pipeline
    assert [task["name"] for task in pipeline["tasks"]] == ["extract", "load"]
    assert (catalogue.catalogue.statuses, catalogue.entities("tags")) == ({}, {})
    [asked] = [each for each in through.asked if each.path == "/api/flow_runs/filter"]
    assert asked.body["limit"] == 1


def test_a_flow_by_hand_has_its_tasks_and_their_order(api: Answering, catalogue: FakeOpenMetadata) -> None:
    result, _ = run(f"{api.address}/api", catalogue)
    assert result is Result.SUCCEEDED
    [pipeline] = catalogue.entities("pipelines").values()
    assert pipeline["tasks"] == [{"name": "extract", "downstreamTasks": ["load"]}, {"name": "load"}]
    assert (pipeline["scheduleInterval"], pipeline["state"]) == ("every 3600 s", "Active")
    [status] = catalogue.catalogue.statuses.values()
    assert status["executionStatus"] == "Failed"
    assert [task["executionStatus"] for task in status["taskStatus"]] == ["Successful", "Failed"]
    assert api.asked[0].headers["authorization"] == "Basic cmVhZGVyOnByZWZlY3QtcHc="


def test_prefect_cloud_is_asked_by_workspace(catalogue: FakeOpenMetadata) -> None:
    base = "/api/accounts/a1/workspaces/w1"
    auth = {"apiKey": "pnu_key", "accountId": "a1", "workspaceId": "w1"}
    with Answering({path.replace("/api", base): answer for path, answer in ANSWERS.items()}) as api:
        result, _ = run(api.address, catalogue, authType=auth)
        assert result is Result.SUCCEEDED
        assert {asked.headers["authorization"] for asked in api.asked} == {"Bearer pnu_key"}
    assert "sourceUrl" not in next(iter(catalogue.entities("pipelines").values()))


@pytest.mark.parametrize("marks", [True, False])
def test_a_flow_that_is_gone_is_deleted_where_that_is_wanted(
    api: Answering, catalogue: FakeOpenMetadata, marks: bool
) -> None:
    run(api.address, catalogue)
    catalogue.catalogue.put("pipelines", {"name": "old", "service": "flows"})
    run(api.address, catalogue, {"markDeletedPipelines": marks})
    assert ("flows.old" in catalogue.entities("pipelines")) is not marks


def test_a_listing_that_breaks_off_deletes_nothing(api: Answering, catalogue: FakeOpenMetadata) -> None:
    run(api.address, catalogue)
    catalogue.catalogue.put("pipelines", {"name": "old", "service": "flows"})
    for kind in ("garbage", "html"):
        api.faults.add(*[Fault("/api/flows/filter", kind)] * 2)
        _, report = run(api.address, catalogue)
        assert ("flows", "produce") in failures(report)
    assert "flows.old" in catalogue.entities("pipelines")


def test_more_than_a_page_is_read_to_the_end(
    api: Answering, catalogue: FakeOpenMetadata, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("connectors.families.prefect.api.PAGE", 20)

    def page(asked: Asked) -> list[dict[str, Any]]:
        first, most = asked.body["offset"], asked.body["limit"]
        return [{**FLOW, "id": str(n), "name": f"f{n}"} for n in range(first, min(first + most, 45))]

    api.answers |= {FLOWS: page, "POST /api/flows/count": 45}
    _, report = run(api.address, catalogue)
    assert report.by_type["pipeline"] == {"written": 45}


def test_a_flow_removed_and_one_added_between_two_pages_hide_no_other(
    api: Answering, catalogue: FakeOpenMetadata
) -> None:
    names = [f"f{n:03}" for n in range(250)]

    def page(asked: Asked) -> list[dict[str, Any]]:
        first, most = asked.body["offset"], asked.body["limit"]
        rows = [{**FLOW, "id": name, "name": name} for name in names[first : first + most]]
        if first == 0 and "f000" in names:
            names[:] = [*names[1:], "f250"]
        return rows

    api.answers[FLOWS] = page
    _, report = run(api.address, catalogue)
    assert report.by_type["pipeline"] == {"written": 251}


@pytest.mark.parametrize(
    ("count", "version"), [([], "3.8.8"), (Status(404), "3.8.8"), (0, []), (0, ""), (0, Status(404))]
)
def test_a_stranger_that_answers_everything_is_no_empty_prefect(
    api: Answering, catalogue: FakeOpenMetadata, count: Any, version: Any
) -> None:
    run(api.address, catalogue)
    api.answers = {FLOWS: [], "POST /api/flows/count": count, "GET /api/admin/version": version}
    with pytest.raises(FatalError, match="is no Prefect") as caught:
        run(api.address, catalogue)
    assert caught.value.advice == "correct hostPort"
    assert "flows.load orders" in catalogue.entities("pipelines")


def test_a_prefect_without_flows_is_an_empty_one(api: Answering, catalogue: FakeOpenMetadata) -> None:
    run(api.address, catalogue)
    api.answers |= {FLOWS: [], "POST /api/flows/count": 0}
    result, _ = run(api.address, catalogue)
    assert result is Result.SUCCEEDED
    assert catalogue.entities("pipelines") == {}


@pytest.mark.parametrize(
    ("path", "answer", "stages"),
    [
        (DEPLOYMENTS, FORBIDDEN, {"pipeline"}),
        (TASK_RUNS, Status(404, {"detail": "gone"}), {"pipeline"}),
        (TASK_RUNS, Status(200, {"tasks": []}), {"pipeline"}),
        (RUNS, Status(200, [{**RUN, "start_time": "yesterday"}]), {"statuses"}),
    ],
)
def test_a_part_that_cannot_be_read_is_a_failure_of_that_flow(
    api: Answering, catalogue: FakeOpenMetadata, path: str, answer: Status, stages: set[str]
) -> None:
    api.answers[path] = answer
    _, report = run(api.address, catalogue)
    assert {stage for name, stage in failures(report) if name == "flows.load orders"} == stages


@pytest.mark.parametrize("path", [RUNS, TASK_RUNS])
@pytest.mark.parametrize("days", [0, 365])
def test_flows_whose_runs_may_not_be_read_keep_the_tasks_that_were_sent_before(
    api: Answering, catalogue: FakeOpenMetadata, path: str, days: int
) -> None:
    api.answers |= {FLOWS: [FLOW, {**FLOW, "id": "f2", "name": "send"}], "POST /api/flows/count": 2}
    run(api.address, catalogue, {"statusLookbackDays": days})
    before = catalogue.entities("pipelines")
    assert before["flows.load orders"]["tasks"]
    catalogue.catalogue.put("pipelines", {"name": "old", "service": "flows"})
    api.answers |= {path: FORBIDDEN, DEPLOYMENTS: []}
    _, report = run(api.address, catalogue, {"statusLookbackDays": days})
    told = {(failure.name, failure.stage): failure for failure in report.failures}
    assert set(told) == {
        ("flows.load orders", "pipeline"),
        ("flows.send", "pipeline"),
        ("flows", "statuses"),
    }
    assert "what became of the latest runs is not known" in told["flows", "statuses"].cause
    assert "it is kept as it was sent before" in told["flows.send", "pipeline"].cause
    for failure in told.values():
        assert "is forbidden: Forbidden" in failure.cause
        assert "let the user read it" in str(failure.advice)
    after = catalogue.entities("pipelines")
    assert after.pop("flows.old"), "nothing is deleted where a flow failed"
    assert after == before


def test_unknown_states_and_keys_are_no_crash(api: Answering, catalogue: FakeOpenMetadata) -> None:
    api.answers[RUNS] = [{**RUN, "state_type": "PONDERING"}]
    api.answers[TASK_RUNS] = [{**TASKS[0], "task_key": "", "state_type": None}]
    result, _ = run(api.address, catalogue)
    assert result is Result.SUCCEEDED
    [status] = catalogue.catalogue.statuses.values()
    assert (status["executionStatus"], status["taskStatus"][0]["name"]) == ("Pending", "extract-0")


def test_wrong_credentials_end_the_run(prefect_server: dict[str, str], catalogue: FakeOpenMetadata) -> None:
    with pytest.raises(FatalError, match="does not let the user in") as caught:
        run(prefect_server["address"], catalogue, authType={"authString": "reader:wrong-pw"})
    assert caught.value.advice == "correct authType.authString"
    assert "wrong-pw" not in str(caught.value)


def test_a_server_that_hangs_ends_the_attempt(
    api: Answering, catalogue: FakeOpenMetadata, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rest, "LIMITS", rest.RestLimits(read_seconds=1, retry=RetryPolicy(tries=1, few_tries=1)))
    api.faults.add(Fault("/api/flow_runs/filter", "slow", seconds=60, times=9))
    with pytest.raises(SourceUnavailable, match="no answer within 1 s"):
        run(api.address, catalogue)


def checked(config: dict[str, Any]) -> dict[str, CheckResult]:
    return {result.name: result for result in registry.check("prefect", config)}


def test_the_connection_test_tells_what_can_be_read(through: Answering) -> None:
    results = checked(connection(through.address))
    assert {result.status for result in results.values()} == {"passed"}
    assert results["CheckAccess"].message == "3 flows"
    through.answers[RUNS] = FORBIDDEN
    assert checked(connection(through.address))["GetRuns"].status == "warning"


@pytest.mark.parametrize(
    ("changes", "path", "words"),
    [
        ({"hostPort": "prefect:4200"}, "hostPort", "write it like http://prefect:4200"),
        ({"authType": {"apiKey": "k", "accountId": "a"}}, "authType", "is required"),
        ({"authType": {"username": "u", "password": "p"}}, "authType", "give authString, user:password, for a server"),
        ({"authType": {"authString": "u:p", "user": "u"}}, "authType.user", "is not a known key"),
        ({"numberOfStatus": 0}, "numberOfStatus", "must be at least 1"),
        ({"token": "x"}, "token", "is not a known key"),
    ],
)
def test_what_cannot_be_run_is_refused_by_name(changes: dict[str, Any], path: str, words: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        list(registry.check("prefect", connection("http://prefect:4200") | changes))
    assert any(problem.path.startswith(path) and words in problem.message for problem in caught.value.problems)
