"""What the SQL of a model says of its columns, and the process that reads it."""

import re

import pytest

from connectors.cancellation import Cancellation
from connectors.errors import RunCancelled
from connectors.families.dbt.query_columns import KnownTable, Question, answer
from connectors.families.dbt.query_process import QueryProcess

ORDERS = KnownTable('"shop"."main"."orders"', ("id", "amount", "state"))
PEOPLE = KnownTable('"shop"."main"."people"', ("id", "name"))
SNOW = KnownTable("SHOP.MAIN.ORDERS", ("ID", "Odd"))
OTHER = KnownTable("SHOP.OLD.ORDERS", ("ID", "AMOUNT"))
NESTED = KnownTable("`p-1`.`d`.`Orders`", ("Id", "place", "lines"))
HOUSE = KnownTable("`main`.`orders`", ("id", "amount"))
# Takes far longer than any time that it is given: each step has the columns of the one before twice over.
LONG = "with t0 as (select * from {t}), " + ", ".join(
    f"t{n} as (select {', '.join(f'coalesce(a.c{k}, b.c{k}) as c{k}' for k in range(200))} "
    f"from t{n - 1} a join t{n - 1} b on a.c0 = b.c0)"
    for n in range(1, 60)
)


def asked(sql: str, columns: str, *tables: KnownTable, dialect: str = "duckdb", seconds: float = 60.0) -> Question:
    text = re.sub(r"\{(\d)\}", lambda match: tables[int(match[1])].relation, sql)
    return Question(text, dialect, tables, tuple(columns.split()), seconds)


def told(question: Question) -> dict[str, list[str]]:
    found = answer(question)
    assert found.error is None
    return {name: [f"{each.table}.{each.column}" for each in origins] for name, origins in found.columns.items()}


@pytest.mark.parametrize(("sql", "columns", "wanted"), [
    ("select id, amount + 1 as amount from {0}", "id amount", {"id": ["0.id"], "amount": ["0.amount"]}),
    ("select * from {0}", "id state", {"id": ["0.id"], "state": ["0.state"]}),
    ("with a as (select * from {0}) select ID as id, 1 as one from a", "id one", {"id": ["0.id"]}),
    ("select o.id, p.name from {0} o join {1} p using (id) where o.state = 'x'", "id name",
     {"id": ["0.id"], "name": ["1.name"]}),
    ("select id from {0} union all select id from {1}", "id", {"id": ["0.id", "1.id"]}),
    ("select coalesce(amount, (select max(id) from {1})) as n from {0}", "n", {"n": ["0.amount", "1.id"]}),
    ("select main.orders.id, orders.state from {0}", "id state", {"id": ["0.id"], "state": ["0.state"]}),
    ("select count(*) as n, sum(amount) as s from {0}", "n s", {"s": ["0.amount"]}),
    ("select id, name from {1} join elsewhere.things using (id)", "id name", {"id": ["1.id"], "name": ["1.name"]}),
    ("select * from elsewhere.things", "id", {}),
    ("select id, amount from {0}", "amount", {"amount": ["0.amount"]}),
    ("select nothing as id from {0}", "id", {}),
])  # fmt: skip
def test_columns_are_followed_to_tables(sql: str, columns: str, wanted: dict[str, list[str]]) -> None:
    assert told(asked(sql, columns, ORDERS, PEOPLE)) == wanted


def test_names_are_folded_as_the_system_does() -> None:
    sql = 'select a.id, a."Odd" as odd, b.amount from {0} a join {1} b on a.id = b.id'
    assert told(asked(sql, "ID ODD AMOUNT", SNOW, OTHER, dialect="snowflake")) == {
        "ID": ["0.ID"], "ODD": ["0.Odd"], "AMOUNT": ["1.AMOUNT"],
    }  # fmt: skip


def test_fields_of_structs_and_items_of_arrays_are_of_their_columns() -> None:
    sql = "select id, place.town.name as town, o.place.street as street, line from {0} as o, unnest(lines) as line"
    assert told(asked(sql, "id town street line", NESTED, dialect="bigquery")) == {
        "id": ["0.Id"], "town": ["0.place"], "street": ["0.place"], "line": ["0.lines"],
    }  # fmt: skip


def test_tables_that_lie_in_no_database_are_found() -> None:
    sql = "select o.id, sum(o.amount) over (partition by o.id) as s from {0} o final"
    assert told(asked(sql, "id s", HOUSE, dialect="clickhouse"))["id"] == ["0.id"]


@pytest.mark.parametrize(("sql", "error"), [
    ("selec id frm", "Invalid expression"),
    ("drop table {0}", "must be SELECT"),
    ("select " + "(" * 4000 + "id" + ")" * 4000 + " as id from {0}", "nested too deeply"),
])  # fmt: skip
def test_what_is_no_query_is_an_error_of_the_answer(sql: str, error: str) -> None:
    found = answer(asked(sql, "id", ORDERS))
    assert (found.columns, error in str(found.error)) == ({}, True)


def test_a_query_that_takes_too_long_ends_its_process_and_the_next_has_another() -> None:
    wide = KnownTable('"shop"."main"."wide"', tuple(f"c{n}" for n in range(200)))
    long = LONG.replace("{t}", wide.relation) + " select * from t59"
    process = QueryProcess(Cancellation())
    try:
        found = process.answer(asked(long, "c0", wide, seconds=0.2))
        assert found.error == "it takes longer than the 0.2 s of parsingTimeoutLimit"
        again = process.answer(asked("select id from {0}", "id", ORDERS))
        assert list(again.columns) == ["id"]
    finally:
        process.close()


def test_a_run_that_stops_waits_for_no_query() -> None:
    wide = KnownTable('"shop"."main"."wide"', tuple(f"c{n}" for n in range(200)))
    cancellation = Cancellation(timeout_seconds=0.5)
    process = QueryProcess(cancellation)
    try:
        with pytest.raises(RunCancelled, match="timed out"):
            process.answer(asked(LONG.replace("{t}", wide.relation) + " select * from t59", "c0", wide))
        with pytest.raises(RunCancelled):
            process.answer(asked("select id from {0}", "id", ORDERS))
    finally:
        process.close()
