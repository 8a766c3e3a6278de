"""The fake server itself: real HTTP on a local port, quiet, quick, and stricter than the real one."""

import socket
import ssl
import threading
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from urllib.parse import parse_qsl, unquote, urlsplit

import msgspec

from connectors.openmetadata.versions import parse_version
from tests.fake_openmetadata.api import Api, Manners, Reply
from tests.fake_openmetadata.catalogue import Body, Catalogue
from tests.fake_openmetadata.faults import Fault, Faults


@dataclass(frozen=True, slots=True)
class Request:
    """One request that came in."""

    method: str
    path: str
    query: Mapping[str, str]
    headers: Mapping[str, str]
    raw: bytes

    @property
    def body(self) -> Body:
        """The JSON object that came with it."""
        return msgspec.json.decode(self.raw, type=Body)

    @property
    def bodies(self) -> list[Body]:
        """The JSON array that came with it."""
        return msgspec.json.decode(self.raw, type=list[Body])


class FakeOpenMetadata:
    """An OpenMetadata API with everything in memory; use it in a `with` block."""

    def __init__(
        self,
        version: str = "2.0.7",
        *,
        token: str | None = "token",
        manners: Manners | None = None,
        tls: ssl.SSLContext | None = None,
        max_body: int | None = None,
        seconds: float = 0.0,
        faults: Iterable[Fault] = (),
        keep_requests: bool = True,
        port: int = 0,
    ) -> None:
        self.version = version
        self.token = token
        self.max_body = max_body
        self.seconds = seconds
        self.poison: dict[str, int] = {}
        self.catalogue = Catalogue()
        self.faults = Faults(faults)
        self.requests: list[Request] = []
        self.count: Counter[str] = Counter()
        self.in_flight = 0
        self.max_in_flight = 0
        self.api = Api(self.catalogue, parse_version(version), manners or Manners())
        self._keep = keep_requests
        self._lock = threading.Lock()
        self._connections: set[socket.socket] = set()
        self._closing = threading.Event()
        self._server = Server(("127.0.0.1", port), partial(Handler, self))
        self._scheme = "http"
        if tls is not None:
            self._scheme = "https"
            self._server.socket = tls.wrap_socket(self._server.socket, server_side=True, do_handshake_on_connect=False)
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True)

    @property
    def host_port(self) -> str:
        """What goes into openMetadataServerConfig.hostPort."""
        return f"{self._scheme}://127.0.0.1:{self._server.server_port}/api"

    def entities(self, collection: str) -> dict[str, Body]:
        """The requests that made the living entities of a collection, by fully qualified name."""
        stored = self.catalogue.entities[collection]
        return {name: entity.request for name, entity in stored.items() if not entity.deleted}

    def deleted(self, collection: str) -> set[str]:
        """The names of the deleted ones."""
        return {name for name, entity in self.catalogue.entities[collection].items() if entity.deleted}

    def sent(self, method: str, path: str) -> list[Request]:
        """The requests of this method whose path ends so."""
        return [request for request in self.requests if request.method == method and request.path.endswith(path)]

    def __enter__(self) -> "FakeOpenMetadata":
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._closing.set()
        self._server.shutdown()
        self._thread.join()
        with self._lock:
            connections = list(self._connections)
        for connection in connections:
            try:
                connection.shutdown(socket.SHUT_RDWR)
            except OSError:
                continue
        self._server.server_close()

    def answer(self, request: Request) -> Reply:
        """Check the token and the size, then do what is asked."""
        if not request.path.startswith("/api/v1/"):
            return Reply(200, b"<html><body>OpenMetadata</body></html>", {"Content-Type": "text/html"})
        if request.path == "/api/v1/system/version":
            return Reply.json(200, {"version": self.version, "revision": "0", "timestamp": 0})
        if self.token is not None and request.headers.get("authorization") != f"Bearer {self.token}":
            return Reply.error(401, "Not Authorized! Token not present or expired")
        for name, status in self.poison.items():
            if f'"name":"{name}"'.encode() in request.raw:
                return Reply.error(status, f"the whole request is refused because of {name}")
        if self.max_body is not None and len(request.raw) > self.max_body:
            return Reply.error(413, "Request Entity Too Large")
        return self.api.answer(request.method, request.path.removeprefix("/api/v1/"), request.query, request.raw)

    def pause(self, seconds: float) -> None:
        if seconds:
            self._closing.wait(seconds)

    def arrived(self, request: Request) -> Fault | None:
        with self._lock:
            self.in_flight += 1
            self.max_in_flight = max(self.max_in_flight, self.in_flight)
            self.count[f"{request.method} {request.path}"] += 1
            if self._keep:
                self.requests.append(request)
        return self.faults.take(request.method, request.path)

    def left(self) -> None:
        with self._lock:
            self.in_flight -= 1

    def connected(self, connection: socket.socket, *, now: bool) -> None:
        with self._lock:
            if now:
                self._connections.add(connection)
            else:
                self._connections.discard(connection)


