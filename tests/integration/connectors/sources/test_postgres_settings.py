"""What a server, a database or a role has otherwise than others, and what is sent of it all the same."""

from typing import Any

import psycopg
import pytest

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
