"""ClickHouse 22 and newer, over its HTTP interface."""

from collections.abc import Generator, Iterable, Iterator, Mapping
from contextlib import closing, contextmanager
from functools import partial
from typing import Any

from connectors.cancellation import Cancellation
from connectors.connector import OF_DATABASES, Capability, Check, Connector, RunContext
from connectors.errors import ConnectorError
from connectors.families.clickhouse.config import ClickhouseConfig
from connectors.families.clickhouse.http import Client, Row
from connectors.families.clickhouse.types import clickhouse_column
from connectors.families.database import database_topology
from connectors.families.database_options import DatabaseMetadata
from connectors.families.database_source import Database, Routine, Schema, Table, Tag
from connectors.families.hidden_tables import refuse_hidden
from connectors.families.sql import DetailStream
from connectors.models.database import Column, PartitionColumn, TablePartition, TableType
from connectors.models.names import encode_name
from connectors.report import Report

STEP_SECONDS = 30.0

VERSION = "SELECT version(), currentUser()"
SCHEMAS = """
    SELECT name, comment FROM system.databases
    WHERE name NOT IN ('system', 'information_schema', 'INFORMATION_SCHEMA') ORDER BY name
"""
SCHEMA = "SELECT count() FROM system.databases WHERE name = {schema:String}"
# What stores a materialized view's rows is nobody's own table.
TABLES = """
    SELECT name, engine, comment, create_table_query, partition_key FROM system.tables
    WHERE database = {schema:String} AND NOT is_temporary AND NOT startsWith(name, '.inner.')
      AND NOT startsWith(name, '.inner_id.')
    ORDER BY name
"""
COLUMNS = """
    SELECT table, name, type, comment, is_in_partition_key FROM system.columns
    WHERE database = {schema:String} ORDER BY table, position
"""
COUNTS = """
    SELECT database, count() FROM system.tables
    WHERE NOT is_temporary AND NOT startsWith(name, '.inner.') AND NOT startsWith(name, '.inner_id.')
    GROUP BY database
"""
VIEWS = frozenset({"View", "LiveView", "WindowView"})
# Engines whose rows lie in another system.
ELSEWHERE = frozenset({
    "AzureBlobStorage", "AzureQueue", "DeltaLake", "File", "FileLog", "HDFS", "Hive", "Hudi", "Iceberg", "JDBC",
    "Kafka", "MongoDB", "MySQL", "NATS", "ODBC", "PostgreSQL", "RabbitMQ", "Redis", "S3", "S3Queue", "SQLite", "URL",
})  # fmt: skip
TEMPORAL = frozenset({"DATE", "DATETIME"})


class ClickhouseSource:
    """One run's view of a server; its databases are schemas of one database of the user's naming."""

    lists_all_databases = False

    def __init__(self, config: ClickhouseConfig, client: Client) -> None:
        self._config = config
        self._client = client

    def databases(self) -> Iterable[Database]:
        """The one database, once the server has answered."""
        list(self._client.rows("the connection", VERSION))
        config = self._config
        return [Database(config.database_name or "default", in_part=config.database_schema is not None)]

    def counts(self, database: str) -> Mapping[str, Mapping[str, int]]:
        """Counts of all schemas."""
        found = {schema: int(count) for schema, count in self._client.rows("the counts of tables", COUNTS)}
        return {schema.name: {"table": found.get(schema.name, 0)} for schema in self.schemas(database)}

    def tags(self, _database: str) -> Iterable[Tag]:
        """There are none."""
        return ()

    def schemas(self, _database: str) -> Iterable[Schema]:
        """The schemas that the user may see, or the one of the definition."""
        only = self._config.database_schema
        found = [Schema(name, comment or None) for name, comment in self._client.rows("the list of databases", SCHEMAS)]
        if only is None:
            return found
        if not any(schema.name == only for schema in found):
            message = f"there is no database {only} that {self._config.login[0]} may see"
            raise ConnectorError(message, f"correct databaseSchema, or GRANT SHOW ON {quoted(only)}.* to the user")
        return [schema for schema in found if schema.name == only]

    def tables(self, _database: str, schema: str) -> Iterator[Table]:
        """The tables and views of one schema."""
        subject = f"the tables of database {schema}"
        [(there,)] = self._client.rows(subject, SCHEMA, schema=schema)
        if not int(there):
            message = f"database {schema} was dropped during the run"
            raise ConnectorError(message)
        with (
            closing(self._client.rows(subject, TABLES, schema=schema)) as tables,
            closing(self._client.rows(subject, COLUMNS, schema=schema)) as columns,
        ):
            of_table = DetailStream[Row](columns)
            hidden: list[str] = []
            for name, engine, comment, statement, partition_key in tables:
                if rows := of_table.of(name):
                    yield table((name, engine, comment, statement, partition_key), rows)
                else:
                    hidden.append(name)
            refuse_hidden(schema, hidden, f"GRANT SHOW COLUMNS ON {quoted(schema)}.* TO {self._config.login[0]}")

    def routines(self, _database: str, _schema: str) -> Iterable[Routine]:
        """There are none: functions belong to the server."""
        return ()


