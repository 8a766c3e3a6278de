"""A small HTTP server that answers as a test says, or passes on to a real system what the test says nothing of."""

import json
import socket
import ssl
import threading
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any, Self
from urllib.parse import parse_qs, urlsplit

import httpx

from tests.fake_openmetadata.faults import Fault, Faults
from tests.plain_http import NO_TLS


@dataclass(frozen=True, slots=True)
class Asked:
    """One request that came in."""

    method: str
    path: str
    query: Mapping[str, list[str]]
    headers: Mapping[str, str]
    raw: bytes

    @property
    def body(self) -> Any:
        return json.loads(self.raw)


@dataclass(frozen=True, slots=True)
class Status:
    """An answer that is more than a JSON document with the status 200."""

    status: int
    body: Any = field(default_factory=dict[str, Any])
    headers: Mapping[str, str] = field(default_factory=dict[str, str])


class Answering:
    """Answers by "METHOD path" with a document, a Status, or what a function of the request gives; else 404."""

    def __init__(
        self,
        answers: Mapping[str, Any] | None = None,
        faults: Iterable[Fault] = (),
        upstream: str | None = None,
        tls: ssl.SSLContext | None = None,
    ) -> None:
        self.answers: dict[str, Any] = dict(answers or {})
        self.faults = Faults(faults)
        self.asked: list[Asked] = []
        self.in_flight = 0
        self.most_in_flight = 0
        self.closing = threading.Event()
        self.lock = threading.Lock()
        self.upstream = None if upstream is None else httpx.Client(base_url=upstream, timeout=60, verify=NO_TLS)
        self._server = _Server(("127.0.0.1", 0), partial(_Handler, self))
        self._scheme = "http" if tls is None else "https"
        if tls is not None:
            self._server.socket = tls.wrap_socket(self._server.socket, server_side=True, do_handshake_on_connect=False)
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True)

    @property
    def address(self) -> str:
        return f"{self._scheme}://127.0.0.1:{self._server.server_port}"

    def paths(self) -> list[str]:
        return [asked.path for asked in self.asked]

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.closing.set()
        self._server.shutdown()
        self._server.break_off()
        self._server.server_close()
        if self.upstream is not None:
            self.upstream.close()

    def answer(self, asked: Asked) -> Status | httpx.Response:
        found = self.answers.get(f"{asked.method} {asked.path}")
        if callable(found):
            found = found(asked)
        if isinstance(found, Status):
            return found
        if found is not None:
            return Status(200, found)
        if self.upstream is None:
            return Status(404, {"message": "not found"})
        kept = {name: text for name, text in asked.headers.items() if name in _PASSED_ON}
        return self.upstream.request(
            asked.method, asked.path, params=dict(asked.query), content=asked.raw, headers=kept
        )


_PASSED_ON = frozenset({"authorization", "range", "content-type", "accept", "cookie", "x-csrftoken", "referer"})


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self, address: tuple[str, int], handler: Callable[..., BaseHTTPRequestHandler]) -> None:
        super().__init__(address, handler)
        self._open: set[socket.socket] = set()

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that goes away is no news."""

    def process_request(self, request: Any, client_address: Any) -> None:
        self._open.add(request)
        super().process_request(request, client_address)

    def break_off(self) -> None:
        for each in self._open:
            try:
                each.shutdown(socket.SHUT_RDWR)
            except OSError:
                continue


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def __init__(self, api: Answering, *args: Any) -> None:
        self._api = api
        super().__init__(*args)

    def log_request(self, code: int | str = "-", size: int | str = "-") -> None:
        """Quiet."""

    def _serve(self) -> None:
        api, parts = self._api, urlsplit(self.path)
        raw = self.rfile.read(int(self.headers.get("content-length") or 0))
        headers = {name.lower(): text for name, text in self.headers.items()}
        asked = Asked(self.command, parts.path, parse_qs(parts.query, keep_blank_values=True), headers, raw)
        with api.lock:
            api.asked.append(asked)
            api.in_flight += 1
            api.most_in_flight = max(api.most_in_flight, api.in_flight)
        try:
            fault = api.faults.take(asked.method, asked.path)
            if fault is None or not self._go_wrong(fault):
                self._send(api.answer(asked))
        finally:
            with api.lock:
                api.in_flight -= 1

    def _go_wrong(self, fault: Fault) -> bool:
        match fault.kind:
            case "status":
                self._send(Status(fault.status, {"message": fault.message}, fault.headers))
            case "garbage":
                self._write(200, b'{"dags": [}', {"Content-Type": "application/json"})
            case "html":
                self._write(200, b"<html><p>Welcome</p></html>", {"Content-Type": "text/html"})
            case "lie":
                self._write(200, fault.body, {"Content-Type": "application/json"})
            case "slow":
                self._api.closing.wait(fault.seconds)
                return False
            case _:
                self._cut(half=fault.kind == "half")
        return True

    def _cut(self, *, half: bool) -> None:
        if half:
            self.wfile.write(b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 100\r\n\r\n{")
            self.wfile.flush()
        self.close_connection = True
        self.connection.shutdown(socket.SHUT_RDWR)

    def _send(self, answer: Status | httpx.Response) -> None:
        if isinstance(answer, Status):
            body = answer.body if isinstance(answer.body, bytes) else json.dumps(answer.body).encode()
            self._write(answer.status, body, {"Content-Type": "application/json", **answer.headers})
            return
        skipped = {"content-length", "content-encoding", "transfer-encoding", "connection", "date", "server"}
        headers = {name: text for name, text in answer.headers.items() if name not in skipped}
        self._write(answer.status_code, answer.content, headers)

    def _write(self, status: int, body: bytes, headers: Mapping[str, str]) -> None:
        self.send_response(status)
        for name, text in headers.items():
            self.send_header(name, text)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def do_GET(self) -> None:
        self._serve()

    def do_POST(self) -> None:
        self._serve()
