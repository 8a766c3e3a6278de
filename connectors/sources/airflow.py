"""Apache Airflow 2 (REST API v1) and 3 (v2): DAGs as pipelines, with tasks, runs and lineage from assets."""

from connectors.connector import Capability, Connector
from connectors.families.airflow.checks import CHECKS
from connectors.families.airflow.config import AirflowConfig
from connectors.families.airflow.source import open_source
from connectors.families.pipeline import pipeline_topology
from connectors.families.pipeline_options import PipelineMetadata

CONNECTOR = Connector(
    name="airflow",
    service_type="Airflow",
    config=AirflowConfig,
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
    grants="# the role Viewer: DAGs, tasks, DAG runs, task instances and assets are read, and nothing is changed\n"
    "airflow users create --role Viewer --username <username> --password <password> ...",
    tested="Apache Airflow 3.3.2 (v2); v1 by answers made by hand from its documentation",
)
