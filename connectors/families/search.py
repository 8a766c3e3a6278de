"""Search: the topology service > search index, once for every such system.

A connector lists indexes and tells of their fields; everything else is decided here.
"""

from collections.abc import Callable, Generator, Iterable, Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Annotated, Any, Literal, Protocol, TypeVar

import msgspec
from pydantic import Field

from connectors.connector import RunContext
from connectors.definition import FilterPattern, Model, SourceOptions, Unused
from connectors.families.patterns import EntityFilter
from connectors.families.service import Item, Listing, service_topology
from connectors.models.names import encode_name
from connectors.models.records import Record
from connectors.models.search import CreateSearchIndexRequest, CreateSearchServiceRequest, SearchIndexField
from connectors.topology import Node


class SearchConnection(Model):
    """What every search connection may carry."""

    search_index_filter_pattern: FilterPattern = FilterPattern()
    supports_metadata_extraction: Annotated[bool, Unused()] = True


class SearchMetadata(SourceOptions):
    """What to take. Patterns stand beside those of the connection: an index has to pass both.

    Documents are never read, so that `includeSampleData` and `sampleSize` change nothing.
    """

    type: Literal["SearchMetadata"] = "SearchMetadata"
    search_index_filter_pattern: FilterPattern = FilterPattern()
    mark_deleted_search_indexes: bool = True
    include_index_template: bool = False
    include_sample_data: Annotated[bool, Unused()] = True
    sample_size: Annotated[int, Unused()] = Field(default=10, ge=0)


class Details(msgspec.Struct, frozen=True):
    """What an index holds; `settings` as the system names and nests them."""

    fields: tuple[SearchIndexField, ...] = ()
    description: str | None = None
    settings: dict[str, Any] = msgspec.field(default_factory=dict[str, Any])


class SearchIndex(msgspec.Struct, frozen=True):
    """An index, or a template of indexes, as its system has it.

    `details` is called once, by any thread and for those only that the filters keep; what it raises is the index's
    failure alone.
    """

    name: str
    details: Callable[[], Details] = Details
    template: bool = False


class SearchSource(Protocol):
    """What a connector answers in one run."""

    def count(self) -> int:
        """How many indexes there are, without templates."""
        ...

    def indexes(self, wanted: Callable[[str], bool], /) -> Iterable[SearchIndex]:
        """All indexes, each once; of those that are not `wanted` nothing is looked at but the name."""
        ...

    def templates(self) -> Iterable[SearchIndex]:
        """All templates, each once; asked for after the indexes."""
        ...


class SearchWalk:
    """The stages of one run's topology."""

    def __init__(self, context: RunContext[Any, SearchMetadata], source: SearchSource) -> None:
        self._context = context
        self._source = source
        own, options = context.connection, context.options
        self._keeps = EntityFilter.of(own.search_index_filter_pattern, options.search_index_filter_pattern)

    def topology(self) -> Node[None, Any]:
        """The tree to walk."""
        options = self._context.options
        indexes = Listing(
            request=CreateSearchIndexRequest,
            rows=self._rows,
            name=lambda row: row.name,
            stages=(self.search_index,),
            keeps=self._keeps,
            marks_deleted=options.mark_deleted_search_indexes,
            count=None if options.include_index_template else self._source.count,
        )
        return service_topology(self._context, CreateSearchServiceRequest, (indexes,))

    def _rows(self) -> Iterator[SearchIndex]:
        yield from self._source.indexes(lambda name: self._keeps.keeps(name, name))
        if self._context.options.include_index_template:
            yield from self._source.templates()

    def search_index(self, item: Item[SearchIndex]) -> Iterator[Record]:
        """The record of an index or of a template."""
        details = item.row.details()
        yield CreateSearchIndexRequest(
            name=encode_name(item.row.name),
            description=details.description or None,
            service=item.service,
            fields=details.fields,
            index_type="IndexTemplate" if item.row.template else "Index",
            search_index_settings=details.settings or None,
        )


ConfigT = TypeVar("ConfigT", bound=SearchConnection)
Context = RunContext[ConfigT, SearchMetadata]


def search_topology(
    source: Callable[[Context[ConfigT]], AbstractContextManager[SearchSource]],
) -> Callable[[Context[ConfigT]], AbstractContextManager[Node[None, Any]]]:
    """The `topology` of a connector that opens a SearchSource for each run."""

    @contextmanager
    def topology(context: Context[ConfigT]) -> Generator[Node[None, Any]]:
        with source(context) as opened:
            yield SearchWalk(context, opened).topology()

    return topology
