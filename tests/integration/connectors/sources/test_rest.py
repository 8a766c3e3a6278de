"""Descriptions of APIs: what is sent of them, where they may lie, and what goes wrong."""

import gzip
import json
import socket
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest
from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi
from pydantic import BaseModel

from connectors import registry
from connectors.cancellation import Cancellation
from connectors.connector import run_checks
from connectors.errors import ConfigurationError, FatalError, SourceUnavailable
from connectors.families import whole_files
from connectors.families.aws import AwsCredentials
from connectors.families.rest import RestLimits
from connectors.http.retry import RetryPolicy
from connectors.models.api import CreateApiCollectionRequest, CreateApiEndpointRequest
from connectors.models.base import CreateRequest
from connectors.models.messaging import SchemaField
from connectors.report import Report
from connectors.source_files import SourceFiles
from tests.amazon import Account
from tests.answering import Answering, Status
from tests.fake_openmetadata.faults import Fault
from tests.fake_openmetadata.schemas import checker
from tests.in_memory import Walked
from tests.whole_runs import SINK, walk

GOLDEN = Path(__file__).parents[3] / "golden"
OPENAPI, SWAGGER = GOLDEN / "shop.openapi.yaml", GOLDEN / "shop.swagger.json"
PLACE = "source.serviceConnection.config.openAPISchemaConnection"
FILE_PATH = f"{PLACE}.openAPISchemaFilePath"
QUICK = RestLimits(read_seconds=5, retry=RetryPolicy(tries=2, few_tries=2, first_seconds=0.001))
SCHEMAS = {
    "services/apiServices": "CreateApiServiceRequest",
    "apiCollections": "CreateAPICollectionRequest",
    "apiEndpoints": "CreateAPIEndpointRequest",
}


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    for module in (whole_files, registry.importlib.import_module("connectors.sources.rest")):
        monkeypatch.setattr(module, "LIMITS", QUICK)


@pytest.fixture
def shop() -> Iterator[Answering]:
    with Answering({"GET /docs/openapi.yaml": Status(200, OPENAPI.read_bytes())}) as server:
        yield server


def in_file(path: Path, **more: Any) -> dict[str, Any]:
    return {"type": "Rest", "openAPISchemaConnection": {"openAPISchemaFilePath": str(path)}, **more}


def at(address: str, path: str = "/docs/openapi.yaml", **more: Any) -> dict[str, Any]:
    return {"type": "Rest", "openAPISchemaConnection": {"openAPISchemaURL": f"{address}{path}"}, **more}


def sent(walked: Walked) -> list[dict[str, Any]]:
    found = walked.sink.only(CreateRequest)
    return [{"entity": each.entity, **msgspec.json.decode(msgspec.json.encode(each))} for each in found]


def described(tmp_path: Path, paths: dict[str, Any], **more: Any) -> Path:
    """A description of these paths."""
    place = tmp_path / "openapi.json"
    place.write_text(json.dumps({"openapi": "3.1.0", "info": {}, "paths": paths, **more}))
    return place


def endpoints(walked: Walked) -> dict[str, CreateApiEndpointRequest]:
    return walked.sink.by_fqn(CreateApiEndpointRequest)


@pytest.mark.parametrize("path", [OPENAPI, SWAGGER], ids=["openapi", "swagger"])
def test_what_is_sent_is_what_was_agreed(path: Path) -> None:
    walked = walk("rest", in_file(path, docURL="https://shop.test/docs"))
    assert not walked.report.failures
    golden = json.loads((GOLDEN / "rest.json").read_text(encoding="utf-8"))
    assert sent(walked) == golden[path.name]
    for record in walked.sink.only(CreateRequest):
        assert checker(SCHEMAS[record.collection])(msgspec.json.decode(msgspec.json.encode(record))) is None


def test_an_address_gives_the_same_and_the_token_is_shown_there_only(shop: Answering) -> None:
    walked = walk("rest", at(shop.address, token="a-token-of-tests"))
    assert len(endpoints(walked)) == 6
    assert [asked.headers["authorization"] for asked in shop.asked] == ["Bearer a-token-of-tests"]
    assert "a-token-of-tests" not in repr(walked)


def test_an_address_without_servers_is_where_the_paths_begin() -> None:
    document: dict[str, Any] = {"openapi": "3.1.0", "info": {}, "paths": {"/a": {"get": {"responses": {}}}}}
    with Answering({"GET /api/openapi.json": document}) as server:
        [endpoint] = endpoints(walk("rest", at(server.address, "/api/openapi.json"))).values()
        assert endpoint.endpoint_url == f"{server.address}/a"


