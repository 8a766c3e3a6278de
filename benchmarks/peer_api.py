"""A stand-in that OpenMetadata's own client is content with, which reads back what it wrote."""

import contextlib
import json
import uuid
from collections import Counter
from collections.abc import Generator
from typing import Any
from urllib.parse import unquote, urlsplit

from benchmarks.answering import answering
from benchmarks.fast_api import FastApi

# How many entities of each collection came in bulk.
Received = Counter[str]
PARENTS = {"databases": ("service", "databaseService"), "databaseSchemas": ("database", "database")}
STEPS: dict[str, object] = {
    "id": str(uuid.uuid4()),
    "name": "Postgres.testConnectionDefinition",
    "fullyQualifiedName": "Postgres.testConnectionDefinition",
    "steps": [],
}


class PeerApi(FastApi):
    """Takes everything; remembers services, databases and schemas."""

    held: dict[tuple[str, str], dict[str, Any]]
    received: Received

    def reply(self, body: bytes) -> tuple[int, bytes]:
        """Status and body."""
        collection, _, name = unquote(urlsplit(self.path).path).partition("/v1/")[2].partition("/name/")
        if self.command == "GET" and collection.endswith("testConnectionDefinitions"):
            return 200, json.dumps(STEPS).encode()
        if self.command == "GET" and (collection, name) in self.held:
            return 200, json.dumps(self.held[collection, name]).encode()
        if self.command == "PUT" and not collection.endswith("/bulk"):
            return 200, json.dumps(self.stored(collection, json.loads(body))).encode()
        if self.command == "PUT":
            self.received[collection.removesuffix("/bulk")] += len(json.loads(body))
        return super().reply(body)

    def stored(self, collection: str, request: dict[str, Any]) -> dict[str, Any]:
        """The entity that a create request makes."""
        key, kind = PARENTS.get(collection, ("", ""))
        name = f"{request[key]}.{request['name']}" if key else request["name"]
        entity = {**request, "id": str(uuid.uuid4()), "fullyQualifiedName": name}
        if key:
            entity[key] = {
                "id": str(uuid.uuid4()),
                "type": kind,
                "name": request[key],
                "fullyQualifiedName": request[key],
            }
        return self.held.setdefault((collection, name), entity)


@contextlib.contextmanager
def peer_api() -> Generator[tuple[str, Received]]:
    """The address of one that runs, and what it is sent."""
    received = Received()
    handler = type("Peer", (PeerApi,), {"held": {}, "received": received})
    with answering(handler) as address:
        yield f"{address}/api", received
