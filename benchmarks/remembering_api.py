"""A catalogue's API that remembers the hash of what it was sent and lists it, and counts bytes."""

import contextlib
import gzip
import http.server
from collections import defaultdict
from collections.abc import Generator
from dataclasses import dataclass, field
from urllib.parse import parse_qs, unquote, urlsplit

import msgspec

from benchmarks.answering import answering
from connectors.models.names import child_fqn

GZIP_FROM_BYTES = 256
PARENTS = ("databaseSchema", "database", "service")


class Sent(msgspec.Struct, rename="camel"):
    """What is kept of a create request; a real server lists tables with their columns, so they are kept."""

    name: str
    source_hash: str | None = None
    columns: msgspec.Raw = msgspec.Raw(b"[]")
    database_schema: str | None = None
    database: str | None = None
    service: str | None = None


@dataclass(slots=True)
class Memory:
    """Entities by collection, parent and name, and what went over the wire since it was last asked."""

    held: dict[tuple[str, str], dict[str, Sent]] = field(
        default_factory=lambda: defaultdict[tuple[str, str], dict[str, Sent]](dict)
    )
    services: set[str] = field(default_factory=set[str])
    requests: int = 0
    received: int = 0
    answered: int = 0

    def take_counts(self) -> tuple[int, int]:
        """Requests and bytes of bodies, both ways, since the last call."""
        counts = self.requests, self.received + self.answered
        self.requests = self.received = self.answered = 0
        return counts


class RememberingApi(http.server.BaseHTTPRequestHandler):
    """Takes everything, in bulk or not, and lists what it has; answers are compressed as a real server's are."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True  # a body would wait 40 ms for the acknowledgement of its head
    memory = Memory()

    def answer(self) -> None:
        """Do what is asked."""
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        status, reply = self.reply(body)
        zipped = len(reply) > GZIP_FROM_BYTES and "gzip" in self.headers.get("Accept-Encoding", "")
        if zipped:
            reply = gzip.compress(reply, 6)
        self.memory.requests += 1
        self.memory.received += len(body)
        self.memory.answered += len(reply)
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        if zipped:
            self.send_header("Content-Encoding", "gzip")
        self.send_header("Content-Length", str(len(reply)))
        self.end_headers()
        self.wfile.write(reply)

    def reply(self, body: bytes) -> tuple[int, bytes]:
        """Status and body."""
        parts = urlsplit(self.path)
        collection = unquote(parts.path).partition("/v1/")[2]
        if collection == "system/version":
            return 200, b'{"version":"2.0.7"}'
        if self.command == "PUT":
            return 200, self.put(collection, body)
        if "/name/" in collection:
            known = collection.rpartition("/")[2] in self.memory.services
            return (200, b"{}") if known else (404, b"{}")
        if self.command == "GET":
            return 200, self.listing(collection, {name: each[0] for name, each in parse_qs(parts.query).items()})
        return 200, b'{"status":"success","numberOfRowsPassed":0,"successRequest":[],"failedRequest":[]}'

    def put(self, collection: str, body: bytes) -> bytes:
        """Remember one request, or many."""
        name = collection.removesuffix("/bulk")
        sent = msgspec.json.decode(body, type=list[Sent] if name != collection else Sent)
        for each in sent if isinstance(sent, list) else [sent]:
            parent = each.database_schema or each.database or each.service or ""
            # The columns point into the whole request, which is not to be kept.
            each.columns = msgspec.Raw(bytes(each.columns))
            self.memory.held[name, parent][child_fqn(parent, each.name) if parent else each.name] = each
            if not parent:
                self.memory.services.add(each.name)
        count = len(sent) if isinstance(sent, list) else 1
        return msgspec.json.encode({"status": "success", "numberOfRowsPassed": count, "failedRequest": []})

    def listing(self, collection: str, query: dict[str, str]) -> bytes:
        """A page of what lies in one parent."""
        parent = next((query[name] for name in PARENTS if name in query), "")
        found = list(self.memory.held.get((collection, parent), {}).items())
        start, limit = int(query.get("after", "0")), int(query.get("limit", "10"))
        rows = [
            {"id": name, "fullyQualifiedName": name, "sourceHash": each.source_hash, "columns": each.columns}
            for name, each in found[start : start + limit]
        ]
        more = {"after": str(start + limit)} if start + limit < len(found) else {}
        return msgspec.json.encode({"data": rows, "paging": {"total": len(found), **more}})

    def log_request(self, code: int | str = "-", size: int | str = "-") -> None:
        """Say nothing."""


for verb in ("GET", "PUT", "POST", "DELETE"):
    setattr(RememberingApi, f"do_{verb}", RememberingApi.answer)


@contextlib.contextmanager
def remembering_api() -> Generator[tuple[str, Memory]]:
    """The address of one that runs, and what it remembers."""
    memory = Memory()
    handler = type("Remembering", (RememberingApi,), {"memory": memory})
    with answering(handler) as address:
        yield f"{address}/api", memory
