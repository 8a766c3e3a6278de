"""Which tables, routines, tags, schemas and databases are found, under which names, and what rights do to that."""

import uuid
from collections import Counter
from collections.abc import Iterator

import psycopg
import pytest
from psycopg import sql

from connectors.families.postgres.tables import PIECE_TABLES
from connectors.models.base import CreateRequest
from tests.integration.connectors.sources.postgres_runs import Sent, as_role, context, ingest, opened, run
from tests.postgres import SourceServer

KINDS = """
CREATE EXTENSION pg_stat_statements; CREATE EXTENSION postgres_fdw;
CREATE SERVER away FOREIGN DATA WRAPPER postgres_fdw;
CREATE TABLE plain (x int);
CREATE UNLOGGED TABLE scratch (x int);
CREATE TABLE heir () INHERITS (plain);
CREATE TABLE parts (x int) PARTITION BY LIST (x);
CREATE TABLE part_1 PARTITION OF parts FOR VALUES IN (1) PARTITION BY LIST (x);
CREATE TABLE part_1_1 PARTITION OF part_1 FOR VALUES IN (1);
CREATE FOREIGN TABLE far (x int) SERVER away;
CREATE VIEW seen AS SELECT x FROM plain;
CREATE RECURSIVE VIEW counted (n) AS VALUES (1) UNION ALL SELECT n + 1 FROM counted WHERE n < 3;
CREATE MATERIALIZED VIEW kept AS SELECT x FROM plain WITH NO DATA;
CREATE TEMPORARY TABLE gone_soon (x int);
CREATE SEQUENCE numbers;
CREATE TYPE composite AS (x int);
"""
ODD = """
CREATE SCHEMA "s ""1"".x";
CREATE TABLE "s ""1"".x"."t::a > ""b"".c
d\te" ("q::""x"".
y" int PRIMARY KEY, "größe" int UNIQUE);
CREATE TABLE "s ""1"".x".ref (r int REFERENCES "s ""1"".x"."t::a > ""b"".c
d\te");
CREATE VIEW "s ""1"".x"."V w" AS SELECT * FROM "s ""1"".x".ref;
CREATE FUNCTION "s ""1"".x"."f.""x" () RETURNS int LANGUAGE sql AS 'SELECT 1';
"""


def test_every_kind_of_table(postgres: SourceServer) -> None:
    sent = ingest(postgres.make_database("kinds", KINDS))
    assert {name: table["tableType"] for name, table in sent.tables().items()} == {
        "plain": "Regular",
        "scratch": "Regular",
        "heir": "Regular",
        "parts": "Partitioned",
        "far": "Foreign",
        "seen": "View",
        "counted": "View",
        "kept": "MaterializedView",
    }
    assert list(sent.requests("storedProcedures")) == []


def test_schema_of_more_tables_than_are_read_at_a_time(postgres: SourceServer) -> None:
    count = 2 * PIECE_TABLES + 1
    made = f"""
        DO $$ BEGIN
            FOR i IN 1 .. {count} LOOP EXECUTE format('CREATE TABLE many_%s (a int NOT NULL, b text)', i); END LOOP;
        END $$;
        CREATE TABLE bare ();
        CREATE TYPE late AS ENUM ('x');
        CREATE TABLE last_of_all (l late);
        CREATE SCHEMA elsewhere;
        CREATE TABLE elsewhere.moved_in (x int);
        ALTER TABLE elsewhere.moved_in SET SCHEMA public;
        CREATE TABLE moved_out (x int);
        ALTER TABLE moved_out SET SCHEMA elsewhere;"""
    sent = ingest(postgres.make_database("many", made))
    tables = list(sent.requests("tables").values())
    assert len(tables) == sum(record.entity == "table" for record in sent.records if isinstance(record, CreateRequest))
    in_public = Counter(table["name"] for table in tables if table["databaseSchema"].endswith(".public"))
    assert in_public == Counter([*(f"many_{i + 1}" for i in range(count)), "bare", "last_of_all", "moved_in"])
    assert [table["name"] for table in tables if table["databaseSchema"].endswith(".elsewhere")] == ["moved_out"]
    by_name = {table["name"]: [column["dataTypeDisplay"] for column in table["columns"]] for table in tables}
    assert by_name["bare"] == []
    assert by_name["last_of_all"] == ["public.late"]
    assert by_name[f"many_{count}"] == ["integer", "text"]


def test_odd_names_are_kept(postgres: SourceServer) -> None:
    url = postgres.make_database("odd", ODD)
    sent = ingest(url, {"includeDDL": True})
    assert not sent.report.failures
    quoted, newline, tab = "__reserved__quote__", "__reserved__newline__", "__reserved__tab__"
    schema = f'shop.{url.rpartition("/")[2]}."s {quoted}1{quoted}.x"'
    table = f"t__reserved__colon__a __reserved__arrow__ {quoted}b{quoted}.c{newline}d{tab}e"
    assert set(sent.requests("tables")) == {f'{schema}."{table}"', f"{schema}.ref", f"{schema}.V w"}
    column = f"q__reserved__colon__{quoted}x{quoted}.{newline}y"
    assert [each["name"] for each in sent.tables()[table]["columns"]] == [column, "größe"]
    [key] = sent.tables()["ref"]["tableConstraints"]
    assert key["referredColumns"] == [f'{schema}."{table}"."{column}"']
    assert list(sent.requests("storedProcedures")) == [f'{schema}."f.{quoted}x"']


