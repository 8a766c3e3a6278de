"""PostgreSQL 12 and newer."""

from connectors.connector import OF_DATABASES, Connector
from connectors.families.database import database_topology
from connectors.families.database_options import DatabaseMetadata
from connectors.families.postgres.checks import CHECKS
from connectors.families.postgres.config import PostgresConfig
from connectors.families.postgres.source import PostgresSource, open_source

CONNECTOR = Connector(
    name="postgres",
    service_type="Postgres",
    config=PostgresConfig,
    options=DatabaseMetadata,
    capabilities=OF_DATABASES,
    checks=CHECKS,
    topology=database_topology(open_source, ahead=PostgresSource.ahead),
    driver="psycopg",
    grants="GRANT CONNECT ON DATABASE <database> TO <username>;\nGRANT USAGE ON SCHEMA <schema> TO <username>;",
    tested="PostgreSQL 18 and 15",
)
