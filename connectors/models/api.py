"""Collections of an API and their endpoints, as OpenMetadata's create requests name them."""

from typing import ClassVar, Literal

import msgspec

from connectors.models.base import CreateRequest, Wire
from connectors.models.messaging import SchemaField, SchemaType
from connectors.models.services import CreateServiceRequest

RequestMethod = Literal["GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "CONNECT", "OPTIONS", "TRACE"]


class ApiSchema(Wire, frozen=True, kw_only=True, omit_defaults=False):
    """What a request or a response holds."""

    schema_type: SchemaType = "JSON"
    schema_fields: tuple[SchemaField, ...] = ()


class CreateApiServiceRequest(CreateServiceRequest, frozen=True, kw_only=True):
    """An API service."""

    entity: ClassVar[str] = "apiService"
    collection: ClassVar[str] = "services/apiServices"


class CreateApiCollectionRequest(CreateRequest, frozen=True, kw_only=True):
    """A collection of endpoints; `endpoint_url` is where they all begin."""

    entity: ClassVar[str] = "apiCollection"
    collection: ClassVar[str] = "apiCollections"
    rank: ClassVar[int] = 1
    listed_by: ClassVar[str] = "service"

    service: str
    endpoint_url: str | None = msgspec.field(name="endpointURL", default=None)

    @property
    def parent(self) -> str:
        """The service."""
        return self.service


class CreateApiEndpointRequest(CreateRequest, frozen=True, kw_only=True):
    """One operation of an API."""

    entity: ClassVar[str] = "apiEndpoint"
    collection: ClassVar[str] = "apiEndpoints"
    rank: ClassVar[int] = 2
    leaf: ClassVar[bool] = True
    listed_by: ClassVar[str] = "apiCollection"

    api_collection: str
    request_method: RequestMethod
    endpoint_url: str | None = msgspec.field(name="endpointURL", default=None)
    source_url: str | None = None
    request_schema: ApiSchema | None = None
    response_schema: ApiSchema | None = None

    @property
    def parent(self) -> str:
        """The collection."""
        return self.api_collection
