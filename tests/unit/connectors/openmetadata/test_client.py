import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from pydantic import ValidationError

from connectors.cancellation import Cancellation
from connectors.definition import OpenMetadataConnection
from connectors.errors import ConfigurationError, ConnectorError, FatalError, RunCancelled, SinkUnavailable
from connectors.http.retry import RetryPolicy
from connectors.openmetadata.client import OpenMetadataClient, TookTooLong
from connectors.openmetadata.limits import Limits
from connectors.report import Report
from tests.fake_openmetadata import FakeOpenMetadata, Fault

QUICK = RetryPolicy(tries=4, few_tries=2, first_seconds=0.01)
VERSION = "/system/version"


class Listener(Report):
    """Keeps what the client tells of its requests."""

    def __init__(self) -> None:
        super().__init__()
        self.seen: list[tuple[str, str]] = []
        self.retries = 0

    def requested(self, operation: str, status: str, seconds: float) -> None:
        self.seen.append((operation, status))

    def retried(self) -> None:
        self.retries += 1


@pytest.fixture
def fake() -> Iterator[FakeOpenMetadata]:
    with FakeOpenMetadata() as fake:
        yield fake


@pytest.fixture
def listener() -> Listener:
    return Listener()


def client_of(
    fake: FakeOpenMetadata | str,
    listener: Listener | None = None,
    cancellation: Cancellation | None = None,
    limits: Limits | None = None,
    **settings: Any,
) -> OpenMetadataClient:
    address = fake if isinstance(fake, str) else fake.host_port
    raw = {"hostPort": address, "securityConfig": {"jwtToken": "token"}, **settings}
    return OpenMetadataClient(
        OpenMetadataConnection.model_validate(raw),
        listener or Listener(),
        cancellation or Cancellation(),
        limits or Limits(retry=QUICK),
    )


def error_of(fake: FakeOpenMetadata | str, **settings: Any) -> ConnectorError:
    with client_of(fake, **settings) as client, pytest.raises(ConnectorError) as caught:
        client.request("get", "GET", "/users/name/nobody")
    return caught.value


def test_says_who_it_is_and_shows_its_token(fake: FakeOpenMetadata) -> None:
    headers = {"X-Tenant": "a", "X-Copy": "again %(Authorization)s %(nothing)s!"}
    with client_of(fake, extraHeaders=headers) as client:
        assert client.request("get", "GET", "/users/name/nobody").status == 404
    (request,) = fake.requests
    assert request.headers["user-agent"].startswith("headwater/")
    assert request.headers["authorization"] == "Bearer token"
    assert request.headers["x-tenant"] == "a"
    assert request.headers["x-copy"] == "again Bearer token !"


@pytest.mark.parametrize("spelling", [str, str.lower, str.upper])
def test_a_header_of_the_definition_stands_for_its_own(fake: FakeOpenMetadata, spelling: Callable[[str], str]) -> None:
    given = {spelling("User-Agent"): "mine", spelling("Authorization"): "Bearer token"}
    with client_of(fake, extraHeaders=given) as client:
        client.request("get", "GET", "/users/name/nobody")
    (request,) = fake.requests
    assert request.headers["user-agent"] == "mine"
    assert request.headers["authorization"] == "Bearer token"
    assert request.headers["accept-encoding"] == "gzip, deflate"


@pytest.mark.parametrize(("body", "length"), [(b"[1]", "3"), (b"", "0"), (None, None)])
def test_a_request_says_for_whom_it_is_and_how_long(
    fake: FakeOpenMetadata, body: bytes | None, length: str | None
) -> None:
    with client_of(fake) as client:
        client.request("delete", "DELETE", "/users/name/nobody", body=body)
    (request,) = fake.requests
    assert request.headers["host"] == httpx.URL(fake.host_port).netloc.decode()
    assert request.headers.get("content-length") == length