def test_an_object_of_s3_gives_the_same(moto_server: str) -> None:
    account = Account.new(moto_server)
    s3, bucket = account.client("s3"), f"docs-{account.number}"
    s3.create_bucket(Bucket=bucket, CreateBucketConfiguration={"LocationConstraint": "eu-west-1"})
    s3.put_object(Bucket=bucket, Key="a/openapi.yaml", Body=OPENAPI.read_bytes())

    def place(name: str) -> dict[str, Any]:
        url = f"s3://{bucket}/{name}"
        return {"openAPISchemaConnection": {"openAPISchemaS3URL": url, "awsCredentials": account.config()}}

    assert len(endpoints(walk("rest", place("a/openapi.yaml")))) == 6
    with pytest.raises(SourceUnavailable, match=r"there is no s3://docs-\d+/b"):
        walk("rest", place("b"))


class Item(BaseModel):
    name: str
    parts: "list[Item]"
    parent: "Item | None"


def test_fastapis_own_description() -> None:
    app = FastAPI(title="Things", version="3")

    def create(item: Item) -> dict[str, Item]:
        return {item.name: item}

    app.post("/things", tags=["things"])(create)
    document = get_openapi(title="T", version="3", routes=app.routes, separate_input_output_schemas=False)
    with Answering({"GET /openapi.json": document}) as server:
        [endpoint] = endpoints(walk("rest", at(server.address, "/openapi.json"))).values()
    assert (endpoint.fqn, endpoint.display_name) == ("svc.things.create_things_post", "Create")
    assert endpoint.request_schema
    assert endpoint.response_schema
    parts, item = "array<Item>", ("Item", "RECORD")
    name, listed, parent = endpoint.request_schema.schema_fields
    assert (name.data_type, listed.data_type_display, (parent.data_type_display, parent.data_type)) == (
        "STRING",
        parts,
        item,
    )
    assert endpoint.response_schema.schema_fields == (
        SchemaField(
            "value",
            "MAP",
            "map<string,Item>",
            children=(
                SchemaField("key", "STRING"),
                SchemaField(
                    "value",
                    "RECORD",
                    "Item",
                    children=(
                        SchemaField("name", "STRING", "string"),
                        SchemaField("parts", "ARRAY", parts),
                        SchemaField("parent", "RECORD", "Item"),
                    ),
                ),
            ),
        ),
    )


def test_filters_and_deletions(shop: Answering) -> None:
    connection = at(shop.address, apiCollectionFilterPattern={"excludes": ["unused"]})
    walked = walk("rest", connection, apiEndpointFilterPattern={"includes": ["read_"]})
    assert set(endpoints(walked)) == {"svc.orders.read_order"}
    scopes = {name: scope for (name, _), scope in walked.sink.deletions().items()}
    assert set(scopes) == {"svc", "svc.orders", 'svc."odd.one"', "svc.default"}
    assert scopes["svc"].seen == ("svc.orders", "svc.unused", 'svc."odd.one"', "svc.default")
    assert scopes["svc.orders"].seen == ("svc.orders.list_orders", "svc.orders.POST /orders", "svc.orders.read_order")
    assert walk("rest", connection, markDeletedApiCollections=False).sink.deletions() == {}


def test_what_cannot_be_read_of_an_endpoint_is_a_failure_of_that_endpoint(tmp_path: Path) -> None:
    def body(schema: Any) -> dict[str, Any]:
        return {"responses": {"200": {"content": {"application/json": {"schema": schema}}}}}

    paths = {
        "/good": {"get": body({"type": "string"})},
        "/gone": {"get": body({"properties": {"a": {"$ref": "#/components/schemas/Gone"}}})},
        "/elsewhere": {"get": body({"$ref": "other.json#/Order"})},
        "/body": {"post": {"requestBody": {"$ref": "#/components/requestBodies/Gone"}}},
        "/path": {"$ref": "#/components/pathItems/Gone"},
        "/odd": {"get": ["nothing"], "post": {"responses": 5, "requestBody": "no", "tags": "no", "operationId": 7}},
    }
    walked = walk("rest", in_file(described(tmp_path, paths)))
    found = {failure.name: failure.cause for failure in walked.report.failures}
    assert found.pop("svc") == found["svc.default"]
    assert found == {
        "svc.default.GET /gone": "its schema is incomplete: '#/components/schemas/Gone' refers to nothing",
        "svc.default.GET /elsewhere": (
            "its schema is incomplete: 'other.json#/Order' is in another document, which is not read"
        ),
        "svc.default.POST /body": "'#/components/requestBodies/Gone' refers to nothing",
        "svc.default": "'#/components/pathItems/Gone' refers to nothing",
    }
    assert {name.removeprefix("svc.default.") for name in endpoints(walked)} == {
        "GET /good", "GET /gone", "GET /elsewhere", "GET /odd", "POST /odd",
    }  # fmt: skip
    assert walked.sink.deletions() == {}


