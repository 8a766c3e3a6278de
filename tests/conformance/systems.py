"""A real system for every connector: what a new one adds to have the conformance tests run for it."""

from collections.abc import Callable
from contextlib import ExitStack, closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from psycopg.conninfo import conninfo_to_dict

from tests import kafka
from tests.amazon import REGION, Account, fill_dynamodb, fill_glue, fill_kinesis, fill_sagemaker
from tests.answering import Status
from tests.bigquery import TOKEN, Played, make_project, private_key
from tests.bigquery import connection as bigquery_connection
from tests.clickhouse import make_schema
from tests.delta import in_s3, make_tables, storage_options
from tests.hive import PASSWORD as HIVE_PASSWORD
from tests.hive import connection as hive_connection
from tests.hive import make_schema as make_hive_schema
from tests.mariadb import PASSWORD, MariaDB
from tests.mongodb import fill_mongodb
from tests.postgres import SourceServer
from tests.s3 import fill_s3
from tests.schema_registry import SchemaRegistry, serving
from tests.snowflake import PASSWORD as SNOWFLAKE_PASSWORD
from tests.snowflake import connection as snowflake_connection
from tests.snowflake import make_database

ALL_OF_DATABASES = {"includeOwners": True, "markDeletedSchemas": True}
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


def snowflake(request: pytest.FixtureRequest) -> System:
    """An emulated account, with the sample in a database of its own."""
    own: int = request.getfixturevalue("snowflake_server")
    database = make_database(own)

    def connection_to(host: str, port: int) -> dict[str, Any]:
        given = snowflake_connection(port, database)
        place = {"host": host, "port": port, "login_timeout": 60 if port == own else 1}
        return given | {"connectionArguments": given["connectionArguments"] | place}

    everything = {"includeOwners": True, "includeDDL": True, "markDeletedSchemas": True}
    return System(connection_to("127.0.0.1", own), connection_to, (SNOWFLAKE_PASSWORD,), everything)


def bigquery(request: pytest.FixtureRequest) -> System:
    """An emulator, with the sample in a project of its own; tokens come from elsewhere."""
    stack = ExitStack()
    request.addfinalizer(stack.close)
    emulator: str = request.getfixturevalue("bigquery_server")
    server = stack.enter_context(Played(emulator))
    project = make_project(emulator)

    def connection_to(host: str, port: int) -> dict[str, Any]:
        return bigquery_connection(f"http://{host}:{port}", project, server.address)

    everything = {"includeDDL": True, "markDeletedSchemas": True}
    secrets = (private_key(), TOKEN)
    return System(bigquery_connection(server.address, project), connection_to, secrets, everything)


def deltalake(request: pytest.FixtureRequest) -> System:
    """An account of its own at moto, with the sample in a bucket."""
    account = Account.new(request.getfixturevalue("moto_server"))
    bucket = f"lake-{account.number}"
    account.client("s3").create_bucket(Bucket=bucket, CreateBucketConfiguration={"LocationConstraint": REGION})
    make_tables(f"s3://{bucket}/warehouse", storage_options(account))

    def connection_to(host: str, port: int) -> dict[str, Any]:
        elsewhere = account.config(endPointURL=f"http://{host}:{port}")
        return {"type": "DeltaLake", "configSource": {"connection": {"securityConfig": elsewhere}}}

    return System(in_s3(account), connection_to, (PASSWORD,), {"markDeletedSchemas": True})


def hive(request: pytest.FixtureRequest) -> System:
    """Spark's Thrift server, with the sample in a database of its own."""
    address: str = request.getfixturevalue("hive_server")
    schema = make_hive_schema(address)

    def connection_to(host: str, port: int) -> dict[str, Any]:
        return hive_connection(f"{host}:{port}", schema)

    everything = {"includeOwners": True, "includeDDL": True, "markDeletedSchemas": True}
    return System(hive_connection(address, schema), connection_to, (HIVE_PASSWORD,), everything)


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


