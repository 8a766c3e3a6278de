"""APIs: the topology service > collection > endpoint, once for every such system.

A connector lists collections and their endpoints; everything else is decided here.
"""

from collections.abc import Callable, Generator, Iterable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from typing import Annotated, Any, Literal, Protocol, TypeVar

import msgspec

from connectors.connector import RunContext
from connectors.definition import FilterPattern, Model, SourceOptions, Unused
from connectors.errors import ConnectorError
from connectors.families.patterns import EntityFilter
from connectors.families.service import Item, Listing, service_topology
from connectors.models.api import (
    ApiSchema,
    CreateApiCollectionRequest,
    CreateApiEndpointRequest,
    CreateApiServiceRequest,
    RequestMethod,
)
from connectors.models.names import child_fqn, encode_name
from connectors.models.records import DeletionScope, Record
from connectors.topology import Filtered, Node


class ApiConnection(Model):
    """What every API connection may carry."""

    api_collection_filter_pattern: FilterPattern = FilterPattern()
    api_endpoint_filter_pattern: FilterPattern = FilterPattern()
    supports_metadata_extraction: Annotated[bool, Unused()] = True


class ApiMetadata(SourceOptions):
    """What to take. Patterns stand beside those of the connection: a name has to pass both.

    With `mark_deleted_api_collections` endpoints that are gone are deleted too.
    """

    type: Literal["ApiMetadata"] = "ApiMetadata"
    api_collection_filter_pattern: FilterPattern = FilterPattern()
    api_endpoint_filter_pattern: FilterPattern = FilterPattern()
    mark_deleted_api_collections: bool = True


class ApiCollection(msgspec.Struct, frozen=True):
    """Endpoints that belong together; `url` is where they all begin."""

    name: str
    description: str | None = None
    url: str | None = None


class Body(Protocol):
    """What a request or a response holds; `problem` is why not all of that is known."""

    schema: ApiSchema

    @property
    def problem(self) -> ConnectorError | None:
        """None where all is known."""
        ...


class ApiEndpoint(msgspec.Struct, frozen=True):
    """One operation; `page` is where people read about it. `request` and `response` raise what cannot be read."""

    name: str
    method: RequestMethod
    url: str
    request: Callable[[], Body | None]
    response: Callable[[], Body | None]
    display_name: str | None = None
    description: str | None = None
    page: str | None = None


class ApiSource(Protocol):
    """What a connector answers in one run, several threads at a time."""

    def collections(self) -> Iterable[ApiCollection]:
        """All collections, each once."""
        ...

    def count_collections(self) -> int:
        """How many those are."""
        ...

    def count(self, collection: str) -> int:
        """How many endpoints a collection has."""
        ...

    def endpoints(self, collection: str) -> Iterable[ApiEndpoint]:
        """All endpoints of a collection, each name once."""
        ...


class Opened(msgspec.Struct, frozen=True):
    """A collection, and the endpoints that were met in it."""

    row: ApiCollection
    seen: list[str] = msgspec.field(default_factory=list[str])


class EndpointItem(msgspec.Struct, frozen=True):
    """An endpoint on the walk; `collection` and `fqn` are fully qualified names."""

    collection: str
    fqn: str
    row: ApiEndpoint


class ApiWalk:
    """The stages of one run's topology."""

    def __init__(self, context: RunContext[Any, ApiMetadata], source: ApiSource) -> None:
        given, options = context.connection, context.options
        self._context = context
        self._source = source
        self._marks_deleted = options.mark_deleted_api_collections
        self._collections = EntityFilter.of(given.api_collection_filter_pattern, options.api_collection_filter_pattern)
        self._endpoints = EntityFilter.of(given.api_endpoint_filter_pattern, options.api_endpoint_filter_pattern)

    def topology(self) -> Node[None, Any]:
        """The tree to walk."""
        endpoints: Node[Item[Opened], EndpointItem] = Node(
            entity=CreateApiEndpointRequest.entity,
            name=lambda item: item.fqn,
            produce=self.endpoints,
            stages=(self.endpoint,),
            finish=self.gone,
        )
        collections = Listing(
            request=CreateApiCollectionRequest,
            rows=lambda: map(Opened, self._source.collections()),
            name=lambda opened: opened.row.name,
            stages=(self.collection,),
            keeps=self._collections,
            marks_deleted=self._marks_deleted,
            count=self._source.count_collections,
            children=(endpoints,),
            expect=self.expect,
        )
        return service_topology(self._context, CreateApiServiceRequest, (collections,))

    def expect(self, item: Item[Opened]) -> Mapping[str, int]:
        """How much lies in a collection."""
        return {CreateApiEndpointRequest.entity: self._source.count(item.row.row.name)}

    def collection(self, item: Item[Opened]) -> Iterator[Record]:
        """The collection's own record."""
        row = item.row.row
        yield CreateApiCollectionRequest(
            name=encode_name(row.name), description=row.description, service=item.service, endpoint_url=row.url
        )

    def endpoints(self, parent: Item[Opened]) -> Iterator[EndpointItem | Filtered]:
        """A collection's endpoints."""
        seen = parent.row.seen
        seen.clear()
        for row in self._source.endpoints(parent.row.row.name):
            own = child_fqn(parent.fqn, encode_name(row.name))
            seen.append(own)
            yield EndpointItem(parent.fqn, own, row) if self._endpoints.keeps(row.name, own) else Filtered(own)

    def endpoint(self, item: EndpointItem) -> Iterator[Record]:
        """The endpoint's own record; with a schema that is not all known, what is known of it and a failure."""
        row = item.row
        request, response = row.request(), row.response()
        yield CreateApiEndpointRequest(
            name=encode_name(row.name),
            display_name=row.display_name,
            description=row.description,
            api_collection=item.collection,
            request_method=row.method,
            endpoint_url=row.url,
            source_url=row.page,
            request_schema=request.schema if request else None,
            response_schema=response.schema if response else None,
        )
        for body in (request, response):
            if body is not None and body.problem is not None:
                raise body.problem

    def gone(self, parent: Item[Opened], complete: bool) -> Iterator[Record]:
        """What to delete of a collection: only when all of it was listed and handed over."""
        if self._marks_deleted and complete:
            kind, within = CreateApiEndpointRequest, CreateApiCollectionRequest.entity
            yield DeletionScope(parent.fqn, within, kind.entity, kind.collection, tuple(parent.row.seen))


ConfigT = TypeVar("ConfigT", bound=ApiConnection)
Context = RunContext[ConfigT, ApiMetadata]


def api_topology(
    source: Callable[[Context[ConfigT]], AbstractContextManager[ApiSource]],
) -> Callable[[Context[ConfigT]], AbstractContextManager[Node[None, Any]]]:
    """The `topology` of a connector that opens an ApiSource for each run."""

    @contextmanager
    def topology(context: Context[ConfigT]) -> Generator[Node[None, Any]]:
        with source(context) as opened:
            yield ApiWalk(context, opened).topology()

    return topology
