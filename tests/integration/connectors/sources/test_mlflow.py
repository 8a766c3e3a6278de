"""MLflow, the real one, and what went wrong with others."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from connectors import registry
from connectors.connector import CheckResult
from connectors.definition import parse
from connectors.errors import ConfigurationError, FatalError, SourceUnavailable
from connectors.families import rest
from connectors.families.mlflow.config import MlflowConfig
from connectors.http.retry import RetryPolicy
from connectors.ingestion import Result
from connectors.report import Report
from tests.answering import Answering, Asked, Status
from tests.fake_openmetadata import FakeOpenMetadata
from tests.fake_openmetadata.faults import Fault
from tests.golden.mlflow_2 import ANSWERS, BASE, RUN
from tests.whole_runs import failures, ingest_into

pytestmark = pytest.mark.timeout(600)
GOLDEN = Path(__file__).parents[3] / "golden"
QUICK = rest.RestLimits(read_seconds=20, retry=RetryPolicy(tries=2, few_tries=2, first_seconds=0.001))
MODELS = f"GET {BASE}/registered-models/search"
VERSIONS = f"GET {BASE}/model-versions/search"
EXPERIMENTS = f"GET {BASE}/experiments/search"
RUNS = f"POST {BASE}/runs/search"
FORBIDDEN = Status(403, {"error_code": "PERMISSION_DENIED", "message": "Permission denied"})


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rest, "LIMITS", QUICK)


@pytest.fixture
def catalogue() -> Iterator[FakeOpenMetadata]:
    with FakeOpenMetadata() as fake:
        for name in ("ada", "bob"):
            fake.catalogue.add_person("users", name)
        yield fake


@pytest.fixture
def through(mlflow_server: str) -> Iterator[Answering]:
    """The real MLflow behind a server that can go wrong."""
    with Answering(upstream=mlflow_server) as api:
        yield api


@pytest.fixture
def api() -> Iterator[Answering]:
    """One that answers by hand."""
    with Answering(ANSWERS) as made:
        yield made


def connection(address: str, **changes: Any) -> dict[str, Any]:
    return {"type": "Mlflow", "trackingUri": address, "registryUri": address, **changes}


def run(
    address: str, catalogue: FakeOpenMetadata, options: dict[str, Any] | None = None, **changes: Any
) -> tuple[Result, Report]:
    wanted = {"type": "MlModelMetadata", **(options or {})}
    return ingest_into(catalogue, "mlflow", "models", connection(address, **changes), wanted)


def sent(catalogue: FakeOpenMetadata) -> dict[str, Any]:
    """What the catalogue was given, without what differs from run to run."""
    models = catalogue.entities("mlmodels")
    for model in models.values():
        model.pop("sourceHash", None)
        if "mlStore" in model:
            model["mlStore"]["storage"] = model["mlStore"]["storage"].rpartition("-")[0]
        for owner in model.get("owners", []):
            owner["id"] = "..."
    return {"models": models, "tags": sorted(catalogue.entities("tags"))}


def test_everything_a_real_mlflow_holds_arrives(mlflow_server: str, catalogue: FakeOpenMetadata) -> None:
    result, report = run(mlflow_server, catalogue)
    assert (result, failures(report)) == (Result.SUCCEEDED, set())
    text = json.dumps(sent(catalogue), indent=1, sort_keys=True).replace(mlflow_server, "http://mlflow:5000")
    assert json.loads(text) == json.loads((GOLDEN / "mlflow.json").read_text(encoding="utf-8"))


def test_a_second_run_changes_nothing(mlflow_server: str, catalogue: FakeOpenMetadata) -> None:
    run(mlflow_server, catalogue)
    before = sent(catalogue)
    run(mlflow_server, catalogue)
    assert sent(catalogue) == before


def test_what_the_filters_leave_out_is_not_asked_about(through: Answering, catalogue: FakeOpenMetadata) -> None:
    _, report = run(through.address, catalogue, {"mlModelFilterPattern": {"excludes": ["^churn"]}})
    assert report.by_type["mlmodel"] == {"written": 1, "filtered": 1}
    assert not [path for path in through.paths() if path.endswith(("/runs/search", "/get-artifact"))]


@pytest.mark.parametrize("marks", [True, False])
def test_a_model_that_is_gone_is_deleted_where_that_is_wanted(
    api: Answering, catalogue: FakeOpenMetadata, marks: bool
) -> None:
    run(api.address, catalogue)
    catalogue.catalogue.put("mlmodels", {"name": "old", "service": "models"})
    run(api.address, catalogue, {"markDeletedMlModels": marks})
    assert ("models.old" in catalogue.entities("mlmodels")) is not marks


def test_a_listing_that_breaks_off_deletes_nothing(api: Answering, catalogue: FakeOpenMetadata) -> None:
    run(api.address, catalogue)
    catalogue.catalogue.put("mlmodels", {"name": "old", "service": "models"})
    for kind in ("garbage", "html"):
        api.faults.add(Fault("/registered-models/search", kind), Fault("/registered-models/search", kind))
        _, report = run(api.address, catalogue)
        assert ("models", "produce") in failures(report)
    assert "models.old" in catalogue.entities("mlmodels")


def test_a_model_removed_between_two_pages_hides_no_other(api: Answering, catalogue: FakeOpenMetadata) -> None:
    """The page's token is a place in the listing: what moves up by one would be passed over."""
    names = [f"m{n:03}" for n in range(150)]

    def page(asked: Asked) -> dict[str, Any]:
        first = int(asked.query.get("page_token", ["0"])[0])
        answer = {"registered_models": [{"name": name} for name in names[first : first + 100]]}
        if first == 0 and "m000" in names:
            names.remove("m000")
        return {**answer, "next_page_token": str(first + 100)} if first + 100 < len(names) else answer

    api.answers[MODELS] = page
    result, report = run(api.address, catalogue)
    assert result is Result.SUCCEEDED
    assert report.by_type["mlmodel"] == {"written": 150}


