"""A real system for every connector: what a new one adds to have the conformance tests run for it."""

from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from psycopg.conninfo import conninfo_to_dict

from tests.amazon import Account, fill_dynamodb, fill_glue
from tests.answering import Status
from tests.clickhouse import make_schema
from tests.mariadb import PASSWORD, MariaDB
from tests.mongodb import fill_mongodb
from tests.postgres import SourceServer

SHOP = Path(__file__).parents[1] / "golden" / "shop.sql"
MORE_OF_POSTGRES = """
    create schema "a.b > ""c"" :: d";
    create table "a.b > ""c"" :: d"."t.1 > ::" ("c.1 > ""::" int primary key, "c & '" text);
    create view "a.b > ""c"" :: d"."größe" as select 1 as x;
    create function "a.b > ""c"" :: d"."f.1"() returns int language sql as 'select 1';
    create policy own_rows on sales.customer using (name = current_user);
    alter table sales.customer enable row level security;
"""


@dataclass(frozen=True)
class System:
    """A system that is up and holds something of everything its connector claims to find.

    `connection_to` is the same connection at another address; `secrets` are texts that must show nowhere.
    """

    connection: dict[str, Any]
    connection_to: Callable[[str, int], dict[str, Any]]
    secrets: tuple[str, ...]
    options: dict[str, Any]


def of_postgres_kind(kind: str) -> Callable[[pytest.FixtureRequest], System]:
    """A connector of this service type, and the Postgres server whose catalogue it has in common."""
    return lambda request: postgres(request, kind)


def postgres(request: pytest.FixtureRequest, kind: str = "Postgres", content: str | None = None) -> System:
    """The sample database and names that no one should use, on the server that all tests share."""
    server = request.getfixturevalue("source_server")
    assert isinstance(server, SourceServer)
    url = server.make_database("conformance", content or SHOP.read_text(encoding="utf-8") + MORE_OF_POSTGRES)
    parts = conninfo_to_dict(url)

    def connection_to(host: str, port: int) -> dict[str, Any]:
        return {
            "type": kind,
            "username": parts["user"],
            "authType": {"password": parts["password"]},
            "hostPort": f"{host}:{port}",
            "database": parts["dbname"],
        }

    everything = {"includeOwners": True, "includeDDL": True, "markDeletedSchemas": True, "markDeletedDatabases": True}
    connection = connection_to(str(parts["host"]), int(str(parts["port"])))
    return System(connection, connection_to, (str(parts["password"]),), everything)


def read_by_names(kind: str) -> Callable[[pytest.FixtureRequest], System]:
    """A connector of this service type, and Postgres with rows recorded for what of the catalogue it has not."""

    def prepare(request: pytest.FixtureRequest) -> System:
        parts = (SHOP.parent / f"{name}.sql" for name in ("shop.by_name", kind.lower()))
        return postgres(request, kind, "".join(part.read_text(encoding="utf-8") for part in parts))

    return prepare


def of_mysql_kind(kind: str) -> Callable[[pytest.FixtureRequest], System]:
    """A connector of this service type and a MariaDB server, read by a user who may read and no more."""

    def prepare(request: pytest.FixtureRequest) -> System:
        server = request.getfixturevalue("mariadb_server")
        assert isinstance(server, MariaDB)
        schema = server.make_schema((SHOP.parent / "shop.mariadb.sql").read_text(encoding="utf-8"))
        user = server.make_user(f"SELECT, SHOW VIEW ON {schema}.*", "SELECT ON mysql.proc")

        def connection_to(host: str, port: int) -> dict[str, Any]:
            login = {"authType": {"password": PASSWORD}} if kind == "Mysql" else {"password": PASSWORD}
            return {"type": kind, "username": user, "hostPort": f"{host}:{port}", "databaseSchema": schema, **login}

        everything = {"includeDDL": True, "markDeletedSchemas": True, "markDeletedDatabases": True}
        return System(connection_to("127.0.0.1", server.port), connection_to, (PASSWORD,), everything)

    return prepare


def clickhouse(request: pytest.FixtureRequest) -> System:
    """ClickHouse's engine, with the sample in a database of its own."""
    address: str = request.getfixturevalue("clickhouse_server")
    schema = make_schema(address)

    def connection_to(host: str, port: int) -> dict[str, Any]:
        return {
            "type": "Clickhouse",
            "username": "reader",
            "password": PASSWORD,
            "hostPort": f"{host}:{port}",
            "databaseSchema": schema,
        }

    everything = {"includeDDL": True, "markDeletedSchemas": True, "markDeletedDatabases": True}
    host, _, port = address.partition(":")
    return System(connection_to(host, int(port)), connection_to, (PASSWORD,), everything)


