"""Dagster, the real one, also behind a server that can go wrong."""

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
from tests.golden.dagster_small import PARTS, RUN, answering
from tests.whole_runs import failures, ingest_into

pytestmark = pytest.mark.timeout(600)
GOLDEN = Path(__file__).parents[3] / "golden"
QUICK = rest.RestLimits(read_seconds=20, retry=RetryPolicy(tries=2, few_tries=2, first_seconds=0.001))
LINEAGE = {"dbServiceNames": ["shop"]}
TABLE = {"columns": [{"name": "id", "dataType": "BIGINT"}]}
FAILED = {"__typename": "PythonError", "message": "ModuleNotFoundError: pandas"}


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rest, "LIMITS", QUICK)


def fill(fake: FakeOpenMetadata) -> None:
    """What the catalogue has beforehand."""
    fake.catalogue.add_person("users", "ada")
    fake.catalogue.add_person("teams", "sales")
    put = fake.catalogue.put
    put("services/databaseServices", {"name": "shop", "serviceType": "Postgres"})
    put("databases", {"name": "shop", "service": "shop"})
    for schema, table in (("public", "orders"), ("reports", "daily")):
        put("databaseSchemas", {"name": schema, "database": "shop.shop"})
        put("tables", {"name": table, "databaseSchema": f"shop.shop.{schema}", **TABLE})


@pytest.fixture
def catalogue() -> Iterator[FakeOpenMetadata]:
    with FakeOpenMetadata() as fake:
        fill(fake)
        yield fake


@pytest.fixture
def through(dagster_server: str) -> Iterator[Answering]:
    """The real Dagster behind a server that can go wrong."""
    with Answering(upstream=dagster_server) as api:
        yield api


@pytest.fixture
def api() -> Iterator[Answering]:
    """One that answers by hand."""
    with Answering(answering(PARTS)) as made:
        yield made


def connection(address: str, **changes: Any) -> dict[str, Any]:
    return {"type": "Dagster", "host": address, "token": "dagster-token", **changes}


def run(
    address: str, catalogue: FakeOpenMetadata, options: dict[str, Any] | None = None, **changes: Any
) -> tuple[Result, Report]:
    wanted = {"type": "PipelineMetadata", "statusLookbackDays": 365, "lineageInformation": LINEAGE, **(options or {})}
    return ingest_into(catalogue, "dagster", "flows", connection(address, **changes), wanted)


def sent(catalogue: FakeOpenMetadata) -> dict[str, Any]:
    """What the catalogue was given, without what differs from run to run."""
    pipelines = catalogue.entities("pipelines")
    for pipeline in pipelines.values():
        pipeline.pop("sourceHash", None)
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


def test_everything_a_real_dagster_holds_arrives(dagster_server: str, catalogue: FakeOpenMetadata) -> None:
    result, report = run(dagster_server, catalogue)
    assert (result, failures(report)) == (Result.SUCCEEDED, set())
    text = json.dumps(sent(catalogue), indent=1, sort_keys=True).replace(dagster_server, "http://dagster:3000")
    assert json.loads(text) == json.loads((GOLDEN / "dagster.json").read_text(encoding="utf-8"))
    for status in catalogue.catalogue.statuses.values():
        for task in status["taskStatus"]:
            assert status["timestamp"] <= task["startTime"] <= task["endTime"]


def test_a_second_run_changes_nothing(dagster_server: str, catalogue: FakeOpenMetadata) -> None:
    run(dagster_server, catalogue)
    before = sent(catalogue)
    run(dagster_server, catalogue)
    assert sent(catalogue) == before


def test_filters_options_and_bounds_hold(through: Answering, catalogue: FakeOpenMetadata) -> None:
    options = {
        "pipelineFilterPattern": {"includes": ["^load"]},
        "includeTags": False,
        "includeOwners": False,
        "includeLineage": False,
        "statusLookbackDays": 0,
    }
    _, report = run(through.address, catalogue, options)
    assert report.by_type["pipeline"] == {"written": 1, "filtered": 2}
    [pipeline] = catalogue.entities("pipelines").values()
    assert not {"tags", "owners"} & pipeline.keys()
    assert (catalogue.catalogue.statuses, catalogue.catalogue.edges, catalogue.entities("tags")) == ({}, {}, {})
    queries = [asked.body["query"] for asked in through.asked]
    assert not [query for query in queries if "assetNodes" in query or "runsOrError" in query or "job1:" in query]


