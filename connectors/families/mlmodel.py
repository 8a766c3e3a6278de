"""Models of machine learning: the topology service > model, once for every such system.

A connector lists models and tells of their versions; everything else is decided here.
"""

from collections.abc import Callable, Generator, Iterable, Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Annotated, Any, Literal, Protocol, TypeVar

import msgspec
from pydantic import field_validator

from connectors.connector import RunContext
from connectors.definition import FilterPattern, Model, SourceOptions, Unused
from connectors.errors import ConnectorError
from connectors.families.lineage_options import LineageInformation
from connectors.families.own_tags import OwnTags
from connectors.families.patterns import EntityFilter
from connectors.families.service import Item, Listing, service_topology
from connectors.models.base import EntityReference
from connectors.models.mlmodel import (
    CreateMlModelRequest,
    CreateMlModelServiceRequest,
    MlFeature,
    MlHyperParameter,
    MlStore,
)
from connectors.models.names import encode_name
from connectors.models.records import Record
from connectors.topology import Node


class MlModelConnection(Model):
    """What every connection to a registry of models may carry."""

    ml_model_filter_pattern: FilterPattern = FilterPattern()
    supports_metadata_extraction: Annotated[bool, Unused()] = True


class MlModelMetadata(SourceOptions):
    """What to take. Patterns stand beside those of the connection: a model has to pass both."""

    type: Literal["MlModelMetadata"] = "MlModelMetadata"
    ml_model_filter_pattern: FilterPattern = FilterPattern()
    mark_deleted_ml_models: bool = True
    lineage_information: Annotated[LineageInformation, Unused()] = LineageInformation()
    override_lineage: bool = False

    @field_validator("override_lineage")
    @classmethod
    def _no_lineage(cls, value: bool) -> bool:
        if value:
            msg = "is not supported: models have no lineage here; remove it or set it to false"
            raise ValueError(msg)
        return value


class Version(msgspec.Struct, frozen=True):
    """One version of a model; `labels` are its aliases and stage, `metrics` what its run measured."""

    name: str
    labels: tuple[str, ...] = ()
    status: str = ""
    metrics: tuple[tuple[str, str], ...] = ()


class Details(msgspec.Struct, frozen=True):
    """What takes more questions than the listing; `problem` is why not all of it could be read.

    `storage` and `tags` are those that the listing does not tell, `image` is what runs the model.
    """

    algorithm: str = "mlmodel"
    features: tuple[MlFeature, ...] = ()
    hyper_parameters: tuple[MlHyperParameter, ...] = ()
    versions: tuple[Version, ...] = ()
    owners: tuple[str, ...] = ()
    storage: str | None = None
    image: str | None = None
    tags: tuple[str, ...] = ()
    problem: ConnectorError | None = None


class MlModel(msgspec.Struct, frozen=True):
    """A model as its registry has it. `details` may still be under way: it is called once, and may raise."""

    name: str
    details: Callable[[], Details] = Details
    description: str | None = None
    url: str | None = None
    storage: str | None = None
    tags: tuple[str, ...] = ()


class MlModelSource(Protocol):
    """What a connector answers in one run; `classification` is what the models' tags belong to."""

    classification: str

    def models(self, wanted: Callable[[str], bool], /) -> Iterable[MlModel]:
        """All models, each once; of those that are not `wanted` nothing is looked at but the name."""
        ...


class MlModelWalk:
    """The stages of one run's topology."""

    def __init__(self, context: RunContext[Any, MlModelMetadata], source: MlModelSource) -> None:
        self._context = context
        self._source = source
        self._tags = OwnTags(source.classification, f"the models of {context.service_type}")
        own, options = context.connection, context.options
        self._keeps = EntityFilter.of(own.ml_model_filter_pattern, options.ml_model_filter_pattern)

    def topology(self) -> Node[None, Any]:
        """The tree to walk."""
        models = Listing(
            request=CreateMlModelRequest,
            rows=lambda: self._source.models(lambda name: self._keeps.keeps(name, name)),
            name=lambda row: row.name,
            stages=(self.model,),
            keeps=self._keeps,
            marks_deleted=self._context.options.mark_deleted_ml_models,
        )
        return service_topology(self._context, CreateMlModelServiceRequest, (models,))

    def model(self, item: Item[MlModel]) -> Iterator[Record]:
        """The model's own record, after those of its tags that no other model had before."""
        row = item.row
        details = row.details()
        tags, storage = (*row.tags, *details.tags), row.storage or details.storage
        store = MlStore(storage=storage, image_repository=details.image)
        yield from self._tags.new(tags)
        yield CreateMlModelRequest(
            name=encode_name(row.name),
            description=described(row.description, details.versions),
            service=item.service,
            algorithm=details.algorithm,
            source_url=row.url,
            ml_features=details.features,
            ml_hyper_parameters=details.hyper_parameters,
            ml_store=None if store == MlStore() else store,
            tags=self._tags.labels(tags),
            owners=tuple(EntityReference(type="user", name=name) for name in details.owners),
        )
        if details.problem is not None:
            raise details.problem


def described(text: str | None, versions: tuple[Version, ...]) -> str | None:
    """A model's description with its versions as a table, for which OpenMetadata's models have no field."""
    if not versions:
        return text or None
    rows = [
        (
            version.name,
            ", ".join(version.labels),
            version.status,
            ", ".join(f"{name} {value}" for name, value in version.metrics),
        )
        for version in versions
    ]
    lines = ["| " + " | ".join(map(_cell, row)) + " |" for row in rows]
    table = "\n".join(["| version | labels | status | metrics |", "|---|---|---|---|", *lines])
    return f"{text}\n\n{table}" if text else table


def _cell(text: str) -> str:
    return " ".join(text.split()).replace("|", "\\|")


ConfigT = TypeVar("ConfigT", bound=MlModelConnection)
Context = RunContext[ConfigT, MlModelMetadata]


def mlmodel_topology(
    source: Callable[[Context[ConfigT]], AbstractContextManager[MlModelSource]],
) -> Callable[[Context[ConfigT]], AbstractContextManager[Node[None, Any]]]:
    """The `topology` of a connector that opens a MlModelSource for each run."""

    @contextmanager
    def topology(context: Context[ConfigT]) -> Generator[Node[None, Any]]:
        with source(context) as opened:
            yield MlModelWalk(context, opened).topology()

    return topology
