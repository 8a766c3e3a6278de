"""The steps of a connection test, named like OpenMetadata's."""

from typing import Any

from connectors.cancellation import Cancellation
from connectors.connector import Check
from connectors.errors import ConnectorError
from connectors.families.certificates import certificate_files
from connectors.families.mysql import queries
from connectors.families.mysql.config import InformationSchemaConfig
from connectors.families.mysql.session import Row, Sessions
from connectors.report import Report

STEP_SECONDS = 30.0


def asked(config: InformationSchemaConfig, query: str) -> list[Row]:
    """The rows of one query, in a session of its own."""
    with certificate_files(config.certificates) as files:
        sessions = Sessions(config, files, Report(), Cancellation(STEP_SECONDS))
        try:
            return sessions.rows("the connection test", query)
        finally:
            sessions.close()


def check_access(config: InformationSchemaConfig) -> str:
    """Log in and see what answers."""
    [(version, user)] = asked(config, queries.VERSION)
    return f"{version}, as {user}"


def check_schemas(config: InformationSchemaConfig) -> str:
    """List the schemas; a run needs at least one."""
    names = [name for name, _ in asked(config, queries.SCHEMAS)]
    only = config.database_schema
    if not names or (only is not None and only not in names):
        message = f"{config.username} may see no schema" + (f" {only}" if only else "")
        raise ConnectorError(message, f"GRANT SELECT, SHOW VIEW ON *.* TO '{config.username}'")
    return f"{len(names)} schemas"


def check_tables(config: InformationSchemaConfig) -> str:
    """Count the tables and views."""
    rows = asked(config, queries.TABLE_COUNTS)
    return f"{sum(count for _, count in rows)} tables in {len(rows)} schemas"


def check_views(config: InformationSchemaConfig) -> str:
    """Count the views, and those whose query the user may not see."""
    [(count, hidden)] = asked(config, queries.VIEW_COUNTS)
    if hidden:
        message = f"the queries of {hidden} of {count} views are hidden"
        raise ConnectorError(message, f"GRANT SHOW VIEW ON *.* TO '{config.username}'")
    return f"{count} views"


CHECKS: tuple[Check[Any], ...] = tuple(
    Check(name, description, run, gate=gate, mandatory=mandatory, timeout_seconds=STEP_SECONDS)
    for name, description, run, gate, mandatory in (
        ("CheckAccess", "The server answers and lets the user in", check_access, True, True),
        ("GetSchemas", "The schemas can be listed", check_schemas, False, True),
        ("GetTables", "The tables can be listed", check_tables, False, True),
        ("GetViews", "The views and their queries can be read", check_views, False, False),
    )
)
