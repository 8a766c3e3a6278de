"""A system of databases in memory and a sink that remembers: what the framework's tests run between."""

import threading
from collections import Counter
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field
from typing import Any, TypeVar

import msgspec

from connectors.cancellation import Cancellation
from connectors.connector import OF_DATABASES, Connector, RunContext
from connectors.families.database import database_topology
from connectors.families.database_options import DatabaseConnection, DatabaseMetadata
from connectors.families.database_source import Database, Routine, Schema, Table, Tag
from connectors.models.base import CreateRequest
from connectors.models.database import Column, StoredProcedureCode, TableType
from connectors.models.records import DeletionScope, Record, ScopeEnd
from connectors.report import Report
from connectors.runner import TopologyRunner

RecordT = TypeVar("RecordT")
Context = RunContext[DatabaseConnection, DatabaseMetadata]
Path = tuple[str, ...]


@dataclass(frozen=True)
class StoredSchema:
    """A schema and what lies in it."""

    row: Schema
    tables: tuple[Table, ...] = ()
    routines: tuple[Routine, ...] = ()


@dataclass(frozen=True)
class StoredDatabase:
    """A database and what lies in it."""

    row: Database
    schemas: tuple[StoredSchema, ...] = ()
    tags: tuple[Tag, ...] = ()


@dataclass
class MemorySource:
    """A DatabaseSource. `broken` holds what the listing of a path raises after its rows; `asked` what was listed.

    The path of a listing is its kind and the names it lies below: ("tables", "shop", "public").
    """

    stored: tuple[StoredDatabase, ...]
    broken: Mapping[Path, Exception] = field(default_factory=dict[Path, Exception])
    asked: list[Path] = field(default_factory=list[Path])
    opened: int = 0
    closed: int = 0
    lists_all_databases: bool = True
    reads_ahead: frozenset[str] = frozenset()

    def databases(self) -> Iterable[Database]:
        """See DatabaseSource."""
        return self._listed(("databases",), [stored.row for stored in self.stored])

    def ahead(self, database: str) -> bool:
        """Whether the next schema of that database may be read while one is walked."""
        self.asked.append(("ahead", database))
        return database in self.reads_ahead

    def counts(self, database: str) -> Mapping[str, Mapping[str, int]]:
        """See DatabaseSource."""
        counts = {
            schema.row.name: {"table": len(schema.tables), "storedProcedure": len(schema.routines)}
            for schema in self._database(database).schemas
        }
        return dict(self._listed(("counts", database), list(counts.items())))

    def tags(self, database: str) -> Iterable[Tag]:
        """See DatabaseSource."""
        return self._listed(("tags", database), self._database(database).tags)

    def schemas(self, database: str) -> Iterable[Schema]:
        """See DatabaseSource."""
        return self._listed(("schemas", database), [stored.row for stored in self._database(database).schemas])

    def tables(self, database: str, schema: str) -> Iterable[Table]:
        """See DatabaseSource."""
        return self._listed(("tables", database, schema), self._schema(database, schema).tables)

    def routines(self, database: str, schema: str) -> Iterable[Routine]:
        """See DatabaseSource."""
        return self._listed(("routines", database, schema), self._schema(database, schema).routines)

    @contextmanager
    def open(self, _context: Context) -> Generator["MemorySource"]:
        """The source of one run."""
        self.opened += 1
        try:
            yield self
        finally:
            self.closed += 1

    def _listed(self, path: Path, rows: Iterable[RecordT]) -> Iterator[RecordT]:
        self.asked.append(path)
        yield from rows
        if path in self.broken:
            raise self.broken[path]

    def _database(self, name: str) -> StoredDatabase:
        return next(stored for stored in self.stored if stored.row.name == name)

    def _schema(self, database: str, name: str) -> StoredSchema:
        return next(stored for stored in self._database(database).schemas if stored.row.name == name)