@pytest.mark.parametrize(
    "version", [Status(200, {}), Status(200, b"<html>Welcome</html>"), Status(404), Status(200, b"")]
)
def test_a_stranger_that_answers_everything_is_no_empty_mlflow(
    api: Answering, catalogue: FakeOpenMetadata, version: Status
) -> None:
    run(api.address, catalogue)
    api.answers = {key: {} for key in (MODELS, VERSIONS, EXPERIMENTS, RUNS)} | {"GET /version": version}
    with pytest.raises(FatalError, match="is no MLflow") as caught:
        run(api.address, catalogue)
    assert caught.value.advice == "correct registryUri"
    assert "models.churn" in catalogue.entities("mlmodels")
    assert checked(connection(api.address))["CheckAccess"].status == "failed"


@pytest.mark.parametrize("told", ["version", "experiment"])
def test_an_mlflow_without_models_is_an_empty_one(api: Answering, catalogue: FakeOpenMetadata, told: str) -> None:
    """Where its version may not be asked, as behind a gateway, it has an experiment at least."""
    run(api.address, catalogue)
    api.answers |= {MODELS: {}, VERSIONS: {}}
    if told == "version":
        api.answers[EXPERIMENTS] = {}
    else:
        api.answers["GET /version"] = Status(404)
    result, _ = run(api.address, catalogue)
    assert result is Result.SUCCEEDED
    assert catalogue.entities("mlmodels") == {}


def test_mlflow_2_tells_of_inputs_in_a_tag(api: Answering, catalogue: FakeOpenMetadata) -> None:
    logged: dict[str, Any] = {
        "artifact_path": "model",
        "flavors": {"python_function": {}, "sklearn": {}},
        "signature": {
            "inputs": json.dumps([{"type": "tensor", "tensor-spec": {"dtype": "float64", "shape": [-1, 4]}}])
        },
    }
    other: dict[str, Any] = {"artifact_path": "other", "flavors": {"xgboost": {}}}
    history = [{"key": "mlflow.log-model.history", "value": json.dumps([logged, other])}]
    api.answers[RUNS] = {"runs": [{**RUN, "data": {**RUN["data"], "tags": history}}]}
    result, _ = run(api.address, catalogue)
    assert result is Result.SUCCEEDED
    model = catalogue.entities("mlmodels")["models.churn"]
    assert model["algorithm"] == "sklearn"
    assert model["mlFeatures"] == [{"name": "0", "dataType": "numerical", "description": "float64 of shape [-1, 4]"}]
    assert "| 1 |  | READY | auc 0.5, loss NaN |" in model["description"]
    assert len(model["owners"]) == 1
    assert "/get-artifact" not in api.paths()


def test_a_version_without_a_file_has_no_inputs(api: Answering, catalogue: FakeOpenMetadata) -> None:
    result, _ = run(api.address, catalogue)
    assert result is Result.SUCCEEDED
    assert "mlFeatures" not in catalogue.entities("mlmodels")["models.churn"]
    [asked] = [each for each in api.asked if each.path == "/get-artifact"]
    assert asked.query == {"run_uuid": ["r1"], "path": ["model/MLmodel"]}


