"""The tables, views, streams and stages of one schema."""

from collections.abc import Iterator, Sequence
from datetime import datetime
from functools import partial
from heapq import merge
from itertools import groupby
from operator import itemgetter

import msgspec

from connectors.errors import ConnectorError
from connectors.families.database_source import Table
from connectors.families.hidden_tables import refuse_hidden
from connectors.families.nested_types import column_of_type
from connectors.families.snowflake import queries
from connectors.families.snowflake.config import SnowflakeConfig
from connectors.families.snowflake.queries import filled, quoted
from connectors.families.snowflake.session import Named, Row, Sessions
from connectors.families.snowflake.tables import (
    YES,
    ColumnRow,
    Keys,
    TagRow,
    described,
    keys_by_table,
    partition,
    qualified,
    table_type,
)
from connectors.families.sql import DetailStream
from connectors.models.database import Column, TableType

OF_STREAMS = (("METADATA$ACTION", "VARCHAR(6)"), ("METADATA$ISUPDATE", "BOOLEAN"), ("METADATA$ROW_ID", "VARCHAR(40)"))


class Details(msgspec.Struct, frozen=True):
    """What the streams beside the tables tell of one table."""

    columns: Sequence[ColumnRow]
    tags: Sequence[TagRow]


class SchemaListing(msgspec.Struct, frozen=True):
    """One listing of a schema; of a table that is the same since `changed_since`, only its name is asked."""

    session: Sessions
    database: str
    schema: str
    config: SnowflakeConfig
    changed_since: datetime | None

    def tables(self, tags: Iterator[Row]) -> Iterator[Table]:
        """The tables and views, which `tags`, ordered by their names, are of."""
        keys = self._keys("SCHEMA", filled("$database.$schema", database=self.database, schema=self.schema))
        of_columns, of_tags = DetailStream[Row](self._columns()), DetailStream[Row](tags)
        hidden: list[str] = []
        for row in self._listed():
            name = str(row["TABLE_NAME"])
            found = Details(
                [ColumnRow._make(each) for each in of_columns.of(name)],
                [TagRow._make(each) for each in of_tags.of(name)],
            )
            if not self.config.include_transient_tables and row.get("IS_TRANSIENT") in YES:
                yield Table(name, table_type(row), (), left_out=True)
            elif self._unchanged(row):
                yield Table(name, table_type(row), (), unchanged=True)
            elif found.columns:
                yield self._table(row, found, keys.get(name, Keys()) if keys is not None else None)
            else:
                hidden.append(name)
        role = self.config.role or "the role"
        refuse_hidden(self.schema, hidden, f"GRANT REFERENCES ON ALL TABLES IN SCHEMA {quoted(self.schema)} TO {role}")

    def _listed(self) -> Iterator[Named]:
        """The rows of tables and views, in one order; of one that is among both, what both say."""
        both = (self._named(queries.TABLES), self._named(queries.VIEWS))
        for _, rows in groupby(merge(*both, key=itemgetter("TABLE_NAME")), itemgetter("TABLE_NAME")):
            first, *others = rows
            yield {**others[0], **first} if others else first

    def _table(self, row: Named, found: Details, keys: Keys | None) -> Table:
        """A table; what takes questions of its own is asked when its turn has come."""
        name, kind = str(row["TABLE_NAME"]), table_type(row)
        own = keys or Keys()
        columns = tuple(described(found.columns, own, found.tags, lambda column: column.spelled))
        table = Table(
            name=name,
            type=kind,
            columns=columns,
            constraints=tuple(own.constraints()),
            foreign_keys=tuple(own.foreign_keys()),
            partition=partition(row.get("CLUSTERING_KEY"), columns),
            definition=row.get("VIEW_DEFINITION") or None,
            ddl=None if row.get("VIEW_DEFINITION") else partial(self._ddl, name),
            description=row.get("COMMENT") or None,
            owner=row.get("TABLE_OWNER") or None,
            tags=tuple(tag.label for tag in found.tags if not tag.column),
        )
        if keys is None or any(column.structured for column in found.columns):
            return msgspec.structs.replace(table, described=partial(self._asked_again, table, found, keys))
        return table

    def _asked_again(self, table: Table, found: Details, keys: Keys | None) -> Table:
        """The table with the parts of its types, and with its keys where the schema has more than are shown."""
        names = {"database": self.database, "schema": self.schema, "table": table.name}
        subject = f"table {self.database}.{self.schema}.{table.name}"
        types: dict[str, str] = {}
        if any(column.structured for column in found.columns):
            rows = self.session.named(subject, filled(queries.DESCRIBED, **names))
            types = {row["NAME"]: row["TYPE"] for row in rows}
        own = keys
        if own is None:
            of_table = self._keys("TABLE", filled("$database.$schema.$table", **names)) or {}
            own = of_table.get(table.name, Keys())
        columns = tuple(described(found.columns, own, found.tags, lambda row: types.get(row.name, row.spelled)))
        keyed = msgspec.structs.replace(table, columns=columns, constraints=tuple(own.constraints()), described=None)
        return msgspec.structs.replace(keyed, foreign_keys=tuple(own.foreign_keys()))

    def _keys(self, kind: str, place: str) -> dict[str, Keys] | None:
        """The keys of a schema or a table; None where there may be more than are shown."""
        subject = f"the keys of {place}"
        shown = [
            list(self.session.named(subject, query.format(kind=kind, place=place)))
            for query in (queries.PRIMARY_KEYS, queries.UNIQUE_KEYS, queries.FOREIGN_KEYS)
        ]
        return None if max(map(len, shown)) >= queries.MOST_SHOWN else keys_by_table(*shown)

    def _named(self, query: str) -> Iterator[Named]:
        yield from self.session.named(self._subject, filled(query, database=self.database), self.schema)

    def _columns(self) -> Iterator[Row]:
        query, about = queries.COLUMNS, [self.schema]
        if self.changed_since is not None:
            query = queries.CHANGED_COLUMNS
            about = [*(self.schema, self.changed_since.isoformat()) * 2, self.schema]
        return self.session.stream(self._subject, filled(query, database=self.database), *about)

    @property
    def _subject(self) -> str:
        return f"the tables of schema {self.database}.{self.schema}"

    def _unchanged(self, row: Named) -> bool:
        changed = row.get("LAST_DDL") or row.get("LAST_ALTERED")
        return self.changed_since is not None and isinstance(changed, datetime) and changed < self.changed_since

    def _ddl(self, name: str) -> str:
        place = filled("$database.$schema.$table", database=self.database, schema=self.schema, table=name)
        [(text,)] = self.session.rows(f"the definition of table {place}", queries.DDL, place)
        return str(text)


