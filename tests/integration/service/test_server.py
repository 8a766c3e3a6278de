"""Connections that would hold the service up: slow ones, idle ones, too many."""

import logging
import socket
import threading
from collections.abc import Iterator
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from itertools import repeat

import httpx
import pytest
from fastapi import FastAPI, Request
from fastapi.responses import StreamingResponse

from service import server as module
from service.address import bound
from service.server import HttpServer
from service.settings import Settings
from tests.eventually import eventually

HEAD = b"GET /now HTTP/1.1\r\nHost: localhost\r\n"
BODY = b"POST /body HTTP/1.1\r\nHost: localhost\r\nContent-Length: 4\r\n\r\n"
FLOOD = b"GET /flood HTTP/1.1\r\nHost: localhost\r\n\r\n"
WAIT = b"GET /wait HTTP/1.1\r\nHost: localhost\r\n\r\n"
LIMIT = 10
SOON = 0.3


def now() -> str:
    """Answers at once."""
    return "now"


async def body(request: Request) -> str:
    """Answers when the whole body is there."""
    return (await request.body()).decode()


def wait(request: Request) -> str:
    """Answers when the test lets it."""
    release: threading.Event = request.app.state.release
    release.wait(60)
    return "waited"


def flood() -> StreamingResponse:
    """Answers without end."""
    return StreamingResponse(repeat(bytes(100_000)))


@dataclass(frozen=True)
class Served:
    """A server, its address, and what lets waiting requests end."""

    server: HttpServer
    port: int
    started: threading.Event
    release: threading.Event

    @property
    def connections(self) -> int:
        """How many are open."""
        return len(self.server.server_state.connections)

    def connect(self, sent: bytes = b"") -> socket.socket:
        """A connection that the server has taken, on which this was sent."""
        connection = socket.create_connection(("127.0.0.1", self.port), timeout=30)
        connection.sendall(sent)
        return connection

    def get(self) -> int:
        """How a request on a connection of its own is answered."""
        return httpx.get(f"http://127.0.0.1:{self.port}/now", trust_env=False).status_code


@pytest.fixture
def served() -> Iterator[Served]:
    """The server, with a few connections."""
    app = FastAPI()
    app.state.release = threading.Event()
    app.add_api_route("/now", now)
    app.add_api_route("/body", body, methods=["POST"])
    app.add_api_route("/wait", wait)
    app.add_api_route("/flood", flood)
    with bound("127.0.0.1", 0) as address:
        started = threading.Event()
        server = HttpServer(app, Settings.model_validate({"max_connections": LIMIT}), started.set, lambda: None)
        thread = threading.Thread(target=server.run, args=([address],), daemon=True)
        thread.start()
        yield Served(server, address.getsockname()[1], started, app.state.release)
        app.state.release.set()
        server.should_exit = True
        thread.join()


def is_closed(connection: socket.socket) -> bool:
    """Whether the server ended it, without a word."""
    try:
        return connection.recv(1) == b""
    except ConnectionResetError:
        return True


def answered(connection: socket.socket, end: bytes = b'"now"') -> bytes:
    """The whole answer, which ends so."""
    read = b""
    while not read.endswith(end):
        piece = connection.recv(1000)
        assert piece, read
        read += piece
    return read


def test_it_tells_when_it_has_started(served: Served) -> None:
    assert served.started.wait(30)


def test_an_answer_waits_for_no_acknowledgement_of_its_head(served: Served) -> None:
    with served.connect():
        eventually(lambda: served.connections == 1)
        [taken] = served.server.server_state.connections
        assert isinstance(taken, module.Connection)
        held: socket.socket = taken.transport.get_extra_info("socket")
        assert held.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)


@pytest.mark.parametrize("sent", [b"", b"G", HEAD], ids=["nothing", "a byte", "a head without end"])
def test_a_request_that_does_not_come_is_not_waited_for(
    served: Served, monkeypatch: pytest.MonkeyPatch, sent: bytes
) -> None:
    monkeypatch.setattr(module, "HEAD_SECONDS", SOON)
    with served.connect(sent) as connection:
        assert is_closed(connection)
    eventually(lambda: served.connections == 0)


def test_bytes_that_drip_give_no_more_time(served: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "HEAD_SECONDS", SOON)
    with served.connect() as connection:
        connection.settimeout(0.02)
        dripped = 0
        while dripped < len(HEAD):  # at this pace it would take a minute
            try:
                connection.sendall(HEAD[dripped : dripped + 1])
                dripped += 1
                if connection.recv(1) == b"":
                    break
            except TimeoutError:
                continue
            except (ConnectionResetError, BrokenPipeError):
                break
        assert 0 < dripped < len(HEAD)


