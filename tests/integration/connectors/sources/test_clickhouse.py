"""The connector against ClickHouse's engine, and against recorded answers for what that engine alone does not say."""

import gzip
import json
import re
import threading
from collections.abc import Callable, Generator, Iterator
from contextlib import ExitStack, closing, contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import msgspec
import pytest

from connectors import runner
from connectors.cancellation import Cancellation
from connectors.connector import RunContext
from connectors.errors import ConnectorError, FatalError, RunCancelled, SourceUnavailable
from connectors.families.clickhouse.config import ClickhouseConfig
from connectors.families.clickhouse.http import LONGEST_LINE, Client
from connectors.families.database_options import DatabaseMetadata
from connectors.models.database import CreateDatabaseSchemaRequest, CreateTableRequest
from connectors.models.records import DeletionScope
from connectors.report import Report
from connectors.runner import TopologyRunner
from connectors.sources.clickhouse import CONNECTOR, open_source
from tests.clickhouse import execute, make_schema
from tests.in_memory import RecordingSink, Walked

Context = RunContext[ClickhouseConfig, DatabaseMetadata]
OWN = {"X-ClickHouse-Timezone": "UTC"}
NOT_OWN: dict[str, str] = {}


def context(
    host_port: str, schema: str | None = None, cancellation: Cancellation | None = None, **options: Any
) -> Context:
    connection = {"hostPort": host_port, "databaseSchema": schema, "username": "reader", "password": "the-password"}
    return RunContext(
        service="shop",
        service_type="Clickhouse",
        connection=ClickhouseConfig.model_validate(connection),
        options=DatabaseMetadata.model_validate({"includeDDL": True, **options}),
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
def shop(clickhouse_server: str) -> Walked:
    return run(context(clickhouse_server, make_schema(clickhouse_server), markDeletedSchemas=True))


@pytest.mark.parametrize(
    ("column", "data_type", "display"),
    [
        ("id", "UINT", "UInt64"), ("mail", "STRING", "String"), ("born", "DATE", "Nullable(Date32)"),
        ("score", "DECIMAL", "Decimal(10, 2)"), ("code", "CHAR", "FixedString(3)"), ("u", "UUID", "UUID"),
        ("kind", "ENUM", "Enum8('private' = 1, 'business, or so' = 2)"), ("ip", "IPV4", "IPv4"),
        ("doc", "JSON", "JSON"),
        ("tags", "ARRAY", "Array(LowCardinality(String))"), ("extra", "MAP", "Map(String, Array(UInt8))"),
        ("address", "STRUCT", "Tuple(street String, geo Tuple(x Float64, y Float64))"), ("active", "BOOLEAN", "Bool"),
        ("pair", "STRUCT", "Tuple(Int8, Nullable(String))"), ("line.sku", "ARRAY", "Array(String)"),
        ("either", "UNION", "Variant(Int8, String)"), ("top", "BIGINT", "SimpleAggregateFunction(max, Int64)"),
        ("state", "AGGREGATEFUNCTION", "AggregateFunction(sum, UInt64)"),
    ],
)  # fmt: skip
def test_types(shop: Walked, column: str, data_type: str, display: str) -> None:
    [found] = [each for each in tables(shop)["customer"]["columns"] if each["name"] == column]
    assert (found["dataType"], found["dataTypeDisplay"]) == (data_type, display)
    assert found["constraint"] == ("NULL" if column in ("born", "doc", "either") else "NOT_NULL")


def test_comments_and_definitions(shop: Walked) -> None:
    found = tables(shop)
    assert found["customer"]["description"] == "everyone who ever bought"
    assert found["customer"]["columns"][0]["description"] == "who buys"
    assert found["customer"]["schemaDefinition"].startswith("CREATE TABLE s_")
    assert found["adults"]["schemaDefinition"].startswith("CREATE VIEW s_")
    assert [schema.description for schema in shop.sink.only(CreateDatabaseSchemaRequest)] == ["the shop"]


def test_kinds_of_tables(shop: Walked) -> None:
    kinds = {name: table["tableType"] for name, table in tables(shop).items() if name.isidentifier()}
    assert kinds == {"customer": "Regular", "event": "Partitioned", "adults": "View", "daily": "MaterializedView"}
    [at, region] = tables(shop)["event"]["tablePartition"]["columns"]
    assert (at["columnName"], at["intervalType"], "toYYYYMM(at)" in at["interval"]) == ("at", "TIME-UNIT", True)
    assert (region["columnName"], region["intervalType"]) == ("region", "COLUMN-VALUE")


def test_what_is_gone_is_told_by_a_complete_listing(clickhouse_server: str, shop: Walked) -> None:
    of_one = {scope.entity for scope in shop.sink.only(DeletionScope)}
    assert ("table" in of_one, "databaseSchema" in of_one) == (True, False), "the other schemas are not listed"
    nothing = {"includes": ["^no_such$"]}
    everything = run(context(clickhouse_server, markDeletedSchemas=True, schemaFilterPattern=nothing))
    assert [scope.entity for scope in everything.sink.only(DeletionScope)] == ["databaseSchema"]


def test_filters(clickhouse_server: str) -> None:
    schema = make_schema(clickhouse_server)
    patterns: dict[str, Any] = {"tableFilterPattern": {"includes": ["^cust"]}, "includeViews": False}
    assert set(tables(run(context(clickhouse_server, schema, **patterns)))) == {"customer"}


def test_a_database_that_is_not_there(clickhouse_server: str) -> None:
    with open_source(context(clickhouse_server, "no_such")) as source:
        with pytest.raises(ConnectorError, match="no database no_such") as caught:
            source.schemas("default")
        assert "correct databaseSchema" in str(caught.value.advice)
        with pytest.raises(ConnectorError, match="was dropped during the run"):
            list(source.tables("default", "no_such"))


def test_a_table_dropped_while_it_is_read(clickhouse_server: str) -> None:
    schema = make_schema(clickhouse_server)
    with open_source(context(clickhouse_server, schema)) as source:
        listing = iter(source.tables("default", schema))
        first = next(listing)
        execute(clickhouse_server, f"DROP TABLE {schema}.event")
        assert {first.name, *(table.name for table in listing)} >= {"customer", "adults", "daily"}


@contextmanager
def answering(status: int, body: bytes, headers: dict[str, str], hold: threading.Event | None = None) -> Generator[str]:
    """Where a server says the same to every question; with `hold`, not before that is set."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            if hold is not None:
                hold.wait(60)
            self.send_response(status)
            for name, value in (headers | {"Content-Length": str(len(body))}).items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(body)

        def log_request(self, code: int | str = "-", size: int | str = "-") -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    try:
        yield f"127.0.0.1:{server.server_address[1]}"
    finally:
        if hold is not None:
            hold.set()
        server.shutdown()
        thread.join()
        server.server_close()


@pytest.fixture
def answers() -> Iterator[Callable[..., str]]:
    with ExitStack() as stack:
        yield lambda *given: stack.enter_context(answering(*given))


LOGIN = b"Code: 516. DB::Exception: reader: Authentication failed: password is incorrect. (AUTHENTICATION_FAILED)"
RIGHTS = b"Code: 497. DB::Exception: reader: Not enough privileges. To execute this query (ACCESS_DENIED)"
CROWD = b"Code: 202. DB::Exception: Too many simultaneous queries. Maximum: 100. (TOO_MANY_SIMULTANEOUS_QUERIES)"
NATIVE = b"Port 9000 is for clickhouse-client program\r\nYou must use port 8123 for HTTP."
NAMES = b'["name", "comment"]\n'
HALF = NAMES + b'["shop", ""]\nCode: 210. DB::Exception: I/O error: Broken pipe. (NETWORK_ERROR)'


@pytest.mark.parametrize(
    ("said", "error", "advice"),
    [
        ((403, LOGIN, OWN), FatalError, "correct username and password"),
        ((500, RIGHTS, OWN), ConnectorError, "GRANT SELECT ON system.*, SHOW ON *.* TO reader"),
        ((500, CROWD, OWN), SourceUnavailable, "tried again"),
        ((503, b"no healthy upstream", NOT_OWN), SourceUnavailable, "is up"),
        ((400, NATIVE, NOT_OWN), FatalError, "8123 or 8443"),
        ((200, b"<html>hello</html>", NOT_OWN), FatalError, "8123 or 8443"),
        ((200, b"\xff\xfe garbage", OWN), SourceUnavailable, "see what lies between"),
        ((200, HALF, OWN), SourceUnavailable, "tried again"),
        ((200, b"X-ClickHouse-Key: the-password", NOT_OWN), FatalError, "8123 or 8443"),
        ((400, b"what is X-ClickHouse-Key: the-password", NOT_OWN), FatalError, "8123 or 8443"),
        ((503, b"no upstream for the-password", NOT_OWN), SourceUnavailable, "is up"),
        ((500, b"Code: 202. DB::Exception: the-password", OWN), SourceUnavailable, "tried again"),
        ((200, b"", OWN), SourceUnavailable, "see what lies between"),
        ((200, b"", NOT_OWN), FatalError, "8123 or 8443"),
        ((200, b"[]", NOT_OWN), FatalError, "8123 or 8443"),
        ((200, b"[" * 5_000, NOT_OWN), FatalError, "8123 or 8443"),
        ((200, NAMES + b'["shop"]', OWN), SourceUnavailable, "see what lies between"),
    ],
)
def test_what_a_server_says(
    answers: Callable[..., str], said: tuple[int, bytes, dict[str, str]], error: type[Exception], advice: str
) -> None:
    with open_source(context(answers(*said))) as source, pytest.raises(error) as caught:
        source.schemas("default")
    assert type(caught.value) is error
    assert advice in str(getattr(caught.value, "advice", ""))
    assert "the-password" not in str(caught.value)


@pytest.mark.parametrize("before", [b"", NAMES + b'["a", ""]\n'])
def test_a_row_that_would_take_all_memory_is_not_read_to_its_end(answers: Callable[..., str], before: bytes) -> None:
    said = gzip.compress(before + b'["' + b"a" * (LONGEST_LINE + 1024**2), 1)
    given = context(answers(200, said, {**OWN, "Content-Encoding": "gzip"}))
    with open_source(given) as source, pytest.raises(ConnectorError, match="is longer than 16777216 bytes") as caught:
        source.schemas("default")
    assert "hostPort" in str(caught.value.advice)


def test_a_long_row_is_one_row_whatever_it_holds(answers: Callable[..., str]) -> None:
    text = "\u2028 \x85 é" * 200_000
    said = [["name", "comment"], ["shop", text], ["last", ""]]
    lines = "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in said).encode()
    given = context(answers(200, lines, OWN))
    with closing(Client(given.connection, given.report, given.cancellation)) as client:
        assert list(client.rows("rows", "SELECT 1")) == [("shop", text), ("last", "")]


def test_a_server_that_hangs(answers: Callable[..., str]) -> None:
    given = context(answers(200, b"", OWN, threading.Event()))
    impatient = given.connection.model_copy(update={"connection_arguments": {"read_timeout": 1}})
    with (
        open_source(msgspec.structs.replace(given, connection=impatient)) as source,
        pytest.raises(SourceUnavailable, match="does not answer"),
    ):
        source.schemas("default")


def test_a_cancel_ends_a_question_without_an_answer(answers: Callable[..., str]) -> None:
    cancellation = Cancellation()
    given = context(answers(200, b"", OWN, threading.Event()), None, cancellation)
    timer = threading.Timer(0.2, cancellation.cancel, ["enough"])
    timer.start()
    with pytest.raises(RunCancelled, match="enough"), open_source(given) as source:
        source.schemas("default")
    timer.join()


def test_a_statement_that_changes_something_is_never_run(clickhouse_server: str) -> None:
    given = context(clickhouse_server)
    client = Client(given.connection, given.report, given.cancellation)
    with closing(client), pytest.raises(ConnectorError, match="readonly"):
        list(client.rows("a change", "CREATE DATABASE nobody_wants"))


def test_an_unreachable_server_fails_the_attempt(monkeypatch: pytest.MonkeyPatch, answers: Callable[..., str]) -> None:
    monkeypatch.setattr(runner, "LISTING_RETRY_SECONDS", 0.0)
    with pytest.raises(SourceUnavailable):
        run(context(answers(502, b"bad gateway", {})))


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ({"scheme": "clickhouse+native"}, "write clickhouse+http"),
        ({"keyfile": "/key.pem"}, "certificates of clients are not sent"),
        ({"hostPort": "/run/socket"}, "a socket's path"),
        ({"connectionOptions": {"compress": "x"}}, "compress is not supported"),
        ({"connectionArguments": {"read_timeout": "soon"}}, "whole number of seconds"),
    ],
)
def test_what_is_refused(given: dict[str, Any], told: str) -> None:
    with pytest.raises(ValueError, match=re.escape(told)):
        ClickhouseConfig.model_validate({"hostPort": "db", **given})


def test_addresses() -> None:
    assert ClickhouseConfig.model_validate({"hostPort": "db"}).url == "http://db:8123"
    assert ClickhouseConfig.model_validate({"hostPort": "db", "secure": True}).url == "https://db:8443"
    assert ClickhouseConfig.model_validate({"hostPort": "[::1]:1", "https": True}).url == "https://[::1]:1"
