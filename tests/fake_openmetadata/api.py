"""The routes of the fake server."""

import re
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import Literal

import msgspec

from connectors.models.names import split_fqn
from connectors.openmetadata.versions import Version
from tests.fake_openmetadata.automations import AUTOMATIONS, Automations
from tests.fake_openmetadata.catalogue import COLLECTIONS, Body, Catalogue, Entity, Refused
from tests.fake_openmetadata.pipelines import PIPELINES, Pipelines
from tests.fake_openmetadata.quality import QUALITY, Quality

FIRST_WITH_TABLES_BULK = Version(1, 13, 0)
FIRST_WITH_DELETE_STALE = Version(2, 0, 0)
LINEAGE = re.compile(r"lineage/(\w+)/name/(.+)/(\w+)/name/(.+)")
STATUS = re.compile(r"pipelines/(.+)/status")
SCOPES = ("databaseSchema", "database", "service", "apiCollection")
STALE_KEYS = {"scopeFqn", "scopeEntityType", "seenFqns", "recursive", "hardDelete", "dryRun"}


@dataclass(frozen=True, slots=True)
class Reply:
    """What goes back."""

    status: int
    body: bytes
    headers: Mapping[str, str] = field(default_factory=lambda: {"Content-Type": "application/json"})

    @classmethod
    def json(cls, status: int, content: object, headers: Mapping[str, str] | None = None) -> "Reply":
        return cls(status, msgspec.json.encode(content), {"Content-Type": "application/json", **(headers or {})})

    @classmethod
    def error(cls, status: int, message: str, headers: Mapping[str, str] | None = None) -> "Reply":
        return cls.json(status, {"code": status, "message": message}, headers)


@dataclass(frozen=True, slots=True)
class Manners:
    """How this server treats requests that are in order.

    `refused` are names (own or fully qualified) that it does not take, with status and message; `passing` ones it
    refuses with 503 so many times. In the answers to bulk requests `failures` says what it names an entity by.
    """

    refused: Mapping[str, tuple[int, str]] = field(default_factory=dict[str, tuple[int, str]])
    passing: Mapping[str, int] = field(default_factory=dict[str, int])
    failures: Literal["request", "fqn", "folded", "nothing", "counted"] = "request"
    no_bulk: bool = False
    no_progress: bool = False
    takes: Literal["all", "first", "nothing"] = "all"
    stale_named: int | None = None


