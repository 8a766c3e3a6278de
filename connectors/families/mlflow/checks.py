"""The steps of a connection test, named like OpenMetadata's."""

from itertools import islice

from connectors.connector import Check
from connectors.families.mlflow.api import Mlflow, open_mlflow
from connectors.families.mlflow.config import MlflowConfig
from connectors.families.rest_checks import Step, rest_checks


def check_access(mlflow: Mlflow) -> str:
    """Ask the registry for a model."""
    name = next((model.name for model in mlflow.models()), None)
    return "no model is registered" if name is None else f"models are registered, {name} among them"


def check_versions(mlflow: Mlflow) -> str:
    """Read versions."""
    return f"{sum(1 for _ in islice(mlflow.versions(), 1))} version read"


def check_runs(mlflow: Mlflow) -> str:
    """Read the run of a version."""
    experiments = len(mlflow.experiments())
    ids = [version.run_id for version in islice(mlflow.versions(), 1) if version.run_id]
    return f"{experiments} experiments, {len(mlflow.runs(ids))} run read"


CHECKS: tuple[Check[MlflowConfig], ...] = rest_checks(
    open_mlflow,
    Step("CheckAccess", "The registry answers and lets the user in", check_access, gate=True, mandatory=True),
    Step("GetModels", "Models and their versions can be read", check_versions, mandatory=True),
    Step("GetRuns", "The runs that made them can be read", check_runs),
)
