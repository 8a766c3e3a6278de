"""The tables and views of one dataset: its list, and a handful of questions about all of them."""

import logging
from collections.abc import Iterator, Sequence
from functools import partial

import msgspec

from connectors.families.bigquery import queries
from connectors.families.bigquery.answers import TableItem
from connectors.families.bigquery.api import BigQuery, SqlRow
from connectors.families.bigquery.queries import filled
from connectors.families.bigquery.tables import (
    Keys,
    Note,
    Path,
    columns_of,
    life_cycle_of,
    partition_of,
    path_of,
    table_type,
    texts_of,
)
from connectors.families.bigquery.tags import PolicyTags
from connectors.families.database_source import ForeignKey, Table, Tag
from connectors.families.database_tags import label_of, tags_of
from connectors.families.hidden_tables import refuse_hidden
from connectors.families.partial_failures import Refused, Vanished, attempted
from connectors.families.sql import DetailStream
from connectors.models.base import TagLabel
from connectors.models.database import VIEW_TYPES

# How many that a list has and no view of INFORMATION_SCHEMA are asked for by themselves: they may be gone by now.
MOST_ASKED = 20
LABEL = "Label of BigQuery"
GRANT = "grant roles/bigquery.metadataViewer on the dataset"
logger = logging.getLogger(__name__)


class Details(msgspec.Struct, frozen=True):
    """What the questions tell, each table's in turn."""

    tables: DetailStream[SqlRow]
    columns: DetailStream[SqlRow]
    fields: DetailStream[SqlRow]
    options: DetailStream[SqlRow]
    keys: DetailStream[SqlRow]


class DatasetListing(msgspec.Struct, frozen=True):
    """One listing of a dataset that lies at `location`; of tables that were not changed `since`, only names are told.

    `since` is in milliseconds since 1970. Without `policy`, no policy tag is looked up. `ddl`: the statements that make
    the tables are wanted.
    """

    api: BigQuery
    project: str
    dataset: str
    location: str
    policy: PolicyTags | None
    ddl: bool = False
    since: int | None = None

    def tables(self) -> Iterator[Table]:
        """The tables and views, by name.

        Raises:
            ConnectorError: The dataset is gone, or the user sees tables without what they are made of.
        """
        # The list promises no order, so all of it is held: encoded, which takes a tenth of the memory.
        encode = msgspec.msgpack.Encoder().encode
        listed = sorted((row.name, encode(row)) for row in self.api.tables(self.project, self.dataset))
        since, unchanged = self._unchanged() if listed else (None, set[str]())
        decode = msgspec.msgpack.Decoder(TableItem).decode
        yield from (
            Table(name, table_type(decode(row)), (), unchanged=True) for name, row in listed if name in unchanged
        )
        if all(name in unchanged for name, _ in listed):
            return
        details = self._details(since)
        hidden: list[str] = []
        for name, row in listed:
            if name in unchanged:
                continue
            found = details.tables.of(name)
            if found:
                yield self._table(decode(row), found[0][1], details)
            elif len(hidden) >= MOST_ASKED or not self._is_gone(name):
                hidden.append(name)
        refuse_hidden(self.dataset, hidden, GRANT)

    def _unchanged(self) -> tuple[int | None, set[str]]:
        """Since when, and which tables are the same; None where all are to be read."""
        if self.since is None:
            return None, set()
        query = filled(queries.UNCHANGED, self.project, self.dataset, self.since)

        def ask() -> set[str]:
            [rows] = self.api.answers(self.project, self.location, [query], f"the changes of {self._named}")
            return {str(row[0]) for row in rows}

        unchanged, error = attempted(ask, set[str]())
        if error is not None:
            logger.warning("all tables are read: what was changed is not told: %s", error)
            return None, set()
        return self.since, unchanged

    def _details(self, since: int | None) -> Details:
        wanted = queries.OF_ALL if self.ddl else queries.OF_VIEWS
        asked = (queries.TABLES, queries.COLUMNS, queries.FIELDS, queries.OPTIONS, queries.KEYS)
        given = [filled(query, self.project, self.dataset, since, wanted) for query in asked]
        answers = self.api.answers(self.project, self.location, given, f"the tables of {self._named}")
        tables, columns, fields, options, keys = map(DetailStream[SqlRow], answers)
        return Details(tables, columns, fields, options, keys)

    def _table(self, row: TableItem, ddl: str | None, details: Details) -> Table:
        kind, keys = table_type(row), Keys(details.keys.of(row.name))
        notes, policy = self._notes(details.fields.of(row.name))
        options = {str(name): texts_of(value) for _, name, value in details.options.of(row.name)}
        labels = tags_of(row.labels, LABEL)
        table = Table(
            name=row.name,
            type=kind,
            columns=tuple(columns_of(details.columns.of(row.name), notes, keys)),
            constraints=keys.constraints(),
            foreign_keys=keys.foreign_keys(),
            partition=partition_of(row),
            definition=ddl if kind in VIEW_TYPES else None,
            ddl=partial(str, ddl) if ddl and kind not in VIEW_TYPES else None,
            description=next(iter(options.get("description", ())), None) or None,
            tags=tuple(map(label_of, labels)),
            new_tags=(*labels, *policy),
            location=next(iter(options.get("uris", ())), None),
            life_cycle=life_cycle_of(row),
        )
        if keys.told_apart:
            return table
        return msgspec.structs.replace(table, described=partial(self._with_keys, table, keys.primary))

    def _notes(self, rows: Sequence[SqlRow]) -> tuple[dict[Path, Note], list[Tag]]:
        notes: dict[Path, Note] = {}
        carried: dict[str, Tag] = {}
        for _, field, description, cells in rows:
            tags = self.policy.of(str(cell["v"]) for cell in cells or ()) if self.policy is not None else ()
            carried |= {label_of(tag): tag for tag in tags}
            notes[path_of(field)] = Note(description or None, tuple(TagLabel(tag_fqn=label_of(tag)) for tag in tags))
        return notes, list(carried.values())

    def _with_keys(self, table: Table, primary: tuple[str, ...]) -> Table:
        """The table with foreign keys of several columns, of which no view tells which refers to which."""
        told = self.api.table(self.project, self.dataset, table.name).table_constraints
        keys = tuple(
            ForeignKey(
                columns=tuple(each.referencing_column for each in key.column_references),
                referred_database=key.referenced_table.project_id,
                referred_schema=key.referenced_table.dataset_id,
                referred_table=key.referenced_table.table_id,
                referred_columns=tuple(each.referenced_column for each in key.column_references),
                unique=set(primary) == {each.referencing_column for each in key.column_references},
            )
            for key in told.foreign_keys
        )
        return msgspec.structs.replace(table, foreign_keys=keys, described=None)

    def _is_gone(self, name: str) -> bool:
        try:
            self.api.table(self.project, self.dataset, name)
        except Vanished:
            logger.info("table %s.%s was dropped while its dataset was read", self._named, name)
            return True
        except Refused:
            return False
        return False

    @property
    def _named(self) -> str:
        return f"dataset {self.project}.{self.dataset}"
