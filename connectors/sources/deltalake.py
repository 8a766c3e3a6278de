"""Tables of Delta Lake, by their own logs: in a folder of this machine or in S3."""

from collections.abc import Generator, Iterable, Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from itertools import islice
from typing import Any

from connectors.cancellation import Cancellation
from connectors.connector import Capability, Check, Connector, RunContext
from connectors.errors import ConnectorError
from connectors.families.database import database_topology
from connectors.families.database_options import DatabaseMetadata
from connectors.families.database_source import Database, Routine, Schema, Table, Tag
from connectors.families.deltalake.config import DeltaLakeConfig
from connectors.families.deltalake.places import Places, opened, too_deep
from connectors.families.deltalake.tables import table_of
from connectors.families.left_behind import answered
from connectors.models.database import TableType
from connectors.report import Report

STEP_SECONDS = 60.0
ENOUGH = 100
GRANTS = """{
  "Effect": "Allow",
  "Action": ["s3:ListAllMyBuckets", "s3:ListBucket", "s3:GetObject"],
  "Resource": ["arn:aws:s3:::<bucket>", "arn:aws:s3:::<bucket>/*"]
}"""


class DeltaLakeSource:
    """One run's view of the tables' places; a table's log is read when its turn has come."""

    lists_all_databases = False

    def __init__(self, name: str, places: Places, report: Report, cancellation: Cancellation) -> None:
        self._name = name
        self._places = places
        self._report = report
        self._cancellation = cancellation

    def databases(self) -> Iterable[Database]:
        """The one database, once the place of its schemas has answered."""
        next(self._places.schemas(), None)
        return [Database(self._name, in_part=self._places.in_part)]

    def counts(self, _database: str) -> Mapping[str, Mapping[str, int]]:
        """The schemas; how many tables lie in them is not told by any listing."""
        return {schema: {} for schema in self._places.schemas()}

    def tags(self, _database: str) -> Iterable[Tag]:
        """There are none."""
        return ()

    def schemas(self, _database: str) -> Iterator[Schema]:
        """The schemas."""
        for name in self._places.schemas():
            yield Schema(name, in_part=self._places.tables_in_part)

    def tables(self, _database: str, schema: str) -> Iterator[Table]:
        """The tables of one schema.

        Raises:
            ListedInPart: At the end, where folders are too deep.
        """
        deep: list[str] = []
        for place in self._places.tables(schema, deep):
            listed = Table(place.name, TableType.REGULAR, ())
            yield Table(place.name, TableType.REGULAR, (), described=partial(self._described, listed, place.uri))
        if deep:
            raise too_deep(deep)

    def routines(self, _database: str, _schema: str) -> Iterable[Routine]:
        """There are none."""
        return ()

    def _described(self, table: Table, uri: str) -> Table:
        def ask() -> Table:
            return table_of(table, uri, self._places.options())

        return answered(ask, self._report, self._cancellation)


@contextmanager
def open_source(context: RunContext[Any, DatabaseMetadata]) -> Generator[DeltaLakeSource]:
    """The source of one run."""
    config: DeltaLakeConfig = context.connection
    with opened(config, context.report, context.cancellation) as found:
        yield DeltaLakeSource(config.database_name, found.places, context.report, context.cancellation)


def check_access(config: DeltaLakeConfig) -> str:
    """List the schemas; a run needs at least one."""
    with opened(config, Report(), Cancellation(STEP_SECONDS)) as found:
        names = list(found.places.schemas())
    if not names:
        message = "there is no folder or bucket to read"
        raise ConnectorError(message, "correct configSource")
    return f"{len(names)} schemas"


def check_tables(config: DeltaLakeConfig) -> str:
    """Find some tables, and read the log of one."""
    stop = Cancellation(STEP_SECONDS)
    with opened(config, Report(), stop) as found:
        places = (place for schema in found.places.schemas() for place in found.places.tables(schema, []))
        some = list(islice(places, ENOUGH))
        for place in some[:1]:
            table_of(Table(place.name, TableType.REGULAR, ()), place.uri, found.places.options())
    return f"{len(some)} tables" + (" and perhaps more" if len(some) == ENOUGH else "")


CONNECTOR = Connector(
    name="deltalake",
    service_type="DeltaLake",
    config=DeltaLakeConfig,
    options=DatabaseMetadata,
    capabilities=frozenset(
        {
            Capability.DATABASES,
            Capability.SCHEMAS,
            Capability.TABLES,
            Capability.COMMENTS,
            Capability.DELETIONS,
        }
    ),
    checks=(
        Check(
            "CheckAccess",
            "The folder or the buckets can be listed",
            check_access,
            gate=True,
            mandatory=True,
            timeout_seconds=STEP_SECONDS,
        ),
        Check(
            "GetTables",
            "Tables are found, and the log of one can be read",
            check_tables,
            mandatory=True,
            timeout_seconds=STEP_SECONDS,
        ),
    ),
    topology=database_topology(open_source),
    driver="deltalake",
    grants=GRANTS,
    tested="tables made by delta-rs 1.6, in folders and in moto's S3. A table's log is read with the names of all its "
    "files. Metastores of Spark's are left out: hive reads them",
)
