"""Dashboards through the whole service: with Superset's recorded answers, so that it runs on every machine."""

from tests.acceptance.api import Api, Json
from tests.acceptance.catalogues import TOKEN, Catalogue
from tests.answering import Answering, Status
from tests.golden.superset_small import ANSWERS

PASSWORD = "superset-pw"


def config_of(address: str, catalogue: Catalogue) -> Json:
    login = {"provider": "db", "username": "reader", "password": PASSWORD}
    return {
        "source": {
            "type": "superset",
            "serviceName": "boards",
            "serviceConnection": {"config": {"type": "Superset", "hostPort": address, "connection": login}},
            "sourceConfig": {"config": {"type": "DashboardMetadata"}},
        },
        "sink": {"type": "metadata-rest", "config": {}},
        "workflowConfig": {
            "openMetadataServerConfig": {
                "hostPort": catalogue.host_port,
                "securityConfig": {"jwtToken": TOKEN},
            }
        },
    }


def test_dashboards_arrive_with_what_they_are_made_of(api: Api, name: str, catalogue: Catalogue) -> None:
    with Answering(ANSWERS) as superset:
        created = api.create(name, config_of(superset.address, catalogue))
        checked = api.post(f"/workflows/{name}/check")
        run = api.until(api.start(name), "succeeded")
    assert PASSWORD not in f"{created}{checked}{run}"
    counts = {kind: run["counts"]["byType"][kind] for kind in ("dashboard", "chart", "dashboardDataModel")}
    assert counts == {kind: {"written": 1} for kind in counts}
    [dashboard] = catalogue.entities("dashboards").values()
    assert (dashboard["charts"], dashboard["dataModels"]) == (["boards.1"], ["boards.model.1"])
    assert ("boards.model.1", "boards.1") in catalogue.catalogue.edges


def test_what_superset_does_not_give_is_a_named_failure(api: Api, name: str, catalogue: Catalogue) -> None:
    forbidden = Status(403, {"message": "no columns for you"})
    with Answering({**ANSWERS, "GET /api/v1/dataset/1": forbidden}) as superset:
        api.create(name, config_of(superset.address, catalogue))
        run = api.ended(api.start(name))
    [failure] = api.failures(run["id"])
    assert (failure["entity"], failure["name"]) == ("dashboardDataModel", "boards.model.1")
    assert "no columns for you" in failure["cause"]
    assert failure["advice"]
