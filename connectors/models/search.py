"""Search services and their indexes, as OpenMetadata's create requests name them."""

from typing import Any, ClassVar, Literal

from connectors.models.base import CreateRequest, Wire
from connectors.models.services import CreateServiceRequest

FieldType = Literal[
    "NUMBER", "TEXT", "BINARY", "TIMESTAMP", "TIMESTAMPZ", "TIME", "DATE", "DATETIME", "KEYWORD", "ARRAY", "OBJECT",
    "FLATTENED", "NESTED", "JOIN", "RANGE", "IP", "VERSION", "MURMUR3", "AGGREGATE_METRIC_DOUBLE", "HISTOGRAM",
    "ANNOTATED-TEXT", "COMPLETION", "SEARCH_AS_YOU_TYPE", "DENSE_VECTOR", "RANK_FEATURE", "RANK_FEATURES", "GEO_POINT",
    "GEO_SHAPE", "POINT", "SHAPE", "PERCOLATOR", "BOOLEAN", "CONSTANT_KEYWORD", "WILDCARD", "LONG", "INTEGER", "SHORT",
    "BYTE", "DOUBLE", "FLOAT", "HALF_FLOAT", "SCALED_FLOAT", "UNSIGNED_LONG", "UNKNOWN",
]  # fmt: skip
IndexType = Literal["Index", "IndexTemplate"]


class SearchIndexField(Wire, frozen=True):
    """One field of an index, with those that lie in it and the other ways in which it is indexed."""

    name: str
    data_type: FieldType
    data_type_display: str | None = None
    children: tuple["SearchIndexField", ...] | None = None


class CreateSearchServiceRequest(CreateServiceRequest, frozen=True, kw_only=True):
    """A search service."""

    entity: ClassVar[str] = "searchService"
    collection: ClassVar[str] = "services/searchServices"


class CreateSearchIndexRequest(CreateRequest, frozen=True, kw_only=True):
    """An index of a service, or a template that indexes are made by."""

    entity: ClassVar[str] = "searchIndex"
    collection: ClassVar[str] = "searchIndexes"
    rank: ClassVar[int] = 1
    leaf: ClassVar[bool] = True
    listed_by: ClassVar[str] = "service"

    service: str
    fields: tuple[SearchIndexField, ...]
    index_type: IndexType = "Index"
    search_index_settings: dict[str, Any] | None = None

    @property
    def parent(self) -> str:
        """The service."""
        return self.service
