"""Databases: the topology service > database > schema > table and routine, once for every such system.

A connector only answers a DatabaseSource's questions; filters, names, owners, counting, deletion scopes
and the order of things are decided here.
"""

import logging
from collections import Counter
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from functools import partial
from typing import Any, TypeVar

import msgspec

from connectors.connector import RunContext
from connectors.families.database_options import DatabaseConnection, DatabaseMetadata
from connectors.families.database_rules import DatabaseRules, without_tags
from connectors.families.database_source import (
    Database,
    DatabaseSource,
    ForeignKey,
    ListedInPart,
    Routine,
    Schema,
    Table,
)
from connectors.families.database_tags import NewTags
from connectors.families.missing_rights import MissingRights
from connectors.families.service import service_request
from connectors.models.base import CreateRequest, EntityReference, TagLabel
from connectors.models.database import (
    VIEW_TYPES,
    ConstraintType,
    CreateDatabaseRequest,
    CreateDatabaseSchemaRequest,
    CreateDatabaseServiceRequest,
    CreateStoredProcedureRequest,
    CreateTableRequest,
    TableConstraint,
)
from connectors.models.names import child_fqn, encode_name, fqn
from connectors.models.records import DeletionScope, Record
from connectors.topology import Filtered, Node

logger = logging.getLogger(__name__)


class DatabaseItem(msgspec.Struct, frozen=True):
    """A database on the walk, and the schemas listed below it."""

    fqn: str
    row: Database
    owners: tuple[EntityReference, ...]
    seen: list[str] = msgspec.field(default_factory=list[str])


class SchemaItem(msgspec.Struct, frozen=True):
    """A schema on the walk, and the tables and routines listed below it; `unlisted` is why not all tables were."""

    fqn: str
    database: DatabaseItem
    row: Schema
    owners: tuple[EntityReference, ...]
    seen_tables: list[str] = msgspec.field(default_factory=list[str])
    seen_routines: list[str] = msgspec.field(default_factory=list[str])
    unlisted: list[ListedInPart] = msgspec.field(default_factory=list[ListedInPart])


class TableItem(msgspec.Struct, frozen=True):
    """A table on the walk."""

    fqn: str
    schema: SchemaItem
    row: Table


class RoutineItem(msgspec.Struct, frozen=True):
    """A routine on the walk."""

    fqn: str
    schema: SchemaItem
    row: Routine


