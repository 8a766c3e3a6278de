"""Servers with much of Postgres's catalogue and not all of it: read by names, some hundred tables at a time."""

from collections import Counter
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from itertools import groupby
from operator import itemgetter
from string import Template
from typing import Any, NamedTuple

import msgspec

from connectors.connector import RunContext
from connectors.definition import CONNECTION_CONFIG
from connectors.errors import ConnectorError, FatalError, RunCancelled, SourceUnavailable
from connectors.families.certificates import certificate_files
from connectors.families.database_options import DatabaseMetadata
from connectors.families.database_source import Database, Routine, Schema, Table, Tag
from connectors.families.hidden_tables import refuse_hidden
from connectors.families.nested_types import column_of_type
from connectors.families.postgres.config import ServerConfig
from connectors.families.postgres.failures import quoted
from connectors.families.postgres.keys_by_name import Keys
from connectors.families.postgres.session import Row, Sessions, Snapshot
from connectors.families.postgres.source import LANGUAGES, overload_name
from connectors.families.postgres.statements import view_statement
from connectors.models.database import (
    VIEW_TYPES,
    Column,
    PartitionColumn,
    StoredProcedureCode,
    TablePartition,
    TableType,
)
from connectors.models.names import encode_name

PIECE_TABLES = 500
KINDS = {
    "r": TableType.REGULAR,
    "v": TableType.VIEW,
    "m": TableType.MATERIALIZED_VIEW,
    "f": TableType.EXTERNAL,
}


class TableRow(NamedTuple):
    """A row of `Catalogue.tables`; `kind` is one of KINDS."""

    name: str
    kind: str
    owner: str | None
    description: str | None


class ColumnRow(NamedTuple):
    """A row of `Catalogue.columns`; a type that the schema's owner has made is `user_defined`."""

    table: str
    name: str
    type: str
    nullable: bool
    description: str | None
    user_defined: bool = False
    part: bool = False


class Catalogue(msgspec.Struct, frozen=True):
    """The questions that one kind of server is asked.

    `databases`, `database`: name, comment, owner, closed. `schemas`: name, comment, owner. `schema`, of one name:
    whether it may be used. `counts`: schema, tables, routines, which are added up. `routines`, of one schema: as in
    `queries.ROUTINES` without the oid, with the arguments of each, ordered by name and age.
    `tables` is asked of one schema; `owners` and `materialized` tell more of them, by name. Those that follow are
    asked of a schema, a first and a last table: `columns` and `external_columns` rows of ColumnRow, `keys` rows of
    KeyRow, `views` and `statements` a table's name and its definition. What a server does not have is None.
    """

    databases: str
    database: str
    schemas: str
    schema: str
    counts: tuple[str, ...]
    tables: str
    columns: str
    keys: str
    views: str
    routines: str
    owners: str | None = None
    materialized: str | None = None
    external_columns: str | None = None
    statements: str | None = None
    statements_advice: str | None = None


def composed(query: str, **fragments: str) -> str:
    """`query` with what follows a `$` filled in."""
    return Template(query).substitute(fragments)


