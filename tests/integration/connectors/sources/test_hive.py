"""The connector against Spark's Thrift server, and against metastores in Postgres and in MariaDB."""

import json
import socket
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest
from psycopg.conninfo import conninfo_to_dict

from connectors import runner
from connectors.cancellation import Cancellation
from connectors.connector import RunContext, run_checks
from connectors.errors import ConnectorError, RunCancelled, SourceUnavailable
from connectors.families.database_options import DatabaseMetadata
from connectors.families.hive.config import HiveConfig
from connectors.models.database import CreateDatabaseSchemaRequest, CreateTableRequest
from connectors.models.records import DeletionScope
from connectors.report import Report
from connectors.runner import TopologyRunner
from connectors.sources.hive import CONNECTOR, open_source
from tests.hive import GOLDEN, connection, execute, make_schema
from tests.in_memory import RecordingSink, Walked
from tests.mariadb import PASSWORD, MariaDB
from tests.postgres import SourceServer

SENT = Path(__file__).parents[3] / "golden" / "hive.json"
Context = RunContext[HiveConfig, DatabaseMetadata]


def context(given: dict[str, Any], cancellation: Cancellation | None = None, **options: Any) -> Context:
    return RunContext(
        service="lake",
        service_type="Hive",
        connection=HiveConfig.model_validate(given),
        options=DatabaseMetadata.model_validate(options),
        threads=1,
        report=Report(),
        cancellation=cancellation or Cancellation(),
    )


def run(given: Context) -> Walked:
    walked = Walked(RecordingSink(), given.report)
    with CONNECTOR.topology(given) as root:
        TopologyRunner(given.report, given.cancellation, 1).run(root, walked.sink.write)
    return walked


def tables(walked: Walked) -> dict[str, dict[str, Any]]:
    assert [failure.cause for failure in walked.report.failures] == []
    return {table.name: json.loads(msgspec.json.encode(table)) for table in walked.sink.only(CreateTableRequest)}


@pytest.fixture(scope="module")
def schema(hive_server: str) -> str:
    return make_schema(hive_server)


def test_what_is_sent_is_what_it_was(hive_server: str, schema: str) -> None:
    found = tables(run(context(connection(hive_server, schema), includeOwners=True)))
    assert json.loads(json.dumps(found).replace(schema, "shop")) == json.loads(SENT.read_text(encoding="utf-8"))


def test_filters_spare_the_questions(hive_server: str, schema: str) -> None:
    patterns: dict[str, Any] = {"tableFilterPattern": {"includes": ["^cust"]}, "includeViews": False}
    walked = run(context(connection(hive_server, schema), includeDDL=True, **patterns))
    assert tables(walked)["customer"]["schemaDefinition"].startswith("CREATE TABLE")
    [scope, *_] = [each for each in walked.sink.records if isinstance(each, DeletionScope) and each.entity == "table"]
    assert {name.rpartition(".")[2] for name in scope.seen} == {"adults", "customer", "event"}
    [schema_sent] = walked.sink.only(CreateDatabaseSchemaRequest)
    assert schema_sent.description == "the shop"


def test_a_table_dropped_before_it_is_described_is_its_own_failure(hive_server: str) -> None:
    name = make_schema(hive_server)
    with open_source(context(connection(hive_server, name))) as source:
        listed = {table.name: table for table in source.tables("default", name)}
        execute(hive_server, f"DROP TABLE {name}.event")
        asked = listed["event"].described
        assert asked is not None
        with pytest.raises(ConnectorError, match=f"table {name}.event: ") as caught:
            asked()
        assert "next run settles it" in str(caught.value.advice)
    with (
        open_source(context(connection(hive_server, "no_such"))) as source,
        pytest.raises(ConnectorError, match="no schema no_such"),
    ):
        list(source.schemas("default"))


# --- What answers is no server


@pytest.fixture
def silent() -> Iterator[int]:
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield int(server.getsockname()[1])


def test_a_server_that_hangs(silent: int) -> None:
    given = connection(f"127.0.0.1:{silent}", connectionArguments={"timeout": 1})
    with open_source(context(given)) as source, pytest.raises(SourceUnavailable, match=str(silent)) as caught:
        list(source.schemas("default"))
    assert "see whether hostPort" in str(caught.value.advice)


def test_a_cancel_ends_a_question_without_an_answer(silent: int) -> None:
    cancellation = Cancellation()
    given = context(connection(f"127.0.0.1:{silent}"), cancellation)
    timer = threading.Timer(0.2, cancellation.cancel, ["enough"])
    timer.start()
    with pytest.raises(RunCancelled, match="enough"), open_source(given) as source:
        list(source.schemas("default"))
    timer.join()


