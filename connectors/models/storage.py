"""Storage services and their containers, as OpenMetadata's create requests name them."""

from typing import ClassVar, Literal

import msgspec

from connectors.models.base import CreateRequest, EntityReference, TagLabel, Wire
from connectors.models.database import Column
from connectors.models.services import CreateServiceRequest

FileFormat = Literal["zip", "gz", "zstd", "csv", "tsv", "json", "parquet", "avro"]


class ContainerDataModel(Wire, frozen=True, kw_only=True, omit_defaults=False):
    """What the files of a container have in common."""

    is_partitioned: bool
    columns: tuple[Column, ...]


class CreateStorageServiceRequest(CreateServiceRequest, frozen=True, kw_only=True):
    """A storage service."""

    entity: ClassVar[str] = "storageService"
    collection: ClassVar[str] = "services/storageServices"


class CreateContainerRequest(CreateRequest, frozen=True, kw_only=True):
    """A bucket, a path in it, or a file. `size` in bytes; `container` is what it lies in, if not the service."""

    entity: ClassVar[str] = "container"
    collection: ClassVar[str] = "containers"
    rank: ClassVar[int] = 1
    bulk: ClassVar[bool] = False
    nests: ClassVar[bool] = True
    listed_by: ClassVar[str] = "service"

    service: str
    container: EntityReference | None = msgspec.field(default=None, name="parent")
    prefix: str | None = None
    full_path: str | None = None
    source_url: str | None = None
    size: int | None = None
    number_of_objects: int | None = None
    file_formats: tuple[FileFormat, ...] = ()
    data_model: ContainerDataModel | None = None
    tags: tuple[TagLabel, ...] = ()

    @property
    def parent(self) -> str:
        """What it lies in."""
        return self.service if self.container is None else self.container.fully_qualified_name or ""