def test_a_path_that_is_no_object_is_not_gone(tmp_path: Path) -> None:
    walked = walk("rest", in_file(described(tmp_path, {"/good": {"get": {}}, "/odd": "see the wiki", "/later": None})))
    assert {failure.cause for failure in walked.report.failures} == {"what is written of the path /odd is no object"}
    assert set(endpoints(walked)) == {"svc.default.GET /good"}
    assert walked.sink.deletions() == {}


BROKEN = [
    (b"", "does not describe an API: it holds no object"),
    (b"[]", "does not describe an API: it holds no object"),
    (b"{", "is neither JSON nor YAML"),
    (b"a: [", "is neither JSON nor YAML"),
    (b"\xff\xfe", "is neither JSON nor YAML"),
    (b"a: !!python/object:os.system {}", "is neither JSON nor YAML"),
    (b"<html><p>Welcome</p></html>", "does not describe an API"),
    (b"{}", "it has neither openapi nor swagger"),
    (b"openapi: 4.0.0", "it says to be version 4.0.0"),
    (b"swagger: '1.2'", "it says to be version 1.2"),
    (b"openapi: 3.0.0\npaths: []", "its paths are no object"),
    (b"openapi: 3.0.0\npaths: &a {b: *a}", "has a YAML alias that lies in what it names"),
    (b"[" * 100_000, "is neither JSON nor YAML"),
    (b'{"a":' * 100_000, "is neither JSON nor YAML"),
]


@pytest.mark.parametrize(("raw", "message"), BROKEN, ids=range(len(BROKEN)))
def test_what_is_no_description_ends_the_run(tmp_path: Path, raw: bytes, message: str) -> None:
    place = tmp_path / "openapi.yaml"
    place.write_bytes(raw)
    with pytest.raises(FatalError, match=message) as caught:
        walk("rest", in_file(place))
    assert caught.value.advice


def test_a_server_that_goes_wrong(shop: Answering) -> None:
    path = "/docs/openapi.yaml"
    for fault, error, message in (
        (Fault("", "status", status=401), FatalError, "does not let the user in"),
        (Fault("", "status", status=301), FatalError, "redirects"),
        (Fault("", "html"), FatalError, "does not describe an API"),
        (Fault("", "garbage"), FatalError, "is neither JSON nor YAML"),
    ):
        with Answering({f"GET {path}": Status(200, OPENAPI.read_bytes())}, [fault]) as server:
            with pytest.raises(error, match=message) as caught:
                walk("rest", at(server.address, token="a-token-of-tests"))
            assert caught.value.advice
    with pytest.raises(SourceUnavailable, match="is not there"):
        walk("rest", at(shop.address, "/elsewhere"))


def test_a_server_that_is_busy_for_a_moment() -> None:
    faults = [Fault("", "status", status=503), Fault("", "half")]
    for fault in faults:
        with Answering({"GET /docs/openapi.yaml": Status(200, OPENAPI.read_bytes())}, [fault]) as server:
            assert len(endpoints(walk("rest", at(server.address)))) == 6


def test_a_description_that_is_too_long(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, shop: Answering) -> None:
    short = RestLimits(answer_bytes=100)
    monkeypatch.setattr("connectors.sources.rest.LIMITS", short)
    for connection in (in_file(OPENAPI), at(shop.address)):
        with pytest.raises(Exception, match="longer than 100 bytes"):
            walk("rest", connection)


def test_an_answer_that_would_take_all_memory_is_not_read_to_its_end() -> None:
    answer = Status(200, gzip.compress(b"{" + b" " * 33 * 1024**2, 1), {"Content-Encoding": "gzip"})
    with Answering({"GET /docs/openapi.yaml": answer}) as server:
        first = next(iter(registry.check("rest", at(server.address))))
    assert (first.status, "is longer than 33554432 bytes" in first.message) == ("failed", True)
    assert first.advice


def test_a_file_that_is_not_there_may_come(tmp_path: Path) -> None:
    with pytest.raises(SourceUnavailable, match="there is no file"):
        walk("rest", in_file(tmp_path / "openapi.json"))


def test_the_steps_of_the_check_tell_what_is_there() -> None:
    connector = registry.get("rest")
    results = [(each.name, each.message) for each in run_checks(connector.checks, connector.config(**in_file(OPENAPI)))]
    assert results == [
        ("CheckAccess", "Shop, described by OpenAPI 3.0.3"),
        ("GetCollections", "4 collections"),
        ("GetEndpoints", "6 endpoints"),
    ]


