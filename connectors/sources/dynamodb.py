"""DynamoDB: the tables of an account in a region, their columns inferred from their first items."""

from collections.abc import Generator, Iterable, Iterator, Mapping
from contextlib import closing, contextmanager
from functools import partial
from typing import Annotated, Literal

import msgspec
from pydantic import Field

from connectors.cancellation import Cancellation
from connectors.connector import Capability, Check, Connector, RunContext
from connectors.definition import Unused
from connectors.families.aws import AwsCredentials, AwsService, listed
from connectors.families.aws_failures import converted
from connectors.families.database import database_topology
from connectors.families.database_options import DatabaseConnection, DatabaseMetadata
from connectors.families.database_source import Database, Routine, Schema, Table, Tag
from connectors.families.documents import SAMPLE, Inference
from connectors.families.driver_options import NoDriverOptions
from connectors.models.database import Column, ConstraintType, DataType, TableConstraint, TableType
from connectors.models.names import encode_name
from connectors.report import Report

DATABASE = SCHEMA = "default"
ATTRIBUTES: Mapping[str, tuple[DataType, str]] = {
    "S": ("STRING", "string"),
    "N": ("NUMBER", "number"),
    "B": ("BINARY", "binary"),
}
GRANTS = """{
  "Effect": "Allow",
  "Action": ["dynamodb:ListTables", "dynamodb:DescribeTable", "dynamodb:Scan"],
  "Resource": "arn:aws:dynamodb:<region>:<account>:table/*"
}"""


class DynamoDBConfig(DatabaseConnection, NoDriverOptions):
    """Which account and region to read; `databaseName` is what the one database is called."""

    type: Literal["DynamoDB"] = "DynamoDB"
    aws_config: AwsCredentials
    database_name: str = Field(default=DATABASE, min_length=1)
    supports_metadata_extraction: Annotated[bool, Unused()] = True
    supports_profiler: Annotated[bool, Unused()] = True


class KeyElement(msgspec.Struct, frozen=True, rename="pascal"):
    """A part of a table's key."""

    attribute_name: str


class Attribute(msgspec.Struct, frozen=True, rename="pascal"):
    """The type of what keys hold."""

    attribute_name: str
    attribute_type: str


class Description(msgspec.Struct, frozen=True, rename="pascal"):
    """A table as DescribeTable tells it."""

    key_schema: tuple[KeyElement, ...]
    attribute_definitions: tuple[Attribute, ...] = ()


class DynamoDBSource:
    """One run's view of a region."""

    lists_all_databases = False

    def __init__(self, service: AwsService, name: str) -> None:
        self._service = service
        self._name = name

    def databases(self) -> Iterable[Database]:
        """The one database, once the service has answered."""
        next(self.names(), None)
        return [Database(self._name)]

    def counts(self, _database: str) -> Mapping[str, Mapping[str, int]]:
        """How many tables there are."""
        return {SCHEMA: {"table": sum(1 for _ in self.names())}}

    def tags(self, _database: str) -> Iterable[Tag]:
        """There are none."""
        return ()

    def schemas(self, _database: str) -> Iterable[Schema]:
        """There is one."""
        return [Schema(SCHEMA)]

    def tables(self, _database: str, _schema: str) -> Iterator[Table]:
        """The tables by their names; each is described, and its first items are read, when its turn has come."""
        for name in self.names():
            yield Table(name, TableType.REGULAR, (), described=partial(self.described, name))

    def routines(self, _database: str, _schema: str) -> Iterable[Routine]:
        """There are none."""
        return ()

    def names(self) -> Iterator[str]:
        """The names of all tables, in order."""
        yield from self._service.pages("list_tables", "TableNames")

    def described(self, name: str) -> Table:
        """A table with its key and with what its first items hold.

        Raises:
            SkipEntity: It is gone since it was listed.
            ConnectorError: It may not be described or read.
        """
        from boto3.dynamodb.types import TypeDeserializer

        answer = self._service.described("describe_table", TableName=name)
        found = converted(answer.get("Table"), Description, "DynamoDB", f"describe_table {name}")
        items = listed(self._service.described("scan", TableName=name, Limit=SAMPLE), "Items", f"scan {name}")
        python = TypeDeserializer()
        inference = Inference(name, {"Binary": "BINARY"})
        for item in items:
            inference.add({key: python.deserialize(value) for key, value in item.items()})
        keys = tuple(_key_columns(found))
        constraint = TableConstraint(
            constraint_type=ConstraintType.PRIMARY_KEY, columns=tuple(column.name for column in keys)
        )
        constraints = (constraint,) if len(keys) > 1 else ()
        return Table(name, TableType.REGULAR, inference.columns(keys), constraints)


def _key_columns(found: Description) -> Iterator[Column]:
    types = {each.attribute_name: each.attribute_type for each in found.attribute_definitions}
    for key in found.key_schema:
        kind, shown = ATTRIBUTES.get(types.get(key.attribute_name, ""), ("UNKNOWN", "unknown"))
        yield Column(
            name=encode_name(key.attribute_name),
            data_type=kind,
            data_length=1,
            data_type_display=shown,
            constraint="PRIMARY_KEY" if len(found.key_schema) == 1 else "NOT_NULL",
        )


@contextmanager
def opened(config: DynamoDBConfig, report: Report, cancellation: Cancellation) -> Generator[DynamoDBSource]:
    """The source, ready to be asked."""
    with closing(AwsService(config.aws_config, "dynamodb", report, cancellation)) as service:
        yield DynamoDBSource(service, config.database_name)


@contextmanager
def open_source(context: RunContext[DynamoDBConfig, DatabaseMetadata]) -> Generator[DynamoDBSource]:
    """The source of one run."""
    with opened(context.connection, context.report, context.cancellation) as source:
        yield source


def check_access(config: DynamoDBConfig) -> str:
    """List the tables."""
    with opened(config, Report(), Cancellation()) as source:
        return f"{source.counts('')[SCHEMA]['table']} tables"


def check_tables(config: DynamoDBConfig) -> str:
    """Describe the first table and read of it."""
    with opened(config, Report(), Cancellation()) as source:
        for name in source.names():
            return f"{len(source.described(name).columns)} columns in {name}"
    return "there are no tables"


CONNECTOR = Connector(
    name="dynamodb",
    service_type="DynamoDB",
    config=DynamoDBConfig,
    options=DatabaseMetadata,
    capabilities=frozenset(
        {Capability.DATABASES, Capability.SCHEMAS, Capability.TABLES, Capability.CONSTRAINTS, Capability.DELETIONS}
    ),
    checks=(
        Check("CheckAccess", "The tables can be listed", check_access, gate=True, mandatory=True),
        Check("GetTables", "A table can be described and read", check_tables, mandatory=True),
    ),
    topology=database_topology(open_source),
    driver="boto3",
    grants=GRANTS,
    tested="moto 5.2",
)
