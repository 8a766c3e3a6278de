"""The DDL of some tables, put together from questions about all of them."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

from connectors.families.sql import grouped
from connectors.sources.postgres import ddl_queries
from connectors.sources.postgres.columns import ColumnRows
from connectors.sources.postgres.session import Row
from connectors.sources.postgres.statements import (
    ColumnDefinition,
    ColumnFacts,
    SequenceFacts,
    TableDefinition,
    TableFacts,
)
from connectors.sources.postgres.types import Types


@dataclass(frozen=True, slots=True)
class Definitions:
    """The rows that DDL is made of, by the oids of the tables."""

    types: Types
    tables: Mapping[int, TableFacts]
    columns: Mapping[int, list[Row]]
    constraints: Mapping[int, list[Row]]
    sequences: Mapping[int, list[Row]]

    @classmethod
    def of(cls, ask: Callable[[str], list[Row]], types: Types) -> "Definitions":
        """Read what DDL needs about the tables that `ask` speaks of."""
        return cls(
            types,
            {facts.oid: facts for facts in map(TableFacts._make, ask(ddl_queries.TABLES))},
            grouped(ask(ddl_queries.COLUMNS)),
            grouped(ask(ddl_queries.CONSTRAINTS)),
            grouped(ask(ddl_queries.SEQUENCES)),
        )

    def of_table(self, name: str, quoted: str, columns: ColumnRows) -> Callable[[], str] | None:
        """What writes the DDL of one table once it is asked for; None for a view."""
        oid = columns.oid
        facts = self.tables.get(oid)
        if facts is None:
            return None

        def text() -> str:
            constraints = [definition for _, definition, _ in self.constraints.get(oid, ())]
            return TableDefinition(quoted, facts, [*self._columns(name, columns)], constraints).text()

        return text

    def _columns(self, table: str, columns: ColumnRows) -> Iterator[str | ColumnDefinition]:
        oid, numbers, names, oids, modifiers, not_nulls, _ = columns
        special = {row.number: row for row in map(ColumnFacts._make, self.columns.get(oid, ()))}
        sequences = {row.column: row for row in map(SequenceFacts._make, reversed(self.sequences.get(oid, [])))}
        named = {column for _, _, column in self.constraints.get(oid, ())}
        shapes = self.types.shapes
        for number, name, key, not_null in zip(
            numbers, names, zip(oids, modifiers, strict=True), not_nulls, strict=True
        ):
            facts, display = special.get(number), shapes[key].display
            if facts is None:
                yield f"{name} {display} NOT NULL" if not_null and number not in named else f"{name} {display}"
            else:
                yield ColumnDefinition(
                    table, name, display, not_null, facts, sequences.get(number), named=number in named
                )
