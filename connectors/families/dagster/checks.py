"""The steps of a connection test, named like OpenMetadata's."""

from connectors.connector import Check
from connectors.families.dagster.api import Dagster, Place, open_dagster
from connectors.families.dagster.config import DagsterConfig
from connectors.families.rest_checks import Step, rest_checks


def check_access(dagster: Dagster) -> str:
    """List code locations; one that could not be loaded fails the step."""
    places, failed = dagster.places()
    for error in failed:
        raise error
    return f"{len(places)} repositories"


def check_pipelines(dagster: Dagster) -> str:
    """Count the jobs."""
    return f"{len(_jobs(dagster))} jobs"


def check_runs(dagster: Dagster) -> str:
    """Read the ops and runs of one job."""
    for place, name in _jobs(dagster)[:1]:
        [(details, runs)] = dagster.details([(place, name)], 0.0)
        return f"{len(details.handles)} ops in {name}, {len(runs.results) if runs else 0} runs of it"
    return "there is no job"


def check_assets(dagster: Dagster) -> str:
    """Read the assets."""
    return f"{sum(len(dagster.assets(place)) for place in dagster.places()[0])} assets"


def _jobs(dagster: Dagster) -> list[tuple[Place, str]]:
    return [(place, name) for place in dagster.places()[0] for name in dagster.jobs(place)]


CHECKS: tuple[Check[DagsterConfig], ...] = rest_checks(
    open_dagster,
    Step("CheckAccess", "The API answers, and all code locations are loaded", check_access, gate=True, mandatory=True),
    Step("GetPipelines", "Jobs can be listed", check_pipelines, mandatory=True),
    Step("GetRuns", "Their ops and runs can be read", check_runs),
    Step("GetLineage", "The assets can be read", check_assets),
)
