"""The DDL of one schema's tables, merged from streams of rows like the tables themselves."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from connectors.families.postgres import ddl_queries, queries
from connectors.families.postgres.session import Row, Snapshot
from connectors.families.postgres.statements import (
    ColumnDefinition,
    ColumnFacts,
    SequenceFacts,
    TableDefinition,
    TableFacts,
)
from connectors.families.postgres.types import Types
from connectors.families.sql import DetailStream


@dataclass(frozen=True, slots=True)
class Definitions:
    """The streams that DDL is made of, to be asked table by table in ascending order of their oids."""

    types: Types
    tables: DetailStream[Row]
    columns: DetailStream[Row]
    constraints: DetailStream[Row]
    sequences: DetailStream[Row]

    @classmethod
    def of(cls, snapshot: Snapshot, schema: int, types: Types) -> "Definitions":
        """Start to read what DDL needs about the schema with this oid."""
        wanted = (ddl_queries.TABLES, ddl_queries.COLUMNS, ddl_queries.CONSTRAINTS, ddl_queries.SEQUENCES)
        composed = (queries.composed(query, snapshot.version, schema) for query in wanted)
        tables, columns, constraints, sequences = map(DetailStream[Row], snapshot.streams(*composed))
        return cls(types, tables, columns, constraints, sequences)

    def of_table(self, oid: int, name: str, quoted: str, columns: Sequence[Row]) -> Callable[[], str] | None:
        """What writes the DDL of one table once it is asked for; None for a view."""
        facts = self.tables.of(oid)
        if not facts:
            return None
        constraints = self.constraints.of(oid)
        details = self.columns.of(oid)
        sequences = {row.column: row for row in map(SequenceFacts._make, reversed(self.sequences.of(oid)))}
        named = {column for _, _, column in constraints}

        def text() -> str:
            definitions = [
                ColumnDefinition(
                    table=name,
                    name=column,
                    type=self.types.shapes[type_oid, modifier]["data_type_display"],
                    not_null=not_null,
                    facts=ColumnFacts._make(detail),
                    sequence=sequences.get(number),
                    named=number in named,
                )
                for (_, number, column, type_oid, modifier, not_null, _), detail in zip(columns, details, strict=True)
            ]
            written = [definition for _, definition, _ in constraints]
            return TableDefinition(quoted, TableFacts._make(facts[0]), definitions, written).text()

        return text
