"""One run against the fake server, and the records that it delivers."""

import threading
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from connectors.cancellation import Cancellation
from connectors.definition import OpenMetadataConnection
from connectors.http.retry import RetryPolicy
from connectors.models.base import EntityReference
from connectors.models.database import (
    Column,
    ConstraintType,
    CreateDatabaseRequest,
    CreateDatabaseSchemaRequest,
    CreateDatabaseServiceRequest,
    CreateTableRequest,
    TableConstraint,
    TableType,
)
from connectors.models.records import DeletionScope, Record
from connectors.report import Failure, Report
from connectors.sinks.lines import Line, read_lines
from connectors.sinks.metadata_rest import MetadataRestSink
from connectors.sinks.rest_config import MetadataRestConfig, Target
from tests.fake_openmetadata import FakeOpenMetadata

QUICK = RetryPolicy(tries=4, few_tries=2, first_seconds=0.005, longest_seconds=0.02)
SCHEMA = "s.d.x"


class Kept(Report):
    """A report that forgets nothing."""

    def __init__(self) -> None:
        super().__init__()
        self.lost: list[Failure] = []
        self.scopes: list[str] = []
        self._kept_lock = threading.Lock()

    def failed(self, failure: Failure) -> None:
        super().failed(failure)
        with self._kept_lock:
            self.lost.append(failure)

    def scope_done(self, fqn: str, records: Mapping[str, int]) -> None:
        with self._kept_lock:
            self.scopes.append(fqn)

    def counts(self, entity: str = "table") -> dict[str, int]:
        return dict(self.by_type.get(entity, {}))


@dataclass
class Run:
    """Builds sinks for one server; `settings` are sink.config's, `server` openMetadataServerConfig's."""

    fake: FakeOpenMetadata
    folder: Path
    report: Kept = field(default_factory=Kept)
    cancellation: Cancellation = field(default_factory=Cancellation)
    retry: RetryPolicy = QUICK
    sinks: list[MetadataRestSink] = field(default_factory=list[MetadataRestSink])

    @property
    def dead_letters(self) -> Path:
        return self.folder / "dead.jsonl"

    def dead(self) -> list[Line]:
        return list(read_lines(self.dead_letters)) if self.dead_letters.exists() else []

    def target(self, server: Mapping[str, Any] | None = None, override: bool = False, **settings: Any) -> Target:
        raw = {"hostPort": self.fake.host_port, "securityConfig": {"jwtToken": "token"}, **(server or {})}
        connection = OpenMetadataConnection.model_validate(raw)
        config = MetadataRestConfig.model_validate(settings)
        return Target(connection, config, self.dead_letters, override, self.retry)

    def sink(
        self, server: Mapping[str, Any] | None = None, override: bool = False, **settings: Any
    ) -> MetadataRestSink:
        self.sinks.append(MetadataRestSink(self.target(server, override, **settings), self.report, self.cancellation))
        return self.sinks[-1]

    def deliver(self, records: Iterable[Record], **settings: Any) -> Kept:
        """A whole run as `connectors.ingestion` does it."""
        sink = self.sink(**settings)
        try:
            for record in records:
                sink.write(record)
            sink.close()
        except BaseException:
            sink.abort()
            raise
        return self.report


def service(name: str = "s", **fields: Any) -> CreateDatabaseServiceRequest:
    return CreateDatabaseServiceRequest(name=name, service_type="Postgres", **fields)


def database(name: str = "d", parent: str = "s") -> CreateDatabaseRequest:
    return CreateDatabaseRequest(name=name, service=parent)


def schema(name: str = "x", parent: str = "s.d") -> CreateDatabaseSchemaRequest:
    return CreateDatabaseSchemaRequest(name=name, database=parent)


def table(
    name: str, parent: str = SCHEMA, refers_to: str | None = None, owners: tuple[str, ...] = (), **fields: Any
) -> CreateTableRequest:
    """A table with one column, `id`; `refers_to` is a table whose `id` it has a foreign key to."""
    key = TableConstraint(
        constraint_type=ConstraintType.FOREIGN_KEY, columns=("id",), referred_columns=(f"{refers_to}.id",)
    )
    return CreateTableRequest(
        name=name,
        table_type=TableType.REGULAR,
        database_schema=parent,
        columns=(Column(name="id", data_type="INT"),),
        table_constraints=(key,) if refers_to else (),
        owners=tuple(EntityReference(type="user", name=owner) for owner in owners),
        **fields,
    )


def tree(tables: int, parent: str = SCHEMA) -> list[Record]:
    """A service, a database, a schema and so many tables."""
    return [service(), database(), schema(), *(table(f"t{number}", parent) for number in range(tables))]


def deletion(*seen: str, scope: str = SCHEMA) -> DeletionScope:
    return DeletionScope(scope, "databaseSchema", "table", "tables", tuple(f"{scope}.{name}" for name in seen))
