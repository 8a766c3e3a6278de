"""MongoDB: its databases are schemas of one database, its collections tables with columns inferred from a sample."""

from collections.abc import Generator, Iterable, Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from typing import Any

import msgspec

from connectors.cancellation import Cancellation
from connectors.connector import Capability, Check, Connector, RunContext
from connectors.errors import ConnectorError, SkipEntity
from connectors.families.database import database_topology
from connectors.families.database_options import DatabaseMetadata
from connectors.families.database_source import Database, Routine, Schema, Table, Tag
from connectors.families.documents import SAMPLE, Inference
from connectors.families.mongodb.config import MongoDBConfig
from connectors.families.mongodb.session import Session, opened
from connectors.families.partial_failures import Vanished
from connectors.models.database import Column, DataType, TableType
from connectors.report import Report

OWN = frozenset({"admin", "config", "local"})
SYSTEM = "system."
# Small batches: a document may have 16 MB.
BATCH = 20
SAMPLE_MILLISECONDS = 30_000
TYPES: Mapping[str, DataType] = {
    "Binary": "BINARY", "Code": "STRING", "DBRef": "STRUCT", "DatetimeMS": "TIMESTAMP", "Decimal128": "NUMBER",
    "Int64": "BIGINT", "ObjectId": "STRING", "Regex": "STRING", "Timestamp": "TIMESTAMP",
}  # fmt: skip
GRANTS = """db.getSiblingDB("admin").createUser({
  user: "<username>", pwd: passwordPrompt(), roles: ["readAnyDatabase"]
})"""


class MongoDBSource:
    """One run's view of a server."""

    lists_all_databases = False

    def __init__(self, session: Session, config: MongoDBConfig) -> None:
        self._session = session
        self._config = config

    def databases(self) -> Iterable[Database]:
        """The one database, once the server has answered."""
        self._session.asked("ping", lambda client: client.admin.command("ping"))
        return [Database(self._config.database_name, in_part=self._config.database_schema is not None)]

    def counts(self, _database: str) -> Mapping[str, Mapping[str, int]]:
        """The collections of each schema, by name."""
        return {schema: {} for schema in self.names()}

    def tags(self, _database: str) -> Iterable[Tag]:
        """There are none."""
        return ()

    def schemas(self, _database: str) -> Iterator[Schema]:
        """The databases of the server, or the one that the connection names."""
        return map(Schema, self.names())

    def names(self) -> list[str]:
        """The names of the databases that the user may see, in order, without the server's own.

        Raises:
            ConnectorError: The one of the definition is not among them.
        """
        listed = self._session.asked(
            "listDatabases", lambda client: list(client.list_databases(nameOnly=True, authorizedDatabases=True))
        )
        found, only = {str(info["name"]) for info in listed}, self._config.database_schema
        if only is None:
            return sorted(found - OWN)
        if only not in found:
            message = f"there is no database {only} that {self._config.username or 'the user'} may see"
            raise ConnectorError(message, "correct databaseSchema, or grant the user the role read on it")
        return [only]

    def tables(self, _database: str, schema: str) -> Iterator[Table]:
        """The collections and views by their names; each is read when its turn has come."""
        listed = self._session.asked(
            f"listCollections {schema}", lambda client: list(client[schema].list_collections())
        )
        for info in sorted(listed, key=lambda info: str(info["name"])):
            name = str(info["name"])
            if not name.startswith(SYSTEM):
                is_view = info.get("type") == "view"
                kind = TableType.VIEW if is_view else TableType.REGULAR
                definition = _definition(info.get("options") or {}) if is_view else None
                listed_table = Table(name, kind, (), definition=definition)
                yield msgspec.structs.replace(listed_table, described=partial(self.described, schema, listed_table))

    def routines(self, _database: str, _schema: str) -> Iterable[Routine]:
        """There are none that others may call."""
        return ()

    def described(self, schema: str, table: Table) -> Table:
        """A table with the columns that its first documents have.

        Raises:
            SkipEntity: It is gone since it was listed.
            ConnectorError: It may not be read.
        """
        inference = Inference(f"{schema}.{table.name}", TYPES)

        def sample(documents: Iterable[Mapping[str, Any]]) -> None:
            for document in documents:
                self._session.check()
                inference.add(document)

        bounds = {"limit": SAMPLE, "batch_size": BATCH, "max_time_ms": SAMPLE_MILLISECONDS}
        what = f"find {schema}.{table.name}"
        try:
            self._session.asked(what, lambda client: sample(client[schema][table.name].find({}, **bounds)))
        except Vanished as error:
            raise SkipEntity(error.message) from error
        return msgspec.structs.replace(table, columns=tuple(map(_keyed, inference.columns())), described=None)


def _keyed(column: Column) -> Column:
    return msgspec.structs.replace(column, constraint="PRIMARY_KEY") if column.name == "_id" else column


def _definition(options: Mapping[str, Any]) -> str:
    """What a view is made of, as MongoDB's extended JSON."""
    from bson.json_util import dumps

    return dumps({"viewOn": options.get("viewOn"), "pipeline": options.get("pipeline", [])})


@contextmanager
def open_source(context: RunContext[MongoDBConfig, DatabaseMetadata]) -> Generator[MongoDBSource]:
    """The source of one run."""
    with opened(context.connection, context.report, context.cancellation) as session:
        yield MongoDBSource(session, context.connection)


@contextmanager
def checked(config: MongoDBConfig) -> Generator[MongoDBSource]:
    """The source, for a connection test."""
    with opened(config, Report(), Cancellation()) as session:
        yield MongoDBSource(session, config)


def check_access(config: MongoDBConfig) -> str:
    """Reach the server and log in."""
    with checked(config) as source:
        list(source.databases())
    return "the server answers"


def check_schemas(config: MongoDBConfig) -> str:
    """List the databases."""
    with checked(config) as source:
        return f"{len(source.names())} databases"


def check_tables(config: MongoDBConfig) -> str:
    """List the collections of the first database that has any, and read one."""
    with checked(config) as source:
        for schema in source.names():
            for table in source.tables("", schema):
                return f"{len(source.described(schema, table).columns)} columns in {schema}.{table.name}"
    return "there are no collections"


CONNECTOR = Connector(
    name="mongodb",
    service_type="MongoDB",
    config=MongoDBConfig,
    options=DatabaseMetadata,
    capabilities=frozenset({Capability.DATABASES, Capability.SCHEMAS, Capability.TABLES, Capability.DELETIONS}),
    checks=(
        Check("CheckAccess", "The server answers and takes the user", check_access, gate=True, mandatory=True),
        Check("GetSchemas", "The databases can be listed", check_schemas, mandatory=True),
        Check("GetTables", "The collections can be listed and read", check_tables, mandatory=True),
    ),
    topology=database_topology(open_source),
    driver="pymongo",
    grants=GRANTS,
    tested="NX-27017 0.8, which speaks MongoDB's protocol without users and views; not on MongoDB itself",
)
