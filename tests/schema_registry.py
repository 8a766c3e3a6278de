"""A registry of schemas over HTTP, with the part of Confluent's API that ingestion asks."""

import json
import threading
from base64 import b64encode
from collections.abc import Generator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import unquote


@dataclass
class SchemaRegistry:
    """Versions by subject. `login` is who may ask; `refused` are subjects, each with a status, `raw` whole answers."""

    login: str = ""
    subjects: dict[str, list[dict[str, Any]]] = field(default_factory=dict[str, list[dict[str, Any]]])
    refused: dict[str, int] = field(default_factory=dict[str, int])
    raw: dict[str, bytes] = field(default_factory=dict[str, bytes])
    asked: list[str] = field(default_factory=list[str])
    url: str = ""

    def register(self, subject: str, schema: object, kind: str = "AVRO", *references: tuple[str, str, int]) -> None:
        """Add a version; a reference is a name, a subject and a version."""
        text = schema if isinstance(schema, str) else json.dumps(schema)
        found: dict[str, Any] = {"subject": subject, "id": 1, "schema": text}
        if kind != "AVRO":
            found["schemaType"] = kind
        if references:
            found["references"] = [{"name": name, "subject": of, "version": at} for name, of, at in references]
        versions = self.subjects.setdefault(subject, [])
        versions.append({**found, "version": len(versions) + 1})

    def answer(self, path: str, login: str | None) -> tuple[int, bytes]:
        """One request."""
        self.asked.append(path)
        if self.login and login != f"Basic {b64encode(self.login.encode()).decode()}":
            return 401, b'{"error_code": 401, "message": "Unauthorized"}'
        if path in self.raw:
            return 200, self.raw[path]
        if path == "/subjects":
            return 200, json.dumps([*self.subjects]).encode()
        _, _, subject, _, version = path.split("/")
        subject = unquote(subject)
        if subject in self.refused:
            return self.refused[subject], b'{"error_code": 40301, "message": "not for you"}'
        versions = self.subjects.get(subject, [])
        wanted = len(versions) if version == "latest" else int(version)
        if not 0 < wanted <= len(versions):
            return 404, b'{"error_code": 40401, "message": "Subject not found"}'
        return 200, json.dumps(versions[wanted - 1]).encode()


@contextmanager
def serving(registry: SchemaRegistry) -> Generator[SchemaRegistry]:
    """The registry at its `url` while inside."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            status, body = registry.answer(self.path, self.headers.get("Authorization"))
            self.send_response(status)
            self.send_header("Content-Type", "application/vnd.schemaregistry.v1+json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            with suppress(ConnectionError):  # a run that was cancelled hangs up
                self.wfile.write(body)

        def log_request(self, code: int | str = "-", size: int | str = "-") -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
    thread.start()
    registry.url = f"http://127.0.0.1:{server.server_port}"
    try:
        yield registry
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