def test_what_stands_before_the_tables_name_in_a_key_is_left_out(
    through: Answering, catalogue: FakeOpenMetadata
) -> None:
    """With one part stripped, shop.reports.daily is no table any more; orders have their name from their metadata."""
    run(through.address, catalogue, stripAssetKeyPrefixLength=1)
    assert catalogue.catalogue.edges == {}


def test_a_job_by_hand_has_its_steps(api: Answering, catalogue: FakeOpenMetadata) -> None:
    """An older version without owners; a mapped op's step has the op's name, and one of older code is left out."""
    result, _ = run(api.address, catalogue)
    assert result is Result.SUCCEEDED
    [status] = catalogue.catalogue.statuses.values()
    assert (status["timestamp"], status["executionStatus"]) == (1795623360500, "Failed")
    [task] = status["taskStatus"]
    assert (task["name"], task["executionStatus"], task["endTime"]) == ("load", "Failed", 1795623362000)
    assert "owners" not in next(asked.body["query"] for asked in api.asked if "job0:" in asked.body["query"])
    assert api.asked[0].headers["dagster-cloud-api-token"] == "dagster-token"


def test_jobs_of_one_name_are_told_apart(api: Answering, catalogue: FakeOpenMetadata) -> None:
    [entry] = PARTS["workspaceOrError"]["locationEntries"]
    entries = [entry, {**entry, "name": "bank.py"}]
    api.answers = answering({**PARTS, "workspaceOrError": {"__typename": "Workspace", "locationEntries": entries}})
    result, _ = run(api.address, catalogue)
    assert result is Result.SUCCEEDED
    names = {pipeline["name"] for pipeline in catalogue.entities("pipelines").values()}
    assert names == {"load_orders@bank.py/__repository__", "load_orders@shop.py/__repository__"}


def test_an_asset_is_what_the_repository_that_makes_it_says(api: Answering, catalogue: FakeOpenMetadata) -> None:
    """The one that only reads it lists it without its table; it comes first here."""
    key = {"path": ["lake", "orders"]}
    table = {"label": "dagster/table_name", "text": "shop.public.orders"}
    daily = {"assetKey": {"path": ["shop", "reports", "daily"]}, "dependencyKeys": [key], "jobNames": ["load_orders"]}
    assets: dict[str, list[dict[str, Any]]] = {
        "a.py": [{"assetKey": key, "jobNames": []}, daily],
        "b.py": [{"assetKey": key, "jobNames": ["load_orders"], "metadataEntries": [table]}],
    }
    [entry] = PARTS["workspaceOrError"]["locationEntries"]
    entries = [{**entry, "name": name} for name in assets]
    known = answering({**PARTS, "workspaceOrError": {"__typename": "Workspace", "locationEntries": entries}})

    def answer(asked: Asked) -> dict[str, Any]:
        if "assetNodes" not in asked.body["query"]:
            found: dict[str, Any] = known["POST /graphql"](asked)
            return found
        nodes = assets[asked.body["variables"]["at"]["repositoryLocationName"]]
        return {"data": {"repositoryOrError": {"__typename": "Repository", "assetNodes": nodes}}}

    api.answers = {"POST /graphql": answer}
    assert run(api.address, catalogue)[0] is Result.SUCCEEDED
    assert ("shop.shop.public.orders", "shop.shop.reports.daily") in catalogue.catalogue.edges


def refusing(asked_for: str, location: str) -> dict[str, Any]:
    """The API of two code locations, of which one refuses a question that has `asked_for` in it."""
    [entry] = PARTS["workspaceOrError"]["locationEntries"]
    entries = [{**entry, "name": name} for name in ("a.py", "b.py", "c.py")]
    known = answering({**PARTS, "workspaceOrError": {"__typename": "Workspace", "locationEntries": entries}})

    def answer(asked: Asked) -> dict[str, Any]:
        query, at = asked.body["query"], asked.body["variables"].get("at", {}).get("repositoryLocationName", "")
        if asked_for in query and at >= location:
            return {"data": {"repositoryOrError": {"__typename": "PythonError", "message": f"{at} has a bug"}}}
        if "jobs { name }" in query:
            repository = {"__typename": "Repository", "jobs": [{"name": f"job of {at}"}]}
            return {"data": {"repositoryOrError": repository}}
        found: dict[str, Any] = known["POST /graphql"](asked)
        return found

    return {"POST /graphql": answer}


