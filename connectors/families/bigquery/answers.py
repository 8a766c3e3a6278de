"""What BigQuery's and Data Catalog's APIs answer, as far as it is used."""

from typing import Any, Literal

import msgspec


class Answer(msgspec.Struct, frozen=True, rename="camel", gc=False):
    """Anything of theirs: camelCase; numbers of 64 bits are texts."""


class DatasetReference(Answer, frozen=True):
    """Which dataset."""

    dataset_id: str


class DatasetItem(Answer, frozen=True):
    """A dataset in a list; `location` is where it lies."""

    dataset_reference: DatasetReference
    location: str = ""


class Datasets(Answer, frozen=True):
    """A page of a project's datasets, without those in locations that are `unreachable` now.

    Nothing empty is told: by `kind` such a list is known from what is none.
    """

    kind: Literal["bigquery#datasetList"]
    datasets: tuple[DatasetItem, ...] = ()
    unreachable: tuple[str, ...] = ()
    next_page_token: str = ""


class Dataset(Answer, frozen=True):
    """A dataset by itself."""

    description: str = ""


class TableReference(Answer, frozen=True):
    """Which table."""

    table_id: str
    project_id: str = ""
    dataset_id: str = ""


class TimePartitioning(Answer, frozen=True):
    """DAY, HOUR, MONTH or YEAR of a column; without one, of the moment at which a row came in."""

    type: str = "DAY"
    field: str = ""


class Range(Answer, frozen=True):
    """From `start` on, up to `end`, in steps."""

    start: str = ""
    end: str = ""
    interval: str = ""


class RangePartitioning(Answer, frozen=True):
    """Ranges of a column's numbers."""

    field: str = ""
    range: Range = Range()


class Clustering(Answer, frozen=True):
    """The columns by which rows are sorted."""

    fields: tuple[str, ...] = ()


class HivePartitioning(Answer, frozen=True):
    """The columns that an external table's folders are named by."""

    fields: tuple[str, ...] = ()


class TableItem(Answer, frozen=True):
    """A table in a list."""

    table_reference: TableReference
    type: str = "TABLE"
    labels: dict[str, str] = {}
    creation_time: str = ""
    time_partitioning: TimePartitioning | None = None
    range_partitioning: RangePartitioning | None = None
    clustering: Clustering = Clustering()
    hive_partitioning_options: HivePartitioning = HivePartitioning()

    @property
    def name(self) -> str:
        """Its own name."""
        return self.table_reference.table_id


class Tables(Answer, frozen=True):
    """A page of a dataset's tables; `kind` as that of Datasets."""

    kind: Literal["bigquery#tableList"]
    tables: tuple[TableItem, ...] = ()
    next_page_token: str = ""
    total_items: int = 0


class ColumnReference(Answer, frozen=True):
    """A column and the one that it refers to."""

    referencing_column: str
    referenced_column: str


class ForeignKeyItem(Answer, frozen=True):
    """A foreign key."""

    referenced_table: TableReference
    column_references: tuple[ColumnReference, ...] = ()


class TableConstraints(Answer, frozen=True):
    """The keys of one table."""

    foreign_keys: tuple[ForeignKeyItem, ...] = ()


class TableDetail(Answer, frozen=True):
    """A table by itself."""

    table_constraints: TableConstraints = TableConstraints()


class RoutineReference(Answer, frozen=True):
    """Which routine."""

    routine_id: str


class RoutineItem(Answer, frozen=True):
    """A routine in a list."""

    routine_reference: RoutineReference
    routine_type: str = ""
    language: str = ""
    definition_body: str = ""
    description: str = ""


class Routines(Answer, frozen=True):
    """A page of a dataset's routines."""

    routines: tuple[RoutineItem, ...] = ()
    next_page_token: str = ""


class Job(Answer, frozen=True):
    """Which query."""

    job_id: str = ""
    project_id: str = ""
    location: str = ""


class Cancelled(Answer, frozen=True):
    """BigQuery was told to end a query; it does so in its own time."""


class Cell(msgspec.Struct, frozen=True, gc=False):
    """A value; of a list, cells."""

    v: Any = None


class Row(msgspec.Struct, frozen=True, gc=False):
    """The values of one row."""

    f: tuple[Cell, ...] = ()


class Trouble(Answer, frozen=True):
    """What went wrong with a query."""

    message: str = ""
    reason: str = ""


class Rows(Answer, frozen=True):
    """A page of a query's answer."""

    job_complete: bool
    errors: tuple[Trouble, ...] = ()
    job_reference: Job = Job()
    rows: tuple[Row, ...] = ()
    page_token: str = ""


class Taxonomy(Answer, frozen=True):
    """A set of policy tags."""

    display_name: str
    description: str = ""


class PolicyTag(Answer, frozen=True):
    """A policy tag; `name` is its path."""

    name: str
    display_name: str
    description: str = ""


class PolicyTags(Answer, frozen=True):
    """A page of a taxonomy's policy tags."""

    policy_tags: tuple[PolicyTag, ...] = ()
    next_page_token: str = ""
