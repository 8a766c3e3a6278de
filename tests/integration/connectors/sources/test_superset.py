"""Superset, the real one, also behind a server that can go wrong."""

import json
import re
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
from tests.golden.superset_small import ANSWERS
from tests.whole_runs import failures, ingest_into

pytestmark = pytest.mark.timeout(600)
GOLDEN = Path(__file__).parents[3] / "golden"
QUICK = rest.RestLimits(read_seconds=20, retry=RetryPolicy(tries=2, few_tries=2, first_seconds=0.001))
FORBIDDEN = Status(403, {"message": "Forbidden"})
LINEAGE = {"dbServicePrefixes": ["shop"]}
KINDS = ("dashboard/datamodels", "charts", "dashboards")
TABLE = {"columns": [{"name": "id", "dataType": "BIGINT"}]}


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rest, "LIMITS", QUICK)


def fill(fake: FakeOpenMetadata) -> None:
    """What the catalogue has beforehand."""
    fake.catalogue.add_person("users", "reader")
    put = fake.catalogue.put
    put("services/databaseServices", {"name": "shop", "serviceType": "Postgres"})
    put("databases", {"name": "shop", "service": "shop"})
    put("databaseSchemas", {"name": "public", "database": "shop.shop"})
    put("tables", {"name": "orders", "databaseSchema": "shop.shop.public", **TABLE})


@pytest.fixture
def catalogue() -> Iterator[FakeOpenMetadata]:
    with FakeOpenMetadata() as fake:
        fill(fake)
        yield fake


@pytest.fixture
def through(superset_server: dict[str, str]) -> Iterator[Answering]:
    """The real Superset behind a server that can go wrong."""
    with Answering(upstream=superset_server["address"]) as api:
        yield api


@pytest.fixture
def api() -> Iterator[Answering]:
    """One that answers by hand."""
    with Answering(ANSWERS) as made:
        yield made


def connection(address: str, **changes: Any) -> dict[str, Any]:
    login = {"provider": "db", "username": "reader", "password": "superset-pw"}
    return {"type": "Superset", "hostPort": address, "connection": login, **changes}


def run(
    address: str, catalogue: FakeOpenMetadata, options: dict[str, Any] | None = None, **changes: Any
) -> tuple[Result, Report]:
    wanted = {"type": "DashboardMetadata", "includeOwners": True, "lineageInformation": LINEAGE, **(options or {})}
    return ingest_into(catalogue, "superset", "boards", connection(address, **changes), wanted)


def sent(catalogue: FakeOpenMetadata) -> dict[str, Any]:
    """What the catalogue was given, without what differs from run to run."""
    found = {kind: catalogue.entities(kind) for kind in KINDS}
    for entities in found.values():
        for entity in entities.values():
            entity.pop("sourceHash", None)
            for owner in entity.get("owners", []):
                owner["id"] = "..."
    return {**found, "edges": sorted(map(list, catalogue.catalogue.edges)), "tags": sorted(catalogue.entities("tags"))}


def test_everything_a_real_superset_holds_arrives(superset_server: dict[str, str], catalogue: FakeOpenMetadata) -> None:
    address = superset_server["address"]
    result, report = run(address, catalogue)
    assert (result, failures(report)) == (Result.SUCCEEDED, set())
    text = json.dumps(sent(catalogue), indent=1, sort_keys=True).replace(address, "http://superset:8088")
    assert json.loads(text) == json.loads((GOLDEN / "superset.json").read_text(encoding="utf-8"))


def test_a_second_run_changes_nothing(superset_server: dict[str, str], catalogue: FakeOpenMetadata) -> None:
    run(superset_server["address"], catalogue)
    before = sent(catalogue)
    run(superset_server["address"], catalogue)
    assert sent(catalogue) == before


def test_filters_look_at_titles_and_keep_what_points_at_them_whole(
    through: Answering, catalogue: FakeOpenMetadata
) -> None:
    options = {
        "dataModelFilterPattern": {"excludes": ["^orders$"]},
        "chartFilterPattern": {"includes": [".*orders", "Orders"]},
        "includeDraftDashboard": False,
        "includeOwners": False,
        "includeTags": False,
    }
    result, report = run(through.address, catalogue, options)
    assert result is Result.SUCCEEDED
    assert report.by_type["dashboardDataModel"] == {"written": 1, "filtered": 1}
    assert report.by_type["chart"] == {"written": 2, "filtered": 1}
    assert report.by_type["dashboard"] == {"written": 1, "filtered": 1}
    [board] = catalogue.entities("dashboards").values()
    assert (len(board["charts"]), board["dataModels"]) == (2, ["boards.model.2"])
    assert not {"tags", "owners"} & board.keys()
    assert [path for path in through.paths() if path.startswith("/api/v1/dataset/")][1:] == ["/api/v1/dataset/2"]