def test_a_repository_that_is_refused_keeps_no_other_back_and_nothing_is_gone(
    api: Answering, catalogue: FakeOpenMetadata
) -> None:
    run(api.address, catalogue)
    api.answers = refusing("jobs { name }", "b.py")
    _, report = run(api.address, catalogue)
    assert {failure.stage for failure in report.failures} == {"produce"}
    assert sorted(failure.cause.rpartition(": ")[2] for failure in report.failures) == [
        "b.py has a bug",
        "c.py has a bug",
    ]
    assert set(catalogue.entities("pipelines")) == {"flows.load_orders", 'flows."job of a.py"'}


def test_schedules_that_are_refused_keep_back_the_jobs_of_their_repository(
    api: Answering, catalogue: FakeOpenMetadata
) -> None:
    api.answers = refusing("schedules {", "c.py")
    _, report = run(api.address, catalogue)
    assert failures(report) == {('flows."job of c.py"', "pipeline")}
    assert set(catalogue.entities("pipelines")) == {'flows."job of a.py"', 'flows."job of b.py"'}


@pytest.mark.parametrize("asked_for", ["metadataEntries", "dependencyKeys"])
def test_assets_that_are_refused_keep_no_job_back(api: Answering, catalogue: FakeOpenMetadata, asked_for: str) -> None:
    run(api.address, catalogue)
    api.answers = refusing(asked_for, "c.py")
    _, report = run(api.address, catalogue)
    [failure] = report.failures
    assert (failure.name, failure.stage) == ("flows", "lineage")
    assert "what the jobs of c.py read and write is not known" in failure.cause
    names = {f'flows."job of {name}.py"' for name in "abc"}
    assert set(catalogue.entities("pipelines")) == names, "all were listed: what is gone goes"


@pytest.mark.parametrize("marks", [True, False])
def test_a_job_that_is_gone_is_deleted_where_that_is_wanted(
    api: Answering, catalogue: FakeOpenMetadata, marks: bool
) -> None:
    run(api.address, catalogue)
    catalogue.catalogue.put("pipelines", {"name": "old", "service": "flows"})
    run(api.address, catalogue, {"markDeletedPipelines": marks})
    assert ("flows.old" in catalogue.entities("pipelines")) is not marks


@pytest.mark.parametrize("state", [FAILED, None])
def test_a_code_location_that_is_not_loaded_deletes_nothing(
    api: Answering, catalogue: FakeOpenMetadata, state: dict[str, str] | None
) -> None:
    catalogue.catalogue.put("services/pipelineServices", {"name": "flows", "serviceType": "Dagster"})
    catalogue.catalogue.put("pipelines", {"name": "old", "service": "flows"})
    entries = [*PARTS["workspaceOrError"]["locationEntries"], {"name": "broken", "locationOrLoadError": state}]
    api.answers = answering({**PARTS, "workspaceOrError": {"__typename": "Workspace", "locationEntries": entries}})
    _, report = run(api.address, catalogue)
    assert {(failure.name, failure.stage) for failure in report.failures} == {("flows", "produce")}
    assert "has not loaded the code location broken" in report.failures[0].cause
    assert {"flows.old", "flows.load_orders"} == catalogue.entities("pipelines").keys()
    assert checked(connection(api.address))["CheckAccess"].status == "failed"


def test_a_listing_that_breaks_off_deletes_nothing(api: Answering, catalogue: FakeOpenMetadata) -> None:
    run(api.address, catalogue)
    catalogue.catalogue.put("pipelines", {"name": "old", "service": "flows"})
    for kind in ("garbage", "html"):
        api.faults.add(*[Fault("/graphql", kind)] * 4)
        _, report = run(api.address, catalogue)
        assert ("flows", "produce") in failures(report)
    assert "flows.old" in catalogue.entities("pipelines")


@pytest.mark.parametrize(
    ("part", "answer", "told"),
    [
        ("job", {"__typename": "PipelineNotFoundError", "message": "no such job"}, ("pipeline", "no such job")),
        ("job", FAILED, ("pipeline", "pandas")),
        ("runs", FAILED, ("statuses", "pandas")),
        ("runs", {"__typename": "Runs", "results": 7}, ("pipeline", "answers something else than it should")),
    ],
)
def test_a_part_that_cannot_be_read_is_a_failure_of_that_part(
    api: Answering, catalogue: FakeOpenMetadata, part: str, answer: dict[str, Any], told: tuple[str, str]
) -> None:
    stage, words = told
    api.answers = answering({**PARTS, part: answer})
    _, report = run(api.address, catalogue)
    assert ("flows.load_orders", stage) in failures(report)
    assert words in report.failures[0].cause


