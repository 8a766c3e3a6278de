"""What the family asks, answered from a server's catalogues."""

import hashlib
from collections.abc import Generator, Iterable, Iterator, Mapping
from contextlib import ExitStack, closing, contextmanager
from typing import Any, Literal

from connectors.ahead import read_ahead
from connectors.connector import RunContext
from connectors.definition import CONNECTION_CONFIG
from connectors.errors import ConnectorError, FatalError, RunCancelled, SourceUnavailable
from connectors.families.certificates import certificate_files
from connectors.families.database_options import DatabaseMetadata
from connectors.families.database_source import Database, Routine, Schema, Table, Tag
from connectors.families.postgres import queries
from connectors.families.postgres.config import CatalogueConfig
from connectors.families.postgres.failures import DatabaseRefused, quoted
from connectors.families.postgres.session import Row, Sessions, Snapshot
from connectors.families.postgres.tables import Tables, Wanted, in_pieces
from connectors.families.postgres.types import Shape, TypeKey, Types
from connectors.models.database import StoredProcedureCode
from connectors.models.names import MAX_NAME_LENGTH

Language = Literal["SQL", "Java", "JavaScript", "Python"]
LANGUAGES: dict[str, Language] = {
    "sql": "SQL", "plpgsql": "SQL", "java": "Java", "javau": "Java", "pljava": "Java", "plv8": "JavaScript",
    "plls": "JavaScript", "plcoffee": "JavaScript", "plpythonu": "Python", "plpython2u": "Python",
    "plpython3u": "Python",
}  # fmt: skip

REPLACED = "\ufffd"
ANY_VERSION = 0  # before the session is there; what is asked first is the same for all


