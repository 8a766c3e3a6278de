"""Requests that go by a proxy."""

import base64
import socket
import ssl
import threading
from collections.abc import Iterator
from pathlib import Path
from socketserver import StreamRequestHandler, ThreadingTCPServer
from typing import Any

import pytest

from connectors.cancellation import Cancellation
from connectors.definition import OpenMetadataConnection
from connectors.errors import ConfigurationError, SinkUnavailable
from connectors.http.retry import RetryPolicy
from connectors.openmetadata.client import OpenMetadataClient
from connectors.openmetadata.limits import Limits
from connectors.openmetadata.versions import Version
from connectors.report import Report
from tests.fake_openmetadata import FakeOpenMetadata
from tests.unit.connectors.openmetadata.certificates import self_signed

NAMES = ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY")


class TunnelServer(ThreadingTCPServer):
    """A proxy that knows CONNECT only; `heads` are the requests to it."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Tunnel)
        self.heads: list[list[str]] = []

    @property
    def place(self) -> str:
        return f"127.0.0.1:{self.server_address[1]}"


class Tunnel(StreamRequestHandler):
    """One connection: what comes from either end goes to the other."""

    def handle(self) -> None:
        head: list[str] = []
        while line := self.rfile.readline().decode().strip():
            head.append(line)
        assert isinstance(self.server, TunnelServer)
        self.server.heads.append(head)
        host, _, port = head[0].split()[1].rpartition(":")
        with socket.create_connection((host, int(port))) as far:
            self.connection.sendall(b"HTTP/1.1 200 Connection established\r\n\r\n")
            back = threading.Thread(target=pump, args=(far, self.connection))
            back.start()
            pump(self.connection, far)
            back.join()


def pump(source: socket.socket, target: socket.socket) -> None:
    try:
        while data := source.recv(65536):
            target.sendall(data)
        target.shutdown(socket.SHUT_WR)
    except OSError:
        return


@pytest.fixture(autouse=True)
def no_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in NAMES:
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.lower(), raising=False)


@pytest.fixture
def tunnel() -> Iterator[TunnelServer]:
    with TunnelServer() as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.02,))
        thread.start()
        yield server
        server.shutdown()
        thread.join()


def asked(address: str, **settings: Any) -> Version:
    raw = {"hostPort": address, "securityConfig": {"jwtToken": "token"}, **settings}
    limits = Limits(retry=RetryPolicy(tries=1))
    connection = OpenMetadataConnection.model_validate(raw)
    with OpenMetadataClient(connection, Report(), Cancellation(), limits) as client:
        return client.version()


def basic(text: str) -> str:
    return f"Basic {base64.b64encode(text.encode()).decode()}"


def test_a_proxy_is_shown_its_user_and_password(monkeypatch: pytest.MonkeyPatch) -> None:
    with FakeOpenMetadata() as fake:
        place = fake.host_port.removeprefix("http://").removesuffix("/api")
        monkeypatch.setenv("HTTP_PROXY", f"http://ada:p%40ss@{place}")
        assert asked("http://catalogue.invalid:8585/api") == (2, 0, 7)
        (request,) = fake.requests
    assert request.headers["host"] == "catalogue.invalid:8585"
    assert request.headers["proxy-authorization"] == basic("ada:p@ss")


def test_https_goes_through_a_tunnel(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, tunnel: TunnelServer) -> None:
    pair = self_signed()
    file = tmp_path / "server.pem"
    file.write_text(pair.certificate + pair.key, encoding="ascii")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(file)
    monkeypatch.setenv("HTTPS_PROXY", f"http://ada:secret@{tunnel.place}")
    with FakeOpenMetadata(tls=context) as fake:
        trusted = {"verifySSL": "validate", "sslConfig": {"caCertificate": pair.certificate}}
        assert asked(fake.host_port, **trusted) == (2, 0, 7)
        (request,) = fake.requests
    (head,) = tunnel.heads
    place = fake.host_port.removeprefix("https://").removesuffix("/api")
    assert head[0] == f"CONNECT {place} HTTP/1.1"
    assert f"proxy-authorization: {basic('ada:secret')}" in [line.replace("Proxy-A", "proxy-a") for line in head]
    assert "authorization: bearer token" not in [line.lower() for line in head]
    assert "proxy-authorization" not in request.headers


def test_a_proxy_of_another_protocol_is_refused_by_its_variable(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ALL_PROXY", "socks5://gate:1080")
    with pytest.raises(ConfigurationError, match=r"^ALL_PROXY: .*socks5://.* NO_PROXY$"):
        asked("http://catalogue.invalid:8585/api")


def test_a_proxy_that_does_not_answer_is_named_by_its_variable(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ALL_PROXY", "http://127.0.0.1:1")
    with pytest.raises(SinkUnavailable) as caught:
        asked("http://catalogue.invalid:8585/api")
    assert str(caught.value.advice).endswith("it is asked by way of the proxy that ALL_PROXY names")
