"""An HTTP server that speaks Snowflake's protocol and answers with recorded rows."""

import gzip
import json
import re
import threading
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

TYPES = {str: "text", int: "fixed", float: "timestamp_tz"}
UTC_OFFSET = 1440  # as Snowflake writes it, in minutes


@dataclass
class Recorded:
    """What is said: rows by what a statement looks like, the first that fits; a refusal is a number and a text."""

    answers: dict[str, list[dict[str, Any]] | tuple[int, str]] = field(
        default_factory=dict[str, list[dict[str, Any]] | tuple[int, str]]
    )
    login: tuple[int, str] | None = None
    garbage: bytes | None = None
    hold: threading.Event | None = None
    asked: list[str] = field(default_factory=list[str])
    logins: list[dict[str, Any]] = field(default_factory=list[dict[str, Any]])

    def answer(self, path: str, body: dict[str, Any]) -> dict[str, Any]:
        """What a request is told."""
        if "/login-request" in path:
            self.logins.append(body["data"])
            if self.login is not None:
                return refused(*self.login)
            return {"success": True, "data": {"token": "t", "masterToken": "m", "sessionId": 7, "parameters": []}}
        if "/query-request" not in path:
            return {"success": True, "data": None}
        statement = " ".join(body["sqlText"].split())
        self.asked.append(statement)
        if self.hold is not None and "CANCEL_ALL" not in statement:
            self.hold.wait(60)
        fitting = (said for pattern, said in self.answers.items() if re.search(pattern, statement))
        found: list[dict[str, Any]] | tuple[int, str] = next(fitting, list[dict[str, Any]]())
        return refused(*found) if isinstance(found, tuple) else rows(found)


def refused(code: int, message: str) -> dict[str, Any]:
    """An answer that is an error."""
    return {"success": False, "code": f"{code:06}", "message": message, "data": {"sqlState": "42000"}}


def rows(found: list[dict[str, Any]]) -> dict[str, Any]:
    """An answer of rows; a float is a moment, in seconds since 1970."""
    names = {name: value for row in reversed(found) for name, value in row.items() if value is not None}
    columns = list(found[0]) if found else ["NOTHING"]
    kinds = {name: TYPES[type(names.get(name, ""))] for name in columns}
    kind = {"nullable": True, "scale": 0, "precision": 38, "length": 100, "byteLength": 100}

    def cell(value: object) -> str | None:
        if isinstance(value, float):
            return f"{value:.9f} {UTC_OFFSET}"
        return None if value is None else str(value)

    data = {
        "queryId": "q",
        "queryResultFormat": "json",
        "rowtype": [kind | {"name": name, "type": kinds[name]} for name in columns],
        "rowset": [[cell(row.get(name)) for name in columns] for row in found],
        "total": len(found),
        "returned": len(found),
        "parameters": [],
    }
    return {"success": True, "data": data}


@contextmanager
def recorded(told: Recorded) -> Generator[int]:
    """The port of a server that says what is told."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers.get("content-length", 0)))
            if self.headers.get("content-encoding") == "gzip":
                body = gzip.decompress(body)
            said = told.garbage
            if said is None:
                said = json.dumps(told.answer(self.path, json.loads(body or b"{}"))).encode()
            self.send_response(200)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(said)))
            self.end_headers()
            self.wfile.write(said)

        def log_request(self, code: int | str = "-", size: int | str = "-") -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    try:
        yield int(server.server_address[1])
    finally:
        if told.hold is not None:
            told.hold.set()
        server.shutdown()
        thread.join()
        server.server_close()
