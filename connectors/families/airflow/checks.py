"""The steps of a connection test, named like OpenMetadata's."""

from collections.abc import Generator
from contextlib import contextmanager
from itertools import islice

from connectors.cancellation import Cancellation
from connectors.connector import Check
from connectors.families.airflow.api import Airflow, open_airflow
from connectors.families.airflow.config import AirflowConfig
from connectors.families.rest import AT_ONCE, STEP_SECONDS
from connectors.report import Report


@contextmanager
def asked(config: AirflowConfig) -> Generator[Airflow]:
    """The Airflow of a connection, for one step."""
    with open_airflow(config, Report(), Cancellation(STEP_SECONDS), AT_ONCE) as airflow:
        yield airflow


def check_access(config: AirflowConfig) -> str:
    """Log in and see what answers."""
    with asked(config) as airflow:
        airflow.count()
        return f"Airflow {airflow.release}, API {airflow.version}"


def check_pipelines(config: AirflowConfig) -> str:
    """Count the DAGs."""
    with asked(config) as airflow:
        return f"{airflow.count()} DAGs"


def check_tasks(config: AirflowConfig) -> str:
    """Read the tasks of one DAG."""
    with asked(config) as airflow:
        for dag in islice(airflow.dags(), 1):
            return f"{len(airflow.tasks(dag.dag_id).tasks)} tasks in {dag.dag_id}"
    return "there is no DAG"


def check_runs(config: AirflowConfig) -> str:
    """Read the runs of one DAG and their tasks."""
    with asked(config) as airflow:
        ids = [dag.dag_id for dag in islice(airflow.dags(), 1)]
        if not ids:
            return "there is no DAG"
        since = airflow.since(1)
        runs = [run.dag_run_id for run in airflow.runs(ids, since)]
        tasks = sum(1 for _ in airflow.task_instances(ids, runs, since))
        return f"{len(runs)} runs of {ids[0]} in the last day, {tasks} tasks in them"


def check_assets(config: AirflowConfig) -> str:
    """Read the assets."""
    with asked(config) as airflow:
        return f"{sum(1 for _ in airflow.assets())} assets"


CHECKS: tuple[Check[AirflowConfig], ...] = tuple(
    Check(name, description, run, gate=gate, mandatory=mandatory, timeout_seconds=STEP_SECONDS)
    for name, description, run, gate, mandatory in (
        ("CheckAccess", "The API answers and lets the user in", check_access, True, True),
        ("GetPipelines", "The DAGs can be listed", check_pipelines, False, True),
        ("GetTasks", "Their tasks can be read", check_tasks, False, True),
        ("GetRuns", "Their runs and what became of the tasks can be read", check_runs, False, False),
        ("GetLineage", "The assets can be read", check_assets, False, False),
    )
)
