"""What the family asks, answered from an account's catalogue."""

from collections import Counter
from collections.abc import Generator, Iterable, Iterator, Mapping
from contextlib import closing, contextmanager
from datetime import datetime
from typing import Any

from connectors.connector import RunContext
from connectors.errors import ConnectorError, FatalError, RunCancelled, SourceUnavailable
from connectors.families.database_options import DatabaseMetadata
from connectors.families.database_source import Database, Routine, Schema, Table, Tag
from connectors.families.snowflake import queries
from connectors.families.snowflake.config import SnowflakeConfig
from connectors.families.snowflake.failures import telling_of_tags
from connectors.families.snowflake.listing import SchemaListing, stages, streams
from connectors.families.snowflake.queries import filled, quoted
from connectors.families.snowflake.session import Row, Sessions
from connectors.models.database import Language, StoredProcedureCode
from connectors.models.names import encode_name

LANGUAGES: dict[str, Language] = {"SQL": "SQL", "JAVA": "Java", "JAVASCRIPT": "JavaScript", "PYTHON": "Python"}
CLASSIFICATION = "Tag of Snowflake"
STOPPING = (FatalError, RunCancelled, SourceUnavailable)


class SnowflakeSource:
    """One run's view of an account; of one schema it holds the keys and the streams."""

    def __init__(
        self, config: SnowflakeConfig, options: DatabaseMetadata, session: Sessions, changed_since: datetime | None
    ) -> None:
        self._config = config
        self._options = options
        self._session = session
        self._changed_since = changed_since
        self._without_tags: set[str] = set()

    @property
    def lists_all_databases(self) -> bool:
        """Only when the definition wants all."""
        return self._config.database is None

    def databases(self) -> Iterable[Database]:
        """The databases that the role may use, or the one of the definition."""
        rows = self._session.shown("the list of databases", queries.DATABASES)
        found = [Database(row["NAME"], row.get("COMMENT") or None, row.get("OWNER") or None) for row in rows]
        only = self._config.database
        if only is None:
            return sorted(found, key=lambda database: database.name)
        named = [database for database in found if database.name == only]
        named = named or [database for database in found if database.name.upper() == only.upper()]
        if not named:
            message = f"there is no database {only} that the role may use"
            raise FatalError(message, f"correct database, or GRANT USAGE ON DATABASE {quoted(only)} to the role")
        return named

    def counts(self, database: str) -> Mapping[str, Mapping[str, int]]:
        """Counts of a whole database."""
        subject = f"counts in database {database}"
        tables, routines = (
            self._counted(subject, filled(query, database=database))
            for query in (queries.COUNTS, queries.ROUTINE_COUNTS)
        )
        return {
            schema.name: {"table": tables[schema.name], "storedProcedure": routines[schema.name]}
            for schema in self.schemas(database)
        }

    def tags(self, database: str) -> Iterator[Tag]:
        """The tags of the database's tables and columns, which ACCOUNT_USAGE knows within two hours."""
        rows = self._of_tags(f"the tags of database {database}", queries.TAGS, database)
        try:
            with telling_of_tags():
                for name, value in rows:
                    label = encode_name(name)
                    yield Tag(label, CLASSIFICATION, value or name, f"{name} is {value}" if value else name)
        except STOPPING:
            raise
        except ConnectorError:
            self._without_tags.add(database)
            raise

    def schemas(self, database: str) -> Iterator[Schema]:
        """The schemas of a database."""
        rows = self._session.stream(f"the schemas of {database}", filled(queries.SCHEMAS, database=database))
        for name, comment, owner in rows:
            yield Schema(name, comment or None, owner or None)

    def tables(self, database: str, schema: str) -> Iterator[Table]:
        """The tables, views, streams and stages of one schema; of the last two, where not wanted, that they are there.

        Raises:
            ConnectorError: It is gone, or the role sees tables without their columns.
        """
        self._look(database, schema)
        tags = self._tagged(database, schema)
        yield from SchemaListing(self._session, database, schema, self._config, self._changed_since).tables(tags)
        for wanted, of_kind in ((self._config.include_streams, streams), (self._config.include_stages, stages)):
            if wanted:
                yield from of_kind(self._session, database, schema)
            elif self._options.mark_deleted_tables:
                found = of_kind(self._session, database, schema)
                yield from (Table(row.name, row.type, (), only_there=True) for row in found)

    def routines(self, database: str, schema: str) -> Iterator[Routine]:
        """The functions and procedures of one schema; of those of one name, the first keeps it plain."""
        self._look(database, schema)
        subject = f"the routines of schema {database}.{schema}"
        query = filled(queries.ROUTINES, database=database)
        last = None
        for name, kind, language, code, comment, owner, signature in self._session.stream(
            subject, query, schema, schema
        ):
            yield Routine(
                name=f"{name}{signature or '()'}" if name == last else name,
                code=StoredProcedureCode(code=code or "", language=LANGUAGES.get(str(language).upper(), "External")),
                is_function=kind == "F",
                description=comment or None,
                owner=owner or None,
            )
            last = name

    def _look(self, database: str, schema: str) -> None:
        query = filled(queries.SCHEMA, database=database)
        [(there,)] = self._session.rows(f"schema {database}.{schema}", query, schema)
        if not int(there):
            message = f"schema {schema} of database {database} was dropped during the run"
            raise ConnectorError(message)

    def _counted(self, subject: str, query: str) -> Counter[str]:
        found = Counter[str]()
        for schema, count in self._session.stream(subject, query):
            found[schema] += int(count)
        return found

    def _tagged(self, database: str, schema: str) -> Iterator[Row]:
        if not self._options.include_tags or database in self._without_tags:
            return iter(())
        return self._of_tags(f"the tags of schema {database}.{schema}", queries.TAGGED, database, schema)

    def _of_tags(self, subject: str, query: str, *about: str) -> Iterator[Row]:
        return self._session.stream(subject, query.replace("$usage", self._config.account_usage_schema), *about)


@contextmanager
def open_source(context: RunContext[Any, DatabaseMetadata]) -> Generator[SnowflakeSource]:
    """The source of one run."""
    config: SnowflakeConfig = context.connection
    with closing(Sessions(config, context.report, context.cancellation)) as session:
        yield SnowflakeSource(config, context.options, session, context.changed_since)