def of_amazon(
    kind: str, fill: Callable[[Account], None], options: dict[str, Any]
) -> Callable[[pytest.FixtureRequest], System]:
    """A connector of this service type and an account of its own at moto, entered by a role."""

    def prepare(request: pytest.FixtureRequest) -> System:
        account = Account.new(request.getfixturevalue("moto_server"))
        fill(account)

        def connection_to(host: str, port: int) -> dict[str, Any]:
            return {"type": kind, "awsConfig": account.config(endPointURL=f"http://{host}:{port}")}

        return System({"type": kind, "awsConfig": account.config()}, connection_to, (PASSWORD,), options)

    return prepare


def of_kafka_kind(kind: str) -> Callable[[pytest.FixtureRequest], System]:
    """A connector of this service type and a broker of its own, with a registry."""

    def prepare(request: pytest.FixtureRequest) -> System:
        stack = ExitStack()
        request.addfinalizer(stack.close)
        folder = request.getfixturevalue("tmp_path_factory").mktemp("broker")
        address = stack.enter_context(kafka.broker(folder))
        registry = stack.enter_context(serving(SchemaRegistry(kafka.LOGIN)))
        kafka.make_shop(address, registry)

        def connection_to(host: str, port: int) -> dict[str, Any]:
            login = {"schemaRegistryURL": registry.url, "basicAuthUserInfo": kafka.LOGIN}
            return {"type": kind, "bootstrapServers": f"{host}:{port}", **login}

        host, _, port = address.partition(":")
        return System(connection_to(host, int(port)), connection_to, (kafka.LOGIN,), {})

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


def mlflow(request: pytest.FixtureRequest) -> System:
    """The real server over two registered models; it lets everybody in."""
    port = int(request.getfixturevalue("mlflow_server").rpartition(":")[2])

    def connection_to(host: str, port: int) -> dict[str, Any]:
        address = f"http://reader:{PASSWORD}@{host}:{port}"
        return {"type": "Mlflow", "trackingUri": address, "registryUri": address}

    return System(connection_to("127.0.0.1", port), connection_to, (PASSWORD,), {})


def of_search_kind(kind: str, fixture: str) -> Callable[[pytest.FixtureRequest], System]:
    """A connector of this service type and the real node; it lets everybody in."""

    def prepare(request: pytest.FixtureRequest) -> System:
        port = int(request.getfixturevalue(fixture).rpartition(":")[2])

        def connection_to(host: str, port: int) -> dict[str, Any]:
            login = {"username": "reader", "password": PASSWORD}
            return {"type": kind, "hostPort": f"http://{host}:{port}", "authType": login}

        return System(connection_to("127.0.0.1", port), connection_to, (PASSWORD,), {"includeIndexTemplate": True})

    return prepare


def superset(request: pytest.FixtureRequest) -> System:
    """The real server over two dashboards."""
    server = request.getfixturevalue("superset_server")

    def connection_to(host: str, port: int) -> dict[str, Any]:
        login = {"provider": "db", "username": server["username"], "password": server["password"]}
        return {"type": "Superset", "hostPort": f"http://{host}:{port}", "connection": login}

    everything = {"includeOwners": True, "lineageInformation": {"dbServicePrefixes": ["conformance"]}}
    port = int(server["address"].rpartition(":")[2])
    return System(connection_to("127.0.0.1", port), connection_to, (server["password"],), everything)


def dagster(request: pytest.FixtureRequest) -> System:
    """The real server over three jobs; it knows no users."""
    port = int(request.getfixturevalue("dagster_server").rpartition(":")[2])

    def connection_to(host: str, port: int) -> dict[str, Any]:
        return {"type": "Dagster", "host": f"http://{host}:{port}", "token": PASSWORD}

    everything = {"statusLookbackDays": 365, "lineageInformation": {"dbServiceNames": ["conformance"]}}
    return System(connection_to("127.0.0.1", port), connection_to, (PASSWORD,), everything)


