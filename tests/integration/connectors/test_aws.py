"""Amazon's services: credentials, roles, pages, and what errors mean."""

import json
import socket
from collections.abc import Iterator
from contextlib import closing
from http.server import BaseHTTPRequestHandler, HTTPServer
from threading import Thread
from typing import Any

import pytest

from connectors.cancellation import Cancellation
from connectors.definition import parse
from connectors.errors import (
    ConfigurationError,
    ConnectorError,
    FatalError,
    RunCancelled,
    SkipEntity,
    SourceUnavailable,
)
from connectors.families import aws
from connectors.families.aws import NOT_FOUND, AwsCredentials, AwsService, Gone
from connectors.report import Report
from connectors.sources.s3 import S3Config, S3Store
from connectors.sources.sagemaker import GONE
from tests.answering import Answering, Status

SECRET = "very-secret-key"
KEYS = {"awsRegion": "eu-west-1", "awsAccessKeyId": "reader", "awsSecretAccessKey": SECRET}


def service(name: str, **config: Any) -> AwsService:
    return AwsService(parse(AwsCredentials, {**KEYS, **config}), name, Report(), Cancellation())


@pytest.fixture(autouse=True)
def one_try(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(aws, "TRIES", 1)


@pytest.fixture
def answering() -> Iterator[Any]:
    """A server that gives each request the same answer; called with status and body, gives its address."""
    servers: list[HTTPServer] = []

    def start(status: int, body: str) -> str:
        class Answer(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                self.rfile.read(int(self.headers.get("Content-Length") or 0))
                self.send_response_only(status)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body.encode())

        server = HTTPServer(("127.0.0.1", 0), Answer)
        Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
        servers.append(server)
        return f"http://127.0.0.1:{server.server_address[1]}"

    yield start
    for server in servers:
        server.shutdown()
        server.server_close()


def refused(code: str) -> str:
    return f'{{"__type": "{code}", "message": "no"}}'


@pytest.mark.parametrize(
    ("config", "told"),
    [
        ({"awsAccessKeyId": "a"}, "awsAccessKeyId and awsSecretAccessKey belong together"),
        ({"awsSecretAccessKey": "a"}, "awsAccessKeyId and awsSecretAccessKey belong together"),
        ({"awsSessionToken": "a"}, "awsSessionToken needs awsAccessKeyId"),
        (
            {"endPointURL": "glue:80"},
            "endPointURL: 'glue:80' is not an http or https address; write it like https://<service>.eu-west-1",
        ),
        ({"awsRegion": ""}, "awsRegion: "),
    ],
)
def test_credentials_that_cannot_be(config: dict[str, Any], told: str) -> None:
    with pytest.raises(ConfigurationError, match=told):
        parse(AwsCredentials, {"awsRegion": "eu-west-1", **config})


def test_an_empty_address_is_none() -> None:
    assert parse(AwsCredentials, {"awsRegion": "eu-west-1", "endPointURL": ""}).end_point_url is None


def test_secrets_are_not_shown() -> None:
    credentials = parse(AwsCredentials, {**KEYS, "awsSessionToken": "very-secret-token"})
    assert "very-secret" not in repr(credentials) + credentials.model_dump_json()


@pytest.mark.parametrize(
    ("status", "body", "error", "advice"),
    [
        (400, refused("UnrecognizedClientException"), FatalError, "awsSecretAccessKey"),
        (400, refused("AccessDeniedException"), ConnectorError, "allow GetDatabases"),
        (400, refused("ThrottlingException"), SourceUnavailable, "try again later"),
        (400, refused("EntityNotFoundException"), ConnectorError, ""),
        (503, "<html>", SourceUnavailable, "try again later"),
        (200, "<html>not an answer", SourceUnavailable, "endPointURL"),
        (200, "{}", SourceUnavailable, "endPointURL"),
        (200, "[]", SourceUnavailable, "endPointURL"),
        (200, "null", SourceUnavailable, "endPointURL"),
        (404, "not found", ConnectorError, "endPointURL"),
        (401, '{"message": "who are you"}', ConnectorError, "endPointURL"),
    ],
)
def test_what_an_answer_means(answering: Any, status: int, body: str, error: type[Exception], advice: str) -> None:
    glue = service("glue", endPointURL=answering(status, body))
    with pytest.raises(ConnectorError) as caught:
        list(glue.pages("get_databases", "DatabaseList"))
    assert type(caught.value) is error
    assert caught.value.message.startswith("get_databases")
    assert advice in (caught.value.advice or "")
    assert SECRET not in str(caught.value)


def test_nobody_listens() -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    with pytest.raises(SourceUnavailable, match=str(port)):
        service("glue", endPointURL=f"http://127.0.0.1:{port}").call("get_databases")


def test_nobody_answers(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(aws, "READ_SECONDS", 0.1)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        address = f"http://127.0.0.1:{silent.getsockname()[1]}"
        with pytest.raises(SourceUnavailable, match="timeout"):
            service("glue", endPointURL=address).call("get_databases")


def test_a_profile_that_is_not_there() -> None:
    with pytest.raises(FatalError, match="nobody") as caught:
        service("glue", profileName="nobody")
    assert "profileName" in (caught.value.advice or "")


def test_no_key_anywhere(monkeypatch: pytest.MonkeyPatch, tmp_path: Any) -> None:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_PROFILE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    for name in ("AWS_CONFIG_FILE", "AWS_SHARED_CREDENTIALS_FILE"):
        monkeypatch.setenv(name, str(tmp_path / "none"))
    glue = AwsService(parse(AwsCredentials, {"awsRegion": "eu-west-1"}), "glue", Report(), Cancellation())
    with pytest.raises(FatalError, match="credentials") as caught:
        glue.call("get_databases")
    assert "awsAccessKeyId" in (caught.value.advice or "")


def test_a_cancel_is_seen_before_the_next_page(moto_server: str) -> None:
    cancellation = Cancellation()
    credentials = parse(AwsCredentials, {**KEYS, "endPointURL": moto_server})
    glue = AwsService(credentials, "glue", Report(), cancellation)
    cancellation.cancel("enough")
    with pytest.raises(RunCancelled):
        list(glue.pages("get_databases", "DatabaseList"))


def test_a_role_is_assumed(moto_server: str) -> None:
    role = "arn:aws:iam::123456789012:role/reader"
    config = {"assumeRoleArn": role, "assumeRoleSessionName": "night", "assumeRoleSourceIdentity": "bot"}
    caller = service("sts", endPointURL=moto_server, **config).call("get_caller_identity")
    assert caller["Arn"] == "arn:aws:sts::123456789012:assumed-role/reader/night"


def test_a_role_that_may_not_be_assumed(answering: Any) -> None:
    told = "<ErrorResponse><Error><Code>AccessDenied</Code><Message>no</Message></Error></ErrorResponse>"
    glue = service("glue", endPointURL=answering(403, told), assumeRoleArn="arn:aws:iam::123456789012:role/reader")
    with pytest.raises(FatalError, match="assume_role arn:aws:iam::123456789012:role/reader: AccessDenied") as caught:
        glue.call("get_databases")
    assert "allow AssumeRole" in (caught.value.advice or "")


@pytest.mark.parametrize(("status", "code"), [(404, "NoSuchKey"), (416, "InvalidRange")])
def test_what_is_missing_is_known_by_its_code_whatever_the_name_is(status: int, code: str) -> None:
    answer = Status(status, f"<Error><Code>{code}</Code><Message>NoSuchTagSet: no</Message></Error>".encode())
    with Answering({"GET /b/a%3A%20NoSuchBucket": answer}) as server:
        config = parse(S3Config, {"type": "S3", "awsConfig": {**KEYS, "endPointURL": server.address}})
        with closing(AwsService(config.aws_config, "s3", Report(), Cancellation())) as service:
            found = S3Store(service, config).read("b", "a: NoSuchBucket", 0, 1)
    assert found == (None if code == "NoSuchKey" else b"")


@pytest.mark.parametrize(
    ("gone", "code", "words", "is_gone"),
    [
        (NOT_FOUND, "ResourceNotFoundException", "no", True),
        (NOT_FOUND, "ValidationException", "ResourceNotFoundException", False),
        (GONE, "ValidationException", "Could not find model x", True),
        (GONE, "ValidationException", "x: Could not find model", False),
        (GONE, "InternalFailure", "Could not find model x", False),
    ],
)
def test_what_is_gone_is_known_by_its_code(answering: Any, gone: Gone, code: str, words: str, is_gone: bool) -> None:
    told = json.dumps({"__type": code, "message": words})
    kinesis = service("kinesis", endPointURL=answering(400, told))
    with closing(kinesis), pytest.raises(ConnectorError) as caught:
        kinesis.described("describe_stream_summary", gone, StreamName="ResourceNotFoundException")
    assert isinstance(caught.value, SkipEntity) is is_gone
