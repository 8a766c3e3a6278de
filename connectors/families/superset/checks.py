"""The steps of a connection test, named like OpenMetadata's."""

from itertools import islice

from connectors.connector import Check
from connectors.families.rest_checks import Step, rest_checks
from connectors.families.superset.api import Superset, open_superset
from connectors.families.superset.config import SupersetConfig


def check_dashboards(superset: Superset) -> str:
    """Log in and list dashboards."""
    return f"{len(list(islice(superset.dashboards(), 1)))} dashboard read"


def check_charts(superset: Superset) -> str:
    """List charts."""
    return f"{len(list(islice(superset.charts(), 1)))} chart read"


def check_data_models(superset: Superset) -> str:
    """List data sets and read the columns of one."""
    for row in islice(superset.data_sets(), 1):
        return f"{len(superset.columns(row.id))} columns in {row.table_name}"
    return "there is no data set"


def check_lineage(superset: Superset) -> str:
    """Read how Superset reaches a database."""
    for row in islice(superset.data_sets(), 1):
        if row.database is not None:
            superset.uri(row.database.id)
            return f"the database of {row.table_name} is known"
    return "there is no data set of a database"


CHECKS: tuple[Check[SupersetConfig], ...] = rest_checks(
    open_superset,
    Step("CheckAccess", "The API answers and lets the user in", check_dashboards, gate=True, mandatory=True),
    Step("GetDashboards", "Dashboards can be listed", check_dashboards, mandatory=True),
    Step("GetCharts", "Charts can be listed", check_charts, mandatory=True),
    Step("GetDataModels", "Data sets and their columns can be read", check_data_models),
    Step("GetLineage", "The databases behind data sets can be told apart", check_lineage),
)
