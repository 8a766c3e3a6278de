"""A description of an API, by OpenAPI 3 or Swagger 2: its collections, which are the tags, and their endpoints."""

import re
from collections import defaultdict
from collections.abc import Iterator
from typing import get_args
from urllib.parse import quote, urljoin

import msgspec

from connectors.errors import ConnectorError, FatalError
from connectors.families.api import ApiCollection, ApiEndpoint
from connectors.families.openapi.bodies import request_of, response_of
from connectors.families.openapi.references import References
from connectors.families.openapi.text import Object, is_object, items, mapping, text
from connectors.models.api import RequestMethod

DEFAULT = "default"
METHODS: dict[str, RequestMethod] = {method.lower(): method for method in get_args(RequestMethod)}
VERSION = re.compile(r"(2\.0|3\.\d+)(\.\d+)?")
PLACEHOLDER = re.compile(r"\{([^{}]*)\}")


class Operation(msgspec.Struct, frozen=True):
    """Where in the document an endpoint is described."""

    path: str
    method: str
    name: str


class Description:
    """Answers connectors.families.api.ApiSource. `address` is where the document lies, if that is on the web."""

    def __init__(self, document: Object, shown: str, address: str = "", docs: str | None = None) -> None:
        version = document.get("openapi") or document.get("swagger")
        self.version = str(version or "")
        if not VERSION.fullmatch(self.version):
            said = f"it says to be version {version}" if version else "it has neither openapi nor swagger"
            msg = f"{shown} is no description by OpenAPI 3 or Swagger 2: {said}"
            raise FatalError(msg, "give the address of the document itself, such as .../openapi.json")
        if not isinstance(document.get("paths", {}), dict):
            msg = f"{shown} is damaged: its paths are no object"
            raise FatalError(msg, "correct the description")
        self._document = document
        self._references = References(document)
        self._address = address
        self._docs = docs
        self._broken: ConnectorError | None = None
        self._collections: dict[str, ApiCollection] = {}
        self._operations = self._by_collection()

    @property
    def swagger(self) -> bool:
        """Whether it is by Swagger 2."""
        return self.version.startswith("2")

    @property
    def title(self) -> str:
        """What the API is called."""
        return text(mapping(self._document.get("info")).get("title")) or "an API without a title"

    def collections(self) -> Iterator[ApiCollection]:
        """See ApiSource: the tags that are declared, then those that are only used."""
        yield from self._collections.values()
        self._require_whole()

    def count(self, collection: str) -> int:
        """See ApiSource."""
        return len(self._operations[collection])

    def endpoints(self, collection: str) -> Iterator[ApiEndpoint]:
        """See ApiSource."""
        for operation in self._operations[collection]:
            yield self._endpoint(collection, operation)
        self._require_whole()

    def _require_whole(self) -> None:
        """Raise where some paths cannot be read: their endpoints may be in any collection."""
        if self._broken is not None:
            raise self._broken

    def count_collections(self) -> int:
        """How many collections there are, those of paths that cannot be read aside."""
        return len(self._collections)

    def _by_collection(self) -> dict[str, list[Operation]]:
        base = self._base(self._document)
        for tag in map(mapping, items(self._document.get("tags"))):
            if name := text(tag.get("name")):
                self._collections[name] = ApiCollection(name, text(tag.get("description")), base)
        found = defaultdict[str, list[Operation]](list)
        taken: set[tuple[str, str]] = set()
        for path, method in self._all():
            raw = mapping(self._path(path).get(method))
            tags = [tag for each in items(raw.get("tags")) if (tag := text(each))]
            for tag in dict.fromkeys(tags or [DEFAULT]):
                self._collections.setdefault(tag, ApiCollection(tag, None, base))
                own = text(raw.get("operationId"))
                if own is None or (tag, own) in taken:
                    own = f"{method.upper()} {path}"
                taken.add((tag, own))
                found[tag].append(Operation(path, method, own))
        return found

    def _all(self) -> Iterator[tuple[str, str]]:
        for path in mapping(self._document.get("paths")):
            if str(path).startswith("/"):
                yield from ((path, method) for method in self._methods(path) if str(method) in METHODS)

    def _methods(self, path: str) -> Object:
        written = mapping(self._document.get("paths")).get(path)
        if written is not None and not is_object(written):
            msg = f"what is written of the path {path} is no object"
            self._broken = ConnectorError(msg, "correct the description")
        try:
            return self._path(path)
        except ConnectorError as error:
            self._broken = error
            return {}

    def _path(self, path: str) -> Object:
        return self._references.resolve(mapping(self._document.get("paths")).get(path)).value

    def _endpoint(self, collection: str, operation: Operation) -> ApiEndpoint:
        described = self._path(operation.path)
        raw = mapping(described.get(operation.method))
        base = self._base(raw) or self._base(described) or self._base(self._document)
        page = f"{self._docs}#/{quote(collection)}/{quote(operation.name)}" if self._docs else None
        return ApiEndpoint(
            name=operation.name,
            method=METHODS[operation.method],
            url=f"{(base or '').rstrip('/')}{operation.path}",
            display_name=text(raw.get("summary")),
            description=text(raw.get("description")) or text(raw.get("summary")),
            page=page,
            request=lambda: request_of(raw, described, self._references, swagger=self.swagger),
            response=lambda: response_of(raw, self._references, swagger=self.swagger),
        )

    def _base(self, of: Object) -> str | None:
        """Where the paths begin, as the document, a path or an operation says."""
        if self.swagger:
            return self._base_of_swagger() if of is self._document else None
        server = mapping(next(iter(items(of.get("servers"))), None))
        url = text(server.get("url"))
        if url is None:
            return urljoin(self._address, "/").rstrip("/") or None if of is self._document else None
        variables = mapping(server.get("variables"))
        whole = PLACEHOLDER.sub(lambda found: str(mapping(variables.get(found[1])).get("default", found[0])), url)
        try:
            return urljoin(self._address, whole)
        except ValueError:  # which is no address: it is told as it is written
            return whole

    def _base_of_swagger(self) -> str | None:
        raw, here = self._document, urljoin(self._address, "/")
        scheme = next(map(str, items(raw.get("schemes"))), here.partition("://")[0] or "https")
        host = text(raw.get("host")) or here.partition("://")[2].rstrip("/")
        path = (text(raw.get("basePath")) or "").rstrip("/")
        return f"{scheme}://{host}{path}" if host else path or None
