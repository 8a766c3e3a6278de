"""The steps of a connection test, named like OpenMetadata's."""

from itertools import islice

from connectors.connector import Check
from connectors.families.prefect.api import Prefect, open_prefect
from connectors.families.prefect.config import PrefectConfig
from connectors.families.rest_checks import Step, rest_checks

RUNS = 10


def check_pipelines(prefect: Prefect) -> str:
    """Count the flows."""
    return f"{prefect.count()} flows"


def check_deployments(prefect: Prefect) -> str:
    """Read the deployments of a flow."""
    for flow in islice(prefect.flows(), 1):
        return f"{len(list(prefect.deployments([flow.id])))} deployments of {flow.name}"
    return "there is no flow"


def check_runs(prefect: Prefect) -> str:
    """Read the runs of a flow and their tasks."""
    for flow in islice(prefect.flows(), 1):
        runs = [run.id for run in prefect.runs(flow.id, RUNS)]
        tasks = sum(1 for _ in prefect.task_runs(runs)) if runs else 0
        return f"{len(runs)} runs of {flow.name}, {tasks} tasks in them"
    return "there is no flow"


CHECKS: tuple[Check[PrefectConfig], ...] = rest_checks(
    open_prefect,
    Step("CheckAccess", "The API answers and lets the user in", check_pipelines, gate=True, mandatory=True),
    Step("GetPipelines", "Flows and their deployments can be listed", check_deployments, mandatory=True),
    Step("GetRuns", "Their runs and what became of the tasks can be read", check_runs),
)
