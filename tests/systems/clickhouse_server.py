"""ClickHouse's engine behind as much of its HTTP interface as a client that reads needs; run by chdb's own venv.

It knows no users: everybody is let in. A POST may change things, as ClickHouse's may, and a GET may not.
"""

import importlib
import re
import sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Lock
from typing import Any
from urllib.parse import parse_qs, urlsplit

CODE = re.compile(r"Code: (\d+)")
READONLY = 164


class Handler(BaseHTTPRequestHandler):
    """One request; the engine takes one at a time."""

    session: Any
    refusal: type[Exception]
    lock = Lock()
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def do_GET(self) -> None:
        """A question."""
        values = {key: found[0] for key, found in parse_qs(urlsplit(self.path).query).items()}
        query = values.get("query", "SELECT 1")
        if not query.lstrip().upper().startswith("SELECT"):
            self.answer(500, b"Code: 164. DB::Exception: Cannot execute query in readonly mode. (READONLY)", READONLY)
            return
        self.run(query, values)

    def do_POST(self) -> None:
        """A statement."""
        self.run(self.rfile.read(int(self.headers.get("content-length", 0))).decode(), {})

    def run(self, query: str, values: dict[str, str]) -> None:
        """Have the engine answer."""
        parameters = {key.removeprefix("param_"): value for key, value in values.items() if key.startswith("param_")}
        try:
            with self.lock:
                form = values.get("default_format", "TabSeparated")
                body = bytes(self.session.query(query, form, params=parameters).bytes())
        except self.refusal as error:
            code = CODE.search(str(error))
            self.answer(500, str(error).encode(), int(code[1]) if code else 0)
        else:
            self.answer(200, body)

    def answer(self, status: int, body: bytes, code: int | None = None) -> None:
        """Send it, with the headers of ClickHouse's that tell who answers."""
        self.send_response(status)
        self.send_header("X-ClickHouse-Timezone", "UTC")
        if code is not None:
            self.send_header("X-ClickHouse-Exception-Code", str(code))
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_request(self, code: int | str = "-", size: int | str = "-") -> None:
        """Nothing: the output is for what goes wrong."""


if __name__ == "__main__":
    Handler.session = importlib.import_module("chdb.session").Session(sys.argv[2])
    Handler.refusal = importlib.import_module("chdb").ChdbError
    ThreadingHTTPServer(("127.0.0.1", int(sys.argv[1])), Handler).serve_forever()
