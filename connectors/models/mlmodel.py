"""Models of machine learning, as OpenMetadata's create requests name them."""

from typing import ClassVar, Literal

from connectors.models.base import CreateRequest, EntityReference, TagLabel, Wire
from connectors.models.services import CreateServiceRequest


class MlFeature(Wire, frozen=True, kw_only=True):
    """What a model takes in."""

    name: str
    data_type: Literal["numerical", "categorical"] | None = None
    description: str | None = None


class MlHyperParameter(Wire, frozen=True, kw_only=True):
    """What a model was trained with."""

    name: str
    value: str | None = None


class MlStore(Wire, frozen=True, kw_only=True):
    """Where a model's files are, and the image that runs it."""

    storage: str | None = None
    image_repository: str | None = None


class CreateMlModelServiceRequest(CreateServiceRequest, frozen=True, kw_only=True):
    """A service of models."""

    entity: ClassVar[str] = "mlmodelService"
    collection: ClassVar[str] = "services/mlmodelServices"


class CreateMlModelRequest(CreateRequest, frozen=True, kw_only=True):
    """A model of a service, in its latest version."""

    entity: ClassVar[str] = "mlmodel"
    collection: ClassVar[str] = "mlmodels"
    rank: ClassVar[int] = 2
    leaf: ClassVar[bool] = True
    listed_by: ClassVar[str] = "service"

    service: str
    algorithm: str
    source_url: str | None = None
    ml_features: tuple[MlFeature, ...] = ()
    ml_hyper_parameters: tuple[MlHyperParameter, ...] = ()
    ml_store: MlStore | None = None
    tags: tuple[TagLabel, ...] = ()
    owners: tuple[EntityReference, ...] = ()

    @property
    def parent(self) -> str:
        """The service."""
        return self.service
