"""The DDL of one table, put together from what the catalogue has of it."""

from collections.abc import Sequence

from connectors.families.postgres.columns import ColumnRows
from connectors.families.postgres.statements import ColumnDefinition, ColumnFacts, TableDefinition, TableFacts
from connectors.families.postgres.types import Shape


def table_statements(name: str, quoted: str, facts: TableFacts, columns: ColumnRows, shapes: Sequence[Shape]) -> str:
    """The SQL that makes a table anew; `shapes` are the types of its columns."""
    constraints = [definition for definition, _ in facts.constraints]
    special = _special(name, facts, columns, shapes)
    return TableDefinition(quoted, facts, _plain(columns, shapes), special, constraints).text()


def _plain(columns: ColumnRows, shapes: Sequence[Shape]) -> list[str]:
    """Every column as if it were nothing but its name, its type and NOT NULL, which nearly all are."""
    return [
        f"{name} {shape.display} NOT NULL" if not_null else f"{name} {shape.display}"
        for name, shape, not_null in zip(columns.names, shapes, columns.not_nulls, strict=True)
    ]


def _special(name: str, facts: TableFacts, columns: ColumnRows, shapes: Sequence[Shape]) -> dict[int, ColumnDefinition]:
    """The columns that say more, or less, by their places."""
    named = {column for _, column in facts.constraints if column is not None}
    if not facts.columns and not named:
        return {}
    sequences = {row.column: row for row in reversed(facts.sequences)}
    rows = {row.number: row for row in facts.columns}
    found: dict[int, ColumnDefinition] = {}
    for number in rows.keys() | named:
        place = columns.numbers.index(number)
        column = columns.names[place]
        found[place] = ColumnDefinition(
            table=name,
            name=column,
            type=shapes[place].display,
            not_null=columns.not_nulls[place],
            facts=rows.get(number) or ColumnFacts(number, column),
            sequence=sequences.get(number),
            named=number in named,
        )
    return {place: found[place] for place in sorted(found)}
