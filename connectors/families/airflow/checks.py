"""The steps of a connection test, named like OpenMetadata's."""

from itertools import islice

from connectors.connector import Check
from connectors.families.airflow.api import Airflow, open_airflow
from connectors.families.airflow.config import AirflowConfig
from connectors.families.rest_checks import Step, rest_checks


def check_access(airflow: Airflow) -> str:
    """Log in and see what answers."""
    airflow.count()
    return f"Airflow {airflow.release}, API {airflow.version}"


def check_pipelines(airflow: Airflow) -> str:
    """Count the DAGs."""
    return f"{airflow.count()} DAGs"


def check_tasks(airflow: Airflow) -> str:
    """Read the tasks of one DAG."""
    for dag in islice(airflow.dags(), 1):
        return f"{len(airflow.tasks(dag.dag_id).tasks)} tasks in {dag.dag_id}"
    return "there is no DAG"


def check_runs(airflow: Airflow) -> str:
    """Read the runs of one DAG and their tasks."""
    ids = [dag.dag_id for dag in islice(airflow.dags(), 1)]
    if not ids:
        return "there is no DAG"
    since = airflow.since(1)
    runs = [run.dag_run_id for run in airflow.runs(ids, since)]
    tasks = sum(1 for _ in airflow.task_instances(ids, runs, since))
    return f"{len(runs)} runs of {ids[0]} in the last day, {tasks} tasks in them"


def check_assets(airflow: Airflow) -> str:
    """Read the assets."""
    return f"{sum(1 for _ in airflow.assets())} assets"


CHECKS: tuple[Check[AirflowConfig], ...] = rest_checks(
    open_airflow,
    Step("CheckAccess", "The API answers and lets the user in", check_access, gate=True, mandatory=True),
    Step("GetPipelines", "The DAGs can be listed", check_pipelines, mandatory=True),
    Step("GetTasks", "Their tasks can be read", check_tasks, mandatory=True),
    Step("GetRuns", "Their runs and what became of the tasks can be read", check_runs),
    Step("GetLineage", "The assets can be read", check_assets),
)
