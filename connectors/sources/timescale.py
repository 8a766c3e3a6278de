"""TimescaleDB 2 on PostgreSQL 12 and newer: Postgres's catalogue; chunks and other inner tables are left out."""

from typing import Literal

from pydantic import Field

from connectors.connector import OF_DATABASES, Connector
from connectors.definition import FilterPattern
from connectors.families.database import database_topology
from connectors.families.database_options import DatabaseMetadata
from connectors.families.postgres.checks import CHECKS
from connectors.families.postgres.config import CatalogueConfig
from connectors.families.postgres.source import PostgresSource, open_source


class TimescaleConfig(CatalogueConfig):
    """A TimescaleDB server, and which of its databases to read.

    `connectionOptions` and `connectionArguments` hold keywords of libpq.
    """

    type: Literal["Timescale"] = "Timescale"
    scheme: Literal["postgresql+psycopg2"] = "postgresql+psycopg2"
    classification_name: str = Field(default="TimescalePolicyTags", min_length=1, max_length=256)
    schema_filter_pattern: FilterPattern = FilterPattern.all_but("^information_schema$", "^_timescaledb_.*$")


CONNECTOR = Connector(
    name="timescale",
    service_type="Timescale",
    config=TimescaleConfig,
    options=DatabaseMetadata,
    capabilities=OF_DATABASES,
    checks=CHECKS,
    topology=database_topology(open_source, ahead=PostgresSource.ahead),
    driver="psycopg",
    grants="GRANT CONNECT ON DATABASE <database> TO <username>;\nGRANT USAGE ON SCHEMA <schema> TO <username>;",
    tested="PostgreSQL 18, whose catalogue it shares; not on TimescaleDB itself",
)