@pytest.mark.parametrize(
    ("path", "answer", "words"),
    [
        ("GET /get-artifact", Status(500, {"message": "no such bucket"}), "no such bucket"),
        ("GET /get-artifact", Status(200, b"a: [b"), "is no YAML"),
        ("GET /get-artifact", Status(200, b"Welcome"), "something else"),
        ("GET /get-artifact", Status(200, b"signature: {inputs: '[x'}"), "signature"),
        (RUNS, FORBIDDEN, "Permission denied"),
        (RUNS, Status(200, {"runs": 7}), "answers something else than MLflow does"),
        (VERSIONS, FORBIDDEN, "Permission denied"),
    ],
)
def test_a_part_that_cannot_be_read_is_a_failure_beside_the_rest(
    api: Answering, catalogue: FakeOpenMetadata, path: str, answer: Status, words: str
) -> None:
    api.answers[path] = answer
    _, report = run(api.address, catalogue)
    [failure] = report.failures
    assert (failure.name, failure.stage) == ("models.churn", "model")
    assert words in failure.cause
    assert "models.churn" in catalogue.entities("mlmodels")


@pytest.mark.parametrize(("answer", "failed"), [(FORBIDDEN, True), (Status(404, {"message": "gone"}), False)])
def test_a_run_that_is_not_listed_is_asked_for(
    api: Answering, catalogue: FakeOpenMetadata, answer: Status, failed: bool
) -> None:
    api.answers[RUNS] = {}
    api.answers[f"GET {BASE}/runs/get"] = answer
    _, report = run(api.address, catalogue)
    assert failures(report) == ({("models.churn", "model")} if failed else set())
    assert "models.churn" in catalogue.entities("mlmodels")


def test_wrong_credentials_end_the_run(api: Answering, catalogue: FakeOpenMetadata) -> None:
    api.answers[MODELS] = Status(401, b"You are not authenticated.", {"Content-Type": "text/html"})
    address = api.address.replace("http://", "http://ada:wrong-pw@")
    with pytest.raises(FatalError, match="does not let the user in: You are not authenticated") as caught:
        run(address, catalogue)
    assert caught.value.advice == "correct user and password in registryUri"
    assert "wrong-pw" not in str(caught.value)
    assert api.asked[0].headers["authorization"] == "Basic YWRhOndyb25nLXB3"


def test_a_server_that_hangs_ends_the_attempt(
    api: Answering, catalogue: FakeOpenMetadata, monkeypatch: pytest.MonkeyPatch
) -> None:
    api.faults.add(Fault("/runs/search", "slow", seconds=60, times=9))
    monkeypatch.setattr(rest, "LIMITS", rest.RestLimits(read_seconds=1, retry=RetryPolicy(tries=1, few_tries=1)))
    with pytest.raises(SourceUnavailable, match="no answer within 1 s"):
        run(api.address, catalogue)


def checked(config: dict[str, Any]) -> dict[str, CheckResult]:
    return {result.name: result for result in registry.check("mlflow", config)}


def test_the_connection_test_tells_what_can_be_read(through: Answering) -> None:
    results = checked(connection(through.address))
    assert {result.status for result in results.values()} == {"passed"}
    assert results["GetRuns"].message == "2 experiments, 1 run read"
    through.answers[RUNS] = FORBIDDEN
    assert checked(connection(through.address))["GetRuns"].status == "warning"


@pytest.mark.parametrize(
    ("changes", "path", "words"),
    [
        ({"trackingUri": "mysql+pymysql://mlflow:pw@db/mlflow"}, "trackingUri", "write it like http://mlflow:5000"),
        ({"registryUri": "databricks"}, "registryUri", "no database, folder or Databricks"),
        ({"token": "x"}, "token", "is not a known key"),
    ],
)
def test_what_cannot_be_run_is_refused_by_name(changes: dict[str, Any], path: str, words: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        list(registry.check("mlflow", connection("http://mlflow:5000") | changes))
    [problem] = caught.value.problems
    assert problem.path == path
    assert words in problem.message
    assert ":pw" not in problem.message


def test_options_that_are_not_supported_are_refused(catalogue: FakeOpenMetadata) -> None:
    with pytest.raises(ConfigurationError, match="is not supported"):
        run("http://127.0.0.1:1", catalogue, {"overrideLineage": True})


@pytest.mark.parametrize(
    ("address", "is_secret"),
    [("http://mlflow:5000/ml", False), ("http://reader:pw@mlflow:5000", True), ("secret:mlflow", True)],
)
def test_an_address_is_a_secret_only_with_a_login(address: str, is_secret: bool) -> None:
    found = registry.connection_secrets("mlflow", connection(address))
    assert found == ((("trackingUri",), ("registryUri",)) if is_secret else ())
    assert ("pw" in repr(parse(MlflowConfig, connection(address)))) is False
