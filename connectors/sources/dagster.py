"""Dagster: jobs as pipelines, with ops, schedules, runs and lineage from assets."""

from connectors.connector import Capability, Connector
from connectors.families.dagster.checks import CHECKS
from connectors.families.dagster.config import DagsterConfig
from connectors.families.dagster.source import open_source
from connectors.families.pipeline import pipeline_topology
from connectors.families.pipeline_options import PipelineMetadata

CONNECTOR = Connector(
    name="dagster",
    service_type="Dagster",
    config=DagsterConfig,
    options=PipelineMetadata,
    capabilities=frozenset(
        {
            Capability.PIPELINES,
            Capability.RUN_STATUS,
            Capability.LINEAGE,
            Capability.OWNERS,
            Capability.TAGS,
            Capability.DELETIONS,
        }
    ),
    checks=CHECKS,
    topology=pipeline_topology(open_source),
    grants="-- Dagster+: a user token of a Viewer of the deployment. Dagster itself knows no users.",
    tested="Dagster 1.13.27",
)
