"""The connector against a server that speaks MongoDB's protocol: inferred columns, filters, and what goes wrong."""

import json
import socket
from pathlib import Path
from typing import Any

import msgspec
import pytest
from pymongo import errors

from connectors.cancellation import Cancellation
from connectors.definition import parse
from connectors.errors import ConnectorError, FatalError, SourceUnavailable
from connectors.families.mongodb.config import MongoDBConfig
from connectors.families.mongodb.session import failure, opened
from connectors.families.partial_failures import Vanished
from connectors.models.base import CreateRequest
from connectors.models.records import DeletionScope
from connectors.report import Report
from connectors.sources import mongodb
from tests.mongodb import client, fill_mongodb
from tests.sharing import REPOSITORY
from tests.whole_runs import walk

GOLDEN = REPOSITORY / "tests" / "golden" / "mongodb.json"


@pytest.fixture
def schema(mongodb_server: str) -> str:
    """A database of the test's own."""
    return fill_mongodb(mongodb_server)


def connection(address: str, schema: str, **changes: Any) -> dict[str, Any]:
    return {"type": "MongoDB", "hostPort": address, "databaseSchema": schema, **changes}


def requests(records: list[CreateRequest], schema: str) -> list[Any]:
    return [json.loads(msgspec.json.encode(record).decode().replace(schema, "SCHEMA")) for record in records]


def test_what_is_sent(mongodb_server: str, schema: str) -> None:
    walked = walk("mongodb", connection(mongodb_server, schema), markDeletedSchemas=True)
    assert list(walked.report.failures) == []
    assert "databaseSchema" not in {scope.entity for scope in walked.sink.only(DeletionScope)}
    assert requests(walked.sink.only(CreateRequest), schema) == json.loads(GOLDEN.read_text(encoding="utf-8"))


def test_all_databases_but_the_servers_own(mongodb_server: str, schema: str) -> None:
    given = {"type": "MongoDB", "hostPort": mongodb_server, "databaseName": "shops"}
    one = {"includes": [f"^{schema}$"]}
    walked = walk("mongodb", {**given, "schemaFilterPattern": one}, markDeletedSchemas=True)
    assert "databaseSchema" in {scope.entity for scope in walked.sink.only(DeletionScope)}
    assert walked.sink.names("databaseSchema") == {f"svc.shops.{schema}"}
    assert list(walked.report.failures) == []


def test_of_other_databases_than_the_one_named_nothing_is_known(mongodb_server: str, schema: str) -> None:
    walked = walk("mongodb", connection(mongodb_server, schema), markDeletedSchemas=True)
    assert "databaseSchema" not in {entity for _, entity in walked.sink.deletions()}
    walked = walk("mongodb", connection(mongodb_server, f"{schema}_gone"))
    [failure] = walked.report.failures
    assert (failure.name, f"no database {schema}_gone" in failure.cause) == ("svc.default", True)
    assert "correct databaseSchema" in str(failure.advice)


def test_filters_come_before_questions(mongodb_server: str, schema: str, monkeypatch: pytest.MonkeyPatch) -> None:
    read: list[str] = []
    described = mongodb.MongoDBSource.described

    def note(source: mongodb.MongoDBSource, schema: str, table: Any) -> Any:
        read.append(table.name)
        return described(source, schema, table)

    monkeypatch.setattr(mongodb.MongoDBSource, "described", note)
    walked = walk("mongodb", connection(mongodb_server, schema), tableFilterPattern={"excludes": ["^empty"]})
    assert read == ["orders"]
    assert len(walked.sink.deletions()[f"svc.default.{schema}", "table"].seen) == 4


def test_a_sample_is_bounded(mongodb_server: str, schema: str) -> None:
    with client(mongodb_server) as filled:
        filled[schema]["many"].insert_many([{"_id": number, f"f{number}": 1} for number in range(150)])
    walked = walk("mongodb", connection(mongodb_server, schema), tableFilterPattern={"includes": ["^many$"]})
    [table] = [record for record in walked.sink.only(CreateRequest) if record.entity == "table"]
    assert len(requests([table], schema)[0]["columns"]) == 101


def test_one_collection_that_cannot_be_read_is_one_failure(
    mongodb_server: str, schema: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    denied = errors.OperationFailure("not authorized", 13)

    def refuse(*_: Any) -> None:
        raise denied

    monkeypatch.setattr("connectors.families.documents.Inference.add", refuse)
    walked = walk("mongodb", connection(mongodb_server, schema))
    [lost] = walked.report.failures
    assert (lost.entity, lost.name) == ("table", f"svc.default.{schema}.orders")
    assert lost.advice == "give the user the role read on that database, or readAnyDatabase"
    assert len(walked.sink.names("table")) == 3
    assert [scope for scope in walked.sink.only(DeletionScope) if scope.entity == "table"] == []


@pytest.mark.parametrize(
    ("error", "kind", "advice"),
    [
        (errors.OperationFailure("bad auth", 18), FatalError, "correct username, password"),
        (errors.OperationFailure("bad auth", 8000), FatalError, "correct username, password"),
        (errors.OperationFailure("not authorized", 13), ConnectorError, "role read"),
        (errors.OperationFailure("ns not found", 26), Vanished, ""),
        (errors.OperationFailure("too long", 50), ConnectorError, ""),
        (errors.ConfigurationError("no such host"), FatalError, "hostPort"),
        (errors.AutoReconnect("closed"), SourceUnavailable, "hostPort"),
        (errors.ProtocolError("not MongoDB"), SourceUnavailable, "hostPort"),
    ],
)
def test_what_an_error_means(error: Exception, kind: type[Exception], advice: str) -> None:
    found = failure(error, "find shop.orders")
    assert type(found) is kind
    assert found.message == f"find shop.orders: {str(error).partition(', full error')[0]}"
    assert advice in (found.advice or "")


def test_a_server_that_talks_garbage() -> None:
    with socket.create_server(("127.0.0.1", 0)) as web:
        address = f"127.0.0.1:{web.getsockname()[1]}"
        config = connection(address, "shop", connectionOptions={"serverSelectionTimeoutMS": "300"})
        with (
            opened(parse(MongoDBConfig, config), Report(), Cancellation()) as session,
            pytest.raises(SourceUnavailable, match=address),
        ):
            session.asked("ping", lambda client: client.admin.command("ping"))


@pytest.mark.parametrize(
    "change",
    [{"hostPort": "db:notaport"}, {"connectionOptions": {"readPreference": "whatever"}}],
)
def test_a_connection_that_cannot_be_tried(change: dict[str, Any]) -> None:
    config = parse(MongoDBConfig, connection("db:1", "shop") | change)
    with pytest.raises(FatalError, match="cannot be tried"), opened(config, Report(), Cancellation()):
        pass


def test_certificates_that_are_none(tmp_path: Path) -> None:
    config = parse(
        MongoDBConfig,
        connection("db:1", "shop", sslMode="verify-full", sslConfig={"caCertificate": str(tmp_path / "none")}),
    )
    with (
        pytest.raises(ConnectorError, match=r"sslConfig\.caCertificate"),
        opened(config, Report(), Cancellation()),
    ):
        pass