@dataclass
class RecordingSink:
    """Remembers what it is given; `before` is called with each record first, and may block or raise."""

    before: Callable[[Record], None] = lambda _record: None
    records: list[Record] = field(default_factory=list[Record])
    threads: set[int] = field(default_factory=set[int])

    def write(self, record: Record) -> None:
        """See Sink."""
        self.before(record)
        self.threads.add(threading.get_ident())
        self.records.append(record)

    def close(self) -> None:
        """See Sink."""

    def abort(self) -> None:
        """See Sink."""

    def only(self, kind: type[RecordT]) -> list[RecordT]:
        """The records of one type, in order."""
        return [record for record in self.records if isinstance(record, kind)]

    def by_fqn(self, kind: type[RecordT]) -> dict[str, RecordT]:
        """The create requests of one type by their qualified names."""
        return {record.fqn: record for record in self.only(kind) if isinstance(record, CreateRequest)}

    def names(self, entity: str) -> set[str]:
        """The qualified names of the create requests for one entity type."""
        return {record.fqn for record in self.only(CreateRequest) if record.entity == entity}

    def deletions(self) -> dict[tuple[str, str], DeletionScope]:
        """The deletion scopes by their own name and the type of what is to be deleted there."""
        return {(scope.fqn, scope.entity): scope for scope in self.only(DeletionScope)}

    def scope_ends(self) -> dict[str, ScopeEnd]:
        """The scopes that were handed over completely, by name."""
        return {end.fqn: end for end in self.only(ScopeEnd)}


@dataclass(frozen=True)
class Walked:
    """What became of a run."""

    sink: RecordingSink
    report: Report


def contents(records: Iterable[Record]) -> Counter[str]:
    """The records as a multiset that does not know their order."""
    return Counter(map(repr, records))


def column(name: str, **facts: Any) -> Column:
    """An integer column."""
    return msgspec.structs.replace(Column(name=name, data_type="INT"), **facts)


def table(name: str, kind: TableType = TableType.REGULAR, **facts: Any) -> Table:
    """A table with one column."""
    return msgspec.structs.replace(Table(name, kind, (column("id"),)), **facts)


def routine(name: str, **facts: Any) -> Routine:
    """A function."""
    return msgspec.structs.replace(Routine(name, StoredProcedureCode(code="select 1"), is_function=True), **facts)


def schema(name: str, *contained: Table | Routine, **facts: Any) -> StoredSchema:
    """A schema with tables and routines."""
    tables = tuple(each for each in contained if isinstance(each, Table))
    routines = tuple(each for each in contained if isinstance(each, Routine))
    return StoredSchema(Schema(name, **facts), tables, routines)


def memory(*schemas: StoredSchema, tags: tuple[Tag, ...] = (), **facts: Any) -> MemorySource:
    """A source with one database, `shop`."""
    return MemorySource((StoredDatabase(Database("shop", **facts), schemas, tags),))


def connector(source: MemorySource) -> Connector[DatabaseConnection, DatabaseMetadata]:
    """A connector to `source`."""

    def opened(context: Context) -> AbstractContextManager[MemorySource]:
        return source.open(context)

    return Connector(
        name="memory",
        service_type="CustomDatabase",
        config=DatabaseConnection,
        options=DatabaseMetadata,
        capabilities=OF_DATABASES,
        checks=(),
        topology=database_topology(opened, ahead=MemorySource.ahead if source.reads_ahead else None),
    )


def walk(
    source: MemorySource,
    options: Mapping[str, Any] | None = None,
    connection: Mapping[str, Any] | None = None,
    *,
    service: str = "svc",
    finished: frozenset[str] = frozenset(),
    stored_connection: dict[str, Any] | None = None,
) -> Walked:
    """Run over `source` with options as users write them; their `threads` choose the flow."""
    report, cancellation, sink = Report(), Cancellation(), RecordingSink()
    chosen = DatabaseMetadata.model_validate(options or {})
    context = RunContext(
        service=service,
        service_type="CustomDatabase",
        connection=DatabaseConnection.model_validate(connection or {}),
        options=chosen,
        threads=chosen.threads,
        report=report,
        cancellation=cancellation,
        stored_connection=stored_connection,
    )
    with connector(source).topology(context) as root:
        TopologyRunner(report, cancellation, chosen.threads, finished).run(root, sink.write)
    return Walked(sink, report)
