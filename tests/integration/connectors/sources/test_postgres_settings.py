"""What a server, a database or a role has otherwise than others, and what is sent of it all the same."""

import json
import uuid
from typing import Any

import psycopg
import pytest
from psycopg import sql

from tests.integration.connectors.sources.postgres_runs import as_role, ingest
from tests.postgres import SourceServer

OBJECTS = r"""
CREATE TABLE t (
    "select" "char",
    at date DEFAULT '2020-01-02',
    moment timestamptz DEFAULT '2020-01-02 03:04:05+06',
    during interval DEFAULT '1 day 02:00:00',
    real float8 DEFAULT 0.1::float8 + 0.2::float8,
    fixed float8 DEFAULT '0.30000000000000004',
    raw bytea DEFAULT '\x00ff',
    text text DEFAULT E'a\\b',
    times timestamp[] DEFAULT '{2020-01-02 03:04:05}',
    CHECK (at > '1999-12-31')
);
CREATE TABLE parts (at date) PARTITION BY LIST ((at - date '2020-01-02'));
CREATE VIEW v AS SELECT at FROM t WHERE at = '2020-01-02' AND moment < '2020-01-02 03:04:05+06';
CREATE FUNCTION f(a int, b date DEFAULT '2020-01-02') RETURNS date LANGUAGE sql AS 'SELECT date ''2020-01-02''';
"""
NEWER = "CREATE FUNCTION g() RETURNS date LANGUAGE sql BEGIN ATOMIC SELECT date '2020-01-02'; END;"
UNUSUAL = {
    "datestyle": "'German'",
    "intervalstyle": "'sql_standard'",
    "timezone": "'Asia/Kolkata'",
    "extra_float_digits": "-10",
    "bytea_output": "'escape'",
    "quote_all_identifiers": "on",
    "standard_conforming_strings": "off",
    "search_path": "'public'",
}
POSTGRES_14 = 140000


def sent(url: str) -> dict[str, Any]:
    """All that is sent of a database, without the name of the database."""
    found = ingest(url, {"includeDDL": True})
    assert not found.report.failures
    requests = {collection: found.requests(collection) for collection in ("tables", "storedProcedures")}
    assert {name.rpartition(".")[2] for name in requests["tables"]} == {"t", "parts", "v"}
    name = url.rpartition("/")[2]
    return {
        fqn.replace(name, "db"): {key: value for key, value in each.items() if key != "databaseSchema"}
        for of_one in requests.values()
        for fqn, each in of_one.items()
    }


@pytest.mark.parametrize("subject", ["DATABASE", "ROLE"])
def test_settings_of_a_database_or_a_role_change_no_text(postgres: SourceServer, subject: str) -> None:
    usual, unusual = (postgres.make_database("settings", OBJECTS) for _ in range(2))
    name = unusual.rpartition("/")[2]
    with psycopg.connect(usual) as connection:
        newer = NEWER if connection.info.server_version >= POSTGRES_14 else ""
        connection.execute(newer.encode())
    with psycopg.connect(unusual) as connection:
        connection.execute(newer.encode())
        connection.execute(f"CREATE ROLE {name} LOGIN PASSWORD 'pw'; GRANT USAGE ON SCHEMA public TO {name}".encode())
        for setting, value in UNUSUAL.items():
            connection.execute(f"ALTER {subject} {name} SET {setting} = {value}".encode())
    found = sent(as_role(unusual, name))
    assert found == sent(usual)
    columns = {column["name"]: column["dataTypeDisplay"] for column in found["shop.db.public.t"]["columns"]}
    assert (columns["select"], columns["at"]) == ('"char"', "date")
    ddl = found["shop.db.public.t"]["schemaDefinition"]
    for text in (
        "'2020-01-02'::date",
        "'2020-01-01 21:04:05+00'",
        "'1 day 02:00:00'",
        r"'\x00ff'",
        "30000000000000004",
    ):
        assert text in ddl, text


