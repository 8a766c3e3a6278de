"""What the family asks, answered by HiveServer2: it has no question about all tables of a schema but their names."""

import logging
from collections.abc import Iterable, Iterator, Mapping
from functools import partial

from connectors.errors import ConnectorError
from connectors.families.database_source import Database, Routine, Schema, Table, Tag
from connectors.families.hive.config import HiveConfig
from connectors.families.hive.session import Sessions
from connectors.families.hive.tables import Row, first_of, formatted, quoted
from connectors.families.partial_failures import attempted
from connectors.models.database import TableType

DATABASES = "SHOW DATABASES"
OF_DATABASE = {"Comment": 1, "Owner": 3}
logger = logging.getLogger(__name__)


class HiveServerSource:
    """One run's view of a server; its databases are schemas of one database of the user's naming."""

    lists_all_databases = False

    def __init__(self, config: HiveConfig, sessions: Sessions) -> None:
        self._config = config
        self._sessions = sessions

    def databases(self) -> Iterable[Database]:
        """The one database, once the server has answered."""
        self._sessions.rows("the list of schemas", DATABASES)
        return [Database(self._config.database_name, in_part=self._config.database_schema is not None)]

    def counts(self, _database: str) -> Mapping[str, Mapping[str, int]]:
        """How many tables lie in each schema."""
        return {schema: {"table": len(self._names(schema))} for schema in self._schemas()}

    def tags(self, _database: str) -> Iterable[Tag]:
        """There are none."""
        return ()

    def schemas(self, _database: str) -> Iterator[Schema]:
        """The schemas, or the one of the definition."""
        for name in self._schemas():
            properties = first_of(self._told(name), OF_DATABASE)
            yield Schema(name, properties.get("Comment") or None, properties.get("Owner") or None)

    def tables(self, _database: str, schema: str) -> Iterator[Table]:
        """The tables and views of one schema, each described when its turn has come."""
        views = self._views(schema)
        for name in self._names(schema):
            kind = TableType.VIEW if name in views else TableType.REGULAR
            yield Table(name, kind, (), described=partial(self._described, schema, name))

    def routines(self, _database: str, _schema: str) -> Iterable[Routine]:
        """There are none that have a text."""
        return ()

    def _schemas(self) -> list[str]:
        only = self._config.database_schema
        found = sorted(str(name) for name, *_ in self._sessions.rows("the list of schemas", DATABASES))
        if only is None:
            return found
        if only.lower() not in found:
            message = f"there is no schema {only} that {self._config.username or 'the user'} may see"
            raise ConnectorError(message, "correct databaseSchema")
        return [only.lower()]

    def _names(self, schema: str) -> list[str]:
        """Hive answers with the names, Spark with the schema before each."""
        rows = self._sessions.rows(f"the tables of schema {schema}", f"SHOW TABLES IN {quoted(schema)}")
        return sorted(str(row[:2][-1]) for row in rows)

    def _told(self, schema: str) -> list[Row]:
        """What is said of a schema; nothing if it may not be looked at, which the listing of its tables tells."""
        query = f"DESCRIBE DATABASE EXTENDED {quoted(schema)}"
        rows, problem = attempted(partial(self._sessions.rows, f"schema {schema}", query), [])
        if problem is not None:
            logger.info("what is said of schema %s is left out: %s", schema, problem)
        return rows

    def _views(self, schema: str) -> set[str]:
        """The names of the views; none with a Hive before 2.2, which does not tell them from tables."""
        query = f"SHOW VIEWS IN {quoted(schema)}"
        rows, _ = attempted(partial(self._sessions.rows, f"the views of schema {schema}", query), [])
        return {str(row[:2][-1]) for row in rows}

    def _described(self, schema: str, name: str) -> Table:
        subject, place = f"table {schema}.{name}", f"{quoted(schema)}.{quoted(name)}"
        found = formatted(self._sessions.rows(subject, f"DESCRIBE FORMATTED {place}"))
        if not found.columns:
            message = f"{subject} shows no column"
            raise ConnectorError(message, f"GRANT SELECT on it to {self._config.username or 'the user'}")
        return found.table(schema, name, partial(self._ddl, subject, place))

    def _ddl(self, subject: str, place: str) -> str:
        return "\n".join(str(line) for line, *_ in self._sessions.rows(subject, f"SHOW CREATE TABLE {place}"))
