"""Snowflake."""

from contextlib import closing

from connectors.cancellation import Cancellation
from connectors.connector import OF_DATABASES, Check, Connector
from connectors.errors import ConnectorError
from connectors.families.database import database_topology
from connectors.families.database_options import IncrementalMetadata
from connectors.families.snowflake import queries
from connectors.families.snowflake.config import SnowflakeConfig
from connectors.families.snowflake.failures import telling_of_tags
from connectors.families.snowflake.queries import filled
from connectors.families.snowflake.session import Row, Sessions
from connectors.families.snowflake.source import SnowflakeSource, open_source
from connectors.report import Report

STEP_SECONDS = 60.0


def asked(config: SnowflakeConfig, query: str) -> list[Row]:
    """The rows of one question of a connection test."""
    with closing(Sessions(config, Report(), Cancellation(STEP_SECONDS))) as session:
        return session.rows("the connection test", query)


def names(config: SnowflakeConfig) -> list[str]:
    """The databases that a run would read, before its filters."""
    with closing(Sessions(config, Report(), Cancellation(STEP_SECONDS))) as session:
        source = SnowflakeSource(config, IncrementalMetadata(), session, None)
        return [database.name for database in source.databases()]


def check_access(config: SnowflakeConfig) -> str:
    """Log in and see what answers."""
    [(version, user, role)] = asked(config, queries.VERSION)
    return f"Snowflake {version}, as {user} with role {role}"


def check_databases(config: SnowflakeConfig) -> str:
    """List the databases; a run needs at least one."""
    found = names(config)
    if not found:
        message = "the role may use no database"
        raise ConnectorError(message, "GRANT USAGE ON DATABASE <database> TO ROLE <role>")
    return f"{len(found)} databases"


def check_tables(config: SnowflakeConfig) -> str:
    """Count the tables and views of one database: that takes the warehouse."""
    first = next((name for name in names(config) if name != "SNOWFLAKE"), None)
    if first is None:
        return "no database to look into"
    count = sum(int(count) for _, count in asked(config, filled(queries.COUNTS, database=first)))
    return f"{count} tables and views in {first}"


def check_tags(config: SnowflakeConfig) -> str:
    """See whether the tags can be read."""
    query = queries.TAGS.replace("$usage", config.account_usage_schema).replace("%s", "''")
    with telling_of_tags():
        asked(config, query)
    return "tags can be read"


CONNECTOR = Connector(
    name="snowflake",
    service_type="Snowflake",
    config=SnowflakeConfig,
    options=IncrementalMetadata,
    capabilities=OF_DATABASES,
    checks=(
        Check(
            "CheckAccess",
            "The account answers and lets the user in",
            check_access,
            gate=True,
            mandatory=True,
            timeout_seconds=STEP_SECONDS,
        ),
        Check(
            "GetDatabases", "The databases can be listed", check_databases, mandatory=True, timeout_seconds=STEP_SECONDS
        ),
        Check(
            "GetTables",
            "The warehouse lists tables and views",
            check_tables,
            mandatory=True,
            timeout_seconds=STEP_SECONDS,
        ),
        Check("GetTags", "The tags can be read", check_tags, timeout_seconds=STEP_SECONDS),
    ),
    topology=database_topology(open_source),
    driver="snowflake.connector",
    grants="GRANT USAGE ON WAREHOUSE <warehouse> TO ROLE <role>;\nGRANT USAGE ON DATABASE <database> TO ROLE <role>;\n"
    "GRANT USAGE ON ALL SCHEMAS IN DATABASE <database> TO ROLE <role>;\n"
    "GRANT REFERENCES ON ALL TABLES IN DATABASE <database> TO ROLE <role>;\n"
    "GRANT REFERENCES ON ALL VIEWS IN DATABASE <database> TO ROLE <role>;\n"
    "GRANT IMPORTED PRIVILEGES ON DATABASE SNOWFLAKE TO ROLE <role>;  -- for tags\n"
    "-- What the role may not see is not listed, as if it were gone: with fewer rights set the markDeleted options to "
    "false.",
    tested="fakesnow 0.12 (tables, views, columns, primary keys, stages), rows made by hand of what it has not: "
    "foreign keys, tags, routines, streams, DDL, structured types, times of changes; not on Snowflake itself. "
    "Semantic views, shares and tags of schemas and databases are left out",
)
