"""What the family asks, answered from the projects of one connection."""

from collections.abc import Generator, Iterable, Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime

from connectors.connector import RunContext
from connectors.errors import ConnectorError
from connectors.families.bigquery.answers import Dataset, RoutineItem
from connectors.families.bigquery.api import BigQuery, open_bigquery
from connectors.families.bigquery.config import BigQueryConfig
from connectors.families.bigquery.listing import DatasetListing
from connectors.families.bigquery.tags import PolicyTags
from connectors.families.database_options import DatabaseMetadata
from connectors.families.database_source import Database, Routine, Schema, Table, Tag
from connectors.families.partial_failures import Vanished, attempted
from connectors.models.database import Language, StoredProcedureCode

LANGUAGES: dict[str, Language] = {"SQL": "SQL", "JAVA": "Java", "JAVASCRIPT": "JavaScript", "PYTHON": "Python"}


class BigQuerySource:
    """One run's view of the projects; of a dataset it holds the list of tables, and pages of what is told of them."""

    def __init__(
        self, api: BigQuery, policy: PolicyTags | None, options: DatabaseMetadata, changed_since: datetime | None
    ) -> None:
        self._api = api
        self._policy = policy
        self._options = options
        self._since = None if changed_since is None else round(changed_since.timestamp() * 1000)
        self._locations: dict[tuple[str, str], str] = {}

    @property
    def lists_all_databases(self) -> bool:
        """Never: which projects there are beside those named is not asked."""
        return False

    def databases(self) -> Iterable[Database]:
        """The projects, which the definition knows: once BigQuery has answered."""
        projects = self._api.projects()
        self._api.knock(projects[0])
        return [Database(name) for name in projects]

    def counts(self, database: str) -> Mapping[str, Mapping[str, int]]:
        """How many tables lie in each schema; how many routines is told by no list."""
        sizes = self._api.sizes(database, self._api.datasets(database).datasets)
        counted = ((item.dataset_reference.dataset_id, attempted(future.result, None)[0]) for item, future in sizes)
        return {name: {} if count is None else {"table": count} for name, count in counted}

    def tags(self, _database: str) -> Iterable[Tag]:
        """None: tables bring theirs along."""
        return ()

    def schemas(self, database: str) -> Iterator[Schema]:
        """The datasets of a project; one that was dropped meanwhile is none of them.

        Raises:
            ConnectorError: They are not listed; or, after those that are, not all of them.
        """
        listed = self._api.datasets(database)
        for item, future in self._api.described(database, listed.datasets):
            told, error = attempted(future.result, Dataset())
            name = item.dataset_reference.dataset_id
            self._locations[database, name] = item.location
            if not isinstance(error, Vanished):
                yield Schema(name, told.description or None)
        if listed.unreachable:  # what lies there would look gone
            places = ", ".join(listed.unreachable)
            msg = f"BigQuery reaches no dataset of project {database} in {places} at present"
            raise ConnectorError(msg, "run it again when BigQuery does; until then no dataset is marked as deleted")

    def tables(self, database: str, schema: str) -> Iterator[Table]:
        """The tables and views of one dataset; see DatasetListing."""
        location = self._locations[database, schema]
        policy = self._policy if self._options.include_tags else None
        listing = DatasetListing(
            self._api, database, schema, location, policy, ddl=self._options.include_ddl, since=self._since
        )
        return listing.tables()

    def routines(self, database: str, schema: str) -> Iterator[Routine]:
        """The functions and procedures of one dataset."""
        for row in sorted(self._api.routines(database, schema), key=lambda row: row.routine_reference.routine_id):
            yield _routine(row)


def _routine(row: RoutineItem) -> Routine:
    return Routine(
        name=row.routine_reference.routine_id,
        code=StoredProcedureCode(code=row.definition_body, language=LANGUAGES.get(row.language, "External")),
        is_function=row.routine_type != "PROCEDURE",
        description=row.description or None,
    )


@contextmanager
def open_source(context: RunContext[BigQueryConfig, DatabaseMetadata]) -> Generator[BigQuerySource]:
    """The source of one run."""
    config = context.connection
    with open_bigquery(config, context.report, context.cancellation) as api:
        policy = PolicyTags(api, context.report) if config.include_policy_tags else None
        yield BigQuerySource(api, policy, context.options, context.changed_since)