ROUTINES = """
CREATE SCHEMA other;
CREATE EXTENSION hstore;
CREATE FUNCTION one(a int, b text DEFAULT 'x') RETURNS int LANGUAGE sql AS 'SELECT 1';
CREATE FUNCTION over(a int) RETURNS int LANGUAGE sql AS 'SELECT 2';
CREATE FUNCTION over(a timestamptz, VARIADIC b hstore[]) RETURNS int LANGUAGE plpgsql AS 'BEGIN RETURN 3; END';
CREATE PROCEDURE over() LANGUAGE plpgsql AS 'BEGIN END';
CREATE FUNCTION other.over() RETURNS int LANGUAGE sql RETURN 4 + 5;
CREATE FUNCTION fires() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END';
CREATE FUNCTION linked(internal) RETURNS internal LANGUAGE internal AS 'array_unnest_support';
CREATE AGGREGATE total(int) (SFUNC = int4pl, STYPE = int);
COMMENT ON FUNCTION one(int, text) IS 'The one';
CREATE TYPE span AS RANGE (subtype = int4);
"""


def test_routines(postgres: SourceServer) -> None:
    routines = list(ingest(postgres.make_database("routines", ROUTINES)).requests("storedProcedures").values())
    found = {
        (routine["databaseSchema"].rpartition(".")[2], routine["name"]): (
            routine["storedProcedureType"],
            routine["storedProcedureCode"]["language"],
            routine["storedProcedureCode"]["code"],
        )
        for routine in routines
    }
    assert found == {
        ("public", "one"): ("Function", "SQL", "SELECT 1"),
        ("public", "over"): ("Function", "SQL", "SELECT 2"),
        ("public", "over(timestamp with time zone, public.hstore[])"): ("Function", "SQL", "BEGIN RETURN 3; END"),
        ("public", "over()"): ("StoredProcedure", "SQL", "BEGIN END"),
        ("public", "fires"): ("Function", "SQL", "BEGIN RETURN NEW; END"),
        ("public", "linked"): ("Function", "External", "array_unnest_support"),
        ("other", "over"): ("Function", "SQL", "RETURN (4 + 5)"),
    }
    assert [routine["description"] for routine in routines if "description" in routine] == ["The one"]


POLICIES = """
CREATE SCHEMA other;
CREATE TABLE a (x int); CREATE TABLE other.b (x int); CREATE TABLE c (x int);
ALTER TABLE a ENABLE ROW LEVEL SECURITY;
CREATE POLICY own_rows ON a USING (x > 1);
CREATE POLICY "odd. ""name"" " ON a USING (x > 2);
CREATE POLICY own_rows ON other.b FOR SELECT USING (true);
"""


def test_policies_are_tags(postgres: SourceServer) -> None:
    sent = ingest(postgres.make_database("policies", POLICIES), classificationName="Row.Policies")
    assert list(sent.requests("classifications")) == ['"Row.Policies"']
    odd = "odd. __reserved__quote__name__reserved__quote__ "
    assert {(tag["classification"], tag["name"]) for tag in sent.requests("tags").values()} == {
        ('"Row.Policies"', odd),
        ('"Row.Policies"', "own_rows"),
    }
    tags = {name: [tag["tagFQN"] for tag in table.get("tags", ())] for name, table in sent.tables().items()}
    own_rows = '"Row.Policies".own_rows'
    assert tags == {"a": [f'"Row.Policies"."{odd}"', own_rows], "b": [own_rows], "c": []}


def test_without_tags_no_policy_is_read(source_server: SourceServer) -> None:
    sent = ingest(source_server.make_database("policies", POLICIES), {"includeTags": False})
    assert not sent.requests("tags")
    assert not any("tags" in table for table in sent.tables().values())


@pytest.fixture
def role(source_server: SourceServer) -> Iterator[str]:
    """A role that may log in, and nothing else."""
    name = f"Reader {uuid.uuid4().hex[:8]}"
    with source_server.server.admin() as connection:
        connection.execute(sql.SQL("CREATE ROLE {} LOGIN PASSWORD 'pw'").format(sql.Identifier(name)))
    yield name
    with source_server.server.admin() as connection:
        connection.execute(sql.SQL("DROP OWNED BY {0}; DROP ROLE {0}").format(sql.Identifier(name)))