def test_a_body_that_does_not_come_is_not_waited_for(served: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "BODY_SECONDS", SOON)
    with served.connect(BODY + b"1") as connection:
        assert is_closed(connection)
    with served.connect(BODY + b"1") as connection:
        connection.sendall(b"234")
        assert connection.recv(100).startswith(b"HTTP/1.1 200")


def test_a_body_behind_another_request_is_not_waited_for(served: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "BODY_SECONDS", SOON)
    with served.connect(HEAD + b"\r\n" + BODY + b"1") as connection:
        assert answered(connection).startswith(b"HTTP/1.1 200")
        assert is_closed(connection)
    eventually(lambda: served.connections == 0)


def test_who_does_not_read_an_answer_has_no_more_of_it(served: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "READ_SECONDS", SOON)
    with served.connect(FLOOD):
        eventually(lambda: len(served.server.server_state.tasks) == 1)
        eventually(lambda: served.connections == 0)
        eventually(lambda: not served.server.server_state.tasks)


def test_who_reads_an_answer_has_all_of_it(served: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "READ_SECONDS", SOON)
    with served.connect(FLOOD) as connection, served.connect(FLOOD):
        eventually(lambda: len(served.server.server_state.tasks) == 2)
        while served.connections == 2:
            assert connection.recv(100_000)
        assert connection.recv(100_000), "longer than the other was waited for"


def test_who_waits_for_an_answer_may_wait(served: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "HEAD_SECONDS", SOON)
    monkeypatch.setattr(module, "BODY_SECONDS", SOON)
    with served.connect(WAIT) as waiting, served.connect() as idle:
        assert is_closed(idle), "longer than any request may take to arrive"
        served.release.set()
        assert waiting.recv(100).startswith(b"HTTP/1.1 200")


def test_a_connection_is_used_again(served: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "HEAD_SECONDS", SOON)
    with served.connect() as connection, served.connect() as idle:
        for _ in range(2):
            connection.sendall(HEAD + b"\r\n")
            assert answered(connection).startswith(b"HTTP/1.1 200")
        assert is_closed(idle)
        connection.sendall(HEAD + b"\r\n")
        assert answered(connection).startswith(b"HTTP/1.1 200"), "between requests it is kept for longer"


def test_idle_connections_make_room(served: Served) -> None:
    with ExitStack() as stack:
        for _ in range(5 * LIMIT):
            stack.enter_context(served.connect(b"G"))
        assert [served.get() for _ in range(5)] == [200] * 5
        eventually(lambda: served.connections <= LIMIT)


def test_who_is_connected_has_its_place_again_once_others_are_idle(served: Served) -> None:
    with ExitStack() as stack:
        waiting = [stack.enter_context(served.connect(WAIT)) for _ in range(LIMIT)]
        eventually(lambda: len(served.server.server_state.tasks) == LIMIT)
        stack.enter_context(served.connect())
        eventually(lambda: served.connections == LIMIT + 1)
        served.release.set()
        assert all(answered(one, b'"waited"') for one in waiting)
        eventually(lambda: not served.server.server_state.tasks)
        waiting[0].sendall(HEAD + b"\r\n")
        assert answered(waiting[0]).startswith(b"HTTP/1.1 200")
        assert served.connections <= LIMIT


def test_more_requests_than_there_may_be_connections_are_refused(served: Served) -> None:
    with ExitStack() as stack:
        waiting = [stack.enter_context(served.connect(WAIT)) for _ in range(LIMIT)]
        eventually(lambda: len(served.server.server_state.tasks) == LIMIT)
        assert served.get() == 503
        served.release.set()
        assert all(one.recv(100).startswith(b"HTTP/1.1 200") for one in waiting)
        eventually(lambda: served.get() == 200)


@pytest.mark.parametrize("path", ["/now", "/wait", "/flood"])
def test_a_body_that_is_no_http_ends_its_request_without_an_error_of_ours(
    served: Served, path: str, caplog: pytest.LogCaptureFixture
) -> None:
    head = f"GET {path} HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n".encode()
    with served.connect(head) as connection:
        if path == "/flood":
            assert connection.recv(1000), "its answer has begun"
        connection.sendall(b"zz\r\n")
        with suppress(ConnectionResetError):
            while connection.recv(100_000):
                continue
    served.release.set()
    eventually(lambda: not served.server.server_state.tasks)
    assert [record for record in caplog.records if record.levelno >= logging.ERROR] == []