class DatabaseWalk:
    """The producers and stages of one run's topology."""

    def __init__(
        self,
        context: RunContext[Any, DatabaseMetadata],
        source: DatabaseSource,
        ahead: Callable[[str], bool] | None = None,
    ) -> None:
        self._context = context
        self._source = source
        self._ahead = ahead
        self._rules = DatabaseRules.of(context.connection, context.options)
        self._options = context.options
        self._service_fqn = fqn(context.service)
        self._seen_databases: list[str] = []
        self._tags = NewTags()
        self._missing = MissingRights()

    def topology(self) -> Node[None, Any]:
        """The tree to walk."""
        ahead = self._ahead
        schemas = Node(
            entity="databaseSchema",
            name=lambda item: item.fqn,
            produce=self.schemas,
            stages=(self.schema,),
            children=self._leaves(),
            finish=self.schemas_gone,
            parallel=True,
            scope=True,
            ahead=None if ahead is None else lambda database: ahead(database.row.name),
        )
        databases = Node(
            entity="database",
            name=lambda item: item.fqn,
            produce=self.databases,
            stages=(self.database, self.tags),
            children=(schemas,),
            finish=self.databases_gone,
            expect=self.expected,
        )
        return Node(
            entity="databaseService",
            name=fqn,
            produce=self.services,
            stages=(self.service,),
            children=(databases,),
        )

    def _leaves(self) -> tuple[Node[SchemaItem, TableItem], Node[SchemaItem, RoutineItem]]:
        tables = Node(
            entity="table",
            name=lambda item: item.fqn,
            produce=self.tables,
            stages=(self.table,),
            finish=self.tables_gone,
        )
        routines = Node(
            entity="storedProcedure",
            name=lambda item: item.fqn,
            produce=self.routines,
            stages=(self.routine,),
            finish=self.routines_gone,
        )
        return tables, routines

    def services(self, _nothing: None) -> Iterable[str]:
        """The one service of the run."""
        return (self._context.service,)

    def service(self, _name: str) -> Iterable[Record]:
        """The service's own record."""
        request = service_request(self._context, CreateDatabaseServiceRequest)
        yield msgspec.structs.replace(request, owners=self._rules.owners.service())

    def databases(self, _service: str) -> Iterable[DatabaseItem | Filtered]:
        """The databases that the filters keep."""
        for row in self._source.databases():
            name = child_fqn(self._service_fqn, encode_name(row.name))
            self._seen_databases.append(name)
            kept = self._rules.databases.keeps(row.name, name)
            if kept and row.closed:
                logger.info("database %s is left out: it takes no connection of this role", name)
            owners = self._rules.owners.of("database", (row.name,), row.owner, self._rules.owners.service())
            yield DatabaseItem(name, row, owners) if kept and not row.closed else Filtered(name)

    def expected(self, database: DatabaseItem) -> Mapping[str, int]:
        """How many items the walk below a database will meet, for the progress shown."""
        wanted = {
            "table": self._options.include_tables or self._options.include_views,
            "storedProcedure": self._options.include_stored_procedures,
        }
        expected = Counter[str]()
        for schema, counts in self._source.counts(database.row.name).items():
            expected["databaseSchema"] += 1
            if self._rules.schemas.keeps(schema, child_fqn(database.fqn, encode_name(schema))):
                expected.update({entity: count for entity, count in counts.items() if wanted[entity]})
        return expected

    def database(self, item: DatabaseItem) -> Iterable[Record]:
        """The database's own record."""
        yield CreateDatabaseRequest(
            name=encode_name(item.row.name),
            description=item.row.description,
            service=self._service_fqn,
            owners=item.owners,
        )

    def tags(self, item: DatabaseItem) -> Iterable[Record]:
        """The tags that the database's tables carry, before the tables."""
        if self._options.include_tags:
            yield from self._tags.new(self._source.tags(item.row.name))

    def schemas(self, database: DatabaseItem) -> Iterable[SchemaItem | Filtered]:
        """The schemas that the filters keep."""
        for row in self._source.schemas(database.row.name):
            name = child_fqn(database.fqn, encode_name(row.name))
            database.seen.append(name)
            kept = self._rules.schemas.keeps(row.name, name)
            path = (database.row.name, row.name)
            owners = self._rules.owners.of("databaseSchema", path, row.owner, database.owners)
            yield SchemaItem(name, database, row, owners) if kept else Filtered(name)

    def schema(self, item: SchemaItem) -> Iterable[Record]:
        """The schema's own record."""
        yield CreateDatabaseSchemaRequest(
            name=encode_name(item.row.name),
            description=item.row.description,
            database=item.database.fqn,
            owners=item.owners,
        )

    def tables(self, schema: SchemaItem) -> Iterable[TableItem | Filtered]:
        """The tables and views that the options and the filters keep."""
        if not (self._options.include_tables or self._options.include_views):
            return
        for row in self._listed(schema):
            name = child_fqn(schema.fqn, encode_name(row.name))
            schema.seen_tables.append(name)
            if row.only_there:
                continue
            included = self._options.include_views if row.type in VIEW_TYPES else self._options.include_tables
            kept = included and not row.left_out and self._rules.tables.keeps(row.name, name)
            yield TableItem(name, schema, row) if kept and not row.unchanged else Filtered(name, unchanged=kept)

    def _listed(self, schema: SchemaItem) -> Iterator[Table]:
        """What the source lists; that it left some out is a warning, and holds the deletions of tables back."""
        try:
            yield from self._source.tables(schema.database.row.name, schema.row.name)
        except ListedInPart as error:
            logger.warning("no table of %s is deleted, as not all were looked for: %s", schema.fqn, error)
            schema.unlisted.append(error)

    def table(self, item: TableItem) -> Iterable[Record]:
        """The table's own record."""
        row = item.row.described() if item.row.described is not None else item.row
        if row.new_tags and self._options.include_tags:
            yield from self._tags.new(row.new_tags)
        definition = row.definition
        if definition is None and row.ddl is not None and self._options.include_ddl:
            definition = row.ddl()
        yield CreateTableRequest(
            name=encode_name(row.name),
            description=row.description,
            table_type=row.type,
            database_schema=item.schema.fqn,
            columns=row.columns if self._options.include_tags else without_tags(row.columns),
            table_constraints=(*row.constraints, *map(self._foreign_key, row.foreign_keys)),
            table_partition=row.partition,
            schema_definition=definition,
            location_path=row.location,
            life_cycle=row.life_cycle,
            tags=tuple(TagLabel(tag_fqn=tag) for tag in row.tags) if self._options.include_tags else (),
            owners=self._owners("table", item.schema, row.name, row.owner),
        )

    def _foreign_key(self, key: ForeignKey) -> TableConstraint:
        table = (key.referred_database, key.referred_schema, key.referred_table)
        referred = fqn(self._context.service, *map(encode_name, table))
        return TableConstraint(
            constraint_type=ConstraintType.FOREIGN_KEY,
            columns=tuple(map(encode_name, key.columns)),
            referred_columns=tuple(child_fqn(referred, encode_name(column)) for column in key.referred_columns),
            relationship_type="ONE_TO_ONE" if key.unique else "MANY_TO_ONE",
        )

    def routines(self, schema: SchemaItem) -> Iterable[RoutineItem | Filtered]:
        """The functions and procedures that the filters keep."""
        if not self._options.include_stored_procedures:
            return
        for row in self._source.routines(schema.database.row.name, schema.row.name):
            name = child_fqn(schema.fqn, encode_name(row.name))
            schema.seen_routines.append(name)
            kept = self._rules.routines.keeps(row.name, name)
            yield RoutineItem(name, schema, row) if kept else Filtered(name)

    def routine(self, item: RoutineItem) -> Iterable[Record]:
        """The routine's own record."""
        yield CreateStoredProcedureRequest(
            name=encode_name(item.row.name),
            display_name=item.row.display_name,
            description=item.row.description,
            database_schema=item.schema.fqn,
            stored_procedure_code=item.row.code,
            stored_procedure_type="Function" if item.row.is_function else "StoredProcedure",
            owners=self._owners("storedProcedure", item.schema, item.row.name, item.row.owner),
        )

    def _owners(self, level: str, schema: SchemaItem, name: str, owner: str | None) -> tuple[EntityReference, ...]:
        return self._rules.owners.of(level, (schema.database.row.name, schema.row.name, name), owner, schema.owners)

    def tables_gone(self, schema: SchemaItem, complete: bool) -> Iterator[Record]:
        """What to delete below a schema: only when every table and view of it was listed."""
        everything = self._options.include_tables or self._options.include_views
        if not self._options.mark_deleted_tables or not complete or not everything or schema.unlisted:
            return
        if schema.row.in_part:
            logger.info("markDeletedTables has no effect in %s: not all of its tables are listed", schema.fqn)
        else:
            scope = _scope(schema.fqn, "databaseSchema", CreateTableRequest, schema.seen_tables)
            yield from self._missing.unless(schema.row.tables_need, scope)

    def routines_gone(self, schema: SchemaItem, complete: bool) -> Iterator[Record]:
        """What to delete below a schema: only when every routine of it was listed."""
        if self._options.mark_deleted_stored_procedures and complete and self._options.include_stored_procedures:
            scope = _scope(schema.fqn, "databaseSchema", CreateStoredProcedureRequest, schema.seen_routines)
            yield from self._missing.unless(schema.row.routines_need, scope)

    def schemas_gone(self, database: DatabaseItem, complete: bool) -> Iterator[Record]:
        """What to delete below a database: nothing where the definition speaks of some of its schemas only."""
        if not self._options.mark_deleted_schemas or not complete:
            return
        if database.row.in_part:
            logger.warning("markDeletedSchemas has no effect in %s: not all of its schemas are listed", database.fqn)
        else:
            scope = _scope(database.fqn, "database", CreateDatabaseSchemaRequest, database.seen)
            yield from self._missing.unless(database.row.schemas_need, scope)

    def databases_gone(self, _service: str, complete: bool) -> Iterator[Record]:
        """What to delete below the service: nothing where the definition speaks of some of its databases only."""
        self._missing.tell()
        if not self._options.mark_deleted_databases or not complete:
            return
        if self._source.lists_all_databases:
            yield _scope(self._service_fqn, "databaseService", CreateDatabaseRequest, self._seen_databases)
        else:
            logger.warning("markDeletedDatabases has no effect: not all databases of the server are listed")


def _scope(parent: str, parent_entity: str, request: type[CreateRequest], seen: list[str]) -> DeletionScope:
    return DeletionScope(parent, parent_entity, request.entity, request.collection, tuple(seen), holds=not request.leaf)


ConfigT = TypeVar("ConfigT", bound=DatabaseConnection)
SourceT = TypeVar("SourceT", bound=DatabaseSource)
Context = RunContext[ConfigT, DatabaseMetadata]


def database_topology(
    source: Callable[[Context[ConfigT]], AbstractContextManager[SourceT]],
    ahead: Callable[[SourceT, str], bool] | None = None,
) -> Callable[[Context[ConfigT]], AbstractContextManager[Node[None, Any]]]:
    """The `topology` of a connector that opens a DatabaseSource for each run.

    `ahead` tells whether the tables of two schemas of a database may be read at the same time though the run has one
    thread; a listing that one thread began then goes on in another. Without it, they are read in turn.
    """

    @contextmanager
    def topology(context: Context[ConfigT]) -> Generator[Node[None, Any]]:
        with source(context) as opened:
            yield DatabaseWalk(context, opened, None if ahead is None else partial(ahead, opened)).topology()

    return topology
