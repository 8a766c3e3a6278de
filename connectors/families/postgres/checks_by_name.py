"""The steps of a connection test of a server that is read by names."""

from typing import Any

from connectors.connector import Check
from connectors.errors import ConnectorError
from connectors.families.postgres.by_name import Catalogue
from connectors.families.postgres.checks import STEP_SECONDS, check_access, one_session, some
from connectors.families.postgres.config import ServerConfig
from connectors.families.postgres.session import Row


def checks_of(catalogue: Catalogue) -> tuple[Check[Any], ...]:
    """The steps, named like OpenMetadata's."""

    def rows(config: ServerConfig, query: str) -> list[Row]:
        with one_session(config) as snapshot:
            return snapshot.rows(query)

    def databases(config: ServerConfig) -> str:
        query = catalogue.databases if config.ingest_all_databases else catalogue.database
        return some(sum(not closed for *_, closed in rows(config, query)), "database")

    def schemas(config: ServerConfig) -> str:
        found = rows(config, catalogue.schemas)
        if not found:
            message = f"{config.username} can see no schema of {config.database}"
            raise ConnectorError(message, "grant the user USAGE on the schemas to read")
        return some(len(found), "schema")

    def tables(config: ServerConfig) -> str:
        counts = [row for query in catalogue.counts for row in rows(config, query)]
        return some(sum(count for _, count, _ in counts), "table or view")

    return tuple(
        Check(name, description, run, gate=gate, mandatory=True, timeout_seconds=STEP_SECONDS)
        for name, description, run, gate in (
            ("CheckAccess", "The server answers and lets the user in", check_access, True),
            ("GetDatabases", "The databases can be listed", databases, False),
            ("GetSchemas", "The schemas can be listed", schemas, False),
            ("GetTables", "The tables and views can be listed", tables, False),
        )
    )