class ByNameSource:
    """One run's view of a server; holds the names of one schema's tables, and of some of those all there is."""

    def __init__(
        self,
        config: ServerConfig,
        options: DatabaseMetadata,
        sessions: Sessions,
        catalogue: Catalogue,
        only: str | None,
    ) -> None:
        self._config = config
        self._sessions = sessions
        self._catalogue = catalogue
        self._only = only
        self._statements = catalogue.statements if options.include_ddl else None

    @property
    def lists_all_databases(self) -> bool:
        """Only when the definition wants all."""
        return self._config.ingest_all_databases

    def databases(self) -> Iterable[Database]:
        """The database of the definition, or all of the server."""
        everything, own = self._config.ingest_all_databases, self._config.database
        query = self._catalogue.databases if everything else self._catalogue.database
        rows = self._rows(own, "the list of databases", query)
        in_part = self._only is not None
        if everything:
            return [Database(*row, in_part=in_part) for row in rows]
        return [Database(own, *row[1:3], in_part=in_part) for row in rows]

    def counts(self, database: str) -> Mapping[str, Mapping[str, int]]:
        """Counts of a whole database; nothing where something is not allowed, which the listings tell in their turn."""
        found: dict[str, Counter[str]] = {}
        try:
            for query in self._catalogue.counts:
                for schema, tables, routines in self._rows(database, f"counts in database {database}", query):
                    found.setdefault(schema, Counter()).update(table=tables, storedProcedure=routines)
        except (FatalError, RunCancelled, SourceUnavailable):
            raise
        except ConnectorError:
            return {}
        return found if self._only is None else {self._only: found.get(self._only, {})}

    def tags(self, _database: str) -> Iterable[Tag]:
        """There are none."""
        return ()

    def schemas(self, database: str) -> Iterable[Schema]:
        """The schemas of a database, without the system's own, or the one of the definition."""
        rows = self._rows(database, f"the schemas of database {database}", self._catalogue.schemas)
        found = [Schema(*row) for row in rows]
        if self._only is None:
            return found
        if not any(schema.name == self._only for schema in found):
            message = f"there is no schema {self._only} in database {database}"
            raise ConnectorError(message, "correct databaseSchema")
        return [schema for schema in found if schema.name == self._only]

    def tables(self, database: str, schema: str) -> Iterator[Table]:
        """The tables and views of one schema.

        Raises:
            ConnectorError: The user may not use the schema, or it is gone.
        """
        with self._sessions.snapshot(database, f"the tables of schema {database}.{schema}") as snapshot:
            self._look(snapshot, database, schema)
            listed = list(self._listed(snapshot, schema))
            hidden: list[str] = []
            for first in range(0, len(listed), PIECE_TABLES):
                piece = listed[first : first + PIECE_TABLES]
                for table in self._piece(snapshot, database, schema, piece):
                    if table.columns or table.type in VIEW_TYPES:
                        yield table
                    else:
                        hidden.append(table.name)
            refuse_hidden(schema, hidden, self._grant(schema))

    def routines(self, database: str, schema: str) -> Iterator[Routine]:
        """The functions and procedures of one schema; of those of one name, the oldest keeps it plain."""
        with self._sessions.snapshot(database, f"the routines of schema {database}.{schema}") as snapshot:
            self._look(snapshot, database, schema)
            last = None
            for name, kind, language, code, description, owner, arguments in snapshot.rows(
                self._catalogue.routines, (schema,)
            ):
                yield Routine(
                    name=overload_name(name, arguments) if name == last else name,
                    code=StoredProcedureCode(code=code or "", language=LANGUAGES.get(language, "External")),
                    is_function=kind != "p",
                    description=description,
                    owner=owner,
                )
                last = name

    def _rows(self, database: str, subject: str, query: str) -> list[Row]:
        with self._sessions.snapshot(database, subject) as snapshot:
            return snapshot.rows(query)

    def _look(self, snapshot: Snapshot, database: str, schema: str) -> None:
        found = snapshot.rows(self._catalogue.schema, (schema,))
        if not found:
            message = f"schema {schema} of database {database} was dropped during the run"
            raise ConnectorError(message)
        if not found[0][0]:
            message = f"permission denied for schema {schema} of database {database}"
            raise ConnectorError(message, f"GRANT USAGE ON SCHEMA {quoted(schema)} TO {quoted(self._config.username)}")

    def _grant(self, schema: str) -> str:
        return f"GRANT SELECT ON ALL TABLES IN SCHEMA {quoted(schema)} TO {quoted(self._config.username)}"

    def _listed(self, snapshot: Snapshot, schema: str) -> Iterator[TableRow]:
        owners: dict[str, str] = {}
        if self._catalogue.owners is not None:
            owners = dict(snapshot.rows(self._catalogue.owners, (schema,)))
        materialized: set[str] = set()
        if self._catalogue.materialized is not None:
            materialized = {name.rstrip() for (name,) in snapshot.rows(self._catalogue.materialized, (schema,))}
        for row in map(TableRow._make, snapshot.rows(self._catalogue.tables, (schema,))):
            yield row._replace(
                kind="m" if row.name in materialized else row.kind,
                owner=row.owner or owners.get(row.name),
                description=row.description or None,
            )

    def _piece(self, snapshot: Snapshot, database: str, schema: str, piece: Sequence[TableRow]) -> Iterator[Table]:
        about = (schema, piece[0].name, piece[-1].name)

        def ask(query: str | None) -> Mapping[str, list[Row]]:
            rows = snapshot.rows(query, about) if query is not None else []
            return {table: list(group) for table, group in groupby(rows, key=itemgetter(0))}

        catalogue = self._catalogue
        columns, keys, views = ask(catalogue.columns), ask(catalogue.keys), ask(catalogue.views)
        external = ask(catalogue.external_columns if any(row.kind == "f" for row in piece) else None)
        statements = self._stated(ask)
        for row in piece:
            rows = [ColumnRow(*each) for each in external.get(row.name) or columns.get(row.name, ())]
            own = Keys.of(keys.get(row.name, ()), {column.name for column in rows})
            [(_, statement)] = statements.get(row.name) or [("", None)]
            [(_, query)] = views.get(row.name) or [("", None)]
            yield Table(
                name=row.name,
                type=KINDS[row.kind],
                columns=tuple(described(rows, own)),
                constraints=own.constraints(),
                foreign_keys=own.foreign_keys(database),
                partition=partition(rows),
                definition=definition(row.kind, schema, row.name, query),
                ddl=None if statement is None else lambda text=statement: str(text),
                description=row.description,
                owner=row.owner,
            )

    def _stated(self, ask: Callable[[str | None], Mapping[str, list[Row]]]) -> Mapping[str, list[Row]]:
        try:
            return ask(self._statements)
        except (FatalError, RunCancelled, SourceUnavailable):
            raise
        except ConnectorError as error:
            raise ConnectorError(error.message, self._catalogue.statements_advice or error.advice) from error


