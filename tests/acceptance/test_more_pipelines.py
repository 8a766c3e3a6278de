"""Dagster's jobs and Prefect's flows through the whole service: with recorded answers, so that it runs everywhere."""

from typing import Any

import pytest

from tests.acceptance.api import Api, Json
from tests.acceptance.catalogues import TOKEN, Catalogue
from tests.answering import Answering
from tests.golden import prefect_small
from tests.golden.dagster_small import PARTS, answering

SECRET = "pipeline-pw"
FAILED = {"__typename": "PythonError", "message": "no module"}


def config_of(kind: str, address: str, catalogue: Catalogue) -> Json:
    connections: dict[str, Any] = {
        "dagster": {"type": "Dagster", "host": address, "token": SECRET},
        "prefect": {"type": "Prefect", "hostPort": address, "authType": {"authString": f"reader:{SECRET}"}},
    }
    return {
        "source": {
            "type": kind,
            "serviceName": "flows",
            "serviceConnection": {"config": connections[kind]},
            "sourceConfig": {"config": {"type": "PipelineMetadata", "statusLookbackDays": 365}},
        },
        "sink": {"type": "metadata-rest", "config": {}},
        "workflowConfig": {
            "openMetadataServerConfig": {
                "hostPort": catalogue.host_port,
                "securityConfig": {"jwtToken": TOKEN},
            }
        },
    }


@pytest.mark.parametrize(("kind", "answers"), [("dagster", answering(PARTS)), ("prefect", prefect_small.ANSWERS)])
def test_pipelines_and_their_runs_arrive(
    api: Api, name: str, catalogue: Catalogue, kind: str, answers: dict[str, Any]
) -> None:
    with Answering(answers) as system:
        created = api.create(name, config_of(kind, system.address, catalogue))
        checked = api.post(f"/workflows/{name}/check")
        run = api.until(api.start(name), "succeeded")
    assert SECRET not in f"{created}{checked}{run}"
    assert run["counts"]["byType"]["pipelineStatus"] == {"written": 1}
    assert len(catalogue.entities("pipelines")) == 1
    [status] = catalogue.catalogue.statuses.values()
    assert status["executionStatus"] == "Failed"


def test_what_dagster_does_not_give_is_a_named_failure(api: Api, name: str, catalogue: Catalogue) -> None:
    with Answering(answering({**PARTS, "job": FAILED})) as system:
        api.create(name, config_of("dagster", system.address, catalogue))
        run = api.ended(api.start(name))
    failures = {failure["stage"]: failure for failure in api.failures(run["id"])}
    assert (failures["pipeline"]["entity"], failures["pipeline"]["name"]) == ("pipeline", "flows.load_orders")
    assert "no module" in failures["pipeline"]["cause"]
    assert failures["pipeline"]["advice"]
