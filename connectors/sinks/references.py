"""The ids of owners and others that a request refers to, which sources know by name."""

import logging
import threading
import time
from collections import OrderedDict
from http import HTTPStatus
from urllib.parse import quote

import msgspec

from connectors.decoding import decode
from connectors.errors import ConfigurationError, SinkUnavailable
from connectors.http.answers import UnreadableAnswer
from connectors.models.base import EntityReference
from connectors.models.lineage import AddLineageRequest, EntitiesEdge
from connectors.models.pipeline import AddPipelineStatusRequest
from connectors.openmetadata.client import OpenMetadataClient
from connectors.openmetadata.paths import by_name
from connectors.sinks.entries import Entry, hashed

COLLECTIONS = {
    "container": "containers",
    "glossaryTerm": "glossaryTerms",
    "tag": "tags",
    "user": "users",
    "team": "teams",
    "pipeline": "pipelines",
    "storedProcedure": "storedProcedures",
}
MOST_KEPT = 10_000
MISS_SECONDS = 60.0
logger = logging.getLogger(__name__)


class Identified(msgspec.Struct, frozen=True):
    """What we need of an entity."""

    id: str


class References:
    """Thread-safe; asks the server once for each, and for one it does not know again after a minute."""

    def __init__(self, client: OpenMetadataClient) -> None:
        self._client = client
        self._lock = threading.Lock()
        self._found: OrderedDict[tuple[str, str], EntityReference] = OrderedDict()
        self._missing: dict[tuple[str, str], float] = {}
        self._warned: set[tuple[str, str]] = set()

    def resolved(self, references: tuple[EntityReference, ...]) -> tuple[EntityReference, ...]:
        """The same by id, without those that the server does not know."""
        known = (each if each.id else self.known(each) for each in references)
        return tuple(each for each in known if each is not None)

    def known(self, *candidates: EntityReference) -> EntityReference | None:
        """The first of them that the server knows, by its id; None if it knows none."""
        keys = [(each.type, each.fully_qualified_name or each.name or "") for each in candidates]
        found = next(filter(None, map(self._known, keys)), None)
        if found is None and keys:
            self._warn(keys[-1])
        return found

    def _known(self, key: tuple[str, str]) -> EntityReference | None:
        with self._lock:
            if key in self._found:
                self._found.move_to_end(key)
                return self._found[key]
            if time.monotonic() - self._missing.get(key, -MISS_SECONDS) < MISS_SECONDS:
                return None
            found = self._ask(key)
            if found is None:
                self._missing[key] = time.monotonic()
            else:
                self._found[key] = found
            for kept in (self._found, self._missing):
                if len(kept) > MOST_KEPT:
                    del kept[next(iter(kept))]
            return found

    def _ask(self, key: tuple[str, str]) -> EntityReference | None:
        kind, name = key
        collection = COLLECTIONS.get(kind)
        if collection is None or not name:
            return None
        answer = self._client.request(f"get {collection}", "GET", by_name(collection, name))
        if answer.status >= HTTPStatus.INTERNAL_SERVER_ERROR:
            msg = f"OpenMetadata cannot tell whether it has the {kind} {name!r}: {answer.message()}"
            raise SinkUnavailable(msg, "look into the server's own log")
        try:
            return EntityReference(type=kind, id=answer.decoded(Identified).id) if answer.ok else None
        except UnreadableAnswer:
            logger.warning("OpenMetadata's answer about %s %r cannot be read", kind, name, exc_info=True)
            return None

    def _warn(self, key: tuple[str, str]) -> None:
        with self._lock:
            if key in self._warned or len(self._warned) >= MOST_KEPT:
                return
            self._warned.add(key)
        logger.warning("OpenMetadata has no %s %r: what refers to it is sent without it", *key)


def with_resolved(entry: Entry, references: References) -> Entry:
    """An entry from a file with its owners by id, and with the hash that a run would have sent.

    Raises:
        ConfigurationError: The request in the file cannot be read.
    """
    try:
        fields = decode(entry.body, dict[str, msgspec.Raw])
        given = decode(fields.get("owners", b"[]"), tuple[EntityReference, ...])
    except msgspec.MsgspecError as error:
        raise ConfigurationError.at(entry.fqn, f"its request cannot be read: {error}") from error
    resolved = references.resolved(given)
    if resolved == given:
        return entry
    hashed_before = fields.pop("sourceHash", None) is not None
    if resolved:
        fields["owners"] = msgspec.Raw(msgspec.json.encode(resolved))
    else:
        del fields["owners"]
    body = msgspec.json.encode(fields)
    return msgspec.structs.replace(entry, body=hashed(body) if hashed_before else body)


def inside(entry: Entry, references: References) -> Entry | None:
    """What lies in another entity of its collection as the server takes it, with that one's id; None if it has none.

    Raises:
        ConfigurationError: The request, which is of a file, cannot be read.
    """
    try:
        fields = decode(entry.body, dict[str, msgspec.Raw])
        parent = decode(fields["parent"], EntityReference) if "parent" in fields else None
    except msgspec.MsgspecError as error:
        raise ConfigurationError.at(entry.fqn, f"its request cannot be read: {error}") from error
    if parent is None or parent.id:
        return entry
    known = references.known(parent)
    if known is None:
        return None
    fields["parent"] = msgspec.Raw(msgspec.json.encode(known))
    return msgspec.structs.replace(entry, payload=msgspec.json.encode(fields))


def addressed(entry: Entry, references: References) -> Entry:
    """What joins entities as the server takes it by name: the names in the path, and only the details sent.

    What is sent in another way (`connectors.sinks.sending`) stays as it is.

    Raises:
        ConfigurationError: The request, which is of a file, cannot be read.
    """
    try:
        if entry.kind.collection == AddPipelineStatusRequest.collection:
            return _run_status(entry, decode(entry.body, AddPipelineStatusRequest))
        if entry.kind.collection == AddLineageRequest.collection:
            return _edge(entry, decode(entry.body, AddLineageRequest).edge, references)
    except msgspec.MsgspecError as error:
        raise ConfigurationError.at(entry.fqn, f"its request cannot be read: {error}") from error
    return entry


def _run_status(entry: Entry, request: AddPipelineStatusRequest) -> Entry:
    path = f"/pipelines/{quote(request.pipeline, safe='')}/status"
    return msgspec.structs.replace(entry, path=path, payload=msgspec.json.encode(request.status))


def _edge(entry: Entry, edge: EntitiesEdge, references: References) -> Entry:
    details = edge.lineage_details
    if details.pipeline is not None:
        details = msgspec.structs.replace(details, pipeline=references.known(details.pipeline))
    ends = [by_name(end.type, end.fully_qualified_name or "") for end in (edge.from_entity, edge.to_entity)]
    path = f"/{entry.kind.collection}{''.join(ends)}"
    return msgspec.structs.replace(entry, path=path, payload=msgspec.json.encode(details))
