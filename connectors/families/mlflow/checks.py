"""The steps of a connection test, named like OpenMetadata's."""

from collections.abc import Generator
from contextlib import contextmanager
from itertools import islice

from connectors.cancellation import Cancellation
from connectors.connector import Check
from connectors.families.mlflow.api import Mlflow, open_mlflow
from connectors.families.mlflow.config import MlflowConfig
from connectors.families.rest import AT_ONCE, STEP_SECONDS
from connectors.report import Report


@contextmanager
def asked(config: MlflowConfig) -> Generator[Mlflow]:
    """The MLflow of a connection, for one step."""
    with open_mlflow(config, Report(), Cancellation(STEP_SECONDS), AT_ONCE) as mlflow:
        yield mlflow


def check_access(config: MlflowConfig) -> str:
    """Ask the registry for a model."""
    with asked(config) as mlflow:
        name = next((model.name for model in mlflow.models()), None)
        return "no model is registered" if name is None else f"models are registered, {name} among them"


def check_versions(config: MlflowConfig) -> str:
    """Read versions."""
    with asked(config) as mlflow:
        return f"{sum(1 for _ in islice(mlflow.versions(), 1))} version read"


def check_runs(config: MlflowConfig) -> str:
    """Read the run of a version."""
    with asked(config) as mlflow:
        experiments = len(mlflow.experiments)
        ids = [version.run_id for version in islice(mlflow.versions(), 1) if version.run_id]
        return f"{experiments} experiments, {len(mlflow.runs(ids))} run read"


CHECKS: tuple[Check[MlflowConfig], ...] = tuple(
    Check(name, description, run, gate=gate, mandatory=mandatory, timeout_seconds=STEP_SECONDS)
    for name, description, run, gate, mandatory in (
        ("CheckAccess", "The registry answers and lets the user in", check_access, True, True),
        ("GetModels", "Models and their versions can be read", check_versions, False, True),
        ("GetRuns", "The runs that made them can be read", check_runs, False, False),
    )
)