AWS = {"awsRegion": "eu-west-1"}
REFUSED: list[tuple[dict[str, Any], str, str]] = [
    ({}, PLACE, "is required"),
    ({"openAPISchemaConnection": {}}, PLACE, "give one of openAPISchemaURL, openAPISchemaFilePath and"),
    (
        {"openAPISchemaConnection": {"openAPISchemaURL": "http://h/a", "openAPISchemaFilePath": "a"}},
        PLACE,
        "give one of",
    ),
    ({"openAPISchemaConnection": {"openAPISchemaURL": "ftp://h/a"}}, f"{PLACE}.openAPISchemaURL", "is not an http"),
    ({"openAPISchemaConnection": {"openAPISchemaURL": "http://u:p@h/a"}}, f"{PLACE}.openAPISchemaURL", "a password"),
    (
        {"openAPISchemaConnection": {"openAPISchemaURL": "http://h:99999/"}},
        f"{PLACE}.openAPISchemaURL",
        "possible port",
    ),
    ({"openAPISchemaConnection": {"openAPISchemaURL": "http://é..é/"}}, f"{PLACE}.openAPISchemaURL", "Invalid IDNA"),
    ({"openAPISchemaConnection": {"openAPISchemaS3URL": "s3://b/a"}}, PLACE, "belong together"),
    ({"openAPISchemaConnection": {"openAPISchemaURL": "http://h/a", "awsCredentials": AWS}}, PLACE, "belong together"),
    (
        {"openAPISchemaConnection": {"openAPISchemaS3URL": "s3://b", "awsCredentials": AWS}},
        f"{PLACE}.openAPISchemaS3URL",
        "is not the address of an object in S3",
    ),
    ({"openAPISchemaConnection": {"openAPISchemaFilePath": "/etc/passwd"}}, FILE_PATH, "does not lie below"),
    (
        {"openAPISchemaConnection": {"openAPISchemaURL": "http://h/a"}, "token": "é"},
        "source.serviceConnection.config.token",
        "must be of printable ASCII",
    ),
    (
        {"openAPISchemaConnection": {"openAPISchemaURL": "http://h/a"}, "docURL": "docs"},
        "source.serviceConnection.config.docURL",
        "is not an http",
    ),
    (
        {"openAPISchemaConnection": {"openAPISchemaURL": "http://h/a"}, "apiKey": "x"},
        "source.serviceConnection.config.apiKey",
        "is not a known key",
    ),
]


@pytest.mark.parametrize(("connection", "path", "message"), REFUSED, ids=range(len(REFUSED)))
def test_bad_input_is_named(connection: dict[str, Any], path: str, message: str, tmp_path: Path) -> None:
    source = {"type": "rest", "serviceName": "svc", "serviceConnection": {"config": connection}}
    with pytest.raises(ConfigurationError) as caught:
        registry.plan({"source": source, "sink": SINK}, files=SourceFiles((tmp_path,)))
    assert [problem.path for problem in caught.value.problems] == [path]
    assert message in str(caught.value)


@pytest.mark.parametrize(
    "url",
    [
        "s3://docs/a/b.json",
        "https://docs.s3.eu-west-1.amazonaws.com/a/b.json",
        "https://docs.s3.amazonaws.com/a/b.json",
        "https://s3.eu-west-1.amazonaws.com/docs/a/b.json",
        "https://s3-eu-west-1.amazonaws.com/docs/a/b.json",
    ],
)
def test_ways_to_write_an_object_of_s3(url: str) -> None:
    assert whole_files.s3_address(url) == ("docs", "a/b.json")


def test_an_object_that_breaks_off_may_be_whole_later() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:

        def answer() -> None:
            line, _ = server.accept()
            with line:
                line.recv(65536)
                line.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{")

        answering = threading.Thread(target=answer, daemon=True)
        answering.start()
        where = {"endPointURL": f"http://127.0.0.1:{server.getsockname()[1]}"}
        credentials = AwsCredentials.model_validate({**AWS, "awsAccessKeyId": "a", "awsSecretAccessKey": "b", **where})
        file = whole_files.S3File(credentials, "b", "a.json", "key")
        with pytest.raises(SourceUnavailable, match=r"get_object s3://b/a\.json: "):
            file.read(Report(), Cancellation(), whole_files.LIMITS)
        answering.join()


def missing(_name: str) -> None:
    """No module is there."""


def test_boto3_is_asked_for_only_where_it_is_needed(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr("importlib.util.find_spec", missing)
    registry.get("rest").config.model_validate(in_file(OPENAPI))
    place = {"openAPISchemaConnection": {"openAPISchemaS3URL": "s3://b/a", "awsCredentials": AWS}}
    source = {"type": "rest", "serviceName": "svc", "serviceConnection": {"config": place}}
    with pytest.raises(ConfigurationError, match=r"pip install 'headwater\[rest\]'"):
        registry.plan({"source": source, "sink": SINK})


def test_collections_tell_where_they_begin(shop: Answering) -> None:
    found = walk("rest", at(shop.address)).sink.by_fqn(CreateApiCollectionRequest)
    assert {record.endpoint_url for record in found.values()} == {"https://shop.test/v1"}
