"""SQLite 3.31 and newer: the tables and views of one file."""

import logging
import re
import time
from collections.abc import Generator, Iterable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager, suppress
from functools import cached_property, partial
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import Field, PrivateAttr, SecretStr, ValidationInfo, field_validator, model_validator

from connectors.cancellation import Cancellation
from connectors.connector import OF_DATABASES, Capability, Check, Connector, RunContext
from connectors.definition import Unused
from connectors.errors import ConnectorError, FatalError, SourceUnavailable
from connectors.families.database import database_topology
from connectors.families.database_options import DatabaseConnection, DatabaseMetadata
from connectors.families.database_source import Database, ForeignKey, Routine, Schema, Table, Tag
from connectors.families.sql import DetailStream
from connectors.models.database import (
    Column,
    ColumnConstraint,
    ConstraintType,
    DataType,
    TableConstraint,
    TableType,
)
from connectors.models.names import encode_name
from connectors.report import Report
from connectors.source_files import EVERY_FILE, SourceFiles, allowed_files

if TYPE_CHECKING:
    import sqlite3

logger = logging.getLogger(__name__)
Row = tuple[Any, ...]
DATABASE, SCHEMA = "default", "main"
MEMORY = ":memory:"
BUSY_SECONDS = 10.0
STEPS_BETWEEN_LOOKS = 10_000

OWN = "m.type IN ('table', 'view') AND m.name NOT LIKE 'sqlite\\_%' ESCAPE '\\'"
TABLES = "SELECT m.name, m.type, m.sql FROM main.sqlite_schema m WHERE $own ORDER BY m.name COLLATE BINARY"
COLUMNS = """
    SELECT m.name, c.name, c.type, c."notnull", c.pk FROM main.sqlite_schema m
    JOIN pragma_table_xinfo(m.name, 'main') c
    WHERE $own AND m.type = 'table' AND c.hidden <> 1 ORDER BY m.name COLLATE BINARY, c.cid
"""
COLUMNS_OF_VIEW = """SELECT ?1, c.name, c.type, 0, 0 FROM pragma_table_xinfo(?1, 'main') c ORDER BY c.cid"""
# An expression in a key has no name.
KEYS = """
    SELECT m.name, i.name, k.name FROM main.sqlite_schema m
    JOIN pragma_index_list(m.name, 'main') i JOIN pragma_index_info(i.name, 'main') k
    WHERE $own AND m.type = 'table' AND i."unique" AND i.origin <> 'pk' AND NOT i.partial
    ORDER BY m.name COLLATE BINARY, i.name COLLATE BINARY, k.seqno
"""
FOREIGN_KEYS = """
    SELECT m.name, f.id, f."table", f."from", f."to" FROM main.sqlite_schema m
    JOIN pragma_foreign_key_list(m.name, 'main') f WHERE $own AND m.type = 'table'
    ORDER BY m.name COLLATE BINARY, f.id, f.seq
"""
PRIMARY_KEY = "SELECT name FROM pragma_table_info(?, 'main') WHERE pk > 0 ORDER BY pk"
COUNT = "SELECT count(*) FROM main.sqlite_schema m WHERE $own"
# By the words a declaration holds, as SQLite does it itself, but finer.
TYPES: dict[str, DataType] = {
    "BOOL": "BOOLEAN", "TINYINT": "TINYINT", "SMALLINT": "SMALLINT", "INT2": "SMALLINT", "BIGINT": "BIGINT",
    "INT8": "BIGINT", "INT": "INT", "NCHAR": "CHAR", "NVARCHAR": "VARCHAR", "VARCHAR": "VARCHAR",
    "VARYING": "VARCHAR", "CLOB": "TEXT", "TEXT": "TEXT", "CHAR": "CHAR", "STRING": "STRING", "BLOB": "BLOB",
    "BINARY": "BINARY", "DOUBLE": "DOUBLE", "FLOAT": "FLOAT", "REAL": "DOUBLE", "DECIMAL": "DECIMAL",
    "NUMERIC": "NUMERIC", "DATETIME": "DATETIME", "TIMESTAMP": "TIMESTAMP", "DATE": "DATE", "TIME": "TIME",
    "JSON": "JSON", "UUID": "UUID",
}  # fmt: skip
SIZE = re.compile(r"\((\d+)(?:\s*,\s*(\d+))?\)")


