"""SQLite 3.31 and newer: the tables and views of one file."""

from contextlib import closing

from connectors.cancellation import Cancellation
from connectors.connector import OF_DATABASES, Capability, Check, Connector
from connectors.families.database import database_topology
from connectors.families.database_options import DatabaseMetadata
from connectors.families.sqlite.config import DATABASE, SQLiteConfig
from connectors.families.sqlite.reader import Reader
from connectors.families.sqlite.source import SCHEMA, SQLiteSource, open_source
from connectors.report import Report


def count(config: SQLiteConfig) -> int:
    """How many tables and views there are, by a connection of its own."""
    with closing(Reader(config, Report(), Cancellation())) as reader:
        return SQLiteSource(reader).counts(DATABASE)[SCHEMA]["table"]


def check_access(config: SQLiteConfig) -> str:
    """Open the file."""
    import sqlite3

    count(config)
    return f"SQLite {sqlite3.sqlite_version} reads the file"


def check_tables(config: SQLiteConfig) -> str:
    """Count the tables and views."""
    return f"{count(config)} tables and views"


CONNECTOR = Connector(
    name="sqlite",
    service_type="SQLite",
    config=SQLiteConfig,
    options=DatabaseMetadata,
    capabilities=OF_DATABASES - {Capability.STORED_PROCEDURES, Capability.COMMENTS, Capability.TAGS, Capability.OWNERS},
    checks=(
        Check("CheckAccess", "The file can be opened", check_access, gate=True, mandatory=True),
        Check("GetTables", "The tables and views can be listed", check_tables, mandatory=True),
    ),
    topology=database_topology(open_source),
    driver="sqlite3",
    grants="",
    tested="SQLite 3.40",
)
