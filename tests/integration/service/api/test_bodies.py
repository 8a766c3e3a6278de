import json
import logging
import socket
from collections.abc import Iterator
from urllib.parse import urlsplit

import httpx
import pytest

from service.api.bodies import DEFAULT_MAX_BODY_BYTES
from service.api.yaml_text import MAX_YAML_EVENTS
from tests.eventually import eventually
from tests.integration.service.api.serving import definition_of, problem, problems

WORKFLOWS = "/api/v1/workflows"
JSON = {"Content-Type": "application/json"}
YAML = {"Content-Type": "application/yaml"}
HUGE = 50 * 1024 * 1024
POST = f"POST {WORKFLOWS} HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"


@pytest.mark.parametrize(
    ("headers", "text", "words"),
    [
        (JSON, '{"name": "shop",\n  nope}', "line 2, column 3"),
        (JSON, '{"a": 1, "a": 2}', "'a' appears twice"),
        (JSON, '{"a": NaN}', "NaN"),
        (JSON, b'{"a": "\xff"}', "byte 7"),
        (JSON, " ", "empty"),
        (YAML, "config: [1\nname: shop", "line 2, column 5"),
        (YAML, "a: &x [1]\nb: *y", "line 2, column 4: found undefined alias"),
        (YAML, "a: &x [*x]", "line 1, column 4: an alias stands for what it lies in"),
        (YAML, "a: 1\na: 2", "line 2, column 1: the key 'a' appears twice"),
        (YAML, "a: !!python/object:os.system x", "tag"),
    ],
)
def test_a_broken_body_is_told_where(
    guest: httpx.Client, headers: dict[str, str], text: str | bytes, words: str
) -> None:
    document = problem(guest.post(WORKFLOWS, content=text, headers=headers), 400)
    assert words in document["detail"]


@pytest.mark.parametrize("text", ["[]", '"shop"', "null", "3"])
def test_a_body_must_be_an_object(guest: httpx.Client, text: str) -> None:
    assert "must be an object" in problems(guest.post(WORKFLOWS, content=text, headers=JSON))[""]


def test_a_body_is_required(guest: httpx.Client) -> None:
    assert "required" in problems(guest.post(WORKFLOWS))[""]


@pytest.mark.parametrize("kind", ["text/plain", "application/xml", "multipart/form-data", "application/x-ndjson"])
def test_other_formats_are_refused(guest: httpx.Client, kind: str) -> None:
    body = json.dumps(definition_of())
    document = problem(guest.post(WORKFLOWS, content=body, headers={"Content-Type": kind}), 415)
    assert kind in document["detail"]
    assert "application/yaml" in document["detail"]


def test_a_body_of_no_format_is_refused(guest: httpx.Client) -> None:
    problem(guest.post(WORKFLOWS, content=b"{}"), 415)


def test_a_compressed_body_is_refused(guest: httpx.Client) -> None:
    problem(guest.post(WORKFLOWS, content=b"x", headers=JSON | {"Content-Encoding": "gzip"}), 415)


def test_an_announced_huge_body_is_refused_unread(address: str) -> None:
    where = urlsplit(address)
    head = f"{POST}Content-Length: {HUGE}\r\n\r\n"
    with socket.create_connection((where.hostname or "", where.port or 0), timeout=5) as connection:
        connection.sendall(head.encode())
        assert connection.recv(100).startswith(b"HTTP/1.1 413")


def test_a_huge_body_is_refused(guest: httpx.Client) -> None:
    document = problem(guest.post(WORKFLOWS, content=b" " * HUGE, headers=JSON), 413)
    assert str(DEFAULT_MAX_BODY_BYTES) in document["detail"]


def test_a_huge_body_in_chunks_is_read_to_the_limit_only(guest: httpx.Client) -> None:
    sent = 0

    def chunks() -> Iterator[bytes]:
        nonlocal sent
        while sent < HUGE:
            sent += 65_536
            yield b" " * 65_536

    problem(guest.post(WORKFLOWS, content=chunks(), headers=JSON), 413)


def test_yaml_of_many_parts_is_refused(guest: httpx.Client) -> None:
    text = "a: [" + "1," * MAX_YAML_EVENTS + "]"
    problem(guest.post(WORKFLOWS, content=text, headers=YAML), 413)


@pytest.mark.parametrize(
    ("headers", "text"),
    [(JSON, '{"a":' * 100_000), (JSON, '{"a":' * 100 + "1" + "}" * 100), (YAML, "[" * 100_000), (YAML, "{a: " * 100)],
)
def test_deep_nesting_is_refused(guest: httpx.Client, headers: dict[str, str], text: str) -> None:
    (message,) = problems(guest.post(WORKFLOWS, content=text, headers=headers)).values()
    assert "nested deeper" in message


@pytest.mark.parametrize("text", ["a\0b", "\ud800"])
def test_a_text_that_postgres_cannot_hold_is_refused(guest: httpx.Client, text: str) -> None:
    definition = json.dumps(definition_of(description=text))
    found = problems(guest.post(WORKFLOWS, content=definition, headers=JSON))
    assert "cannot be stored" in found["description"]


def test_numbers_without_end_are_refused(guest: httpx.Client) -> None:
    assert "finite" in problems(guest.post(WORKFLOWS, content='{"a": 1e999}', headers=JSON))["a"]
    assert "digits" in problem(guest.post(WORKFLOWS, content=f'{{"a": {"9" * 9999}}}', headers=JSON), 400)["detail"]


@pytest.mark.parametrize("sent", ["Content-Length: 9\r\n\r\n{", "Transfer-Encoding: chunked\r\n\r\nno length\r\n"])
def test_a_body_that_breaks_off_is_a_line_of_the_log(
    address: str, client: httpx.Client, caplog: pytest.LogCaptureFixture, sent: str
) -> None:
    caplog.set_level(logging.INFO, "service.api")
    where = urlsplit(address)
    with socket.create_connection((where.hostname or "", where.port or 0), timeout=5) as connection:
        connection.sendall(f"{POST}{sent}".encode())
    eventually(lambda: any(record.name.startswith("service.api") for record in caplog.records))
    assert client.get(WORKFLOWS).status_code == 200
    first, *_ = [record for record in caplog.records if record.name.startswith("service.api")]
    assert first.getMessage().startswith(f"POST {WORKFLOWS} 499 ")
    assert first.exc_info is None


@pytest.mark.parametrize(
    ("method", "path"),
    [("POST", "shop/check"), ("POST", "shop/pause"), ("POST", "shop/resume"), ("DELETE", "shop")],
)
def test_a_body_that_would_be_passed_over_is_refused(client: httpx.Client, method: str, path: str) -> None:
    client.post(WORKFLOWS, json=definition_of()).raise_for_status()
    for body in (b'{"hostPort": "another:5432"}', b"[]"):
        refused = client.request(method, f"{WORKFLOWS}/{path}", content=body, headers=JSON)
        assert "leave the body out" in problems(refused)[""]
    for nothing in (b"", b" ", b"{}"):
        client.post(f"{WORKFLOWS}/shop/pause", content=nothing, headers=JSON).raise_for_status()
    huge = client.request(method, f"{WORKFLOWS}/{path}", content=b"x" * (DEFAULT_MAX_BODY_BYTES + 1))
    problem(huge, 413)


def test_a_body_of_a_reading_request_is_of_no_interest(guest: httpx.Client) -> None:
    guest.request("GET", WORKFLOWS, content=b"x").raise_for_status()