def table(row: tuple[str, str, str, str, str], rows: Iterable[tuple[Any, ...]]) -> Table:
    """A row of TABLES with its rows of COLUMNS."""
    name, engine, comment, statement, partition_key = row
    listed = list(rows)
    columns = tuple(
        clickhouse_column(column, kind, place, description or None)
        for place, (_, column, kind, description, _) in enumerate(listed, 1)
    )
    parts = [column for column, (*_, part) in zip(columns, listed, strict=True) if int(part)]
    is_view = engine in VIEWS or engine == "MaterializedView"
    return Table(
        name=name,
        type=table_type(engine, bool(partition_key)),
        columns=columns,
        partition=partition(partition_key, parts),
        definition=statement or None if is_view else None,
        ddl=None if is_view or not statement else partial(str, statement),
        description=comment or None,
    )


def table_type(engine: str, partitioned: bool) -> TableType:
    """What kind of table an engine makes."""
    if engine in VIEWS:
        return TableType.VIEW
    if engine == "MaterializedView":
        return TableType.MATERIALIZED_VIEW
    if engine in ELSEWHERE:
        return TableType.EXTERNAL
    return TableType.PARTITIONED if partitioned else TableType.REGULAR


def partition(key: str, columns: Iterable[Column]) -> TablePartition | None:
    """The columns of a partition key; those in an expression carry its text."""
    parts = tuple(
        PartitionColumn(
            column_name=column.name,
            interval_type="TIME-UNIT" if column.data_type in TEMPORAL else "COLUMN-VALUE",
            interval=None if encode_name(key) == column.name else key,
        )
        for column in columns
    )
    return TablePartition(columns=parts) if parts else None


def quoted(name: str) -> str:
    """A name as SQL writes it."""
    return "`" + name.replace("\\", "\\\\").replace("`", "\\`") + "`"


@contextmanager
def open_source(context: RunContext[ClickhouseConfig, DatabaseMetadata]) -> Generator[ClickhouseSource]:
    """The source of one run."""
    with closing(Client(context.connection, context.report, context.cancellation)) as client:
        yield ClickhouseSource(context.connection, client)


def asked(config: ClickhouseConfig, query: str) -> list[Row]:
    """The rows of one query of a connection test."""
    with closing(Client(config, Report(), Cancellation(STEP_SECONDS))) as client:
        return list(client.rows("the connection test", query))


def check_access(config: ClickhouseConfig) -> str:
    """Log in and see what answers."""
    [(version, user)] = asked(config, VERSION)
    return f"ClickHouse {version}, as {user}"


def check_schemas(config: ClickhouseConfig) -> str:
    """List the databases; a run needs at least one."""
    names = [name for name, _ in asked(config, SCHEMAS)]
    only = config.database_schema
    if not names or (only is not None and only not in names):
        message = f"{config.login[0]} may see no database" + (f" {only}" if only else "")
        raise ConnectorError(message, f"GRANT SHOW ON *.* TO {config.login[0]}")
    return f"{len(names)} databases"


def check_tables(config: ClickhouseConfig) -> str:
    """Count the tables and views."""
    return f"{sum(int(count) for _, count in asked(config, COUNTS))} tables and views"


CONNECTOR = Connector(
    name="clickhouse",
    service_type="Clickhouse",
    config=ClickhouseConfig,
    options=DatabaseMetadata,
    capabilities=OF_DATABASES
    - {Capability.STORED_PROCEDURES, Capability.CONSTRAINTS, Capability.TAGS, Capability.OWNERS},
    checks=(
        Check(
            "CheckAccess",
            "The server answers and lets the user in",
            check_access,
            gate=True,
            mandatory=True,
            timeout_seconds=STEP_SECONDS,
        ),
        Check("GetSchemas", "The databases can be listed", check_schemas, mandatory=True, timeout_seconds=STEP_SECONDS),
        Check(
            "GetTables",
            "The tables and views can be listed",
            check_tables,
            mandatory=True,
            timeout_seconds=STEP_SECONDS,
        ),
    ),
    topology=database_topology(open_source),
    grants="GRANT SHOW ON <database>.* TO <username>;\n"
    "GRANT SELECT ON system.databases, SELECT ON system.tables, SELECT ON system.columns TO <username>;\n"
    "-- What the user may not SHOW is not listed, as if it were gone: with fewer rights set the markDeleted options to "
    "false.",
    tested="ClickHouse 26.9 (chdb 4.4 behind an HTTP server of the tests', which knows no users: what a server says of "
    "logins and rights is made by hand)",
)
