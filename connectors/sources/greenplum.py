"""Greenplum 7, whose catalogue is PostgreSQL 12's; older ones are refused when they are connected to."""

from typing import Annotated, Literal

from connectors.connector import OF_DATABASES, Connector
from connectors.definition import FilterPattern, Unused
from connectors.families.database import database_topology
from connectors.families.database_options import DatabaseMetadata
from connectors.families.postgres.checks import CHECKS
from connectors.families.postgres.config import CatalogueConfig
from connectors.families.postgres.source import PostgresSource, open_source


class GreenplumConfig(CatalogueConfig):
    """A Greenplum server, and which of its databases to read.

    `connectionOptions` and `connectionArguments` hold keywords of libpq.
    """

    type: Literal["Greenplum"] = "Greenplum"
    scheme: Literal["postgresql+psycopg2"] = "postgresql+psycopg2"
    schema_filter_pattern: FilterPattern = FilterPattern.all_but("^information_schema$", "^gp_toolkit$")
    supports_view_lineage_extraction: Annotated[bool, Unused()] = True


CONNECTOR = Connector(
    name="greenplum",
    service_type="Greenplum",
    config=GreenplumConfig,
    options=DatabaseMetadata,
    capabilities=OF_DATABASES,
    checks=CHECKS,
    topology=database_topology(open_source, ahead=PostgresSource.ahead),
    driver="psycopg",
    grants="GRANT CONNECT ON DATABASE <database> TO <username>;\nGRANT USAGE ON SCHEMA <schema> TO <username>;",
    tested="PostgreSQL 18, whose catalogue it shares; not on Greenplum itself",
)