def test_a_job_that_breaks_the_whole_answer_is_lost_alone(api: Answering, catalogue: FakeOpenMetadata) -> None:
    jobs = {"__typename": "Repository", "jobs": [{"name": "good"}, {"name": "bad"}], "schedules": []}
    known = answering({**PARTS, "repositoryOrError": jobs})["POST /graphql"]

    def answer(asked: Asked) -> dict[str, Any]:
        if b'"bad"' in asked.raw:
            return {"data": None, "errors": [{"message": "a bug of Dagster's"}]}
        found: dict[str, Any] = known(asked)
        return found

    api.answers = {"POST /graphql": answer}
    _, report = run(api.address, catalogue)
    assert failures(report) == {("flows.bad", "pipeline")}
    assert "a bug of Dagster's" in report.failures[0].cause
    assert set(catalogue.entities("pipelines")) == {"flows.good"}


def test_runs_that_may_not_be_read_are_one_failure_and_keep_no_pipeline_back(
    api: Answering, catalogue: FakeOpenMetadata
) -> None:
    jobs = {"__typename": "Repository", "jobs": [{"name": "one"}, {"name": "two"}], "schedules": []}
    known = answering({**PARTS, "repositoryOrError": jobs})["POST /graphql"]

    def answer(asked: Asked) -> dict[str, Any]:
        if b"runsOrError" in asked.raw:
            return {"data": None, "errors": [{"message": "no right to read runs"}]}
        found: dict[str, Any] = known(asked)
        return found

    api.answers = {"POST /graphql": answer}
    _, report = run(api.address, catalogue)
    [failure] = report.failures
    assert (failure.name, failure.stage) == ("flows", "statuses")
    assert "what became of the latest runs is not known" in failure.cause
    assert "no right to read runs" in failure.cause
    assert "let the user of token read it" in str(failure.advice)
    pipelines = catalogue.entities("pipelines")
    assert set(pipelines) == {"flows.one", "flows.two"}
    assert all(pipeline["tasks"] for pipeline in pipelines.values())
    assert catalogue.catalogue.statuses == {}


def test_unknown_states_are_no_crash(api: Answering, catalogue: FakeOpenMetadata) -> None:
    runs = [{**RUN, "status": "PONDERING", "stepStats": []}, {**RUN, "startTime": None, "creationTime": None}]
    api.answers = answering({**PARTS, "runs": {"__typename": "Runs", "results": runs}})
    run(api.address, catalogue)
    assert [status["executionStatus"] for status in catalogue.catalogue.statuses.values()] == ["Pending"]


def test_a_question_that_dagster_does_not_know_is_told(api: Answering, catalogue: FakeOpenMetadata) -> None:
    def answer(asked: Asked) -> Status:
        return Status(400, {"errors": [{"message": "Cannot query field 'workspaceOrError'"}]})

    api.answers = {"POST /graphql": answer}
    _, report = run(api.address, catalogue)
    assert "Cannot query field" in report.failures[0].cause


def test_wrong_credentials_end_the_run(catalogue: FakeOpenMetadata) -> None:
    refused = Status(401, {"message": "dagster-token is no token"})
    with Answering({"POST /graphql": refused}) as api, pytest.raises(FatalError) as caught:
        run(api.address, catalogue)
    assert "does not let the user in" in str(caught.value)
    assert caught.value.advice == "correct token"
    assert "dagster-token" not in str(caught.value)


def test_a_server_that_hangs_ends_the_attempt(
    api: Answering, catalogue: FakeOpenMetadata, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rest, "LIMITS", rest.RestLimits(retry=RetryPolicy(tries=1, few_tries=1)))
    api.faults.add(Fault("/graphql", "slow", seconds=60, times=9))
    with pytest.raises(SourceUnavailable, match="no answer within 1 s"):
        run(api.address, catalogue, timeout=1)


def checked(config: dict[str, Any]) -> dict[str, CheckResult]:
    return {result.name: result for result in registry.check("dagster", config)}


def test_the_connection_test_tells_what_can_be_read(through: Answering) -> None:
    results = checked(connection(through.address))
    assert {result.status for result in results.values()} == {"passed"}
    assert results["GetPipelines"].message == "3 jobs"


@pytest.mark.parametrize(
    ("changes", "path", "words"),
    [
        ({"host": "dagster:3000"}, "host", "write it like http://dagster:3000"),
        ({"timeout": 0}, "timeout", "must be at least 1"),
        ({"hostPort": "x"}, "hostPort", "is not a known key"),
    ],
)
def test_what_cannot_be_run_is_refused_by_name(changes: dict[str, Any], path: str, words: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        list(registry.check("dagster", connection("http://dagster:3000") | changes))
    [problem] = caught.value.problems
    assert problem.path == path
    assert words in problem.message
