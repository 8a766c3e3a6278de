"""The steps of a connection test, named like OpenMetadata's."""

from collections.abc import Generator
from contextlib import contextmanager
from typing import Any

from connectors.cancellation import Cancellation
from connectors.connector import Check
from connectors.errors import ConnectorError
from connectors.families.certificates import certificate_files
from connectors.families.postgres import queries
from connectors.families.postgres.config import CatalogueConfig, ServerConfig
from connectors.families.postgres.failures import quoted
from connectors.families.postgres.session import Row, Sessions, Snapshot
from connectors.report import Report

STEP_SECONDS = 30.0


@contextmanager
def one_session(config: ServerConfig) -> Generator[Snapshot]:
    """A session for one step, ended in the server when the step has to be given up."""
    with certificate_files(config.ssl_config) as files:
        sessions = Sessions(config, files, 1, Report(), Cancellation(STEP_SECONDS))
        try:
            with sessions.snapshot(config.database, "the connection test") as snapshot:
                yield snapshot
        finally:
            sessions.close()


def check_access(config: ServerConfig) -> str:
    """Log in and see what answers."""
    with one_session(config) as snapshot:
        [(version, user)] = snapshot.rows("SELECT current_setting('server_version'), current_user")
        return f"{config.dialect.system} {version}, as {user}"


def check_databases(config: CatalogueConfig) -> str:
    """List the databases that a run would take, before filters."""
    query = queries.ALL_DATABASES if config.ingest_all_databases else queries.THIS_DATABASE
    return some(sum(not closed for *_, closed in _rows(config, query)), "database")


def check_schemas(config: CatalogueConfig) -> str:
    """List the schemas; a run needs at least one."""
    count, usable = _one(config, queries.USABLE_SCHEMAS)
    if count and not usable:
        message = f"none of {some(count, 'schema')} of {config.database} may be used"
        raise ConnectorError(message, f"GRANT USAGE ON SCHEMA <name> TO {quoted(config.username)}")
    return some(count, "schema") + (
        "" if count == usable else f", {count - usable} of them without the right to use it"
    )


def check_tables(config: CatalogueConfig) -> str:
    """Count the tables and views."""
    rows = _rows(config, queries.COUNTS)
    return f"{some(sum(tables for _, tables, _ in rows), 'table')} in {some(len(rows), 'schema')}"


def check_views(config: CatalogueConfig) -> str:
    """Count the views."""
    return some(_one(config, queries.VIEWS)[0], "view")


def check_tags(config: CatalogueConfig) -> str:
    """Read the row-level-security policies."""
    count = len(_rows(config, queries.TAGS))
    return f"{count} row-level-security {'policy' if count == 1 else 'policies'}"


CHECKS: tuple[Check[Any], ...] = tuple(
    Check(name, description, run, gate=gate, mandatory=mandatory, timeout_seconds=STEP_SECONDS)
    for name, description, run, gate, mandatory in (
        ("CheckAccess", "The server answers and lets the role in", check_access, True, True),
        ("GetDatabases", "The databases can be listed", check_databases, False, True),
        ("GetSchemas", "The schemas can be listed and used", check_schemas, False, True),
        ("GetTables", "The tables can be listed", check_tables, False, True),
        ("GetViews", "The views can be listed", check_views, False, False),
        ("GetTags", "The row-level-security policies can be read", check_tags, False, False),
    )
)


def some(count: int, noun: str) -> str:
    """A number of things, in words."""
    return f"{count} {noun}{'' if count == 1 else 's'}"


def _rows(config: CatalogueConfig, query: str) -> list[Row]:
    with one_session(config) as snapshot:
        return snapshot.rows(queries.composed(query, snapshot.version))


def _one(config: CatalogueConfig, query: str) -> Row:
    [row] = _rows(config, query)
    return row