# Once in Latin-1, as programs wrote it that nobody told of UTF-8, and once as it should be.
ANY_BYTES = """
CREATE SCHEMA "sch\xf6n";
CREATE TABLE "sch\xf6n".inside (a int);
CREATE FUNCTION "sch\xf6n".within() RETURNS int LANGUAGE sql AS 'SELECT 1';
CREATE TABLE "gr\xf6\xdfe" (id int PRIMARY KEY, "l\xe4nge" text DEFAULT '\xfc', CHECK ("l\xe4nge" <> 'B\xe4r'));
COMMENT ON TABLE "gr\xf6\xdfe" IS 'sagt "\xdc" \\';
COMMENT ON COLUMN "gr\xf6\xdfe".id IS '\xff';
CREATE TYPE "f\xe4rbung" AS ENUM ('wei\xdf', 'orange');
CREATE TYPE "ma\xdf" AS ("h\xf6he" int, "farbe" "f\xe4rbung");
CREATE TABLE used ("gr\xf6\xdfe" int REFERENCES "gr\xf6\xdfe", m "ma\xdf");
CREATE VIEW "\xe4nder" AS SELECT 'K\xf6ln'::text AS ort FROM used;
CREATE FUNCTION "z\xe4hle"() RETURNS text LANGUAGE sql AS 'SELECT ''\xe4''';
ALTER TABLE used ENABLE ROW LEVEL SECURITY;
CREATE POLICY "m\xfcller" ON used;
"""


def without_encoding(server: SourceServer, script: bytes) -> str:
    """A database that takes any bytes, with those of the script."""
    name = f"bytes_{uuid.uuid4().hex[:8]}"
    statement = "CREATE DATABASE {} TEMPLATE template0 ENCODING 'SQL_ASCII' LOCALE_PROVIDER libc LOCALE 'C'"
    server.server.keeper.execute(sql.SQL(statement).format(sql.Identifier(name)))
    url = server.server.url(name)
    with psycopg.connect(url, client_encoding="SQL_ASCII") as connection:
        connection.execute(script)
    return url


def without_hashes(requests: dict[str, dict[str, Any]]) -> dict[str, dict[str, Any]]:
    return {fqn: {key: value for key, value in each.items() if key != "sourceHash"} for fqn, each in requests.items()}


def test_text_that_is_no_utf8_is_replaced_and_the_rest_is_right(postgres: SourceServer) -> None:
    options = {"includeDDL": True, "includeTags": True}
    url = without_encoding(postgres, ANY_BYTES.encode("latin-1"))
    right = without_encoding(postgres, ANY_BYTES.encode())
    found, as_it_should_be = ingest(url, options), ingest(right, options)
    assert not (*found.report.failures, *as_it_should_be.report.failures)
    for collection in ("tables", "storedProcedures", "databaseSchemas", "tags"):
        assert as_it_should_be.requests(collection)
        expected = json.dumps(as_it_should_be.requests(collection), ensure_ascii=False)
        replaced = "".join(sign if sign.isascii() else "\ufffd" for sign in expected)
        assert without_hashes(found.requests(collection)) == without_hashes(
            json.loads(replaced.replace(right.rpartition("/")[2], url.rpartition("/")[2]))
        )
    assert found.tables()["gr\ufffd\ufffde"]["description"] == 'sagt "\ufffd" \\'
    assert as_it_should_be.tables()["größe"]["description"] == 'sagt "Ü" \\'


def test_text_without_a_form_in_utf8_says_what_to_do(postgres: SourceServer) -> None:
    name = f"windows_{uuid.uuid4().hex[:8]}"
    statement = "CREATE DATABASE {} TEMPLATE template0 ENCODING 'WIN1252' LOCALE_PROVIDER libc LOCALE 'C'"
    postgres.server.keeper.execute(sql.SQL(statement).format(sql.Identifier(name)))
    url = postgres.server.url(name)
    with psycopg.connect(url, client_encoding="WIN1252") as connection:
        connection.execute(b"CREATE TABLE t (a int); COMMENT ON TABLE t IS '\x81'; CREATE TABLE \"gr\xf6\xdfe\" ()")
    [lost] = ingest(url).report.failures
    assert 'byte sequence 0x81 in encoding "WIN1252" has no equivalent in encoding "UTF8"' in lost.cause
    assert "write that name or comment anew" in (lost.advice or "")
    with psycopg.connect(url) as connection:
        connection.execute("COMMENT ON TABLE t IS 'anew'")
    assert {*ingest(url).tables()} == {"t", "größe"}
