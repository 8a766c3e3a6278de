"""Hive 2 and newer, and what speaks HiveServer2's protocol, such as Spark's Thrift server."""

from collections.abc import Callable, Generator
from contextlib import contextmanager
from typing import Any

from connectors.cancellation import Cancellation
from connectors.connector import OF_DATABASES, Capability, Check, Connector, RunContext
from connectors.definition import CONNECTION_CONFIG
from connectors.errors import ConnectorError
from connectors.families.certificates import certificate_files
from connectors.families.database import database_topology
from connectors.families.database_options import DatabaseMetadata
from connectors.families.hive.config import HiveConfig
from connectors.families.hive.metastore import MetastoreSource, opened_store
from connectors.families.hive.server import HiveServerSource
from connectors.families.hive.session import Sessions
from connectors.report import Report

STEP_SECONDS = 60.0
Source = HiveServerSource | MetastoreSource


@contextmanager
def opened(config: HiveConfig, threads: int, report: Report, cancellation: Cancellation) -> Generator[Source]:
    """The metastore, where the definition leads to it, else the server."""
    if config.metastore_connection is not None:
        with opened_store(config.metastore_connection, threads, report, cancellation) as store:
            yield MetastoreSource(config, store)
        return
    with certificate_files(config.ssl_config, f"{CONNECTION_CONFIG}.") as files:
        sessions = Sessions(config, files, report, cancellation)
        try:
            yield HiveServerSource(config, sessions)
        finally:
            sessions.close()


@contextmanager
def open_source(context: RunContext[Any, DatabaseMetadata]) -> Generator[Source]:
    """The source of one run."""
    with opened(context.connection, context.threads, context.report, context.cancellation) as source:
        yield source


def looked(config: HiveConfig, look: Callable[[Source], str]) -> str:
    """What one step of a connection test sees."""
    with opened(config, 1, Report(), Cancellation(STEP_SECONDS)) as source:
        return look(source)


def check_access(config: HiveConfig) -> str:
    """Log in and list the schemas."""
    what = "the metastore" if config.metastore_connection is not None else "HiveServer2"
    return looked(config, lambda source: f"{what} answers with {len(list(source.schemas('')))} schemas")


def check_tables(config: HiveConfig) -> str:
    """List the tables of one schema."""

    def look(source: Source) -> str:
        names = [schema.name for schema in source.schemas("")]
        if not names:
            message = "the user may see no schema"
            raise ConnectorError(message, "grant the user SELECT on the databases to read")
        return f"{len(list(source.tables('', names[0])))} tables and views in {names[0]}"

    return looked(config, look)


CONNECTOR = Connector(
    name="hive",
    service_type="Hive",
    config=HiveConfig,
    options=DatabaseMetadata,
    capabilities=OF_DATABASES - {Capability.STORED_PROCEDURES, Capability.CONSTRAINTS, Capability.TAGS},
    checks=(
        Check(
            "CheckAccess",
            "The server answers and lets the user in",
            check_access,
            gate=True,
            mandatory=True,
            timeout_seconds=STEP_SECONDS,
        ),
        Check(
            "GetTables",
            "The tables and views can be listed",
            check_tables,
            mandatory=True,
            timeout_seconds=STEP_SECONDS,
        ),
    ),
    topology=database_topology(open_source),
    driver="impala",
    grants="GRANT SELECT ON DATABASE <database> TO USER <username>;\n"
    "-- with metastoreConnection, in the metastore's own database:\n"
    "GRANT SELECT ON ALL TABLES IN SCHEMA public TO <username>;",
    tested="Spark 4.3's Thrift server; rows made by hand of DESCRIBE FORMATTED as Hive 3 words it, and of the "
    "metastore's tables, in PostgreSQL and MariaDB; not on Hive itself. Keys are left out and, with "
    "metastoreConnection, DDL",
)
