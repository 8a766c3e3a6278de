"""Columns, keys and partitions in OpenMetadata's words."""

from typing import Any

import pytest

from tests.integration.connectors.sources.postgres_runs import Sent, ingest
from tests.postgres import SourceServer

TYPES = """
CREATE EXTENSION hstore; CREATE EXTENSION citext; CREATE EXTENSION ltree; CREATE EXTENSION vector;
CREATE SCHEMA other;
CREATE TYPE other.mood AS ENUM ('sad', 'happier');
CREATE TYPE other.inner_type AS (n numeric(8, 3), moods other.mood[]);
CREATE TYPE other.outer_type AS ("a.b" int, deep other.inner_type);
COMMENT ON COLUMN other.outer_type."a.b" IS 'a field';
CREATE DOMAIN other.short AS varchar(10) NOT NULL;
CREATE DOMAIN other.shorter AS other.short;
CREATE DOMAIN other.price AS numeric(10, 2);
CREATE TYPE other.float_range AS RANGE (subtype = float8);
CREATE TYPE other.date_spans AS RANGE (subtype = date);
CREATE TABLE row_type (x int);
CREATE TABLE many ({columns});
"""
# Type as declared, its display, what is sent beside that.
MANY: list[tuple[str, str, dict[str, Any]]] = [
    ("text[]", "text[]", {"dataType": "ARRAY", "arrayDataType": "TEXT"}),
    ("int[][]", "integer[]", {"dataType": "ARRAY", "arrayDataType": "INT"}),
    ("other.mood", "other.mood", {"dataType": "VARCHAR", "dataLength": 7}),
    ("other.mood[]", "other.mood[]", {"dataType": "ARRAY", "arrayDataType": "VARCHAR"}),
    ("other.shorter", "other.shorter", {"dataType": "VARCHAR", "dataLength": 10, "constraint": "NOT_NULL"}),
    ("other.price", "other.price", {"dataType": "NUMERIC", "precision": 10, "scale": 2}),
    ("other.price[]", "other.price[]", {"dataType": "ARRAY", "arrayDataType": "NUMERIC"}),
    ("tsrange", "tsrange", {"dataType": "DATETIMERANGE"}),
    ("datemultirange", "datemultirange", {"dataType": "DATETIMERANGE"}),
    ("nummultirange", "nummultirange", {"dataType": "RECORD"}),
    ("other.float_range", "other.float_range", {"dataType": "RECORD"}),
    ("other.date_spans", "other.date_spans", {"dataType": "DATETIMERANGE"}),
    ("numeric", "numeric", {"dataType": "NUMERIC"}),
    ("numeric(5)", "numeric(5,0)", {"dataType": "NUMERIC", "precision": 5, "scale": 0}),
    ("numeric(3, -2)", "numeric(3,-2)", {"dataType": "NUMERIC", "precision": 3, "scale": -2}),
    ("numeric(2, 5)", "numeric(2,5)", {"dataType": "NUMERIC"}),
    ("varchar", "character varying", {"dataType": "VARCHAR"}),
    ("char(3)", "character(3)", {"dataType": "CHAR", "dataLength": 3}),
    ('"char"', '"char"', {"dataType": "CHAR"}),
    ("name", "name", {"dataType": "VARCHAR", "dataLength": 63}),
    ("bit(8)", "bit(8)", {"dataType": "BIT", "dataLength": 8}),
    ("varbit", "bit varying", {"dataType": "BIT"}),
    ("varchar(12)[]", "character varying(12)[]", {"dataType": "ARRAY", "arrayDataType": "VARCHAR"}),
    ("oid", "oid", {"dataType": "UINT"}),
    ("regclass", "regclass", {"dataType": "UINT"}),
    ("xid8", "xid8", {"dataType": "UINT"}),
    ("tid", "tid", {"dataType": "ROWID"}),
    ("circle", "circle", {"dataType": "GEOMETRY"}),
    ("macaddr8", "macaddr8", {"dataType": "MACADDR"}),
    ("tsquery", "tsquery", {"dataType": "TSQUERY"}),
    ("pg_lsn", "pg_lsn", {"dataType": "PG_LSN"}),
    ("pg_snapshot", "pg_snapshot", {"dataType": "PG_SNAPSHOT"}),
    ("txid_snapshot", "txid_snapshot", {"dataType": "TXID_SNAPSHOT"}),
    ("interval day to second(3)", "interval day to second(3)", {"dataType": "INTERVAL"}),
    ("timestamptz(3)", "timestamp(3) with time zone", {"dataType": "TIMESTAMP"}),
    ("money", "money", {"dataType": "MONEY"}),
    ("jsonpath", "jsonpath", {"dataType": "TEXT"}),
    ("int2vector", "int2vector", {"dataType": "ARRAY", "arrayDataType": "SMALLINT"}),
    ("hstore", "public.hstore", {"dataType": "MAP"}),
    ("citext", "public.citext", {"dataType": "TEXT"}),
    ("ltree", "public.ltree", {"dataType": "TEXT"}),
    ("vector(3)", "public.vector(3)", {"dataType": "ARRAY", "arrayDataType": "FLOAT"}),
    ("pg_mcv_list", "pg_mcv_list", {"dataType": "UNKNOWN"}),
]