def streams(session: Sessions, database: str, schema: str) -> Iterator[Table]:
    """The streams of one schema, with the columns of what they follow and those of their own."""
    subject = f"the streams of schema {database}.{schema}"
    for row in session.shown(subject, filled(queries.STREAMS, database=database, schema=schema)):
        table = Table(
            name=row["NAME"],
            type=TableType.STREAM,
            columns=(),
            description=row.get("COMMENT") or None,
            owner=row.get("OWNER") or None,
        )
        yield msgspec.structs.replace(
            table, described=partial(_followed, session, table, str(row.get("TABLE_NAME") or ""))
        )


def _followed(session: Sessions, stream: Table, table: str) -> Table:
    parts = qualified(table)
    if len(parts) != len(("database", "schema", "table")):
        message = f"what stream {stream.name} follows is not told: {table or 'nothing'}"
        raise ConnectorError(message, "the role needs REFERENCES on what the stream follows")
    query = filled(queries.DESCRIBED, **dict(zip(("database", "schema", "table"), parts, strict=True)))
    rows = [(row["NAME"], row["TYPE"]) for row in session.named(f"stream {stream.name}", query)]
    columns = (column_of_type(name, kind, place) for place, (name, kind) in enumerate((*rows, *OF_STREAMS), 1))
    return msgspec.structs.replace(stream, columns=tuple[Column, ...](columns), described=None)


def stages(session: Sessions, database: str, schema: str) -> Iterator[Table]:
    """The stages of one schema, which have no columns."""
    subject = f"the stages of schema {database}.{schema}"
    for row in session.shown(subject, filled(queries.STAGES, database=database, schema=schema)):
        description, owner = row.get("COMMENT") or None, row.get("OWNER") or None
        yield Table(row["NAME"], TableType.STAGE, (), description=description, owner=owner)
