"""What the family asks, answered from a file."""

import logging
from collections.abc import Generator, Iterable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from functools import partial
from itertools import groupby
from typing import TYPE_CHECKING

from connectors.connector import RunContext
from connectors.errors import ConnectorError
from connectors.families.database_options import DatabaseMetadata
from connectors.families.database_source import Database, ForeignKey, Routine, Schema, Table, Tag, unread
from connectors.families.sql import DetailStream
from connectors.families.sqlite import queries
from connectors.families.sqlite.columns import constraints, described
from connectors.families.sqlite.config import DATABASE, SQLiteConfig
from connectors.families.sqlite.reader import Reader, Row
from connectors.models.database import TableType
from connectors.once import Once

if TYPE_CHECKING:
    import sqlite3

logger = logging.getLogger(__name__)
SCHEMA = "main"
# How SQLite itself begins the statement of such a table, and what it says where it cannot look into it.
VIRTUAL = "CREATE VIRTUAL TABLE"
NO_MODULE = ("no such module", "vtable constructor failed")
PIECE_TABLES = 200


class SQLiteSource:
    """One run's view of a file: one schema in one database."""

    lists_all_databases = False

    def __init__(self, reader: Reader, name: str = DATABASE) -> None:
        self._reader = reader
        self._name = name
        self._names = Once(self._listed)

    def databases(self) -> Iterable[Database]:
        """The one database, once the file was opened."""
        self._names()
        return [Database(self._name)]

    def counts(self, _database: str) -> Mapping[str, Mapping[str, int]]:
        """The count of tables and views, by their names, which are kept for `tables`."""
        return {SCHEMA: {"table": len(self._names())}}

    def _listed(self) -> list[str]:
        return [str(name) for (name,) in self._reader.answer(queries.NAMES)]

    def tags(self, _database: str) -> Iterable[Tag]:
        """There are none."""
        return ()

    def schemas(self, _database: str) -> Iterable[Schema]:
        """The one schema of a file."""
        return [Schema(SCHEMA)]

    def tables(self, database: str, _schema: str) -> Iterator[Table]:
        """The tables and views; those of a piece are as they are at the same moment."""
        names, self._names = self._names(), Once(self._listed)  # a listing that is tried again asks again
        for first in range(0, len(names), PIECE_TABLES):
            piece = names[first : first + PIECE_TABLES]
            with self._reader.opened() as connection:
                made = list(self._piece(connection, database, piece))
            yield from made

    def _piece(self, connection: "sqlite3.Connection", database: str, names: list[str]) -> Iterator[Table]:
        """Those of the names that are still there."""

        def ask(query: str, names: list[str]) -> list[Row]:
            marks = ", ".join(["(?)"] * len(names))
            return self._reader.rows(connection, query.replace("$names", marks), *names) if names else []

        found: dict[str, Row] = {row[0]: row for row in ask(queries.STATEMENTS, names)}
        broken = {name: error for name in found if (error := self._broken(connection, *found[name])) is not None}
        tables = [name for name in names if name in found and found[name][1] != "view" and name not in broken]
        details = (queries.COLUMNS, queries.KEYS, queries.FOREIGN_KEYS)
        columns, keys, references = (DetailStream(iter(ask(query, tables))) for query in details)
        for name in filter(found.__contains__, names):
            _, kind, statement = found[name]
            is_view = kind == "view"
            if name in broken:
                yield unread(name, broken[name])
                continue
            rows = self._of_view(connection, name) if is_view else columns.of(name)
            primary = [row[1] for row in sorted(rows, key=lambda row: row[4]) if row[4]]
            indexes = grouped(keys.of(name))
            uniques = [[key for _, _, key in index] for index in indexes if all(key for _, _, key in index)]
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

    def _broken(
        self, connection: "sqlite3.Connection", name: str, _kind: str, statement: str | None
    ) -> ConnectorError | None:
        """Why a virtual table cannot be looked into, which would fail all others: whoever made it had its module."""
        import sqlite3

        if not (statement or "").startswith(VIRTUAL):
            return None
        try:
            self._reader.rows(connection, queries.PRIMARY_KEY, name)
        except sqlite3.OperationalError as error:
            if not any(words in str(error) for words in NO_MODULE):
                raise
            message = f"the columns of the virtual table {name} are not known: {error}"
            return ConnectorError(message, "leave it out by tableFilterPattern: SQLite has not its module here")
        return None

    def _of_view(self, connection: "sqlite3.Connection", name: str) -> list[Row]:
        """Each view is asked for alone: one over a table that is gone has no columns, and would fail all others."""
        import sqlite3

        try:
            return self._reader.rows(connection, queries.COLUMNS_OF_VIEW, name)
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
        primary = () if named else tuple(name for (name,) in self._reader.rows(connection, queries.PRIMARY_KEY, table))
        return ForeignKey(columns, database, SCHEMA, table, named or primary, unique=[*columns] in unique)


def grouped(rows: Sequence[Row]) -> list[list[Row]]:
    """Rows that agree in their second place, which they are ordered by."""
    return [list(group) for _, group in groupby(rows, key=lambda row: row[1])]


@contextmanager
def open_source(context: RunContext[SQLiteConfig, DatabaseMetadata]) -> Generator[SQLiteSource]:
    """The source of one run."""
    config = context.connection
    with closing(Reader(config, context.report, context.cancellation)) as reader:
        yield SQLiteSource(reader, config.database_name)
