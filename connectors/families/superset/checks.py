"""The steps of a connection test, named like OpenMetadata's."""

from collections.abc import Generator
from contextlib import contextmanager
from itertools import islice

from connectors.cancellation import Cancellation
from connectors.connector import Check
from connectors.families.rest import AT_ONCE, STEP_SECONDS
from connectors.families.superset.api import Superset, open_superset
from connectors.families.superset.config import SupersetConfig
from connectors.report import Report


@contextmanager
def asked(config: SupersetConfig) -> Generator[Superset]:
    """The Superset of a connection, for one step."""
    with open_superset(config, Report(), Cancellation(STEP_SECONDS), AT_ONCE) as superset:
        yield superset


def check_dashboards(config: SupersetConfig) -> str:
    """Log in and list dashboards."""
    with asked(config) as superset:
        return f"{len(list(islice(superset.dashboards(), 1)))} dashboard read"


def check_charts(config: SupersetConfig) -> str:
    """List charts."""
    with asked(config) as superset:
        return f"{len(list(islice(superset.charts(), 1)))} chart read"


def check_data_models(config: SupersetConfig) -> str:
    """List data sets and read the columns of one."""
    with asked(config) as superset:
        for row in islice(superset.data_sets(), 1):
            return f"{len(superset.columns(row.id))} columns in {row.table_name}"
    return "there is no data set"


def check_lineage(config: SupersetConfig) -> str:
    """Read how Superset reaches a database."""
    with asked(config) as superset:
        for row in islice(superset.data_sets(), 1):
            if row.database is not None:
                superset.uri(row.database.id)
                return f"the database of {row.table_name} is known"
    return "there is no data set of a database"


CHECKS: tuple[Check[SupersetConfig], ...] = tuple(
    Check(name, description, run, gate=gate, mandatory=mandatory, timeout_seconds=STEP_SECONDS)
    for name, description, run, gate, mandatory in (
        ("CheckAccess", "The API answers and lets the user in", check_dashboards, True, True),
        ("GetDashboards", "Dashboards can be listed", check_dashboards, False, True),
        ("GetCharts", "Charts can be listed", check_charts, False, True),
        ("GetDataModels", "Data sets and their columns can be read", check_data_models, False, False),
        ("GetLineage", "The databases behind data sets can be told apart", check_lineage, False, False),
    )
)
