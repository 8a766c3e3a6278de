"""The connector against a real MariaDB: types, keys, partitions, and what goes wrong."""

import contextlib
import json
import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest
from cryptography.hazmat.primitives import serialization
from pymysql.constants import CLIENT

from connectors import runner
from connectors.cancellation import Cancellation
from connectors.connector import RunContext
from connectors.errors import ConnectorError, FatalError, RunCancelled, SourceUnavailable
from connectors.families.database_options import DatabaseMetadata
from connectors.families.mysql.config import MysqlConfig
from connectors.families.mysql.session import Sessions
from connectors.families.mysql.source import open_source
from connectors.families.password_auth import PasswordAuth
from connectors.models.database import CreateTableRequest
from connectors.models.records import DeletionScope
from connectors.report import Report
from connectors.runner import TopologyRunner
from connectors.sources.mysql import CONNECTOR
from tests.conformance.systems import SHOP
from tests.eventually import eventually
from tests.in_memory import RecordingSink, Walked
from tests.mariadb import PASSWORD, MariaDB
from tests.unit.connectors.openmetadata.certificates import self_signed

Context = RunContext[MysqlConfig, DatabaseMetadata]


def context(
    host_port: str, user: str, schema: str | None, cancellation: Cancellation | None = None, **changes: Any
) -> Context:
    connection = {"username": user, "hostPort": host_port, "databaseSchema": schema}
    login = {"authType": {"password": PASSWORD}}
    return RunContext(
        service="shop",
        service_type="Mysql",
        connection=MysqlConfig.model_validate(connection | login | changes),
        options=DatabaseMetadata.model_validate({"includeDDL": True}),
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
    found = walked.sink.only(CreateTableRequest)
    return {table.name: json.loads(msgspec.json.encode(table)) for table in found}


@pytest.fixture(scope="module")
def shop(mariadb_server: MariaDB) -> dict[str, dict[str, Any]]:
    schema = mariadb_server.make_schema((SHOP.parent / "shop.mariadb.sql").read_text(encoding="utf-8"))
    user = mariadb_server.make_user(f"SELECT, SHOW VIEW ON {schema}.*")
    return tables(run(context(f"127.0.0.1:{mariadb_server.port}", user, schema)))


@pytest.mark.parametrize(
    ("column", "data_type", "display"),
    [
        ("id", "INT", "int(10) unsigned"), ("email", "VARCHAR", "varchar(120)"), ("score", "DECIMAL", "decimal(10,2)"),
        ("kind", "ENUM", "enum('private','business')"), ("flags", "SET", "set('a','b')"), ("photo", "BLOB", "longblob"),
        ("place", "POINT", "point"), ("made", "DATETIME", "datetime(3)"), ("y", "YEAR", "year(4)"),
        ("bits", "BIT", "bit(9)"), ("ip", "INET", "inet6"), ("u", "UUID", "uuid"), ("doc", "TEXT", "longtext"),
        ("mid", "INT", "mediumint(9)"), ("code", "CHAR", "char(3)"),
    ],
)  # fmt: skip
def test_types(shop: dict[str, dict[str, Any]], column: str, data_type: str, display: str) -> None:
    [found] = [each for each in shop["customer"]["columns"] if each["name"] == column]
    assert (found["dataType"], found["dataTypeDisplay"]) == (data_type, display)


def test_keys_and_comments(shop: dict[str, dict[str, Any]]) -> None:
    customer = {column["name"]: column for column in shop["customer"]["columns"]}
    assert shop["customer"]["description"] == "everyone who ever bought"
    assert customer["id"]["description"] == "who buys"
    assert [customer[name]["constraint"] for name in ("id", "email", "name")] == ["PRIMARY_KEY", "UNIQUE", "NULL"]
    keys = {(key["constraintType"], *key["columns"]): key for key in shop["orders"]["tableConstraints"]}
    assert set(keys) == {("PRIMARY_KEY", "id", "line"), ("FOREIGN_KEY", "customer"), ("FOREIGN_KEY", "invoice")}
    assert keys["FOREIGN_KEY", "customer"]["relationshipType"] == "MANY_TO_ONE"
    assert keys["FOREIGN_KEY", "invoice"]["relationshipType"] == "ONE_TO_ONE"
    assert keys["FOREIGN_KEY", "invoice"]["referredColumns"][0].endswith(".customer.id")


@pytest.mark.parametrize(
    ("table", "column", "kind"),
    [("parted", "sold", "TIME-UNIT"), ("hashed", "id", "OTHER"), ("listed", "id", "COLUMN-VALUE"),
     ("ranged", "id", "INTEGER-RANGE")],
)  # fmt: skip
def test_partitions(shop: dict[str, dict[str, Any]], table: str, column: str, kind: str) -> None:
    assert shop[table]["tableType"] == "Partitioned"
    [found] = shop[table]["tablePartition"]["columns"]
    assert (found["columnName"], found["intervalType"]) == (column, kind)


def test_definitions(shop: dict[str, dict[str, Any]]) -> None:
    assert shop["adults"]["schemaDefinition"].startswith("CREATE VIEW `s_")
    assert shop["customer"]["schemaDefinition"].startswith("CREATE TABLE `customer`")


def test_a_wrong_password(mariadb_server: MariaDB) -> None:
    given = context(f"127.0.0.1:{mariadb_server.port}", mariadb_server.make_user(), None)
    wrong = given.connection.model_copy(update={"auth_type": PasswordAuth()})
    with (
        open_source(msgspec.structs.replace(given, connection=wrong)) as source,
        pytest.raises(FatalError, match="denied") as caught,
    ):
        source.schemas("default")
    assert "correct username" in str(caught.value.advice)


def test_a_schema_without_any_right(mariadb_server: MariaDB) -> None:
    schema, user = mariadb_server.make_schema("CREATE TABLE t (a INT)"), mariadb_server.make_user()
    given = context(f"127.0.0.1:{mariadb_server.port}", user, schema)
    with open_source(given) as source, pytest.raises(ConnectorError, match=f"no schema {schema}") as caught:
        source.schemas("default")
    assert caught.value.advice is not None
    assert "SELECT" in caught.value.advice


def test_hidden_queries_of_views_are_told(mariadb_server: MariaDB, caplog: pytest.LogCaptureFixture) -> None:
    schema = mariadb_server.make_schema("CREATE TABLE t (a INT); CREATE VIEW v AS SELECT a FROM t")
    user = mariadb_server.make_user(f"SELECT ON {schema}.*")
    found = tables(run(context(f"127.0.0.1:{mariadb_server.port}", user, schema)))
    assert [column["name"] for column in found["v"]["columns"]] == ["a"]
    assert "GRANT SHOW VIEW" in caplog.text


def test_a_table_whose_columns_are_hidden_is_not_taken_for_gone(mariadb_server: MariaDB) -> None:
    schema = mariadb_server.make_schema("CREATE TABLE a (x INT); CREATE TABLE b (x INT)")
    user = mariadb_server.make_user(f"SELECT ON {schema}.a", f"TRIGGER ON {schema}.b")
    walked = run(context(f"127.0.0.1:{mariadb_server.port}", user, schema))
    assert set(tables(walked)) == {"a"}
    [failure] = walked.report.failures
    assert f"1 tables of {schema} show no column: b" in failure.cause
    assert f"GRANT SELECT ON `{schema}`.*" in str(failure.advice)
    assert not any(scope.entity == "table" for scope in walked.sink.only(DeletionScope))


def test_a_definition_of_one_schema_leaves_the_others_alone(mariadb_server: MariaDB) -> None:
    one, other = (mariadb_server.make_schema("CREATE TABLE t (a INT)") for _ in range(2))
    user = mariadb_server.make_user(f"SELECT ON {one}.*", f"SELECT ON {other}.*", "SHOW DATABASES ON *.*")
    options = DatabaseMetadata.model_validate({"markDeletedSchemas": True})

    def of_schemas(schema: str | None) -> list[tuple[str, ...]]:
        given = msgspec.structs.replace(context(f"127.0.0.1:{mariadb_server.port}", user, schema), options=options)
        found = run(given).sink.only(DeletionScope)
        return [scope.seen for scope in found if scope.entity == "databaseSchema"]

    assert of_schemas(one) == []
    [seen] = of_schemas(None)
    assert {f"shop.default.{one}", f"shop.default.{other}"} <= set(seen)


def test_a_table_dropped_while_it_is_read(mariadb_server: MariaDB) -> None:
    schema = mariadb_server.make_schema("CREATE TABLE a (x INT); CREATE TABLE b (x INT)")
    user = mariadb_server.make_user(f"SELECT ON {schema}.*")
    given = context(f"127.0.0.1:{mariadb_server.port}", user, schema)
    with open_source(given) as source:
        listed = list(source.tables("default", schema))
        mariadb_server.execute(f"DROP TABLE {schema}.a")
        gone, kept = (table.ddl for table in listed)
        assert gone is not None
        assert kept is not None
        with pytest.raises(ConnectorError, match="doesn't exist") as caught:
            gone()
        assert kept().startswith("CREATE TABLE `b`")
    assert "dropped" in str(caught.value.advice)


def test_a_schema_dropped_while_it_is_read(mariadb_server: MariaDB) -> None:
    user = mariadb_server.make_user("SELECT ON *.*")
    with open_source(context(f"127.0.0.1:{mariadb_server.port}", user, None)) as source:
        for listing in (source.tables, source.routines):
            with pytest.raises(ConnectorError, match="was dropped during the run"):
                list(listing("default", "not_there"))


def test_a_view_over_nothing_is_sent_without_columns(mariadb_server: MariaDB, caplog: pytest.LogCaptureFixture) -> None:
    schema = mariadb_server.make_schema(
        "CREATE TABLE t (a INT); CREATE VIEW v AS SELECT a FROM t; CREATE TABLE z (b INT); DROP TABLE t"
    )
    user = mariadb_server.make_user(f"SELECT, SHOW VIEW ON {schema}.*")
    found = tables(run(context(f"127.0.0.1:{mariadb_server.port}", user, schema)))
    assert (found["v"]["columns"], [column["name"] for column in found["z"]["columns"]]) == ([], ["b"])
    assert f"the columns of view {schema}.v are not known" in caplog.text


@pytest.fixture
def answering() -> Iterator[Callable[[bytes], int]]:
    """Servers that say one thing to whoever comes, and then nothing more."""
    servers: list[socket.socket] = []

    def start(said: bytes) -> int:
        server = socket.create_server(("127.0.0.1", 0))
        servers.append(server)

        def serve() -> None:
            lines: list[socket.socket] = []
            while True:
                try:
                    line, _ = server.accept()
                except OSError:
                    break
                lines.append(line)
                line.sendall(said)
            for line in lines:
                line.close()

        threading.Thread(target=serve, daemon=True).start()
        return int(server.getsockname()[1])

    yield start
    for server in servers:
        server.shutdown(socket.SHUT_RDWR)
        server.close()


@pytest.mark.parametrize("said", [b"HTTP/1.1 400 Bad Request\r\n\r\n" * 200, b"\x05\x00\x00\x00\x0aoops"])
def test_garbage(answering: Callable[[bytes], int], said: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(runner, "LISTING_RETRY_SECONDS", 0.0)
    given = context(f"127.0.0.1:{answering(said)}", "u", None, connectionArguments={"connect_timeout": 1})
    with pytest.raises((FatalError, SourceUnavailable)) as caught:
        run(given)
    assert caught.value.advice
    assert given.connection.host_port in caught.value.message


def greeting(*, with_tls: bool) -> bytes:
    """What a MySQL server says first: its protocol, version and abilities."""
    ours = CLIENT.PROTOCOL_41 | CLIENT.SECURE_CONNECTION | CLIENT.PLUGIN_AUTH | (CLIENT.SSL if with_tls else 0)
    low, high = ours.to_bytes(4, "little")[:2], ours.to_bytes(4, "little")[2:]
    said = b"\x0a8.0.0\0\1\0\0\0" + b"a" * 8 + b"\0" + low + b"\x2d\2\0" + high + b"\x15" + bytes(10)
    said += b"b" * 12 + b"\0mysql_native_password\0"
    return len(said).to_bytes(3, "little") + b"\0" + said


def test_certificates_that_are_none(answering: Callable[[bytes], int]) -> None:
    broken = "-----BEGIN CERTIFICATE-----\nbm9uZQ==\n-----END CERTIFICATE-----"
    given = context(f"127.0.0.1:{answering(b'')}", "u", None, sslConfig={"caCertificate": broken})
    with pytest.raises(FatalError, match="what sslConfig gives cannot be used") as caught:
        run(given)
    assert "correct sslConfig" in (caught.value.advice or "")


def test_a_key_with_a_passphrase_asks_nobody(answering: Callable[[bytes], int]) -> None:
    pair = self_signed()
    key = serialization.load_pem_private_key(pair.key.encode(), None).private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.BestAvailableEncryption(b"hidden"),
    )
    tls = {"caCertificate": pair.certificate, "sslCertificate": pair.certificate, "sslKey": key.decode()}
    with pytest.raises(FatalError, match="what sslConfig gives cannot be used"):
        run(context(f"127.0.0.1:{answering(b'')}", "u", None, sslConfig=tls))


def test_without_tls_nothing_is_said_where_certificates_are_given(answering: Callable[[bytes], int]) -> None:
    address = f"127.0.0.1:{answering(greeting(with_tls=False))}"
    with pytest.raises(FatalError) as caught:
        run(context(address, "u", None, sslConfig={"caCertificate": self_signed().certificate}))
    assert "SSL is required" in caught.value.message
    assert "let the server offer TLS" in (caught.value.advice or "")


def test_a_certificate_that_nobody_vouches_for(tmp_path: Path) -> None:
    pair, files = self_signed(), tmp_path / "server.pem"
    files.write_text(pair.certificate + pair.key, encoding="ascii")
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    tls.load_cert_chain(files)

    def serve() -> None:
        line, _ = server.accept()
        with line, contextlib.suppress(OSError):
            line.sendall(greeting(with_tls=True))
            line.recv(36)  # that the client wants TLS
            tls.wrap_socket(line, server_side=True)

    with socket.create_server(("127.0.0.1", 0)) as server:
        serving = threading.Thread(target=serve, daemon=True)
        serving.start()
        address = f"127.0.0.1:{server.getsockname()[1]}"
        with pytest.raises(FatalError, match="certificate verify failed") as caught:
            run(context(address, "u", None, sslConfig={"caCertificate": self_signed().certificate}))
        serving.join()
    assert "sslConfig.caCertificate" in (caught.value.advice or "")


def test_a_server_that_hangs(answering: Callable[[bytes], int]) -> None:
    given = context(f"127.0.0.1:{answering(b'')}", "u", None, connectionArguments={"connect_timeout": 1})
    with open_source(given) as source, pytest.raises(SourceUnavailable, match="no answer within 1 s"):
        source.schemas("default")


def test_a_cancel_ends_a_hanging_connect(answering: Callable[[bytes], int]) -> None:
    cancellation = Cancellation()
    given = context(f"127.0.0.1:{answering(b'')}", "u", None, cancellation)
    timer = threading.Timer(0.2, cancellation.cancel, ["enough"])
    timer.start()
    with pytest.raises(RunCancelled, match="enough"), open_source(given) as source:
        source.schemas("default")
    timer.join()


def test_a_cancel_ends_a_running_query(mariadb_server: MariaDB) -> None:
    cancellation = Cancellation()
    user = mariadb_server.make_user()
    given = context(f"127.0.0.1:{mariadb_server.port}", user, None, cancellation)
    timer = threading.Timer(0.3, cancellation.cancel, ["enough"])
    timer.start()
    sessions = Sessions(given.connection, {}, given.report, cancellation)
    with pytest.raises(RunCancelled, match="enough"):
        sessions.rows("a long query", "SELECT SLEEP(60)")
    sessions.close()
    timer.join()
    running = f"SELECT 1 FROM information_schema.PROCESSLIST WHERE USER = '{user}'"
    eventually(lambda: not mariadb_server.execute(running), "the query has ended")


def test_tls_is_spoken_and_certificates_are_checked(mariadb_server: MariaDB) -> None:
    schema = mariadb_server.make_schema("CREATE TABLE t (id int)")
    pair, address = mariadb_server.certificate, f"127.0.0.1:{mariadb_server.port}"
    over_tls, shown = (mariadb_server.make_user(f"SELECT ON {schema}.*") for _ in range(2))
    mariadb_server.execute(f"ALTER USER '{over_tls}'@'%' REQUIRE SSL; ALTER USER '{shown}'@'%' REQUIRE X509")
    own = {"sslCertificate": pair.certificate, "sslKey": pair.key}
    trusting = {"caCertificate": pair.certificate}
    for user, tls in ((over_tls, None), (over_tls, trusting), (shown, {**trusting, **own})):
        assert set(tables(run(context(address, user, schema, sslConfig=tls)))) == {"t"}
    for user, tls in ((shown, trusting), (over_tls, {"caCertificate": self_signed().certificate})):
        with pytest.raises(FatalError, match=r"Access denied|certificate verify failed"):
            run(context(address, user, schema, sslConfig=tls))
