"""Databases, schemas, tables and stored procedures, as OpenMetadata's create requests name them."""

from enum import StrEnum
from typing import ClassVar, Literal

import msgspec

from connectors.models.base import CreateRequest, EntityReference, TagLabel, Wire
from connectors.models.names import split_fqn
from connectors.models.services import CreateServiceRequest


class TableType(StrEnum):
    """What kind of relation a table is."""

    REGULAR = "Regular"
    EXTERNAL = "External"
    VIEW = "View"
    MATERIALIZED_VIEW = "MaterializedView"
    PARTITIONED = "Partitioned"
    FOREIGN = "Foreign"
    TRANSIENT = "Transient"
    ICEBERG = "Iceberg"
    DYNAMIC = "Dynamic"
    LOCAL = "Local"
    SECURE_VIEW = "SecureView"
    STREAM = "Stream"
    STAGE = "Stage"


VIEW_TYPES = frozenset({TableType.VIEW, TableType.SECURE_VIEW, TableType.MATERIALIZED_VIEW})

ColumnConstraint = Literal["NULL", "NOT_NULL", "UNIQUE", "PRIMARY_KEY"]
DataType = Literal[
    "AGGREGATEFUNCTION", "ARRAY", "BIGINT", "BINARY", "BIT", "BLOB", "BOOLEAN", "BYTEA", "CHAR", "CIDR", "DATE",
    "DATETIME", "DATETIMERANGE", "DECIMAL", "DOUBLE", "ENUM", "FLOAT", "GEOGRAPHY", "GEOMETRY", "HLLSKETCH",
    "INET", "INT", "INTERVAL", "IPV4", "IPV6", "JSON", "LARGEINT", "MACADDR", "MAP", "MONEY", "NULL", "NUMBER",
    "NUMERIC", "PG_LSN", "PG_SNAPSHOT", "POINT", "POLYGON", "RECORD", "ROWID", "SET", "SMALLINT", "STRING",
    "STRUCT", "SUPER", "TEXT", "TIME", "TIMESTAMP", "TIMESTAMPZ", "TINYINT", "TSQUERY", "TSVECTOR",
    "TXID_SNAPSHOT", "UINT", "UNION", "UNKNOWN", "UUID", "VARBINARY", "VARCHAR", "VARIANT", "XML", "YEAR",
]  # fmt: skip


class Column(Wire, frozen=True):
    """One column, or one field of a STRUCT in `children`; `data_length` counts characters or bits."""

    name: str
    data_type: DataType
    array_data_type: DataType | None = None
    data_length: int | None = None
    precision: int | None = None
    scale: int | None = None
    data_type_display: str | None = None
    description: str | None = None
    constraint: ColumnConstraint | None = None
    ordinal_position: int | None = None
    tags: tuple[TagLabel, ...] = ()
    children: tuple["Column", ...] | None = None


class ConstraintType(StrEnum):
    """The kinds of constraint a table as a whole may have."""

    UNIQUE = "UNIQUE"
    PRIMARY_KEY = "PRIMARY_KEY"
    FOREIGN_KEY = "FOREIGN_KEY"


class TableConstraint(Wire, frozen=True, kw_only=True):
    """A constraint over `columns`; `referred_columns` are fully qualified names."""

    constraint_type: ConstraintType
    columns: tuple[str, ...]
    referred_columns: tuple[str, ...] | None = None
    relationship_type: Literal["ONE_TO_ONE", "MANY_TO_ONE"] | None = None


class PartitionColumn(Wire, frozen=True, kw_only=True):
    """One column of a partition key."""

    column_name: str
    interval_type: Literal["TIME-UNIT", "INGESTION-TIME", "INTEGER-RANGE", "COLUMN-VALUE", "OTHER"]
    interval: str | None = None


class TablePartition(Wire, frozen=True, kw_only=True):
    """How a table is partitioned."""

    columns: tuple[PartitionColumn, ...]


class AccessDetails(Wire, frozen=True, kw_only=True):
    """A moment, in milliseconds since 1970, and what did something then."""

    timestamp: int
    accessed_by_a_process: str | None = None


class LifeCycle(Wire, frozen=True, kw_only=True):
    """When an entity was made and last changed."""

    created: AccessDetails | None = None
    updated: AccessDetails | None = None


class CreateDatabaseServiceRequest(CreateServiceRequest, frozen=True, kw_only=True):
    """A database service."""

    entity: ClassVar[str] = "databaseService"
    collection: ClassVar[str] = "services/databaseServices"


class CreateDatabaseRequest(CreateRequest, frozen=True, kw_only=True):
    """A database of a service."""

    entity: ClassVar[str] = "database"
    collection: ClassVar[str] = "databases"
    rank: ClassVar[int] = 1
    listed_by: ClassVar[str] = "service"

    service: str
    owners: tuple[EntityReference, ...] = ()

    @property
    def parent(self) -> str:
        """The service."""
        return self.service


class CreateDatabaseSchemaRequest(CreateRequest, frozen=True, kw_only=True):
    """A schema of a database."""

    entity: ClassVar[str] = "databaseSchema"
    collection: ClassVar[str] = "databaseSchemas"
    rank: ClassVar[int] = 2
    listed_by: ClassVar[str] = "database"

    database: str
    owners: tuple[EntityReference, ...] = ()

    @property
    def parent(self) -> str:
        """The database."""
        return self.database


class CreateTableRequest(CreateRequest, frozen=True, kw_only=True):
    """A table or view of a schema."""

    entity: ClassVar[str] = "table"
    collection: ClassVar[str] = "tables"
    rank: ClassVar[int] = 3
    leaf: ClassVar[bool] = True
    listed_by: ClassVar[str] = "databaseSchema"

    table_type: TableType
    database_schema: str
    columns: tuple[Column, ...]
    table_constraints: tuple[TableConstraint, ...]
    table_partition: TablePartition | None = None
    schema_definition: str | None = None
    location_path: str | None = None
    life_cycle: LifeCycle | None = None
    tags: tuple[TagLabel, ...] = ()
    owners: tuple[EntityReference, ...] = ()

    @property
    def parent(self) -> str:
        """The schema."""
        return self.database_schema

    def detached(self) -> "CreateTableRequest":
        """The same table without its foreign keys to other tables."""
        own = split_fqn(self.fqn)
        kept = tuple(
            constraint
            for constraint in self.table_constraints
            if not constraint.referred_columns
            or all(split_fqn(column)[:-1] == own for column in constraint.referred_columns)
        )
        if len(kept) == len(self.table_constraints):
            return self
        return msgspec.structs.replace(self, table_constraints=kept)


Language = Literal["SQL", "Java", "JavaScript", "Python", "External"]


class StoredProcedureCode(Wire, frozen=True, kw_only=True):
    """The source text of a routine and the language it is written in."""

    code: str
    language: Language | None = None


class CreateStoredProcedureRequest(CreateRequest, frozen=True, kw_only=True):
    """A function or procedure of a schema."""

    entity: ClassVar[str] = "storedProcedure"
    collection: ClassVar[str] = "storedProcedures"
    rank: ClassVar[int] = 3
    leaf: ClassVar[bool] = True
    listed_by: ClassVar[str] = "databaseSchema"

    database_schema: str
    stored_procedure_code: StoredProcedureCode
    stored_procedure_type: Literal["StoredProcedure", "Function"]
    owners: tuple[EntityReference, ...] = ()

    @property
    def parent(self) -> str:
        """The schema."""
        return self.database_schema