def test_goes_by_the_proxy_of_the_environment(fake: FakeOpenMetadata, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTP_PROXY", fake.host_port.removesuffix("/api"))
    monkeypatch.setenv("NO_PROXY", "")
    monkeypatch.delenv("http_proxy", raising=False)
    monkeypatch.delenv("no_proxy", raising=False)
    with client_of("http://catalogue.invalid:8585/api") as client:
        assert client.request("get", "GET", "/users/name/nobody").status == 404
    (request,) = fake.requests
    assert request.headers["host"] == "catalogue.invalid:8585"


def test_asks_for_the_version_once(fake: FakeOpenMetadata) -> None:
    with client_of(fake) as client:
        assert client.version() == client.version() == (2, 0, 7)
    assert len(fake.requests) == 1


def test_takes_an_unknown_version_only_when_told_to() -> None:
    with FakeOpenMetadata(version="3.1.0") as fake:
        with client_of(fake) as client, pytest.raises(FatalError, match=r"3\.1\.0"):
            client.version()
        with client_of(fake, enableVersionValidation=False) as client:
            assert client.version() == (3, 1, 0)


@pytest.mark.parametrize(
    "fault",
    [
        Fault(VERSION, "status", 404),
        Fault(VERSION, "html", 200),
        Fault(VERSION, "html", 404),
        Fault(VERSION, "status", 302),
        Fault(VERSION, "status", 400),
        Fault(VERSION, "garbage"),
    ],
)
def test_hints_at_the_address_when_it_is_not_the_api(fake: FakeOpenMetadata, fault: Fault) -> None:
    fake.faults.add(fault)
    with client_of(fake) as client, pytest.raises(FatalError) as caught:
        client.version()
    assert "/api" in (caught.value.advice or "")


def test_a_server_that_is_starting_is_not_available(fake: FakeOpenMetadata) -> None:
    fake.faults.add(Fault(VERSION, status=500, times=2))
    with client_of(fake) as client, pytest.raises(SinkUnavailable, match="injected"):
        client.version()


def test_a_refused_token_is_fatal_with_advice(fake: FakeOpenMetadata) -> None:
    fake.token = "another"
    error = error_of(fake)
    assert isinstance(error, FatalError)
    assert "refuses the token" in error.message
    assert "jwtToken" in (error.advice or "")
    assert len(fake.requests) == 1


def test_a_missing_token_is_fatal_with_other_advice(fake: FakeOpenMetadata) -> None:
    error = error_of(fake, authProvider="no-auth")
    assert isinstance(error, FatalError)
    assert "authProvider" in (error.advice or "")


def test_a_rotated_token_is_read_again(fake: FakeOpenMetadata, tmp_path: Path, listener: Listener) -> None:
    file = tmp_path / "token"
    file.write_text("token", encoding="utf-8")
    with client_of(fake, listener, securityConfig={"jwtToken": str(file)}) as client:
        assert client.request("get", "GET", "/users/name/x").status == 404
        fake.token = "rotated"
        file.write_text("rotated", encoding="utf-8")
        assert client.request("get", "GET", "/users/name/x").status == 404
        assert listener.seen == [("get", "404"), ("get", "401"), ("get", "404")]
        fake.token = "again"
        with pytest.raises(FatalError, match="refuses the token"):
            client.request("get", "GET", "/users/name/x")


def test_a_forbidden_call_is_fatal_and_named(fake: FakeOpenMetadata) -> None:
    fake.faults.add(Fault("/nobody", status=403, message="Principal: bot does not have permission"))
    error = error_of(fake)
    assert isinstance(error, FatalError)
    assert "GET /users/name/nobody: Principal" in error.message


@pytest.mark.parametrize("kind", ["reset", "half"])
@pytest.mark.parametrize("times", [1, 3])
def test_sends_again_what_was_cut_off(fake: FakeOpenMetadata, listener: Listener, kind: Any, times: int) -> None:
    fake.faults.add(Fault("/nobody", kind, times=times))
    with client_of(fake, listener) as client:
        assert client.request("get", "GET", "/users/name/nobody").status == 404
    assert listener.retries == times


@pytest.mark.parametrize("status", [429, 502, 503])
def test_sends_again_when_the_server_is_busy(fake: FakeOpenMetadata, listener: Listener, status: int) -> None:
    fake.faults.add(Fault("/nobody", status=status, times=3))
    with client_of(fake, listener) as client:
        assert client.request("get", "GET", "/users/name/nobody").status == 404
    assert listener.seen == [*[("get", str(status))] * 3, ("get", "404")]


def test_waits_as_long_as_it_is_asked_to(fake: FakeOpenMetadata) -> None:
    fake.faults.add(Fault("/nobody", status=429, headers={"Retry-After": "1"}))
    began = time.monotonic()
    with client_of(fake) as client:
        client.request("get", "GET", "/users/name/nobody")
    assert time.monotonic() - began >= 1.0


def test_gives_up_and_names_the_address(fake: FakeOpenMetadata) -> None:
    fake.faults.add(Fault("/nobody", status=503, times=99, message="maintenance"))
    error = error_of(fake)
    assert isinstance(error, SinkUnavailable)
    assert error.message.startswith(f"OpenMetadata at {fake.host_port} is not available (tried 4 times)")
    assert "maintenance" in error.message


def test_a_server_error_comes_back_after_few_tries(fake: FakeOpenMetadata) -> None:
    fake.faults.add(Fault("/nobody", status=500, times=99))
    with client_of(fake) as client:
        assert client.request("get", "GET", "/users/name/nobody").status == 500
    assert len(fake.requests) == QUICK.few_tries


@pytest.mark.parametrize("fault", [Fault("/nobody", status=504, times=9), Fault("/nobody", "slow", seconds=9, times=9)])
def test_an_answer_that_takes_too_long_is_told_apart(fake: FakeOpenMetadata, fault: Fault) -> None:
    fake.faults.add(fault)
    assert isinstance(error_of(fake, limits=Limits(read_seconds=0.05, retry=QUICK)), TookTooLong)


@pytest.mark.parametrize("address", ["http://127.0.0.1:9/api", "http://no-such-host.invalid/api"])
def test_an_address_where_nobody_is_is_named(address: str) -> None:
    error = error_of(address)
    assert isinstance(error, SinkUnavailable)
    assert address in error.message


@pytest.mark.parametrize("address", ["http://host:port/api", "http://127.0.0.1:99999999/api", "http://host:0/api"])
def test_an_impossible_port_is_refused_when_it_is_written(address: str) -> None:
    with pytest.raises(ValidationError, match="has no possible port; write a number from 1 to 65535"):
        client_of(address)


@pytest.mark.parametrize(
    "address", ["http://[::1/api", "http://[openmetadata]:8585/api", "http://[10.0.0.1]/api", "http://:8585/api"]
)
def test_an_impossible_host_is_refused_when_it_is_written(address: str) -> None:
    with pytest.raises(ValidationError, match="has no possible host; write a name, an IPv4 address, or an IPv6"):
        client_of(address)


@pytest.mark.parametrize("address", ["http://a\x7fb/api", "http://1.2.3.4.5\x00/api"])
def test_an_impossible_address_is_refused_at_once(address: str) -> None:
    with pytest.raises(ConfigurationError, match=r"hostPort: .* is not an address"):
        client_of(address)


def cancelled_after(seconds: float, fake: FakeOpenMetadata) -> float:
    """Cancel a request under way; how long it took to end after that."""
    cancellation = Cancellation()
    with client_of(fake, cancellation=cancellation) as client:
        timer = threading.Timer(seconds, cancellation.cancel, ["by the test"])
        timer.start()
        began = time.monotonic()
        with pytest.raises(RunCancelled, match="by the test"):
            client.request("get", "GET", "/users/name/nobody")
        timer.join()
    return time.monotonic() - began - seconds


def test_a_cancel_breaks_off_a_request_in_flight(fake: FakeOpenMetadata) -> None:
    fake.faults.add(Fault("/nobody", "slow", seconds=30))
    assert cancelled_after(0.1, fake) < 15


def test_a_cancel_breaks_off_a_wait(fake: FakeOpenMetadata) -> None:
    fake.faults.add(Fault("/nobody", status=429, headers={"Retry-After": "60"}))
    assert cancelled_after(0.1, fake) < 15


def test_nothing_is_sent_after_a_cancel(fake: FakeOpenMetadata) -> None:
    cancellation = Cancellation()
    cancellation.cancel("before")
    with client_of(fake, cancellation=cancellation) as client, pytest.raises(RunCancelled):
        client.request("get", "GET", "/users/name/nobody")
    assert fake.requests == []


def test_a_deadline_ends_a_request(fake: FakeOpenMetadata) -> None:
    fake.faults.add(Fault("/nobody", "slow", seconds=30))
    with client_of(fake, cancellation=Cancellation(0.2)) as client, pytest.raises(RunCancelled, match="timed out"):
        client.request("get", "GET", "/users/name/nobody")


def test_does_not_wait_past_the_deadline(fake: FakeOpenMetadata) -> None:
    fake.faults.add(Fault("/nobody", status=503, headers={"Retry-After": "60"}))
    began = time.monotonic()
    with client_of(fake, cancellation=Cancellation(20)) as client, pytest.raises(SinkUnavailable, match="tried once"):
        client.request("get", "GET", "/users/name/nobody")
    assert time.monotonic() - began < 15


def test_an_abandoned_client_sends_nothing_more(fake: FakeOpenMetadata) -> None:
    with client_of(fake) as client:
        client.abandon()
        with pytest.raises(RunCancelled):
            client.request("get", "GET", "/users/name/nobody")
