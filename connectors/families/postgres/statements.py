"""One table as the SQL that makes it anew. Names and expressions come from the catalogue, quoted and qualified."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import NamedTuple

import msgspec

SERIAL = {"smallint": "smallserial", "integer": "serial", "bigint": "bigserial"}
LARGEST = {"smallint": 2**15 - 1, "integer": 2**31 - 1, "bigint": 2**63 - 1}


class TableFacts(NamedTuple):
    """What ddl_queries.TABLE says; `constraints` are texts with the column whose NOT NULL one is."""

    unlogged: bool
    options: list[str] | None
    access_method: str | None
    of_type: str | None
    parents: list[str]
    partition_key: str | None
    server: str | None
    server_options: list[str]
    columns: list["ColumnFacts"]
    constraints: list[tuple[str, int | None]]
    sequences: list["SequenceFacts"]


class ColumnFacts(NamedTuple):
    """One of ddl_queries.COLUMNS; `local` is False for what only parents define."""

    number: int
    quoted: str
    expression: str | None = None
    generated: str = ""
    identity: str = ""
    collation: str | None = None
    options: Sequence[str] = ()
    local: bool = True
    default_of_parent: bool = False
    not_null_of_parent: bool = False


class SequenceFacts(NamedTuple):
    """One of ddl_queries.SEQUENCES: a sequence that belongs to a column."""

    column: int
    identity: bool
    quoted: str
    name: str
    beside_table: bool
    type: str
    start: int
    increment: int
    smallest: int
    largest: int
    cache: int
    cycle: bool

    def parameters(self) -> list[str]:
        """What differs from the sequence that Postgres makes unasked."""
        limit = LARGEST[self.type]
        up = self.increment > 0
        lower, upper = (1, limit) if up else (-limit - 1, -1)
        said = (
            (f"START WITH {self.start}", self.start != (self.smallest if up else self.largest)),
            (f"INCREMENT BY {self.increment}", self.increment != 1),
            (f"MINVALUE {self.smallest}", self.smallest != lower),
            (f"MAXVALUE {self.largest}", self.largest != upper),
            (f"CACHE {self.cache}", self.cache != 1),
            ("CYCLE", self.cycle),
        )
        return [text for text, needed in said if needed]


class ColumnDefinition(msgspec.Struct, frozen=True):
    """One column; `sequence` is the one that belongs to it, `named` says that its NOT NULL has a name of its own."""

    table: str
    name: str
    type: str
    not_null: bool
    facts: ColumnFacts
    sequence: SequenceFacts | None
    named: bool

    @property
    def serial(self) -> str | None:
        """The short form of an integer with a sequence, where it says everything."""
        sequence = self.sequence
        if sequence is None or sequence.identity or not self.not_null or not self._draws_from(sequence):
            return None
        plain = sequence.type == self.type and not sequence.parameters() and self._is_named_by_default(sequence)
        return SERIAL.get(self.type) if plain else None

    def clause(self, typed: bool) -> str | None:
        """The column as CREATE TABLE has it, if it does; in a table of a composite type what that does not say."""
        if not (self._says_more_than_type() if typed else self.facts.local):
            return None
        facts = self.facts
        serial = self.serial
        words = [facts.quoted, "WITH OPTIONS"] if typed else [facts.quoted, serial or self.type]
        if facts.options:
            words.append(f"OPTIONS ({', '.join(facts.options)})")
        if facts.collation and not typed:
            words.append(f"COLLATE {facts.collation}")
        if facts.generated:
            words.append(
                f"GENERATED ALWAYS AS ({facts.expression}) {'STORED' if facts.generated == 's' else 'VIRTUAL'}"
            )
        elif facts.identity:
            words.append(self._identity())
        elif facts.expression is not None and not serial:
            words.append(f"DEFAULT {facts.expression}")
        if self.not_null and not self.named:
            words.append("NOT NULL")
        return " ".join(words)

    def _says_more_than_type(self) -> bool:
        facts = self.facts
        return bool(facts.expression is not None or facts.identity or facts.options or self.not_null)

    def changes(self) -> Iterator[str]:
        """What a table says of a column that it has from a parent, and otherwise than that parent."""
        facts = self.facts
        if facts.local:
            return
        if not facts.default_of_parent and not facts.generated:
            yield f"SET DEFAULT {facts.expression}" if facts.expression is not None else "DROP DEFAULT"
        if self.not_null and not facts.not_null_of_parent and not self.named:
            yield "SET NOT NULL"

    def own_sequence(self) -> SequenceFacts | None:
        """The sequence that needs statements of its own."""
        sequence = self.sequence
        return None if sequence is None or sequence.identity or self.serial else sequence

    def _identity(self) -> str:
        when = "ALWAYS" if self.facts.identity == "a" else "BY DEFAULT"
        options: list[str] = []
        if self.sequence is not None:
            if not self._is_named_by_default(self.sequence):
                options.append(f"SEQUENCE NAME {self.sequence.quoted}")
            options += self.sequence.parameters()
        return f"GENERATED {when} AS IDENTITY" + (f" ({' '.join(options)})" if options else "")

    def _draws_from(self, sequence: SequenceFacts) -> bool:
        return self.facts.expression == f"nextval({literal(sequence.quoted)}::regclass)"

    def _is_named_by_default(self, sequence: SequenceFacts) -> bool:
        return sequence.beside_table and sequence.name == f"{self.table}_{self.name}_seq"


class TableDefinition(msgspec.Struct, frozen=True):
    """One table; `columns` are written as plain ones, those that are not are in `special` too, by their places.

    `constraints` are written as after the word CONSTRAINT.
    """

    quoted: str
    facts: TableFacts
    columns: Sequence[str]
    special: Mapping[int, ColumnDefinition]
    constraints: Sequence[str]

    def text(self) -> str:
        """The statement that makes the table, between those about its own sequences and its inherited columns."""
        facts = self.facts
        kind = "FOREIGN TABLE" if facts.server else "UNLOGGED TABLE" if facts.unlogged else "TABLE"
        typed = f" OF {facts.of_type}" if facts.of_type else ""
        columns: list[str | None] = [*self.columns]
        for place, column in self.special.items():
            columns[place] = column.clause(bool(typed))
        items = [*filter(None, columns), *[f"CONSTRAINT {constraint}" for constraint in self.constraints]]
        body = " (\n    " + ",\n    ".join(items) + "\n)" if items else " (\n)"
        made = f"CREATE {kind} {self.quoted}{typed}{'' if typed and not items else body}{self._tail()};"
        return "\n".join([*self._sequences(), made, *self._afterwards()]) if self.special else made

    def _tail(self) -> str:
        facts = self.facts
        if not any(facts[1:8]):  # all that is looked at below, and most tables have none of it
            return ""
        words = [
            f"INHERITS ({', '.join(facts.parents)})" if facts.parents else "",
            f"PARTITION BY {facts.partition_key}" if facts.partition_key else "",
            f"USING {facts.access_method}" if facts.access_method else "",
            with_options(facts.options),
            f"SERVER {facts.server}" if facts.server else "",
            f"OPTIONS ({', '.join(facts.server_options)})" if facts.server_options else "",
        ]
        return "".join(f"\n{word}" for word in words if word)

    def _sequences(self) -> Iterator[str]:
        for column in self.special.values():
            if (sequence := column.own_sequence()) is not None:
                yield f"{' '.join(['CREATE SEQUENCE', sequence.quoted, 'AS', sequence.type, *sequence.parameters()])};"

    def _afterwards(self) -> Iterator[str]:
        foreign = "FOREIGN " if self.facts.server else ""
        for column in self.special.values():
            for change in column.changes():
                yield f"ALTER {foreign}TABLE ONLY {self.quoted} ALTER COLUMN {column.facts.quoted} {change};"
            if (sequence := column.own_sequence()) is not None:
                yield f"ALTER SEQUENCE {sequence.quoted} OWNED BY {self.quoted}.{column.facts.quoted};"


def view_statement(kind: str, quoted: str, options: Iterable[str] | None, query: str) -> str:
    """The statement that makes a view or, as `kind` says, a materialized view."""
    return " ".join(word for word in (f"CREATE {kind}", quoted, with_options(options), f"AS\n{query}") if word)


def with_options(options: Iterable[str] | None) -> str:
    """Storage and view options as a statement has them; the catalogue has them as name=value."""
    pairs = (option.partition("=") for option in options or ())
    listed = ", ".join(f"{name}={literal(value)}" for name, _, value in pairs)
    return f"WITH ({listed})" if listed else ""


def literal(text: str) -> str:
    """A text as an SQL literal."""
    doubled = text.replace("'", "''")
    return "E'" + doubled.replace("\\", "\\\\") + "'" if "\\" in text else f"'{doubled}'"