def prefect(request: pytest.FixtureRequest) -> System:
    """The real server over three flows."""
    server = request.getfixturevalue("prefect_server")

    def connection_to(host: str, port: int) -> dict[str, Any]:
        auth = {"authString": server["auth_string"]}
        return {"type": "Prefect", "hostPort": f"http://{host}:{port}", "authType": auth}

    port = int(server["address"].rpartition(":")[2])
    secret = server["auth_string"].partition(":")[2]
    return System(connection_to("127.0.0.1", port), connection_to, (secret,), {"statusLookbackDays": 365})


def rest(request: pytest.FixtureRequest) -> System:
    """A description at an address that wants a token."""
    description = (SHOP.parent / "shop.openapi.yaml").read_bytes()
    server = request.getfixturevalue("answering")({"GET /openapi.yaml": Status(200, description)})

    def connection_to(host: str, port: int) -> dict[str, Any]:
        place = {"openAPISchemaURL": f"http://{host}:{port}/openapi.yaml"}
        return {"type": "Rest", "openAPISchemaConnection": place, "token": PASSWORD}

    port = int(server.address.rpartition(":")[2])
    return System(connection_to("127.0.0.1", port), connection_to, (PASSWORD,), {})


def dbt(request: pytest.FixtureRequest) -> System:
    """The artefacts of a project at addresses that want a token."""
    folder = SHOP.parent / "dbt"
    kinds = {"Manifest": "manifest", "Catalog": "catalog", "RunResults": "run_results", "Sources": "sources"}
    answers = {
        f"GET /target/{name}.json": Status(200, (folder / f"{name}.json").read_bytes()) for name in kinds.values()
    }
    server = request.getfixturevalue("answering")(answers)

    def connection_to(host: str, port: int) -> dict[str, Any]:
        places = {f"dbt{key}HttpPath": f"http://{host}:{port}/target/{name}.json" for key, name in kinds.items()}
        return {"dbtConfigType": "http", **places, "dbtHttpHeaders": {"Authorization": f"Bearer {PASSWORD}"}}

    port = int(server.address.rpartition(":")[2])
    return System(connection_to("127.0.0.1", port), connection_to, (PASSWORD,), {"dbtUpdateOwners": True})


SYSTEMS: dict[str, Callable[[pytest.FixtureRequest], System]] = {
    "airflow": airflow,
    "bigquery": bigquery,
    "clickhouse": clickhouse,
    "cockroach": read_by_names("Cockroach"),
    "dagster": dagster,
    "dbt": dbt,
    "deltalake": deltalake,
    "dynamodb": of_amazon("DynamoDB", fill_dynamodb, ALL_OF_DATABASES),
    "elasticsearch": of_search_kind("ElasticSearch", "elasticsearch_server"),
    "glue": of_amazon("Glue", fill_glue, ALL_OF_DATABASES),
    "greenplum": of_postgres_kind("Greenplum"),
    "hive": hive,
    "kafka": of_kafka_kind("Kafka"),
    "kinesis": of_amazon("Kinesis", fill_kinesis, {}),
    "mariadb": of_mysql_kind("MariaDB"),
    "mlflow": mlflow,
    "mongodb": mongodb,
    "mysql": of_mysql_kind("Mysql"),
    "opensearch": of_search_kind("OpenSearch", "opensearch_server"),
    "postgres": postgres,
    "prefect": prefect,
    "redpanda": of_kafka_kind("Redpanda"),
    "redshift": read_by_names("Redshift"),
    "rest": rest,
    "s3": of_amazon("S3", fill_s3, {"includeTags": True}),
    "sagemaker": of_amazon("SageMaker", fill_sagemaker, {}),
    "snowflake": snowflake,
    "sqlite": sqlite,
    "superset": superset,
    "timescale": of_postgres_kind("Timescale"),
}