def test_every_type_has_its_word(source_server: SourceServer) -> None:
    declared = ", ".join(f"c{number} {declaration}" for number, (declaration, _, _) in enumerate(MANY))
    url = source_server.make_database("types", TYPES.replace("{columns}", declared))
    columns = ingest(url).columns("many")
    expected = {
        f"c{number}": {
            "name": f"c{number}",
            "dataTypeDisplay": display,
            "dataLength": 1,
            "constraint": "NULL",
            "ordinalPosition": number + 1,
        }
        | said
        for number, (_, display, said) in enumerate(MANY)
    }
    assert columns == expected


def test_composite_types_are_told_to_their_last_field(postgres: SourceServer) -> None:
    script = TYPES.replace("CREATE EXTENSION vector;", "").replace(
        "{columns}", "one other.outer_type, several other.inner_type[], of_table row_type"
    )
    columns = ingest(postgres.make_database("types", script)).columns("many")
    number, moods = columns["several"]["children"]
    assert columns["several"] | {"children": None} == {
        "name": "several",
        "dataType": "ARRAY",
        "arrayDataType": "STRUCT",
        "dataLength": 1,
        "dataTypeDisplay": "other.inner_type[]",
        "constraint": "NULL",
        "ordinalPosition": 2,
        "children": None,
    }
    assert (number["dataType"], number["precision"], number["scale"]) == ("NUMERIC", 8, 3)
    assert (moods["dataType"], moods["arrayDataType"]) == ("ARRAY", "VARCHAR")
    first, deep = columns["one"]["children"]
    assert (first["name"], first["description"]) == ("a.b", "a field")
    assert (deep["dataType"], deep["children"]) == ("STRUCT", [number, moods])
    assert [child["name"] for child in columns["of_table"]["children"]] == ["x"]


# Each type of `b` holds the one before it twice, those of `deep` once; `wide` is a composite type for many columns.
UNBOUNDED = """
CREATE TYPE b0 AS (v int);
CREATE TYPE deep0 AS (v int);
CREATE DOMAIN name0 AS int NOT NULL;
CREATE TYPE wide AS (a int, b int, c int);
DO $$ BEGIN
    FOR i IN 1 .. 16 LOOP EXECUTE format('CREATE TYPE b%s AS (l b%s, r b%2$s[])', i, i - 1); END LOOP;
    FOR i IN 1 .. 400 LOOP
        EXECUTE format('CREATE TYPE deep%s AS (inner_one deep%s)', i, i - 1);
        EXECUTE format('CREATE DOMAIN name%s AS name%s', i, i - 1);
    END LOOP;
    EXECUTE (SELECT format('CREATE TABLE wide_one (%s)', string_agg(format('c%s wide', i), ', '))
             FROM generate_series(1, 1500) AS i);
    EXECUTE (SELECT format('CREATE TABLE wide_two (%s)', string_agg(format('c%s b3', i), ', '))
             FROM generate_series(1, 1500) AS i);
END $$;
CREATE DOMAIN domain_of_b AS b16[];
CREATE TABLE bomb (id int, b b16);
CREATE TABLE disguised (b domain_of_b[], w wide);
CREATE TABLE deep (d deep400, last name400);
CREATE TABLE fitting (b b10, w wide);
CREATE TABLE not_fitting (b b10, c b10);
CREATE TYPE told AS (a int, b int);
CREATE TYPE tells AS (x told, y told);
CREATE TABLE commented (t tells);
COMMENT ON COLUMN told.a IS '{comment}';
"""


