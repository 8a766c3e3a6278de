"""BigQuery."""

from collections.abc import Generator
from contextlib import contextmanager

from connectors.cancellation import Cancellation
from connectors.connector import OF_DATABASES, Capability, Check, Connector
from connectors.errors import ConnectorError
from connectors.families.bigquery import queries
from connectors.families.bigquery.api import BigQuery, open_bigquery
from connectors.families.bigquery.config import BigQueryConfig
from connectors.families.bigquery.queries import filled
from connectors.families.bigquery.source import open_source
from connectors.families.database import database_topology
from connectors.families.database_options import IncrementalMetadata
from connectors.families.rest import AT_ONCE, STEP_SECONDS
from connectors.report import Report


@contextmanager
def opened(config: BigQueryConfig) -> Generator[BigQuery]:
    """A way to BigQuery for one step of a connection test."""
    with open_bigquery(config, Report(), Cancellation(STEP_SECONDS), AT_ONCE) as api:
        yield api


def check_access(config: BigQueryConfig) -> str:
    """Log in, and see whether the projects answer."""
    with opened(config) as api:
        projects = api.projects()
        for project in projects:
            api.datasets(project)
        return f"projects: {', '.join(projects)}"


def check_schemas(config: BigQueryConfig) -> str:
    """List the datasets; a run needs at least one."""
    with opened(config) as api:
        count = sum(len(api.datasets(project).datasets) for project in api.projects())
    if not count:
        message = "no dataset is shown"
        raise ConnectorError(message, "grant roles/bigquery.metadataViewer on the projects or on datasets")
    return f"{count} datasets"


def check_tables(config: BigQueryConfig) -> str:
    """List the tables of the first dataset."""
    with opened(config) as api:
        for project in api.projects():
            for item in api.datasets(project).datasets:
                name = item.dataset_reference.dataset_id
                return f"{len(list(api.tables(project, name)))} tables and views in {project}.{name}"
    return "no dataset to look into"


def check_columns(config: BigQueryConfig) -> str:
    """Ask a query about the first dataset: that takes the right to ask queries."""
    with opened(config) as api:
        for project in api.projects():
            for item in api.datasets(project).datasets:
                name = item.dataset_reference.dataset_id
                [rows] = api.answers(project, item.location, [filled(queries.ONE, project, name)], f"dataset {name}")
                [(count,)] = rows
                return f"INFORMATION_SCHEMA of {project}.{name} shows {count} tables and views"
    return "no dataset to look into"


CONNECTOR = Connector(
    name="bigquery",
    service_type="BigQuery",
    config=BigQueryConfig,
    options=IncrementalMetadata,
    capabilities=OF_DATABASES - {Capability.OWNERS},
    checks=(
        Check(
            "CheckAccess", "Google lets the user in, and the projects answer", check_access, gate=True, mandatory=True
        ),
        Check("GetSchemas", "The datasets can be listed", check_schemas, mandatory=True),
        Check("GetTables", "Tables and views can be listed", check_tables, mandatory=True),
        Check("GetColumns", "INFORMATION_SCHEMA can be queried", check_columns, mandatory=True),
    ),
    topology=database_topology(open_source),
    driver="google.auth",
    grants="# metadataViewer lists datasets, tables and routines and shows what they are made of; it reads no rows\n"
    "gcloud projects add-iam-policy-binding <project> --role=roles/bigquery.metadataViewer "
    "--member=serviceAccount:<account>\n"
    "# jobUser asks the queries of INFORMATION_SCHEMA, in the project that is charged for them\n"
    "gcloud projects add-iam-policy-binding <billing-project> --role=roles/bigquery.jobUser "
    "--member=serviceAccount:<account>\n"
    "# only for the names of policy tags, in the project of their taxonomy\n"
    "gcloud projects add-iam-policy-binding <taxonomy-project> --role=roles/datacatalog.viewer "
    "--member=serviceAccount:<account>",
    tested="bqemulator 1.4 (lists, tables, views, columns with nested types, options, routines), rows made by hand of "
    "what it has not: keys, descriptions of columns, policy tags, DDL, times of changes; not on BigQuery itself. "
    "Labels of datasets, display names and lineage of views are left out. [bigquery.md](bigquery.md) tells more",
)
