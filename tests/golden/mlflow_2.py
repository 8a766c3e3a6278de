"""What MLflow 2 answers, made by hand from what its documentation says."""

from typing import Any

from tests.answering import Status

BASE = "/api/2.0/mlflow"
VERSION = {
    "name": "churn",
    "version": "1",
    "run_id": "r1",
    "source": "s3://models/r1/artifacts/model",
    "status": "READY",
}
RUN: dict[str, Any] = {
    "info": {"run_id": "r1", "user_id": "bob@shop.example"},
    "data": {
        "params": [{"key": "depth", "value": "3"}],
        "metrics": [{"key": "auc", "value": 0.5}, {"key": "loss", "value": "NaN"}],
    },
}
ANSWERS: dict[str, Any] = {
    "GET /version": Status(200, b"2.22.0", {"Content-Type": "text/html; charset=utf-8"}),
    f"GET {BASE}/registered-models/search": {"registered_models": [{"name": "churn", "latest_versions": [VERSION]}]},
    f"GET {BASE}/model-versions/search": {"model_versions": [VERSION]},
    f"GET {BASE}/experiments/search": {"experiments": [{"experiment_id": "0"}]},
    f"POST {BASE}/runs/search": {"runs": [RUN]},
}
