"""The steps of a connection test, named like OpenMetadata's."""

from collections.abc import Generator
from contextlib import contextmanager

from connectors.cancellation import Cancellation
from connectors.connector import Check
from connectors.families.dagster.api import Dagster, Place, open_dagster
from connectors.families.dagster.config import DagsterConfig
from connectors.families.rest import AT_ONCE, STEP_SECONDS
from connectors.report import Report


@contextmanager
def asked(config: DagsterConfig) -> Generator[Dagster]:
    """The Dagster of a connection, for one step."""
    with open_dagster(config, Report(), Cancellation(STEP_SECONDS), AT_ONCE) as dagster:
        yield dagster


def check_access(config: DagsterConfig) -> str:
    """List code locations; one that could not be loaded fails the step."""
    with asked(config) as dagster:
        places, failed = dagster.places()
        for error in failed:
            raise error
        return f"{len(places)} repositories"


def check_pipelines(config: DagsterConfig) -> str:
    """Count the jobs."""
    with asked(config) as dagster:
        return f"{len(_jobs(dagster))} jobs"


def check_runs(config: DagsterConfig) -> str:
    """Read the ops and runs of one job."""
    with asked(config) as dagster:
        for place, name in _jobs(dagster)[:1]:
            [(details, runs)] = dagster.details([(place, name)], 0.0)
            return f"{len(details.handles)} ops in {name}, {len(runs.results) if runs else 0} runs of it"
    return "there is no job"


def check_assets(config: DagsterConfig) -> str:
    """Read the assets."""
    with asked(config) as dagster:
        return f"{sum(len(dagster.assets(place)) for place in dagster.places()[0])} assets"


def _jobs(dagster: Dagster) -> list[tuple[Place, str]]:
    return [(place, name) for place in dagster.places()[0] for name in dagster.jobs(place)]


CHECKS: tuple[Check[DagsterConfig], ...] = tuple(
    Check(name, description, run, gate=gate, mandatory=mandatory, timeout_seconds=STEP_SECONDS)
    for name, description, run, gate, mandatory in (
        ("CheckAccess", "The API answers, and all code locations are loaded", check_access, True, True),
        ("GetPipelines", "Jobs can be listed", check_pipelines, False, True),
        ("GetRuns", "Their ops and runs can be read", check_runs, False, False),
        ("GetLineage", "The assets can be read", check_assets, False, False),
    )
)