class PostgresSource:
    """One run's view of a server. Short listings are read at once, tables and routines as they are used."""

    def __init__(self, config: CatalogueConfig, options: DatabaseMetadata, sessions: Sessions) -> None:
        self._config = config
        self._sessions = sessions
        self._wanted = Wanted(options.include_ddl, config.classification_name if options.include_tags else None)
        self._lasting_types: dict[TypeKey, Shape] = {}
        self._wants_routines = options.include_stored_procedures
        self._without_routines: set[tuple[str, str]] = set()

    @property
    def lists_all_databases(self) -> bool:
        """Only when the definition wants all."""
        return self._config.ingest_all_databases

    def databases(self) -> Iterable[Database]:
        """The database of the definition, or all of the server."""
        everything, own = self._config.ingest_all_databases, self._config.database
        query = queries.ALL_DATABASES if everything else queries.THIS_DATABASE
        with self._sessions.snapshot(own, "the list of databases") as snapshot:
            rows = snapshot.rows(queries.composed(query, snapshot.version))
        # A connection pooler may know the database by another name than the server does: it is the name to ask for.
        if everything:
            return [Database(*row) for row in rows]
        return [Database(own, comment, owner) for _, comment, owner, _ in rows]

    def counts(self, database: str) -> Mapping[str, Mapping[str, int]]:
        """Counts of a whole database; nothing where something is not allowed, which the listings tell in their turn."""
        try:
            with self._sessions.snapshot(database, f"counts in database {database}") as snapshot:
                rows = snapshot.rows(queries.composed(queries.COUNTS, snapshot.version))
        except (FatalError, RunCancelled, SourceUnavailable):
            raise
        except ConnectorError:
            return {}
        return {schema: {"table": tables, "storedProcedure": routines} for schema, tables, routines in rows}

    def tags(self, database: str) -> Iterable[Tag]:
        """The row-level-security policies of a database, by name."""
        try:
            with self._sessions.snapshot(database, f"the policies of database {database}") as snapshot:
                rows = snapshot.rows(queries.composed(queries.TAGS, snapshot.version))
        except DatabaseRefused:
            return []
        classification, meaning = self._config.classification_name, "Row-level-security policies of Postgres"
        return [Tag(classification, meaning, name, f"Row-level-security policy {name}") for (name,) in rows]

    def schemas(self, database: str) -> Iterable[Schema]:
        """The schemas of a database, without Postgres's own."""
        with self._sessions.snapshot(database, f"the schemas of database {database}") as snapshot:
            return [Schema(*row) for row in snapshot.rows(queries.composed(queries.SCHEMAS, snapshot.version))]

    def ahead(self, database: str) -> bool:
        """Whether two schemas may be read at the same time."""
        return self._sessions.room_for_two(database)

    def tables(self, database: str, schema: str) -> Iterator[Table]:
        """The tables and views of one schema.

        Raises:
            ConnectorError: The role may not use the schema.
        """
        with ExitStack() as stack:
            snapshot, row = stack.enter_context(self._of_schema(queries.LISTING, "the tables", database, schema))
            _, usable, oids, routines = row
            if not routines and self._wants_routines:
                self._without_routines.add((database, schema))
            if not usable:
                message = f"permission denied for schema {schema} of database {database}"
                grant = f"GRANT USAGE ON SCHEMA {quoted(schema)} TO {quoted(self._config.username)}"
                raise ConnectorError(message, grant)
            tables = Tables(snapshot, database, self._wanted, Types(self._lasting_types))
            pieces = in_pieces(oids)
            read = stack.enter_context(closing(read_ahead(tables.read, pieces)))
            for place, piece in enumerate(read, 1):
                if place == len(pieces):
                    stack.close()  # the session has nothing more to do while the last ones are worked off
                yield from map(tables.made, piece)

    def routines(self, database: str, schema: str) -> Iterator[Routine]:
        """The functions and procedures of one schema."""
        if (database, schema) in self._without_routines:  # as the listing of its tables saw
            self._without_routines.remove((database, schema))
            return
        with self._of_schema(queries.ANY_ROUTINE, "the routines", database, schema) as (snapshot, row):
            oid, some = row
            if not some:
                return
            [rows] = snapshot.streams(queries.composed(queries.ROUTINES, snapshot.version, oid))
            for _, name, kind, language, code, description, owner, arguments in rows:
                yield Routine(
                    name=name if arguments is None else overload_name(name, arguments),
                    code=StoredProcedureCode(code=code, language=LANGUAGES.get(language, "External")),
                    is_function=kind != "p",
                    description=description,
                    owner=owner,
                )

    @contextmanager
    def _of_schema(self, query: str, what: str, database: str, schema: str) -> Generator[tuple[Snapshot, Row]]:
        """A snapshot, and in it the row that `query` has of the schema."""
        subject = f"{what} of schema {database}.{schema}"
        with self._sessions.snapshot(database, subject, queries.composed(query, ANY_VERSION), schema) as snapshot:
            rows = snapshot.first
            if not rows and REPLACED in schema:  # its name cannot be asked for as it was read
                oids = {name: oid for oid, name in snapshot.rows(queries.SCHEMA_OIDS)}
                rows = snapshot.rows(queries.composed(query, ANY_VERSION, oids[schema])) if schema in oids else []
            if not rows:
                message = f"schema {schema} of database {database} was dropped during the run"
                raise ConnectorError(message)
            yield snapshot, rows[0]


@contextmanager
def open_source(context: RunContext[Any, DatabaseMetadata]) -> Generator[PostgresSource]:
    """The source of one run; one session for each thread and one for the listings above them."""
    with certificate_files(context.connection.ssl_config, f"{CONNECTION_CONFIG}.") as files:
        sessions = Sessions(context.connection, files, context.threads + 1, context.report, context.cancellation)
        try:
            yield PostgresSource(context.connection, context.options, sessions)
        finally:
            sessions.close()


def overload_name(name: str, arguments: str) -> str:
    """The name of one of several routines of the same name, told apart by the types of their arguments."""
    full = f"{name}({arguments})"
    if len(full) <= MAX_NAME_LENGTH:
        return full
    return f"{name}({hashlib.sha256(arguments.encode()).hexdigest()})"