class Server(ThreadingHTTPServer):
    """One thread per connection, all of which end with the server."""

    daemon_threads = False
    request_queue_size = 64

    def handle_error(self, request: object, client_address: object) -> None:
        """A client that goes away is no news."""


class Handler(BaseHTTPRequestHandler):
    """Reads a request, meets its fault, answers in one write."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def __init__(self, fake: FakeOpenMetadata, connection: socket.socket, address: object, server: Server) -> None:
        self._fake = fake
        fake.connected(connection, now=True)
        try:
            super().__init__(connection, address, server)
        finally:
            fake.connected(connection, now=False)

    def log_request(self, code: int | str = "-", size: int | str = "-") -> None:
        """Quiet."""

    def do_GET(self) -> None:
        self._serve()

    def do_PUT(self) -> None:
        self._serve()

    def do_DELETE(self) -> None:
        self._serve()

    def do_POST(self) -> None:
        self._serve()

    def do_PATCH(self) -> None:
        self._serve()

    def _serve(self) -> None:
        fake = self._fake
        raw = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        parts = urlsplit(self.path)
        headers = {name.lower(): ", ".join(self.headers.get_all(name, ())) for name in self.headers}
        request = Request(self.command, unquote(parts.path), dict(parse_qsl(parts.query, True)), headers, raw)
        fault = fake.arrived(request)
        try:
            reply = self._reply(request, fault)
        finally:
            fake.left()
        if reply is not None:
            self._send(reply, half=fault is not None and fault.kind == "half")

    def _reply(self, request: Request, fault: Fault | None) -> Reply | None:
        fake = self._fake
        fake.pause(fake.seconds)
        if fault is None:
            return fake.answer(request)
        fake.pause(fault.seconds)
        real = fake.answer(request) if fault.late or fault.kind in ("half", "slow", "garbage") else None
        if fault.kind == "reset":
            self.close_connection = True
            return None
        if fault.kind in ("garbage", "lie"):
            return Reply(200, fault.body or b'{"status": "succ')
        if fault.kind == "html":
            return Reply(fault.status, b"<html>a proxy's page</html>", {"Content-Type": "text/html", **fault.headers})
        if fault.kind == "status" or real is None:
            return Reply.error(fault.status, fault.message, fault.headers)
        return real

    def _send(self, reply: Reply, *, half: bool) -> None:
        phrase = self.responses.get(reply.status, ("",))[0]
        lines = [f"HTTP/1.1 {reply.status} {phrase}", f"Date: {self.date_time_string()}"]
        lines += [f"{name}: {value}" for name, value in reply.headers.items()]
        head = "\r\n".join([*lines, f"Content-Length: {len(reply.body)}", "", ""]).encode()
        body = reply.body[: len(reply.body) // 2] if half else reply.body
        if half:
            self.close_connection = True
        self.wfile.write(head + body)