def test_a_server_that_speaks_something_else(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(runner, "LISTING_RETRY_SECONDS", 0.0)
    with socket.create_server(("127.0.0.1", 0)) as server:

        def answer() -> None:
            while True:
                try:
                    line, _ = server.accept()
                except OSError:
                    return
                with line:
                    line.recv(100)
                    line.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n")

        answering = threading.Thread(target=answer, daemon=True)
        answering.start()
        with pytest.raises(ConnectorError) as caught:
            run(context(connection(f"127.0.0.1:{server.getsockname()[1]}", connectionArguments={"timeout": 5})))
        server.shutdown(socket.SHUT_RDWR)
    assert caught.value.advice


# --- The metastore's own tables


METASTORE = (GOLDEN / "metastore.sql").read_text(encoding="utf-8")
# As it was before Hive 3, and with a second catalogue, whose schema has the name of another one's.
BEFORE_CATALOGUES = (
    METASTORE
    + """
ALTER TABLE "DBS" DROP COLUMN "CTLG_NAME";
"""
)
WITH_CATALOGUES = (
    METASTORE
    + """
INSERT INTO "DBS" VALUES (3, 'of Spark', 'hdfs://nn/spark', 'shop', 'eve', 'USER', 'spark');
INSERT INTO "SDS" VALUES (17, 27, 'hdfs://nn/spark/secret');
INSERT INTO "TBLS" VALUES (7, 1700000000, 3, 'eve', 17, 'secret', 'MANAGED_TABLE', NULL, NULL);
INSERT INTO "COLUMNS_V2" VALUES (27, NULL, 'id', 'int', 0);
"""
)


def in_postgres(server: SourceServer, statements: str = METASTORE) -> dict[str, Any]:
    url = server.make_database("metastore", statements)
    parts = conninfo_to_dict(url)
    return {
        "type": "Postgres",
        "username": parts["user"],
        "authType": {"password": parts["password"]},
        "hostPort": f"{parts['host']}:{parts['port']}",
        "database": parts["dbname"],
    }


def in_mariadb(server: MariaDB, statements: str = METASTORE) -> dict[str, Any]:
    name = server.make_schema(f"SET sql_mode = 'ANSI_QUOTES';\n{statements}")
    user = server.make_user(f"SELECT ON {name}.*")
    place = {"hostPort": f"127.0.0.1:{server.port}", "databaseSchema": name}
    return {"type": "Mysql", "username": user, "authType": {"password": PASSWORD}, **place}


@pytest.fixture(params=["postgres", "mariadb"])
def store(request: pytest.FixtureRequest) -> dict[str, Any]:
    if request.param == "postgres":
        return in_postgres(request.getfixturevalue("source_server"))
    return in_mariadb(request.getfixturevalue("mariadb_server"))


@pytest.mark.parametrize(
    ("statements", "told"),
    [
        (BEFORE_CATALOGUES, []),
        (WITH_CATALOGUES, ["1 schemas of other catalogues than hive are left out of the metastore"]),
    ],
)
@pytest.mark.parametrize("kind", ["postgres", "mariadb"])
def test_of_several_catalogues_the_default_one_is_read(
    request: pytest.FixtureRequest, caplog: pytest.LogCaptureFixture, kind: str, statements: str, told: list[str]
) -> None:
    if kind == "postgres":
        store = in_postgres(request.getfixturevalue("source_server"), statements)
    else:
        store = in_mariadb(request.getfixturevalue("mariadb_server"), statements)
    walked = run(context(connection("hive:10000", metastoreConnection=store)))
    assert set(tables(walked)) == {"adults", "customer", "event", "lake", "landing", "orders"}
    assert [schema.name for schema in walked.sink.only(CreateDatabaseSchemaRequest)] == ["default", "shop"]
    assert [each.getMessage() for each in caplog.records if "catalogues" in each.getMessage()] == told


def test_a_metastore_is_read_as_a_whole(store: dict[str, Any]) -> None:
    given = connection("hive:10000", metastoreConnection=store)
    walked = run(context(given, includeOwners=True))
    found = tables(walked)
    kinds = {name: table["tableType"] for name, table in found.items()}
    assert kinds == {
        "adults": "View", "customer": "Regular", "event": "Partitioned", "lake": "External",
        "landing": "External", "orders": "Iceberg",
    }  # fmt: skip
    customer = found["customer"]
    assert customer["description"] == "everyone who ever bought"
    assert customer["owners"] == [{"type": "user", "name": "ada"}]
    assert [child["name"] for child in customer["columns"][1]["children"]] == ["street", "geo"]
    number, line = found["lake"]["columns"]
    assert (number["name"], number["dataType"], number["description"]) == ("id", "BIGINT", "which"), "as Spark wrote it"
    assert [child["name"] for child in line["children"]] == ["sku"]
    assert [column["name"] for column in found["event"]["columns"]] == ["id", "day", "region"]
    assert [part["columnName"] for part in found["event"]["tablePartition"]["columns"]] == ["day", "region"]
    assert found["adults"]["schemaDefinition"] == "CREATE VIEW `shop`.`adults` AS select id from customer"
    shop = {schema.name: schema.description for schema in walked.sink.only(CreateDatabaseSchemaRequest)}
    assert shop == {"default": "Default Hive database", "shop": "the shop"}
    results = list(run_checks(CONNECTOR.checks, HiveConfig.model_validate(given)))
    assert [result.status for result in results] == ["passed", "passed"]
    with open_source(context(given)) as whole, open_source(context(given | {"databaseSchema": "shop"})) as one:
        assert [[database.in_part for database in source.databases()] for source in (whole, one)] == [[False], [True]]
    with open_source(context(given | {"databaseSchema": "nope"})) as source:
        with pytest.raises(ConnectorError, match="no schema nope in the metastore"):
            list(source.schemas("default"))
        with pytest.raises(ConnectorError, match="was dropped during the run"):
            list(source.tables("default", "nope"))