def test_without_data_models_there_are_charts_and_dashboards(api: Answering, catalogue: FakeOpenMetadata) -> None:
    run(api.address, catalogue, {"includeDataModels": False})
    assert catalogue.entities("dashboard/datamodels") == {}
    assert catalogue.catalogue.edges == {}
    assert not [path for path in api.paths() if "dataset" in path]
    assert catalogue.entities("dashboards")["boards.1"]["charts"] == ["boards.1"]


@pytest.mark.parametrize("marks", [True, False])
def test_what_is_gone_is_deleted_where_that_is_wanted(api: Answering, catalogue: FakeOpenMetadata, marks: bool) -> None:
    run(api.address, catalogue)
    for kind in KINDS:
        more: dict[str, Any] = {"dataModelType": "SupersetDataModel", "columns": []} if kind == KINDS[0] else {}
        catalogue.catalogue.put(kind, {"name": "old", "service": "boards", **more})
    run(api.address, catalogue, {f"markDeleted{kind}": marks for kind in ("Dashboards", "Charts", "DataModels")})
    gone = [name for kind in KINDS for name in catalogue.entities(kind) if name.endswith("old")]
    assert gone == ([] if marks else ["boards.model.old", "boards.old", "boards.old"])


@pytest.mark.parametrize("kind", ["garbage", "html"])
def test_charts_that_cannot_be_listed_leave_dashboards_alone(
    api: Answering, catalogue: FakeOpenMetadata, kind: Any
) -> None:
    run(api.address, catalogue)
    catalogue.catalogue.put("charts", {"name": "old", "service": "boards"})
    api.faults.add(Fault("/api/v1/chart/", kind), Fault("/api/v1/chart/", kind))
    _, report = run(api.address, catalogue)
    assert failures(report) == {("boards", "produce"), ("boards.1", "dashboard")}
    assert "boards.old" in catalogue.entities("charts")
    assert catalogue.entities("dashboards")["boards.1"]["charts"] == ["boards.1"]


def charts(asked: Asked, numbers: list[int], most: int) -> dict[str, Any]:
    """The page of charts that Superset gives of those that lie between the ids of the filters."""
    [query] = asked.query["q"]
    bounds = {name: int(number) for name, number in re.findall(r"col:id,opr:(gt|lt),value:(\d+)", query)}
    found = [n for n in numbers if bounds.get("gt", -1) < n < bounds.get("lt", 10**9)]
    return {"count": len(found), "result": [{"id": n, "slice_name": "twice the same"} for n in found[:most]]}


def test_a_server_that_gives_smaller_pages_is_read_to_the_end(api: Answering, catalogue: FakeOpenMetadata) -> None:
    def page(asked: Asked) -> dict[str, Any]:
        return charts(asked, list(range(60)), 25)

    api.answers["GET /api/v1/chart/"] = page
    result, report = run(api.address, catalogue)
    assert result is Result.SUCCEEDED
    assert report.by_type["chart"] == {"written": 60}


def test_a_chart_removed_and_one_added_meanwhile_hide_no_other(api: Answering, catalogue: FakeOpenMetadata) -> None:
    numbers = list(range(1, 251))
    asked_before: list[Asked] = []

    def page(asked: Asked) -> dict[str, Any]:
        answer = charts(asked, numbers, 100)
        if not asked_before:
            numbers[:] = [*numbers[1:], 251]
        asked_before.append(asked)
        return answer

    api.answers["GET /api/v1/chart/"] = page
    run(api.address, catalogue)
    assert {f"boards.{n}" for n in range(2, 251)} <= set(catalogue.entities("charts"))
    assert len(asked_before) < 12


@pytest.mark.parametrize(
    ("path", "answer", "failed"),
    [
        ("GET /api/v1/dataset/1", Status(404, {"message": "Not found"}), ("boards.model.1", "data_model")),
        ("GET /api/v1/dataset/1", Status(200, {"result": 7}), ("boards.model.1", "data_model")),
        ("GET /api/v1/dashboard/", FORBIDDEN, ("boards", "produce")),
        ("GET /api/v1/database/1/connection", FORBIDDEN, ("boards.model.1", "tables")),
        ("GET /api/v1/dataset/", FORBIDDEN, ("boards", "produce")),
    ],
)
def test_a_part_that_cannot_be_read_is_a_failure_beside_the_rest(
    api: Answering, catalogue: FakeOpenMetadata, path: str, answer: Status, failed: tuple[str, str]
) -> None:
    api.answers[path] = answer
    _, report = run(api.address, catalogue)
    assert failures(report) == {failed}
    assert "boards.1" in catalogue.entities("charts")