class SQLiteConfig(DatabaseConnection):
    """A file that the service can read: its path as `databaseMode`, what its database is called as `database`.

    Without `databaseMode` the path may be written as `database`. `:memory:` is refused, as nobody else's memory can
    be read, and so is a file that does not lie where the service may read; a relative path begins there.
    """

    type: Literal["SQLite"] = "SQLite"
    scheme: Literal["sqlite+pysqlite"] = "sqlite+pysqlite"
    database_mode: str = Field(default=MEMORY, min_length=1)
    database: str | None = None
    username: Annotated[str | None, Unused()] = None
    password: Annotated[SecretStr | None, Unused()] = None
    host_port: Annotated[str | None, Unused()] = None
    connection_options: dict[str, Any] = Field(default_factory=dict[str, Any])
    connection_arguments: dict[str, Any] = Field(default_factory=dict[str, Any])
    sample_data_storage_config: Annotated[dict[str, Any] | None, Unused()] = None
    supports_metadata_extraction: Annotated[bool, Unused()] = True
    supports_view_lineage_extraction: Annotated[bool, Unused()] = True
    supports_dbt_extraction: Annotated[bool, Unused()] = Field(default=True, alias="supportsDBTExtraction")
    supports_profiler: Annotated[bool, Unused()] = True
    supports_query_comment: Annotated[bool, Unused()] = True
    _files: SourceFiles = PrivateAttr(default=EVERY_FILE)

    @field_validator("connection_options", "connection_arguments")
    @classmethod
    def _nothing_is_taken(cls, value: dict[str, Any]) -> dict[str, Any]:
        if value:
            msg = f"{next(iter(value))} is not supported; the file is opened read-only, as it is"
            raise ValueError(msg)
        return value

    @model_validator(mode="after")
    def _is_a_file(self, info: ValidationInfo) -> "SQLiteConfig":
        if self.path == MEMORY:
            msg = "databaseMode :memory: holds nothing; write the path of a file as databaseMode or database"
            raise ValueError(msg)
        self._files = allowed_files(info)
        self.place()
        return self

    @property
    def path(self) -> str:
        """The file to read, as it is written."""
        return self.database_mode if self.database_mode != MEMORY else self.database or MEMORY

    def place(self) -> Path:
        """Where the file lies. Raises ValueError where it may not be read."""
        key = "databaseMode" if self.database_mode != MEMORY else "database"
        try:
            return self._files.place(self.path)
        except ValueError as error:
            msg = f"{key} {error}"
            raise ValueError(msg) from None

    @property
    def database_name(self) -> str:
        """What the one database is called."""
        return DATABASE if self.database_mode == MEMORY else self.database or DATABASE


class Reader:
    """Opens the file, read-only, when it is first asked, and asks until it is closed."""

    def __init__(self, config: SQLiteConfig, report: Report, cancellation: Cancellation) -> None:
        self._config = config
        self._path = config.path
        self._report = report
        self._cancellation = cancellation
        self._connection: sqlite3.Connection | None = None

    def close(self) -> None:
        """Let go of the file."""
        if self._connection is not None:
            self._connection.close()

    @contextmanager
    def opened(self) -> Generator["sqlite3.Connection"]:
        """The one connection, in one transaction, so that all that is read is of the same moment."""
        import sqlite3

        self._cancellation.check()
        try:
            if self._connection is None:
                self._connection = self._connected()
            yield self._connection
        except sqlite3.Error as error:
            self._cancellation.check()
            raise failure(error, self._path) from error

    def _connected(self) -> "sqlite3.Connection":
        import sqlite3

        address = f"{self._place().as_uri()}?mode=ro"
        connection = sqlite3.connect(
            address, uri=True, timeout=BUSY_SECONDS, check_same_thread=False, isolation_level=None
        )
        connection.set_progress_handler(lambda: self._cancellation.requested, STEPS_BETWEEN_LOOKS)
        connection.execute("BEGIN")
        return connection

    def _place(self) -> Path:
        """Looked up anew each time: since the definition was checked, a link may have been put there."""
        try:
            place = self._config.place()
        except ValueError as error:
            raise FatalError(str(error)) from None
        with suppress(OSError):  # which SQLite tells of in its own words
            if place.is_dir():
                message = f"{self._path} is a folder"
                raise FatalError(message, "write the path of a SQLite file that lies in it")
            if place.stat().st_size == 0:  # SQLite reads it as a database without tables
                message = f"{self._path} is an empty file"
                raise SourceUnavailable(message, "see whether it is still being copied, or correct databaseMode")
        return place

    def rows(self, connection: "sqlite3.Connection", query: str, *parameters: str) -> Iterator[Row]:
        """The rows of one query, one at a time."""
        began = time.monotonic()
        cursor = connection.execute(query.replace("$own", OWN), parameters)
        self._report.queried(time.monotonic() - began)
        yield from iter(cursor.fetchone, None)


def failure(error: "sqlite3.Error", path: str) -> ConnectorError:
    """What SQLite's error means, and how to mend it."""
    text = str(error)
    message = f"{path}: {text}"
    if "unable to open" in text or "locked" in text or "busy" in text:
        return SourceUnavailable(message, "see whether the file is there, can be read here, and nobody holds it locked")
    if "not a database" in text or "malformed" in text:
        return FatalError(message, "correct databaseMode: it is not the path of a sound SQLite file")
    return ConnectorError(message)


