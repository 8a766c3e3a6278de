"""Apache Superset: dashboards, charts, data sets as data models, owners, tags, lineage from tables."""

from connectors.connector import Capability, Connector
from connectors.families.dashboard import dashboard_topology
from connectors.families.dashboard_options import DashboardMetadata
from connectors.families.superset.checks import CHECKS
from connectors.families.superset.config import SupersetConfig
from connectors.families.superset.source import open_source

CONNECTOR = Connector(
    name="superset",
    service_type="Superset",
    config=SupersetConfig,
    options=DashboardMetadata,
    capabilities=frozenset(
        {
            Capability.DASHBOARDS,
            Capability.CHARTS,
            Capability.DATA_MODELS,
            Capability.LINEAGE,
            Capability.OWNERS,
            Capability.TAGS,
            Capability.DELETIONS,
        }
    ),
    checks=CHECKS,
    topology=dashboard_topology(open_source),
    grants="-- a user with a role that has: can read on Dashboard, Chart, Dataset; all datasource access on\n"
    "-- all_datasource_access; can get connection on Database, for lineage from tables. What the user may not see is\n"
    "-- not listed, as if it were gone: with fewer rights set the markDeleted options to false.",
    tested="Apache Superset 6.1.0",
)