def nested(columns: list[dict[str, Any]]) -> tuple[int, int]:
    """How many fields lie in these columns, and how deep."""
    count, depth, level = 0, 0, columns
    while level := [child for column in level for child in column.get("children", ())]:
        count, depth = count + len(level), depth + 1
    return count, depth


def test_what_composite_types_come_to_is_bounded(postgres: SourceServer, caplog: pytest.LogCaptureFixture) -> None:
    url = postgres.make_database("unbounded", UNBOUNDED.replace("{comment}", "x" * 3_000_000))
    sent = ingest(url)
    assert not sent.report.failures
    assert {name: nested(table["columns"]) for name, table in sent.tables().items()} == {
        "wide_one": (4500, 1),
        "wide_two": (3000, 1),
        "bomb": (4094, 11),
        "disguised": (4097, 11),
        "deep": (32, 32),
        "fitting": (3073, 11),
        "not_fitting": (4092, 10),
        "commented": (2, 1),
    }
    assert sent.columns("deep")["last"]["constraint"] == "NOT_NULL"
    bomb = sent.columns("bomb")["b"]
    assert (bomb["dataType"], bomb["dataTypeDisplay"]) == ("STRUCT", "public.b16")
    left, right = bomb["children"]
    assert (left["dataTypeDisplay"], right["dataTypeDisplay"], right["arrayDataType"]) == (
        "public.b15",
        "public.b15[]",
        "STRUCT",
    )
    warned = {record.getMessage() for record in caplog.records if "composite types" in record.message}
    database = url.rpartition("/")[2]
    text = "has composite types of more than 5000 fields or 32 levels: what is deeper than"
    assert warned == {
        f"{database}.public.{table} {text} {depth} is left out"
        for table, depth in (
            ("wide_two", 1), ("bomb", 11), ("disguised", 11), ("deep", 32), ("not_fitting", 10), ("commented", 1)
        )
    }  # fmt: skip


MODIFIED = """
CREATE TYPE my;
CREATE FUNCTION my_in(cstring) RETURNS my LANGUAGE internal IMMUTABLE STRICT AS 'textin';
CREATE FUNCTION my_out(my) RETURNS cstring LANGUAGE internal IMMUTABLE STRICT AS 'textout';
CREATE FUNCTION my_modifier(cstring[]) RETURNS int LANGUAGE sql IMMUTABLE STRICT AS 'select ($1::text[])[1]::int';
CREATE TYPE my (INPUT = my_in, OUTPUT = my_out, TYPMOD_IN = my_modifier, LIKE = text);
CREATE TABLE modified (most my(2147483647), zero my(0), none my, least my('-2147483648'));
"""


def test_a_modifier_may_be_any_number(postgres: SourceServer) -> None:
    columns = ingest(postgres.make_database("modifiers", MODIFIED)).columns("modified")
    displays = {name: column["dataTypeDisplay"] for name, column in columns.items()}
    assert displays == {
        "most": "public.my(2147483647)",
        "zero": "public.my(0)",
        "none": "public.my",
        "least": "public.my",
    }


KEYS = """
CREATE SCHEMA other;
CREATE TABLE other.target (a int, b int, PRIMARY KEY (a, b));
CREATE TABLE parts (id int, at date, PRIMARY KEY (id, at)) PARTITION BY RANGE (at);
CREATE TABLE parts_1 PARTITION OF parts DEFAULT;
CREATE TABLE keyed (
    id int PRIMARY KEY UNIQUE, optional text UNIQUE, needed text NOT NULL UNIQUE, x int NOT NULL, y int,
    UNIQUE (y, x), FOREIGN KEY (y, x) REFERENCES other.target (b, a)
);
CREATE TABLE one_to_one (id int PRIMARY KEY REFERENCES keyed, more int REFERENCES one_to_one, at date,
                         FOREIGN KEY (id, at) REFERENCES parts (id, at));
CREATE TABLE dropped (gone int, id int, kept int UNIQUE);
ALTER TABLE dropped DROP COLUMN gone;
"""