class SQLiteSource:
    """One run's view of a file: one schema in one database."""

    def __init__(self, reader: Reader, name: str = DATABASE) -> None:
        self._reader = reader
        self._name = name

    @property
    def lists_all_databases(self) -> bool:
        """There is only one."""
        return True

    def databases(self) -> Iterable[Database]:
        """The one database, once the file was opened."""
        self.counts(self._name)
        return [Database(self._name)]

    def counts(self, _database: str) -> Mapping[str, Mapping[str, int]]:
        """The count of tables and views."""
        return {SCHEMA: {"table": self._count}}

    @cached_property
    def _count(self) -> int:
        with self._reader.opened() as connection:
            [(count,)] = self._reader.rows(connection, COUNT)
        return count

    def tags(self, _database: str) -> Iterable[Tag]:
        """There are none."""
        return ()

    def schemas(self, _database: str) -> Iterable[Schema]:
        """The one schema of a file."""
        return [Schema(SCHEMA)]

    def tables(self, database: str, _schema: str) -> Iterator[Table]:
        """The tables and views."""
        with self._reader.opened() as connection:
            ask = self._reader.rows
            details = (COLUMNS, KEYS, FOREIGN_KEYS)
            columns, keys, references = (DetailStream(ask(connection, query)) for query in details)
            for name, kind, statement in ask(connection, TABLES):
                is_view = kind == "view"
                rows = self._of_view(connection, name) if is_view else columns.of(name)
                unique = grouped(keys.of(name))
                primary = [row[1] for row in sorted(rows, key=lambda row: row[4]) if row[4]]
                uniques = [[key for _, _, key in index] for index in unique if all(key for _, _, key in index)]
                yield Table(
                    name=name,
                    type=TableType.VIEW if is_view else TableType.REGULAR,
                    columns=described(rows, primary, uniques),
                    constraints=constraints(primary, uniques),
                    foreign_keys=tuple(
                        self._reference(connection, database, group, [primary, *uniques])
                        for group in grouped(references.of(name))
                    ),
                    definition=statement if is_view else None,
                    ddl=None if is_view else partial(str, statement),
                )

    def routines(self, _database: str, _schema: str) -> Iterable[Routine]:
        """There are none."""
        return ()

    def _of_view(self, connection: "sqlite3.Connection", name: str) -> list[Row]:
        """Each view is asked for alone: one over a table that is gone has no columns, and would fail all others."""
        import sqlite3

        try:
            return list(self._reader.rows(connection, COLUMNS_OF_VIEW, name))
        except sqlite3.OperationalError as error:
            if "interrupted" in str(error):
                raise
            logger.warning("the columns of view %s are not known: %s", name, error)
            return []

    def _reference(
        self, connection: "sqlite3.Connection", database: str, rows: Sequence[Row], unique: list[list[str]]
    ) -> ForeignKey:
        """A key that does not say which columns it refers to means the other table's primary key."""
        _, _, table, _, to = rows[0]
        columns = tuple(row[3] for row in rows)
        named = tuple(row[4] for row in rows) if to else ()
        primary = () if named else tuple(name for (name,) in self._reader.rows(connection, PRIMARY_KEY, table))
        return ForeignKey(columns, database, SCHEMA, table, named or primary, unique=[*columns] in unique)


def grouped(rows: Sequence[Row]) -> list[list[Row]]:
    """Rows that agree in their second place, which they are ordered by."""
    return [list(group) for _, group in groupby(rows, key=lambda row: row[1])]


def described(rows: Sequence[Row], primary: list[str], uniques: list[list[str]]) -> tuple[Column, ...]:
    """The columns of one table."""
    alone = {names[0] for names in uniques if len(names) == 1}
    found: list[Column] = []
    for place, (_, name, declared, not_null, _) in enumerate(rows, 1):
        constraint: ColumnConstraint | None = "NOT_NULL" if not_null else "NULL"
        if name in primary:
            constraint = "PRIMARY_KEY" if len(primary) == 1 else None
        elif name in alone:
            constraint = "UNIQUE"
        kind, size = data_type(declared), SIZE.search(declared)
        exact = size is not None and kind in ("DECIMAL", "NUMERIC")
        found.append(
            Column(
                name=encode_name(name),
                data_type=kind,
                data_length=int(size[1]) if size and not exact else 1,
                precision=int(size[1]) if size and exact else None,
                scale=int(size[2] or 0) if size and exact else None,
                data_type_display=declared or "any",
                constraint=constraint,
                ordinal_position=place,
            )
        )
    return tuple(found)


def data_type(declared: str) -> DataType:
    """The type that a declaration stands for; SQLite takes any words, and none at all."""
    upper = declared.upper()
    if not upper:
        return "VARIANT"
    for word, found in TYPES.items():
        if word in upper:
            return found
    return "UNKNOWN"


def constraints(primary: list[str], uniques: list[list[str]]) -> tuple[TableConstraint, ...]:
    """The keys of several columns; those of one are told by the column."""
    kinds = [(ConstraintType.PRIMARY_KEY, primary), *((ConstraintType.UNIQUE, names) for names in uniques)]
    return tuple(
        TableConstraint(constraint_type=kind, columns=tuple(map(encode_name, names)))
        for kind, names in kinds
        if len(names) > 1
    )


@contextmanager
def open_source(context: RunContext[SQLiteConfig, DatabaseMetadata]) -> Generator[SQLiteSource]:
    """The source of one run."""
    config = context.connection
    with closing(Reader(config, context.report, context.cancellation)) as reader:
        yield SQLiteSource(reader, config.database_name)


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