def test_a_database_that_may_not_be_looked_at_can_be_named(api: Answering, catalogue: FakeOpenMetadata) -> None:
    api.answers["GET /api/v1/database/1/connection"] = FORBIDDEN
    result, _ = run(api.address, catalogue, {"lineageInformation": {"dbServicePrefixes": ["shop.shop"]}})
    assert result is Result.SUCCEEDED
    assert ("shop.shop.public.orders", "boards.model.1") in catalogue.catalogue.edges


def test_types_that_nobody_knows_are_no_crash(api: Answering, catalogue: FakeOpenMetadata) -> None:
    columns = [{"column_name": "a", "type": "MYSTERY<"}, {"column_name": 'b > "x"', "type": None}]
    api.answers["GET /api/v1/dataset/1"] = {"result": {"columns": columns}}
    result, _ = run(api.address, catalogue)
    assert result is Result.SUCCEEDED
    found = catalogue.entities("dashboard/datamodels")["boards.model.1"]["columns"]
    assert [column["dataType"] for column in found] == ["UNKNOWN", "UNKNOWN"]


def test_wrong_credentials_end_the_run(superset_server: dict[str, str], catalogue: FakeOpenMetadata) -> None:
    login = {"provider": "db", "username": "reader", "password": "wrong-pw"}
    with pytest.raises(FatalError, match="does not let the user in") as caught:
        run(superset_server["address"], catalogue, connection=login)
    assert caught.value.advice == "correct connection.username and password"
    assert "wrong-pw" not in str(caught.value)


def test_a_session_that_ends_is_renewed(through: Answering, catalogue: FakeOpenMetadata) -> None:
    through.faults.add(Fault("/api/v1/chart/", status=401, message="Token has expired"))
    result, _ = run(through.address, catalogue)
    assert result is Result.SUCCEEDED
    assert through.paths().count("/api/v1/security/login") == 2


def test_a_server_that_hangs_ends_the_attempt(
    api: Answering, catalogue: FakeOpenMetadata, monkeypatch: pytest.MonkeyPatch
) -> None:
    api.faults.add(Fault("/api/v1/dataset/1", "slow", seconds=60, times=9))
    monkeypatch.setattr(rest, "LIMITS", rest.RestLimits(read_seconds=1, retry=RetryPolicy(tries=1, few_tries=1)))
    with pytest.raises(SourceUnavailable, match="no answer within 1 s"):
        run(api.address, catalogue)


def checked(config: dict[str, Any]) -> dict[str, CheckResult]:
    return {result.name: result for result in registry.check("superset", config)}


def test_the_connection_test_tells_what_can_be_read(through: Answering) -> None:
    results = checked(connection(through.address))
    assert {result.status for result in results.values()} == {"passed"}
    assert results["GetDataModels"].message == "2 columns in daily orders"
    through.answers["GET /api/v1/database/1/connection"] = FORBIDDEN
    assert checked(connection(through.address))["GetLineage"].status == "warning"


@pytest.mark.parametrize(
    ("changes", "path", "words"),
    [
        ({"hostPort": "superset:8088"}, "hostPort", "write it like http://superset:8088"),
        ({"hostPort": "http://u:pw@superset"}, "hostPort", "it is not the address of Superset"),
        ({"connection": {"type": "Postgres", "username": "x"}}, "", "give Superset's provider, username and password"),
        ({"connection": {"username": "x", "provider": "db"}}, "connection.password", "is required"),
        ({"sslMode": "x"}, "sslMode", "is not a known key"),
    ],
)
def test_what_cannot_be_run_is_refused_by_name(changes: dict[str, Any], path: str, words: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        list(registry.check("superset", connection("http://superset:8088") | changes))
    assert any(problem.path.startswith(path) and words in problem.message for problem in caught.value.problems)


@pytest.mark.parametrize(
    "options",
    [{"overrideLineage": True}, {"lineageInformation": {"dbServicePrefixes": ['"shop']}}],
)
def test_options_that_are_not_supported_are_refused(options: dict[str, Any], catalogue: FakeOpenMetadata) -> None:
    with pytest.raises(ConfigurationError, match=r"is not (supported|a fully qualified name)"):
        run("http://127.0.0.1:1", catalogue, options)