def sqlite(request: pytest.FixtureRequest) -> System:
    """A file; another address is another file, which is not there."""
    import sqlite3

    folder = request.getfixturevalue("tmp_path_factory").mktemp("sqlite")
    with closing(sqlite3.connect(folder / "shop.db")) as made:
        made.executescript((SHOP.parent / "shop.sqlite.sql").read_text(encoding="utf-8"))

    def connection(path: str) -> dict[str, Any]:
        return {"type": "SQLite", "databaseMode": path, "password": PASSWORD}

    everything = {"includeDDL": True, "markDeletedSchemas": True, "markDeletedDatabases": True}
    address = str(folder / "shop.db")
    return System(connection(address), lambda _, port: connection(f"{folder}/{port}.db"), (PASSWORD,), everything)


def of_amazon(kind: str, fill: Callable[[Account], None]) -> Callable[[pytest.FixtureRequest], System]:
    """A connector of this service type and an account of its own at moto, entered by a role."""

    def prepare(request: pytest.FixtureRequest) -> System:
        account = Account.new(request.getfixturevalue("moto_server"))
        fill(account)

        def connection_to(host: str, port: int) -> dict[str, Any]:
            return {"type": kind, "awsConfig": account.config(endPointURL=f"http://{host}:{port}")}

        connection = {"type": kind, "awsConfig": account.config()}
        everything = {"includeOwners": True, "markDeletedSchemas": True}
        return System(connection, connection_to, (PASSWORD,), everything)

    return prepare


def mongodb(request: pytest.FixtureRequest) -> System:
    """A database of its own, whose collections have documents of every type that the server at hand can keep."""
    address = request.getfixturevalue("mongodb_server")
    schema = fill_mongodb(address)

    def connection_to(host: str, port: int) -> dict[str, Any]:
        known = f"{host}:{port}" == address  # which knows no users
        login = {"username": "", "password": ""} if known else {"username": "reader", "password": PASSWORD}
        quick = {"connectionOptions": {"serverSelectionTimeoutMS": "500"}}
        return {"type": "MongoDB", "hostPort": f"{host}:{port}", "databaseSchema": schema, **login, **quick}

    host, _, port = address.partition(":")
    options = {"markDeletedSchemas": True, "markDeletedDatabases": True}
    return System(connection_to(host, int(port)), connection_to, (PASSWORD,), options)


def airflow(request: pytest.FixtureRequest) -> System:
    """The real API over two DAGs and a run of one of them."""
    server = request.getfixturevalue("airflow_server")

    def connection_to(host: str, port: int) -> dict[str, Any]:
        login = {"authConfig": {"username": server["username"], "password": server["password"]}}
        return {"type": "Airflow", "hostPort": f"http://{host}:{port}", "connection": login}

    everything = {"statusLookbackDays": 365, "lineageInformation": {"dbServiceNames": ["conformance"]}}
    port = int(server["address"].rpartition(":")[2])
    return System(connection_to("127.0.0.1", port), connection_to, (server["password"],), everything)


def rest(request: pytest.FixtureRequest) -> System:
    """A description at an address that wants a token."""
    description = (SHOP.parent / "shop.openapi.yaml").read_bytes()
    server = request.getfixturevalue("answering")({"GET /openapi.yaml": Status(200, description)})

    def connection_to(host: str, port: int) -> dict[str, Any]:
        place = {"openAPISchemaURL": f"http://{host}:{port}/openapi.yaml"}
        return {"type": "Rest", "openAPISchemaConnection": place, "token": PASSWORD}

    port = int(server.address.rpartition(":")[2])
    return System(connection_to("127.0.0.1", port), connection_to, (PASSWORD,), {})


SYSTEMS: dict[str, Callable[[pytest.FixtureRequest], System]] = {
    "airflow": airflow,
    "clickhouse": clickhouse,
    "cockroach": read_by_names("Cockroach"),
    "dynamodb": of_amazon("DynamoDB", fill_dynamodb),
    "glue": of_amazon("Glue", fill_glue),
    "greenplum": of_postgres_kind("Greenplum"),
    "mariadb": of_mysql_kind("MariaDB"),
    "mongodb": mongodb,
    "mysql": of_mysql_kind("Mysql"),
    "postgres": postgres,
    "rest": rest,
    "redshift": read_by_names("Redshift"),
    "sqlite": sqlite,
    "timescale": of_postgres_kind("Timescale"),
}
