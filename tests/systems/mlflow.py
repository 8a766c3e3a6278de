"""MLflow: its server over a registry of two models, one of which a run made."""

import hashlib
import shutil
import subprocess
from collections.abc import Generator, Mapping
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any

import httpx

from tests.plain_http import NO_TLS
from tests.sharing import free_port
from tests.systems import FOLDER, program, running

QUIET = {
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false",
    "USER": "ada",
    "LOGNAME": "ada",
}
CONTENT = """
import mlflow
from mlflow import MlflowClient
from mlflow.models import ModelSignature
from mlflow.types import ColSpec, Schema


class Same(mlflow.pyfunc.PythonModel):
    def predict(self, context, model_input, params=None):
        return model_input


inputs = Schema([ColSpec("double", "amount"), ColSpec("string", "country", required=False)])
client = MlflowClient()
mlflow.set_experiment("sales")
with mlflow.start_run() as run:
    mlflow.log_params({"depth": 3, "lr": 0.1})
    mlflow.log_metrics({"auc": 0.9, "loss": 0.25})
    mlflow.set_tag("estimator_name", "RandomForestClassifier")
    for _ in range(2):
        mlflow.pyfunc.log_model(
            name="model",
            python_model=Same(),
            signature=ModelSignature(inputs=inputs),
            registered_model_name="churn",
            pip_requirements=[],
        )
client.update_registered_model("churn", description="Who leaves.")
client.set_registered_model_tag("churn", "team", "sales")
client.set_registered_model_tag("churn", "reviewed", "")
client.set_registered_model_alias("churn", "champion", "1")
client.create_registered_model('a.b & "c" > d', tags={"team": "risk"}, description="Nothing in it yet.")
"""


def prepare() -> Path:
    """A folder with the registry, made once for each text of its content."""
    home = FOLDER / "mlflow" / f"home-{hashlib.sha256(CONTENT.encode()).hexdigest()[:8]}"
    if (home / "ready").exists():
        return home
    shutil.rmtree(home, ignore_errors=True)
    home.mkdir(parents=True)
    address = f"http://127.0.0.1:{free_port()}"
    with _serving(home, address):
        command = [program("mlflow", "python"), "-c", CONTENT]
        tracking = {**QUIET, "MLFLOW_TRACKING_URI": address, "PATH": "/usr/bin:/bin", "HOME": str(home)}
        done = subprocess.run(command, check=False, env=tracking, capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
    (home / "ready").touch()
    return home


@contextmanager
def start(folder: Path) -> Generator[dict[str, str]]:
    """A server of this process's own; see tests.sharing."""
    home = folder / "home"
    shutil.copytree(prepare(), home)
    address = f"http://127.0.0.1:{free_port()}"
    with _serving(home, address):
        yield {"address": address}


def _serving(home: Path, address: str) -> AbstractContextManager[Any]:
    def ready() -> bool:
        try:
            return httpx.get(f"{address}/health", verify=NO_TLS).is_success
        except httpx.TransportError:
            return False

    port = address.rpartition(":")[2]
    places = ["--backend-store-uri", "sqlite:///mlflow.db", "--artifacts-destination", "./artifacts"]
    command = [program("mlflow", "mlflow"), "server", "--host", "127.0.0.1", "--port", port, "--workers", "1", *places]
    environment: Mapping[str, str] = QUIET
    return running(command, home, ready, environment)