def described(rows: Iterable[ColumnRow], keys: Keys) -> Iterator[Column]:
    """The columns of one table."""
    keyed = keys.on_columns()
    for place, row in enumerate(rows, 1):
        required, description = not row.nullable, row.description or None
        column = column_of_type(row.name, row.type, place, required=required, description=description)
        if row.user_defined and column.data_type == "UNKNOWN":
            column = msgspec.structs.replace(column, data_type="ENUM")
        yield msgspec.structs.replace(column, constraint=keyed[row.name]) if row.name in keyed else column


def partition(rows: Iterable[ColumnRow]) -> TablePartition | None:
    """The columns that an external table's folders are named by."""
    parts = tuple(
        PartitionColumn(column_name=encode_name(row.name), interval_type="COLUMN-VALUE") for row in rows if row.part
    )
    return TablePartition(columns=parts) if parts else None


def definition(kind: str, schema: str, name: str, query: str | None) -> str | None:
    """A view's own statement; some views come with it, others with their query alone."""
    if not query or query.lstrip().lower().startswith("create "):
        return query or None
    words = "MATERIALIZED VIEW" if kind == "m" else "VIEW"
    return view_statement(words, f"{quoted(schema)}.{quoted(name)}", None, query.strip())


@contextmanager
def open_by_name(
    context: RunContext[Any, DatabaseMetadata], catalogue: Catalogue, only: str | None = None
) -> Generator[ByNameSource]:
    """The source of one run; one session for each thread and one for the listings above them."""
    with certificate_files(context.connection.ssl_config, f"{CONNECTION_CONFIG}.") as files:
        sessions = Sessions(context.connection, files, context.threads + 1, context.report, context.cancellation)
        try:
            yield ByNameSource(context.connection, context.options, sessions, catalogue, only)
        finally:
            sessions.close()
