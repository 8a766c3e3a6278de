"""What the family asks, answered from a server's information_schema."""

import logging
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import msgspec

from connectors.connector import RunContext
from connectors.definition import CONNECTION_CONFIG
from connectors.errors import ConnectorError, FatalError, RunCancelled, SourceUnavailable
from connectors.families.certificates import certificate_files
from connectors.families.database_options import DatabaseMetadata
from connectors.families.database_source import Database, Routine, Schema, Table, Tag
from connectors.families.hidden_tables import refuse_hidden
from connectors.families.mysql import queries
from connectors.families.mysql.config import InformationSchemaConfig
from connectors.families.mysql.rights import Rights, Server, account
from connectors.families.mysql.session import Sessions
from connectors.families.mysql.tables import Listing, tables
from connectors.models.database import StoredProcedureCode
from connectors.once import Once

logger = logging.getLogger(__name__)


class InformationSchemaSource:
    """One run's view of a server; it has schemas only, so one database of the user's naming lies above them."""

    lists_all_databases = False

    def __init__(self, config: InformationSchemaConfig, sessions: Sessions) -> None:
        self._config = config
        self._sessions = sessions
        self._rights = Once(lambda: user_rights(sessions))

    def databases(self) -> Iterable[Database]:
        """The one database, once the server has answered."""
        in_part = self._config.database_schema is not None
        return [
            Database(self._config.database_name, in_part=in_part, schemas_need=self._rights().missing_for_schemas())
        ]

    def counts(self, database: str) -> Mapping[str, Mapping[str, int]]:
        """Counts of all schemas."""
        subject = "the counts of tables and routines"
        found: dict[str, dict[str, int]] = {}
        for entity, query in (("table", queries.TABLE_COUNTS), ("storedProcedure", queries.ROUTINE_COUNTS)):
            for schema, count in self._sessions.rows(subject, query):
                found.setdefault(schema, {})[entity] = count
        return {schema.name: found.get(schema.name, {}) for schema in self.schemas(database)}

    def tags(self, _database: str) -> Iterable[Tag]:
        """There are none."""
        return ()

    def schemas(self, _database: str) -> Iterable[Schema]:
        """The schemas that the user may see, or the one of the definition."""
        subject = "the list of schemas"
        [(commented,)] = self._sessions.rows(subject, queries.SCHEMA_COMMENTS)
        query = queries.SCHEMAS_WITH_COMMENTS if commented else queries.SCHEMAS
        only = self._config.database_schema
        found = [self._schema(*row) for row in self._sessions.rows(subject, query)]
        if only is None:
            return found
        if not any(schema.name == only for schema in found):
            message = f"there is no schema {only} that {self._config.username} may see"
            raise ConnectorError(message, f"correct databaseSchema, or grant the user SELECT on `{only}`.*")
        return [schema for schema in found if schema.name == only]

    def _schema(self, name: str, comment: str | None) -> Schema:
        rights = self._rights()
        tables, routines = rights.missing_for_tables(name), rights.missing_for_routines(name)
        return Schema(name, comment or None, tables_need=tables, routines_need=routines)

    def tables(self, database: str, schema: str) -> Iterator[Table]:
        """The tables and views of one schema.

        Raises:
            ConnectorError: It is gone, or the user sees tables without their columns.
        """
        subject = f"the tables of schema {schema}"
        hidden: list[str] = []
        self._look(schema)
        wanted = (queries.TABLES, queries.VIEWS, queries.COLUMNS, queries.KEYS, queries.PARTITIONS)
        with self._sessions.streams(subject, *wanted, about=schema) as streams:
            for table in tables(Listing(*streams), database, hidden, self._view(schema), self._ddl(schema)):
                if not table.columns:
                    logger.warning("the columns of view %s.%s are not known: what it reads is gone", schema, table.name)
                yield table
        refuse_hidden(schema, hidden, f"GRANT SELECT ON {quoted(schema)}.* TO '{self._config.username}'")

    def routines(self, _database: str, schema: str) -> Iterator[Routine]:
        """The functions and procedures of one schema."""
        self._look(schema)
        last = ""
        with self._sessions.streams(f"the routines of schema {schema}", queries.ROUTINES, about=schema) as [rows]:
            for name, kind, code, comment in rows:
                if code is None:
                    logger.warning(
                        "the body of %s.%s is hidden: grant SHOW_ROUTINE or SELECT on mysql.proc", schema, name
                    )
                yield Routine(
                    name=f"{name}()" if name == last else name,
                    code=StoredProcedureCode(code=code or "", language="SQL"),
                    is_function=kind == "FUNCTION",
                    description=comment or None,
                )
                last = name

    def _look(self, schema: str) -> None:
        [(there,)] = self._sessions.rows(f"schema {schema}", queries.SCHEMA, (schema,))
        if not there:
            message = f"schema {schema} was dropped during the run"
            raise ConnectorError(message)

    def _view(self, schema: str) -> Callable[[str, str], str | None]:
        def statement(name: str, query: str) -> str | None:
            if not query:
                grant = f"GRANT SHOW VIEW ON {quoted(schema)}.* TO '{self._config.username}'"
                logger.warning("the query of view %s.%s is hidden: %s", schema, name, grant)
                return None
            return f"CREATE VIEW {quoted(schema)}.{quoted(name)} AS {query}"

        return statement

    def _ddl(self, schema: str) -> Callable[[str], Callable[[], str]]:
        def of_table(name: str) -> Callable[[], str]:
            def ddl() -> str:
                query = f"SHOW CREATE TABLE {quoted(schema)}.{quoted(name)}"
                [(_, text, *_)] = self._sessions.rows(f"the definition of table {schema}.{name}", query)
                return text

            return ddl

        return of_table


@contextmanager
def open_source(context: RunContext[Any, DatabaseMetadata]) -> Generator[InformationSchemaSource]:
    """The source of one run."""
    config: InformationSchemaConfig = context.connection
    with certificate_files(config.certificates, f"{CONNECTION_CONFIG}.") as files:
        sessions = Sessions(config, files, context.report, context.cancellation)
        try:
            yield InformationSchemaSource(config, sessions)
        finally:
            sessions.close()


def user_rights(sessions: Sessions) -> Rights:
    """What the user may see; nothing where the server does not tell."""
    [(version, user)] = sessions.rows("the connection", queries.VERSION)
    subject, server, query = "the user's rights", Server(version), queries.GRANTS
    try:
        if server.has_roles_of_mysql:
            literal = any(value == "ON" for _, value in sessions.rows(subject, queries.LITERAL_NAMES))
            server = msgspec.structs.replace(server, literal=literal)
            [(roles,)] = sessions.rows(subject, queries.ACTIVE_ROLES)
            query = queries.GRANTS if roles == "NONE" else f"{queries.GRANTS} FOR CURRENT_USER() USING {roles}"
        statements = [statement for (statement,) in sessions.rows(subject, query)]
    except (SourceUnavailable, FatalError, RunCancelled):
        raise
    except ConnectorError as error:
        logger.warning("%s, so that nothing of this server is deleted", error)
        statements = []
    return Rights.of(account(user), server, statements)


def quoted(name: str) -> str:
    """A name as SQL writes it."""
    return "`" + name.replace("`", "``") + "`"