class Api:
    """Answers what the ingestion asks; everything else is 404 or 405."""

    def __init__(self, catalogue: Catalogue, version: Version, manners: Manners) -> None:
        self._catalogue = catalogue
        self._version = version
        self._manners = manners
        self._passing = Counter(manners.passing)
        self.automations = Automations()
        self.pipelines = Pipelines(catalogue, old=manners.no_progress)
        self.quality = Quality(catalogue)

    def answer(self, method: str, path: str, query: Mapping[str, str], raw: bytes) -> Reply:
        """Route one request."""
        for prefix, part in (
            (PIPELINES, self.pipelines.answer),
            (AUTOMATIONS, self.automations.answer),
            (QUALITY, self.quality.answer),
        ):
            if path == prefix or path.startswith(f"{prefix}/"):
                rest = path.removeprefix(prefix).removeprefix("/")
                return _answered(lambda part=part, rest=rest: Reply.json(200, part(method, rest, raw, query)))
        if method == "PUT" and (ends := LINEAGE.fullmatch(path)):
            return _answered(lambda: Reply.json(200, self._joined(ends, raw)))
        if method == "PUT" and (told := STATUS.fullmatch(path)):
            return _answered(
                lambda: Reply.json(200, self._catalogue.tell(told[1], msgspec.json.decode(raw, type=Body)))
            )
        for collection in COLLECTIONS:
            if path == collection or path.startswith(f"{collection}/"):
                rest = path.removeprefix(collection).removeprefix("/")
                return _answered(partial(self._routed, method, collection, rest, query, raw))
        return Reply.error(404, "HTTP 404 Not Found")

    def _routed(self, method: str, collection: str, rest: str, query: Mapping[str, str], raw: bytes) -> Reply:
        change = self._table_change(method, rest) if collection == "tables" else None
        return (change or self._route(method, collection, rest))(query, raw)

    def _route(self, method: str, collection: str, rest: str) -> "Callable[[Mapping[str, str], bytes], Reply]":
        if method == "PUT" and rest == "":
            return lambda query, raw: self._put(collection, raw)
        if method == "PUT" and rest == "bulk" and self._has_bulk(collection):
            return lambda query, raw: self._bulk(collection, query, raw)
        if method == "GET" and rest == "":
            return lambda query, raw: self._list(collection, query)
        if method == "GET" and rest.startswith("name/"):
            return lambda query, raw: self._get(collection, rest.removeprefix("name/"), query)
        if method == "DELETE" and rest == "deleteStale" and self._version >= FIRST_WITH_DELETE_STALE:
            return lambda query, raw: self._delete_stale(collection, raw)
        if method == "DELETE" and rest and rest != "deleteStale":
            return lambda query, raw: self._delete(collection, rest, query)
        raise Refused(405 if rest == "bulk" else 404, "HTTP 404 Not Found")

    def _table_change(self, method: str, rest: str) -> "Callable[[Mapping[str, str], bytes], Reply] | None":
        """What is told of a table that is there, by its id."""
        table_id, slash, part = rest.partition("/")
        if (method, slash + part) == ("PUT", "/dataModel"):
            return lambda query, raw: Reply.json(
                200, self._catalogue.change(table_id, {"dataModel": msgspec.json.decode(raw, type=Body)})
            )
        if (method, slash) == ("PATCH", ""):
            return lambda query, raw: Reply.json(
                200, self._catalogue.patch(table_id, msgspec.json.decode(raw, type=list[Body]))
            )
        return None

    def _has_bulk(self, collection: str) -> bool:
        if self._manners.no_bulk or not COLLECTIONS[collection].bulk:
            return False
        return collection != "tables" or self._version >= FIRST_WITH_TABLES_BULK

    def _store(self, collection: str, body: Body, *, override: bool = False) -> tuple[int, Entity]:
        name = self._catalogue.fqn_of(collection, body)
        for key in (name, body["name"]):
            if key in self._manners.refused:
                raise Refused(*self._manners.refused[key])
            if self._passing[key] > 0:
                self._passing[key] -= 1
                raise Refused(503, "the database is busy")
        return self._catalogue.put(collection, body, override=override)

    def _put(self, collection: str, raw: bytes) -> Reply:
        status, entity = self._store(collection, msgspec.json.decode(raw, type=Body))
        return Reply.json(status, entity.shown())

    def _bulk(self, collection: str, query: Mapping[str, str], raw: bytes) -> Reply:
        if query.get("async") != "false":
            raise Refused(400, "this fake does nothing asynchronously")
        if ("overrideMetadata" in query) != (self._version >= FIRST_WITH_DELETE_STALE):
            raise Refused(400, "overrideMetadata is of 2.0 and later")
        override = query.get("overrideMetadata") == "true"
        taken: list[Body] = []
        failed: list[Body] = []
        seen: set[str] = set()
        wanted = msgspec.json.decode(raw, type=list[Body])
        for body in wanted[: {"all": None, "first": 1, "nothing": 0}[self._manners.takes]]:
            try:
                name = self._catalogue.fqn_of(collection, body)
                _require_once(name, seen)
                self._store(collection, body, override=override)
                taken.append({"request": name, "status": 200})
            except Refused as refusal:
                named = self._named(collection, body)
                failed.append({"request": named, "message": refusal.message, "status": refusal.status})
        status = "success" if not failed else "partialSuccess" if taken else "failure"
        result = _result(status, taken, failed, dry_run=False)
        if self._manners.failures == "counted":
            result["failedRequest"] = None
        return Reply.json(200, result)

    def _named(self, collection: str, body: Body) -> object:
        name = self._catalogue.fqn_of(collection, body)
        names: dict[str, object] = {"request": body, "fqn": name, "folded": {"fullyQualifiedName": name.upper()}}
        return names.get(self._manners.failures)

    def _joined(self, ends: re.Match[str], raw: bytes) -> Body:
        return self._catalogue.join((ends[1], ends[2]), (ends[3], ends[4]), msgspec.json.decode(raw, type=Body))

    def _told(self, pipeline: str, raw: bytes) -> Body:
        return self._catalogue.tell(pipeline, msgspec.json.decode(raw, type=Body))

    def _get(self, collection: str, name: str, query: Mapping[str, str]) -> Reply:
        entity = self._catalogue.find(collection, name, deleted=query.get("include") == "all")
        if entity is None:
            raise Refused(404, f"{COLLECTIONS[collection].entity} instance for {name} not found")
        return Reply.json(200, entity.shown(query.get("fields", "").split(",")))

    def _list(self, collection: str, query: Mapping[str, str]) -> Reply:
        scopes = [value for key, value in query.items() if key in SCOPES]
        if len(scopes) != 1:
            raise Refused(400, "this fake lists what lies in one scope")
        found = self._catalogue.below(collection, scopes[0])
        begin, limit = int(query.get("after") or 0), int(query.get("limit") or 10)
        page = found[begin : begin + limit]
        paging = {"total": len(found)} | ({"after": str(begin + limit)} if begin + limit < len(found) else {})
        return Reply.json(200, {"data": [entity.shown() for entity in page], "paging": paging})

    def _delete(self, collection: str, entity_id: str, query: Mapping[str, str]) -> Reply:
        if query.get("hardDelete") != "false":
            raise Refused(400, "nothing is deleted for good here")
        if not self._catalogue.delete(collection, entity_id, recursive=query.get("recursive") == "true"):
            raise Refused(404, f"{COLLECTIONS[collection].entity} instance for {entity_id} not found")
        return Reply.json(200, {"id": entity_id, "deleted": True})

    def _delete_stale(self, collection: str, raw: bytes) -> Reply:
        body = msgspec.json.decode(raw, type=Body)
        if set(body) != STALE_KEYS or body["hardDelete"] or not body["scopeFqn"] or not body["scopeEntityType"]:
            raise Refused(400, "scopeFqn is required for deleteStale")
        seen = {split_fqn(name) for name in body["seenFqns"]}
        stale: list[Entity] = []
        if seen:  # like the real one: with nothing seen it does nothing
            stale = [
                each for each in self._catalogue.below(collection, body["scopeFqn"]) if split_fqn(each.fqn) not in seen
            ]
        if not body["dryRun"]:
            for each in stale:
                self._catalogue.delete(collection, each.id, recursive=body["recursive"])
        taken = [{"request": each.fqn, "status": 200} for each in stale]
        result = _result("success", taken, [], dry_run=body["dryRun"])
        result["successRequest"] = taken[: self._manners.stale_named]
        return Reply.json(200, result)


def _answered(answer: Callable[[], Reply]) -> Reply:
    try:
        return answer()
    except Refused as refusal:
        return Reply.error(refusal.status, refusal.message)
    except msgspec.MsgspecError as error:
        return Reply.error(400, f"Unable to process JSON: {error}")


def _require_once(name: str, seen: set[str]) -> None:
    if name in seen:
        raise Refused(400, f"{name} is twice in this request")
    seen.add(name)


def _result(status: str, taken: list[Body], failed: list[Body], *, dry_run: bool) -> Body:
    return {
        "dryRun": dry_run,
        "status": status,
        "numberOfRowsProcessed": len(taken) + len(failed),
        "numberOfRowsPassed": len(taken),
        "numberOfRowsFailed": len(failed),
        "successRequest": taken,
        "failedRequest": failed,
    }