SECRET = """
CREATE SCHEMA a_open; CREATE SCHEMA hidden; CREATE SCHEMA z_open;
GRANT USAGE ON SCHEMA a_open, z_open TO PUBLIC;
CREATE TABLE a_open.t (x int); CREATE TABLE hidden.t (x int); CREATE TABLE z_open.t (x int);
CREATE FUNCTION hidden.f() RETURNS int LANGUAGE sql AS 'SELECT 1';
"""
A_FUNCTION = "CREATE FUNCTION a_open.f() RETURNS int LANGUAGE sql AS 'SELECT 1';"


def lost(sent: Sent) -> list[tuple[str, str, str | None]]:
    return [(failure.entity, failure.name.rpartition(".")[2], failure.advice) for failure in sent.report.failures]


@pytest.mark.parametrize("threads", [1, 3])
def test_a_schema_that_may_not_be_used_is_one_failure(source_server: SourceServer, role: str, threads: int) -> None:
    url = as_role(source_server.make_database("denied", SECRET), role)
    sent = ingest(url, threads=threads)
    assert lost(sent) == [("table", "hidden", f'GRANT USAGE ON SCHEMA "hidden" TO "{role}"')]
    assert "permission denied for schema hidden" in sent.report.failures[0].cause
    assert {name.split(".")[2] for name in sent.requests("tables")} == {"a_open", "z_open"}
    assert {name.split(".")[2] for name in sent.requests("databaseSchemas")} == {"a_open", "hidden", "public", "z_open"}
    listed = {scope.fqn.split(".")[2] for scope in sent.deletions() if scope.entity == "table"}
    assert listed == {"a_open", "public", "z_open"}


def test_a_catalogue_that_may_not_be_read_is_named(source_server: SourceServer, role: str) -> None:
    url = source_server.make_database("denied", f"{SECRET} {A_FUNCTION} REVOKE SELECT ON pg_proc FROM PUBLIC;")
    sent = ingest(as_role(url, role), {"schemaFilterPattern": {"includes": ["a_open", "z_open"]}})
    assert lost(sent) == [("storedProcedure", "a_open", f'GRANT SELECT ON pg_proc TO "{role}"')]
    assert {name.split(".")[2] for name in sent.requests("tables")} == {"a_open", "z_open"}


def test_all_databases(source_server: SourceServer, role: str) -> None:
    prefix = f"all_{uuid.uuid4().hex[:8]}"
    script = "CREATE SCHEMA s; GRANT USAGE ON SCHEMA s TO PUBLIC; CREATE TABLE s.t (x int);"
    first, second, full, closed = (source_server.make_database(f"{prefix}_{name}", script) for name in "abcd")
    names = [url.rpartition("/")[2] for url in (first, second, full, closed)]
    with source_server.server.admin() as connection:
        connection.execute(f"COMMENT ON DATABASE {names[0]} IS 'the first'".encode())
        connection.execute(f"ALTER DATABASE {names[2]} CONNECTION LIMIT 0".encode())
        connection.execute(f"REVOKE CONNECT ON DATABASE {names[3]} FROM PUBLIC".encode())
    pattern = {"databaseFilterPattern": {"includes": [f"^{prefix}"]}}
    sent = run(context(as_role(first, role), {**pattern, "markDeletedDatabases": True}, ingestAllDatabases=True))
    assert [request.get("description") for request in sent.requests("databases").values()] == ["the first", None, None]
    assert [name.split(".")[1] for name in sent.requests("tables")] == names[:2]
    assert [(failure.entity, failure.name) for failure in sent.report.failures] == [
        ("databaseSchema", f"shop.{names[2]}")
    ]
    assert "too many connections for database" in sent.report.failures[0].cause
    with opened(context(as_role(first, role), ingestAllDatabases=True)) as source:
        closed_to_us = {row.name: row.closed for row in source.databases()}
        assert source.lists_all_databases
    assert [closed_to_us[name] for name in names] == [False, False, False, True]
    assert closed_to_us["template0"]
    with opened(context(as_role(first, role))) as source:
        assert not source.lists_all_databases


def test_rows_carry_owners_and_counts_are_given(source_server: SourceServer, role: str) -> None:
    owned = f'CREATE SCHEMA mine AUTHORIZATION "{role}"; SET ROLE "{role}"; CREATE TABLE mine.t (x int);'
    url = source_server.make_database("owners", f"{owned} CREATE FUNCTION mine.f() RETURNS int LANGUAGE sql RETURN 1;")
    name = url.rpartition("/")[2]
    with opened(context(url)) as source:
        owners = [row.owner for row in source.schemas(name) if row.name == "mine"]
        owners += [row.owner for listing in (source.tables, source.routines) for row in listing(name, "mine")]
        assert [row.owner for row in source.databases()] == [source_server.server.user]
        assert source.counts(name) == {
            "mine": {"table": 1, "storedProcedure": 1},
            "public": {"table": 0, "storedProcedure": 0},
        }
    assert owners == [role, role, role]
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(sql.SQL("DROP OWNED BY {} CASCADE").format(sql.Identifier(role)))
