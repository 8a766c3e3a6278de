"""The DDL of some tables, put together from questions about all of them."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from connectors.families.postgres import ddl_queries
from connectors.families.postgres.columns import ColumnRows
from connectors.families.postgres.session import Row
from connectors.families.postgres.statements import (
    ColumnDefinition,
    ColumnFacts,
    SequenceFacts,
    TableDefinition,
    TableFacts,
)
from connectors.families.postgres.types import Types
from connectors.families.sql import grouped


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
            return TableDefinition(
                quoted, facts, self._plain(columns), self._special(name, columns), constraints
            ).text()

        return text

    def _plain(self, columns: ColumnRows) -> list[str]:
        """Every column as if it were nothing but its name, its type and NOT NULL, which nearly all are."""
        shapes = map(self.types.shapes.__getitem__, zip(columns.types, columns.modifiers, strict=True))
        return [
            f"{name} {shape.display} NOT NULL" if not_null else f"{name} {shape.display}"
            for name, shape, not_null in zip(columns.names, shapes, columns.not_nulls, strict=True)
        ]

    def _special(self, table: str, columns: ColumnRows) -> dict[int, ColumnDefinition]:
        """The columns that say more, or less, by their places."""
        oid = columns.oid
        if not self.columns.get(oid) and not any(column for _, _, column in self.constraints.get(oid, ())):
            return {}
        sequences = {row.column: row for row in map(SequenceFacts._make, reversed(self.sequences.get(oid, [])))}
        named = {column for _, _, column in self.constraints.get(oid, ()) if column is not None}
        rows = {row.number: row for row in map(ColumnFacts._make, self.columns.get(oid, ()))}
        found: dict[int, ColumnDefinition] = {}
        for number in rows.keys() | named:
            place = columns.numbers.index(number)
            name, key = columns.names[place], (columns.types[place], columns.modifiers[place])
            found[place] = ColumnDefinition(
                table=table,
                name=name,
                type=self.types.shapes[key].display,
                not_null=columns.not_nulls[place],
                facts=rows.get(number) or ColumnFacts(oid, number, name),
                sequence=sequences.get(number),
                named=number in named,
            )
        return {place: found[place] for place in sorted(found)}
