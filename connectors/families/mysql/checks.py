"""The steps of a connection test, named like OpenMetadata's."""

from collections.abc import Generator
from contextlib import contextmanager
from typing import Any

from connectors.cancellation import Cancellation
from connectors.connector import Check
from connectors.errors import ConnectorError
from connectors.families.certificates import certificate_files
from connectors.families.missing_rights import in_words
from connectors.families.mysql import queries
from connectors.families.mysql.config import InformationSchemaConfig
from connectors.families.mysql.session import Row, Sessions
from connectors.families.mysql.source import user_rights
from connectors.report import Report

STEP_SECONDS = 30.0
SUBJECT = "the connection test"
# Whoever may read the bodies of routines sees the first: nobody should be told to give more rights on them.
OF_THE_SERVER = frozenset({"mysql", "sys"})


@contextmanager
def opened(config: InformationSchemaConfig) -> Generator[Sessions]:
    """The sessions of one step."""
    with certificate_files(config.certificates) as files:
        sessions = Sessions(config, files, Report(), Cancellation(STEP_SECONDS))
        try:
            yield sessions
        finally:
            sessions.close()


def asked(config: InformationSchemaConfig, query: str) -> list[Row]:
    """The rows of one query, in a session of its own."""
    with opened(config) as sessions:
        return sessions.rows(SUBJECT, query)


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


def check_rights(config: InformationSchemaConfig) -> str:
    """See whether the user's rights show all of the schemas: what they do not show is not deleted when it is gone."""
    with opened(config) as sessions:
        rights = user_rights(sessions)
        names = {name for name, _ in sessions.rows(SUBJECT, queries.SCHEMAS)} - OF_THE_SERVER
    only = config.database_schema
    schemas = names if only is None else names & {only}
    needed = [(name, (rights.missing_for_tables(name), rights.missing_for_routines(name))) for name in schemas]
    lacking = sorted(name for name, grants in needed if any(grants))
    if lacking:
        who = f"{config.username} may not see all of {len(lacking)} of {len(schemas)} schemas, as {lacking[0]}"
        message = f"{who}: nothing is deleted there when it is gone"
        missing = {grant for _, grants in needed for grant in grants if grant}
        raise ConnectorError(message, in_words(missing))
    unlisted = rights.missing_for_schemas() if only is None else None
    return "all of the schemas can be seen" + (f"; markDeletedSchemas needs {unlisted}" if unlisted else "")


CHECKS: tuple[Check[Any], ...] = tuple(
    Check(name, description, run, gate=gate, mandatory=mandatory, timeout_seconds=STEP_SECONDS)
    for name, description, run, gate, mandatory in (
        ("CheckAccess", "The server answers and lets the user in", check_access, True, True),
        ("GetSchemas", "The schemas can be listed", check_schemas, False, True),
        ("GetTables", "The tables can be listed", check_tables, False, True),
        ("GetViews", "The views and their queries can be read", check_views, False, False),
        ("CheckRights", "The user's rights show all of the schemas", check_rights, False, False),
    )
)
