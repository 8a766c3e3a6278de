"""Prefect: flows as pipelines, with the schedules of their deployments, tasks and runs."""

from connectors.connector import Capability, Connector
from connectors.families.pipeline import pipeline_topology
from connectors.families.pipeline_options import PipelineMetadata
from connectors.families.prefect.checks import CHECKS
from connectors.families.prefect.config import PrefectConfig
from connectors.families.prefect.source import open_source

CONNECTOR = Connector(
    name="prefect",
    service_type="Prefect",
    config=PrefectConfig,
    options=PipelineMetadata,
    capabilities=frozenset({Capability.PIPELINES, Capability.RUN_STATUS, Capability.TAGS, Capability.DELETIONS}),
    checks=CHECKS,
    topology=pipeline_topology(open_source),
    grants="-- Prefect Cloud: the role Viewer of the workspace. A server has one login for everything.",
    tested="Prefect 3.8.8 (server)",
)
