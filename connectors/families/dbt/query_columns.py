"""Which columns of which tables the columns of a query are made of.

`python -m connectors.families.dbt.query_columns` answers a question a line, each within its time, or ends.
"""

import importlib
import resource
import signal
import sys
from collections.abc import Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Protocol, cast

import msgspec

from connectors.decoding import decode

if TYPE_CHECKING:
    from sqlglot import exp
    from sqlglot.lineage import Node
    from sqlglot.schema import MappingSchema

# Trees of a query are some hundred times as large as its text, which the asking side bounds.
MEMORY_BYTES = 1 << 30


class KnownTable(msgspec.Struct, frozen=True):
    """A table that a query may read: how it is written in SQL, and its columns."""

    relation: str
    columns: tuple[str, ...]


class Question(msgspec.Struct, frozen=True):
    """A query, and the columns of the table that it makes; `seconds` is the time there is for it."""

    sql: str
    dialect: str
    tables: tuple[KnownTable, ...]
    columns: tuple[str, ...]
    seconds: float


class Origin(msgspec.Struct, frozen=True, order=True):
    """A column of a table, by the table's place in the question."""

    table: int
    column: str


class Parser(Protocol):
    """Of sqlglot.lineage, whose own types are not complete."""

    def lineage(
        self, column: None, sql: "exp.Expr", schema: "MappingSchema", *, dialect: str, copy: bool
    ) -> Mapping[str, "Node"]:
        """What each column of a query is made of."""
        ...


class Answer(msgspec.Struct, frozen=True):
    """The origins of each column that has some, or why there are none to tell."""

    columns: dict[str, tuple[Origin, ...]] = {}
    error: str | None = None


def answer(question: Question) -> Answer:
    """What can be told of the columns of a query; one that cannot be understood is an error of the answer."""
    from sqlglot.errors import SqlglotError

    try:
        return Answer(dict(_origins(question)))
    except SqlglotError as error:
        return Answer(error=str(error).partition("\n")[0])
    except RecursionError:
        return Answer(error="it is nested too deeply")


def _origins(question: Question) -> Iterator[tuple[str, tuple[Origin, ...]]]:
    from sqlglot import exp, parse_one
    from sqlglot.schema import MappingSchema

    query = parse_one(question.sql, read=question.dialect)
    folded = _folded(question.columns, question.dialect)
    known = [_folded(table.columns, question.dialect) for table in question.tables]
    names = [_short_name(place, question.dialect) for place in range(len(known))]
    _rename(query, dict(zip(_written(question), names, strict=True)))
    schema = MappingSchema(
        {name: dict.fromkeys(columns, "unknown") for name, columns in zip(names, known, strict=True)},
        dialect=question.dialect,
        normalize=False,
    )
    places = {name: place for place, name in enumerate(names)}
    nodes = _parser().lineage(None, query, schema, dialect=question.dialect, copy=False)
    for name, node in nodes.items():
        if name not in folded:
            continue
        found: set[Origin] = set()
        for leaf in node.walk():
            place = places.get(leaf.expression.name) if isinstance(leaf.expression, exp.Table) else None
            column = exp.to_column(leaf.name).name
            if place is not None and column in known[place]:
                found.add(Origin(place, known[place][column]))
        if found:
            yield folded[name], tuple(sorted(found))


def _parser() -> Parser:
    return cast("Parser", importlib.import_module("sqlglot.lineage"))


def _written(question: Question) -> Iterator[tuple[str, ...]]:
    """The parts of the tables' names as they stand in SQL."""
    from sqlglot import exp

    for table in question.tables:
        yield tuple(part.name for part in exp.to_table(table.relation, dialect=question.dialect).parts)


def _rename(query: "exp.Expr", names: Mapping[tuple[str, ...], str]) -> None:
    """Give the tables short names, so that it does not matter how many parts theirs have."""
    from sqlglot import exp

    for table in list(query.find_all(exp.Table)):
        name = names.get(tuple(part.name for part in table.parts))
        if name is None:
            continue
        if not table.alias:
            table.set("alias", exp.TableAlias(this=table.this.copy()))
        table.set("this", exp.to_identifier(name, quoted=True))
        table.set("db", None)
        table.set("catalog", None)
    for column in query.find_all(exp.Column):
        parts = tuple(part.name for part in column.parts[:-1])
        # Else what stands before the name may be a column that holds a struct.
        if len(parts) > 1 and any(name[-len(parts) :] == parts for name in names):
            column.set("db", None)
            column.set("catalog", None)


def _short_name(place: int, dialect: str) -> str:
    return next(iter(_folded([f"t_{place}"], dialect)))


def _folded(names: Iterable[str], dialect: str) -> dict[str, str]:
    """Names by what they are to a system that may look at them whatever their case."""
    from sqlglot import Dialect, exp

    rules = Dialect.get_or_raise(dialect)
    return {rules.normalize_identifier(exp.to_identifier(name, quoted=True)).name: name for name in names}


def main() -> None:
    """Answer until nobody asks any more."""
    _parser()  # now, so that no question's time goes into it
    resource.setrlimit(resource.RLIMIT_DATA, (MEMORY_BYTES, resource.getrlimit(resource.RLIMIT_DATA)[1]))
    signal.signal(signal.SIGALRM, signal.SIG_DFL)
    for line in sys.stdin.buffer:
        question = decode(line, Question)
        signal.setitimer(signal.ITIMER_REAL, question.seconds)
        told = msgspec.json.encode(answer(question))
        signal.setitimer(signal.ITIMER_REAL, 0)
        sys.stdout.buffer.write(told + b"\n")
        sys.stdout.buffer.flush()


if __name__ == "__main__":
    main()
