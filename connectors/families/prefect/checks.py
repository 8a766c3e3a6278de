"""The steps of a connection test, named like OpenMetadata's."""

from collections.abc import Generator
from contextlib import contextmanager
from itertools import islice

from connectors.cancellation import Cancellation
from connectors.connector import Check
from connectors.families.prefect.api import Prefect, open_prefect
from connectors.families.prefect.config import PrefectConfig
from connectors.families.rest import AT_ONCE, STEP_SECONDS
from connectors.report import Report


@contextmanager
def asked(config: PrefectConfig) -> Generator[Prefect]:
    """The Prefect of a connection, for one step."""
    with open_prefect(config, Report(), Cancellation(STEP_SECONDS), AT_ONCE) as prefect:
        yield prefect


def check_pipelines(config: PrefectConfig) -> str:
    """Count the flows."""
    with asked(config) as prefect:
        return f"{prefect.count()} flows"


def check_deployments(config: PrefectConfig) -> str:
    """Read the deployments of a flow."""
    with asked(config) as prefect:
        for flow in islice(prefect.flows(), 1):
            return f"{len(list(prefect.deployments([flow.id])))} deployments of {flow.name}"
    return "there is no flow"


def check_runs(config: PrefectConfig) -> str:
    """Read the runs of a flow and their tasks."""
    with asked(config) as prefect:
        for flow in islice(prefect.flows(), 1):
            runs = [run.id for run in prefect.runs(flow.id, config.number_of_status)]
            tasks = sum(1 for _ in prefect.task_runs(runs)) if runs else 0
            return f"{len(runs)} runs of {flow.name}, {tasks} tasks in them"
    return "there is no flow"


CHECKS: tuple[Check[PrefectConfig], ...] = tuple(
    Check(name, description, run, gate=gate, mandatory=mandatory, timeout_seconds=STEP_SECONDS)
    for name, description, run, gate, mandatory in (
        ("CheckAccess", "The API answers and lets the user in", check_pipelines, True, True),
        ("GetPipelines", "Flows and their deployments can be listed", check_deployments, False, True),
        ("GetRuns", "Their runs and what became of the tasks can be read", check_runs, False, False),
    )
)
