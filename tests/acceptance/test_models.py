"""Registered models through the whole service: with MLflow 2's answers, so that it runs on every machine."""

from tests.acceptance.api import Api, Json
from tests.acceptance.catalogues import TOKEN, Catalogue
from tests.answering import Answering, Status
from tests.golden.mlflow_2 import ANSWERS, BASE

PASSWORD = "mlflow-pw"


def config_of(address: str, catalogue: Catalogue) -> Json:
    uri = address.replace("http://", f"http://reader:{PASSWORD}@")
    return {
        "source": {
            "type": "mlflow",
            "serviceName": "models",
            "serviceConnection": {"config": {"type": "Mlflow", "trackingUri": uri, "registryUri": uri}},
            "sourceConfig": {"config": {"type": "MlModelMetadata"}},
        },
        "sink": {"type": "metadata-rest", "config": {}},
        "workflowConfig": {
            "openMetadataServerConfig": {
                "hostPort": catalogue.host_port,
                "securityConfig": {"jwtToken": TOKEN},
            }
        },
    }


def test_models_arrive(api: Api, name: str, catalogue: Catalogue) -> None:
    with Answering(ANSWERS) as mlflow:
        created = api.create(name, config_of(mlflow.address, catalogue))
        checked = api.post(f"/workflows/{name}/check")
        run = api.until(api.start(name), "succeeded")
    assert run["counts"]["byType"]["mlmodel"] == {"written": 1}
    assert PASSWORD not in f"{created}{checked}{run}"
    [model] = catalogue.entities("mlmodels").values()
    assert model["mlHyperParameters"] == [{"name": "depth", "value": "3"}]


def test_what_mlflow_does_not_give_is_a_named_failure(api: Api, name: str, catalogue: Catalogue) -> None:
    forbidden = Status(403, {"message": "no runs for you"})
    with Answering({**ANSWERS, f"POST {BASE}/runs/search": forbidden}) as mlflow:
        api.create(name, config_of(mlflow.address, catalogue))
        run = api.ended(api.start(name))
    [failure] = api.failures(run["id"])
    assert (failure["entity"], failure["name"]) == ("mlmodel", "models.churn")
    assert "no runs for you" in failure["cause"]
    assert failure["advice"]
