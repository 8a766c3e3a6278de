"""Fixtures for every test: a real Postgres, a migrated database per test, databases to ingest from."""

import gc
import hashlib
import uuid
from collections.abc import Generator, Iterator
from typing import Any

import pytest
from hypothesis import HealthCheck, settings
from psycopg import sql

from service.database import migrate
from service.database.engine import Database
from tests import mariadb, systems
from tests.postgres import Server, SourceServer, shared_server
from tests.sharing import REPOSITORY, shared
from tests.spreading import longest_first, scheduler, turn_to_collect
from tests.systems import spark

# A busy machine is no fault of the examples.
settings.register_profile("shared machine", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("shared machine")


@pytest.hookimpl(wrapper=True)
def pytest_collection(session: pytest.Session) -> Generator[None, object, object]:
    """What is imported and collected stays to the end: the garbage collector would take a third of the time over it."""
    gc.disable()
    try:
        with turn_to_collect(session.config):
            return (yield)
    finally:
        gc.freeze()
        gc.enable()


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """What takes long is begun first."""
    longest_first(items)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Any:
    """With `--dist loadgroup`, one process has what belongs together."""
    return scheduler(config, log) if config.option.dist == "loadgroup" else None


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[Server]:
    """The server that all test processes share; its user may do everything."""
    with shared_server() as server:
        yield server


@pytest.fixture(scope="session")
def source_server(postgres_server: Server) -> SourceServer:
    """The same server, as a place to make databases that are ingested."""
    return SourceServer(postgres_server)


@pytest.fixture(scope="session")
def mariadb_server() -> Iterator[mariadb.MariaDB]:
    """A MariaDB server of this process's own."""
    if not mariadb.installed():
        pytest.skip("there is no MariaDB server on this machine: mariadbd and mariadb-install-db are not found")
    with mariadb.started() as server:
        yield server


@pytest.fixture(scope="session")
def moto_server() -> Iterator[str]:
    """Where Amazon's services answer, all on one server that all tests share."""
    from tests.amazon import models_kept  # which loads boto3

    systems.require("moto")
    with shared("tests.systems.moto") as server, models_kept():
        yield server["endpoint"]


@pytest.fixture(scope="session")
def mongodb_server() -> Iterator[str]:
    """Where something answers that speaks MongoDB's protocol."""
    systems.require("nx27017")
    with shared("tests.systems.nx27017") as server:
        yield server["address"]


@pytest.fixture(scope="session")
def clickhouse_server() -> Iterator[str]:
    """Host and port of a ClickHouse's HTTP interface that all tests share."""
    systems.require("chdb")
    with shared("tests.systems.clickhouse") as server:
        yield server["address"]


@pytest.fixture(scope="session")
def snowflake_server() -> Iterator[int]:
    """The port of what plays Snowflake, an account that all tests share."""
    systems.require("fakesnow")
    with shared("tests.systems.fakesnow") as server:
        yield int(server["port"])


@pytest.fixture(scope="session")
def bigquery_server() -> Iterator[str]:
    """Where something answers that plays BigQuery, which all tests share."""
    systems.require("bqemulator")
    with shared("tests.systems.bqemulator") as server:
        yield server["address"]


@pytest.fixture(scope="session")
def hive_server() -> Iterator[str]:
    """Host and port of a Thrift server of Spark's, which speaks HiveServer2's protocol, that all tests share."""
    systems.require("spark")
    spark.require_java()
    with shared("tests.systems.spark") as server:
        yield server["address"]


@pytest.fixture(scope="session")
def airflow_server() -> Iterator[dict[str, str]]:
    """Airflow's API over two DAGs, one of which ran, that all tests share: `address`, `username`, `password`."""
    systems.require("airflow")
    with shared("tests.systems.airflow") as server:
        yield server


@pytest.fixture(scope="session")
def mlflow_server() -> Iterator[str]:
    """Where an MLflow answers that knows two registered models."""
    systems.require("mlflow")
    with shared("tests.systems.mlflow") as server:
        yield server["address"]


@pytest.fixture(scope="session")
def superset_server() -> Iterator[dict[str, str]]:
    """A Superset with a dashboard that all tests share: `address`, `username`, `password`."""
    systems.require("superset")
    with shared("tests.systems.superset") as server:
        yield server


@pytest.fixture(scope="session")
def dagster_server() -> Iterator[str]:
    """Where a Dagster answers that has three jobs, two of which ran."""
    systems.require("dagster")
    with shared("tests.systems.dagster") as server:
        yield server["address"]


@pytest.fixture(scope="session")
def prefect_server() -> Iterator[dict[str, str]]:
    """A Prefect with three flows, two of which ran, that all tests share: `address`, `auth_string`."""
    systems.require("prefect")
    with shared("tests.systems.prefect") as server:
        yield server


@pytest.fixture(scope="session")
def opensearch_server() -> Iterator[str]:
    """Where an OpenSearch answers that all tests share."""
    systems.require("opensearch")
    with shared("tests.systems.opensearch") as server:
        yield server["address"]


@pytest.fixture(scope="session")
def elasticsearch_server() -> Iterator[str]:
    """Where an Elasticsearch answers that all tests share."""
    systems.require("elasticsearch")
    with shared("tests.systems.elasticsearch") as server:
        yield server["address"]


@pytest.fixture(scope="session")
def migrated_template(postgres_server: Server) -> str:
    """The name of a migrated database to clone, made by the first process that needs it."""
    versions = sorted((REPOSITORY / "migrations").rglob("*.py"))
    content = hashlib.sha256(b"".join(path.read_bytes() for path in versions)).hexdigest()[:12]
    name = f"template_{content}"
    with postgres_server.admin() as connection:
        connection.execute("select pg_advisory_lock(1)")
        if connection.execute("select from pg_database where datname = %s", [name]).fetchone() is None:
            postgres_server.drop(f"{name}_unfinished")
            url = postgres_server.create(f"{name}_unfinished")
            migrate.upgrade(url)
            rename = sql.SQL("alter database {} rename to {}")
            connection.execute(rename.format(sql.Identifier(f"{name}_unfinished"), sql.Identifier(name)))
    return name


@pytest.fixture
def empty_database_url(postgres_server: Server) -> Iterator[str]:
    """A database with nothing in it, dropped after the test."""
    name = f"test_{uuid.uuid4().hex}"
    yield postgres_server.create(name)
    postgres_server.drop(name)


@pytest.fixture
def database_url(postgres_server: Server, migrated_template: str) -> Iterator[str]:
    """A migrated database of the test's own, dropped after it."""
    name = f"test_{uuid.uuid4().hex}"
    yield postgres_server.create(name, migrated_template)
    postgres_server.drop(name)


@pytest.fixture
def database(database_url: str) -> Iterator[Database]:
    """The store on `database_url`."""
    database = Database(database_url, pool_size=5)
    yield database
    database.dispose()
