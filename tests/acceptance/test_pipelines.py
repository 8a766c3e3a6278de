"""Pipelines through the whole service: with Airflow 2's recorded answers, so that it runs on every machine."""

from tests.acceptance.api import Api, Json
from tests.acceptance.catalogues import TOKEN, Catalogue
from tests.answering import Answering, Status
from tests.golden.airflow_v1 import ANSWERS

PASSWORD = "airflow-pw"


def config_of(address: str, catalogue: Catalogue) -> Json:
    login = {"authConfig": {"username": "reader", "password": PASSWORD}}
    return {
        "source": {
            "type": "airflow",
            "serviceName": "flows",
            "serviceConnection": {"config": {"type": "Airflow", "hostPort": address, "connection": login}},
            "sourceConfig": {"config": {"type": "PipelineMetadata"}},
        },
        "sink": {"type": "metadata-rest", "config": {}},
        "workflowConfig": {
            "openMetadataServerConfig": {
                "hostPort": catalogue.host_port,
                "securityConfig": {"jwtToken": TOKEN},
            }
        },
    }


def test_pipelines_and_their_runs_arrive(api: Api, name: str, catalogue: Catalogue) -> None:
    with Answering(ANSWERS) as airflow:
        created = api.create(name, config_of(airflow.address, catalogue))
        assert PASSWORD not in str(created)
        checked = api.post(f"/workflows/{name}/check")
        assert PASSWORD not in str(checked)
        run = api.until(api.start(name), "succeeded")
    assert run["counts"]["byType"]["pipeline"] == {"written": 2}
    assert run["counts"]["byType"]["pipelineStatus"] == {"written": 1}
    assert set(catalogue.entities("pipelines")) == {"flows.load_orders", "flows.report"}
    [status] = catalogue.catalogue.statuses.values()
    assert status["executionStatus"] == "Failed"


def test_what_airflow_does_not_give_is_a_named_failure(api: Api, name: str, catalogue: Catalogue) -> None:
    forbidden = Status(403, {"detail": "no tasks for you"})
    with Answering({**ANSWERS, "GET /api/v1/dags/report/tasks": forbidden}) as airflow:
        api.create(name, config_of(airflow.address, catalogue))
        run = api.ended(api.start(name))
    [failure] = api.failures(run["id"])
    assert (failure["entity"], failure["name"]) == ("pipeline", "flows.report")
    assert "no tasks for you" in failure["cause"]
    assert failure["advice"]
