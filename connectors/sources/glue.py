"""AWS Glue's Data Catalog: its databases are schemas, in one database named like the account."""

from collections.abc import Generator, Iterable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from functools import partial
from typing import Annotated, Any, Literal

from pydantic import Field

from connectors.cancellation import Cancellation
from connectors.connector import Capability, Check, Connector, RunContext
from connectors.definition import Unused
from connectors.errors import ConnectorError, SourceUnavailable
from connectors.families.aws import AwsCredentials, AwsService
from connectors.families.aws_failures import converted
from connectors.families.database import database_topology
from connectors.families.database_options import DatabaseConnection, DatabaseMetadata
from connectors.families.database_source import Database, Routine, Schema, Table, Tag, unread
from connectors.families.driver_options import NoDriverOptions
from connectors.families.glue.tables import GlueTable, table_of
from connectors.families.partial_failures import attempted
from connectors.report import Report

GRANTS = """{
  "Effect": "Allow",
  "Action": ["glue:GetDatabases", "glue:GetTables"],
  "Resource": ["arn:aws:glue:<region>:<account>:catalog", "arn:aws:glue:<region>:<account>:database/*",
               "arn:aws:glue:<region>:<account>:table/*/*"]
}"""


class GlueConfig(DatabaseConnection, NoDriverOptions):
    """Which account and region to read; `databaseName` is what its catalogue is called, else its number."""

    type: Literal["Glue"] = "Glue"
    aws_config: AwsCredentials
    database_name: str | None = Field(default=None, min_length=1)
    supports_metadata_extraction: Annotated[bool, Unused()] = True
    supports_dbt_extraction: Annotated[bool, Unused()] = Field(default=True, alias="supportsDBTExtraction")


class GlueSource:
    """One run's view of a catalogue."""

    lists_all_databases = False

    def __init__(self, service: AwsService, name: str | None) -> None:
        self._service = service
        self._name = name

    def databases(self) -> Iterator[Database]:
        """The catalogue as a whole, if anything lies in it."""
        for row in self._rows():
            yield Database(self._name or row["CatalogId"])
            return

    def counts(self, _database: str) -> Mapping[str, Mapping[str, int]]:
        """The schemas; how many tables lie in them is not told by any listing."""
        return {row["Name"]: {} for row in self._rows()}

    def tags(self, _database: str) -> Iterable[Tag]:
        """There are none."""
        return ()

    def schemas(self, _database: str) -> Iterator[Schema]:
        """Glue's databases."""
        for row in self._rows():
            yield Schema(row["Name"], row.get("Description") or None)

    def tables(self, _database: str, schema: str) -> Iterator[Table]:
        """The tables and views of one of Glue's databases, in the order of their names.

        Raises:
            ConnectorError: At the end, where a row has no name to fail by.
        """
        nameless: list[ConnectorError] = []
        for row in self._service.pages("get_tables", "TableList", DatabaseName=schema):
            found, problem = attempted(partial(converted, row, GlueTable, "Glue", f"get_tables {schema}"), None)
            if found is not None:
                yield table_of(found)
            elif problem is not None and isinstance(name := row.get("Name"), str) and name:
                yield unread(name, problem)
            elif problem is not None:
                nameless.append(problem)
        if nameless:
            raise _all_of(nameless)

    def routines(self, _database: str, _schema: str) -> Iterable[Routine]:
        """Glue has user-defined functions without a text: they are left out."""
        return ()

    def _rows(self) -> Iterator[Mapping[str, Any]]:
        for row in self._service.pages("get_databases", "DatabaseList"):
            if "Name" not in row or ("CatalogId" not in row and self._name is None):
                msg = "get_databases: the answer names a database without Name or CatalogId"
                raise SourceUnavailable(msg, "give databaseName, or see whether endPointURL is that of Glue")
            yield row


def _all_of(nameless: Sequence[ConnectorError]) -> ConnectorError:
    """The error of the first, which also says how many tables are lost: there is no name to tell them by."""
    first = nameless[0]
    if len(nameless) == 1:
        return first
    return ConnectorError(f"{first.message}; so {len(nameless)} tables without a name are left out", first.advice)


@contextmanager
def open_source(context: RunContext[GlueConfig, DatabaseMetadata]) -> Generator[GlueSource]:
    """The source of one run."""
    config = context.connection
    with closing(AwsService(config.aws_config, "glue", context.report, context.cancellation)) as service:
        yield GlueSource(service, config.database_name)


def check_access(config: GlueConfig) -> str:
    """List the databases."""
    with closing(AwsService(config.aws_config, "glue", Report(), Cancellation())) as service:
        return f"{len(GlueSource(service, config.database_name).counts(''))} databases"


def check_tables(config: GlueConfig) -> str:
    """Read the tables of the first database that has any."""
    with closing(AwsService(config.aws_config, "glue", Report(), Cancellation())) as service:
        source = GlueSource(service, config.database_name)
        for schema in source.schemas(""):
            for listed in source.tables("", schema.name):
                table = listed if listed.described is None else listed.described()
                return f"{schema.name}.{table.name} can be read"
    return "there are no tables"


CONNECTOR = Connector(
    name="glue",
    service_type="Glue",
    config=GlueConfig,
    options=DatabaseMetadata,
    capabilities=frozenset({
        Capability.DATABASES, Capability.SCHEMAS, Capability.TABLES, Capability.VIEWS, Capability.COMMENTS,
        Capability.OWNERS, Capability.DELETIONS,
    }),
    checks=(
        Check("CheckAccess", "The databases can be listed", check_access, gate=True, mandatory=True),
        Check("GetTables", "The tables can be listed", check_tables, mandatory=True),
    ),
    topology=database_topology(open_source),
    driver="boto3",
    grants=GRANTS,
    tested="moto 5.2",
)  # fmt: skip