def keys(table: dict[str, Any]) -> list[tuple[Any, ...]]:
    return [tuple(constraint.values()) for constraint in table["tableConstraints"]]


@pytest.fixture
def keyed(postgres: SourceServer) -> tuple[Sent, str]:
    url = postgres.make_database("keys", KEYS)
    return ingest(url), f"shop.{url.rpartition('/')[2]}"


def test_a_key_of_one_column_is_said_of_the_column(keyed: tuple[Sent, str]) -> None:
    columns = keyed[0].columns("keyed")
    assert {name: column["constraint"] for name, column in columns.items()} == {
        "id": "PRIMARY_KEY",
        "optional": "UNIQUE",
        "needed": "UNIQUE",
        "x": "NOT_NULL",
        "y": "NULL",
    }
    assert all("constraint" not in column for column in keyed[0].columns("target").values())
    dropped = keyed[0].columns("dropped")
    assert [(name, column["ordinalPosition"]) for name, column in dropped.items()] == [("id", 1), ("kept", 2)]
    assert dropped["kept"]["constraint"] == "UNIQUE"


def test_other_keys_are_said_of_the_table(keyed: tuple[Sent, str]) -> None:
    sent, database = keyed
    tables = sent.tables()
    referred = [f"{database}.other.target.b", f"{database}.other.target.a"]
    assert keys(tables["target"]) == [("PRIMARY_KEY", ["a", "b"])]
    assert keys(tables["keyed"]) == [
        ("UNIQUE", ["y", "x"]),
        ("FOREIGN_KEY", ["y", "x"], referred, "ONE_TO_ONE"),
    ]


def test_foreign_keys_know_whether_they_are_one_to_one(keyed: tuple[Sent, str]) -> None:
    sent, database = keyed
    own = f"{database}.public"
    assert keys(sent.tables()["one_to_one"]) == [
        ("FOREIGN_KEY", ["id", "at"], [f"{own}.parts.id", f"{own}.parts.at"], "MANY_TO_ONE"),
        ("FOREIGN_KEY", ["id"], [f"{own}.keyed.id"], "ONE_TO_ONE"),
        ("FOREIGN_KEY", ["more"], [f"{own}.one_to_one.id"], "MANY_TO_ONE"),
    ]


@pytest.mark.parametrize(
    ("key", "columns"),
    [
        ("RANGE (at)", [("at", "TIME-UNIT", None)]),
        ("RANGE (day, n)", [("day", "TIME-UNIT", None), ("n", "INTEGER-RANGE", None)]),
        ("RANGE (t)", [("t", "COLUMN-VALUE", None)]),
        ("LIST (at)", [("at", "COLUMN-VALUE", None)]),
        ("HASH (n, t)", [("n", "COLUMN-VALUE", None), ("t", "COLUMN-VALUE", None)]),
        ("RANGE (date_trunc('month', at))", [("at", "TIME-UNIT", "date_trunc('month'::text, at)")]),
        ("LIST (lower(t))", [("t", "COLUMN-VALUE", "lower(t)")]),
        ("RANGE (n, (n + 1))", [("n", "INTEGER-RANGE", None)]),
    ],
)
def test_partition_keys(source_server: SourceServer, key: str, columns: list[tuple[str, str, str | None]]) -> None:
    script = f"CREATE TABLE p (gone int, at timestamp, day date, n int, t text) PARTITION BY {key};"
    table = ingest(source_server.make_database("partitions", script)).tables()["p"]
    found = [
        (column["columnName"], column["intervalType"], column.get("interval"))
        for column in table["tablePartition"]["columns"]
    ]
    assert (table["tableType"], found) == ("Partitioned", columns)
