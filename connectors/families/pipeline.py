"""Pipelines: the topology service > pipeline, once for every such system.

A connector lists pipelines and tells of their tasks and runs; everything else is decided here.
"""

import threading
from collections.abc import Callable, Generator, Iterable, Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Any, Literal, Protocol, TypeVar

import msgspec

from connectors.connector import RunContext
from connectors.families.asset_names import entities_of
from connectors.families.own_tags import OwnTags
from connectors.families.partial_failures import Refused
from connectors.families.patterns import EntityFilter
from connectors.families.pipeline_options import PipelineConnection, PipelineMetadata
from connectors.families.service import Item, Listing, service_topology
from connectors.models.base import EntityReference
from connectors.models.lineage import AddLineageRequest, LineageDetails
from connectors.models.names import encode_name, fqn
from connectors.models.pipeline import (
    AddPipelineStatusRequest,
    CreatePipelineRequest,
    CreatePipelineServiceRequest,
    PipelineStatus,
    Task,
)
from connectors.models.records import Record
from connectors.report import Failure
from connectors.topology import Node

# Beyond so many pairs, what is read and what is written are joined through the pipeline itself.
MOST_PAIRS = 100
Entity = tuple[str, str]


class Pipeline(msgspec.Struct, frozen=True):
    """A pipeline as its system has it; `inlets` and `outlets` are the URIs of what it reads and writes.

    `flows` are pairs of them where it is known from what to what it moves data. `owners` are users, `teams` teams.
    `tasks` and `runs` may still be under way: they are called once, and raise what went wrong. `runs` that may not be
    read are raised as Refused, which is told once for all pipelines.
    """

    name: str
    tasks: Callable[[], tuple[Task, ...]]
    runs: Callable[[], Iterable[PipelineStatus]]
    display_name: str | None = None
    description: str | None = None
    url: str | None = None
    location: str | None = None
    schedule: str | None = None
    state: Literal["Active", "Inactive"] | None = None
    concurrency: int | None = None
    tags: tuple[str, ...] = ()
    owners: tuple[str, ...] = ()
    teams: tuple[str, ...] = ()
    inlets: tuple[str, ...] = ()
    outlets: tuple[str, ...] = ()
    flows: tuple[tuple[str, str], ...] = ()


class PipelineSource(Protocol):
    """What a connector answers in one run; `classification` is what the pipelines' tags belong to."""

    classification: str

    def count(self) -> int:
        """How many pipelines there are."""
        ...

    def pipelines(self, wanted: Callable[[str], bool]) -> Iterable[Pipeline]:
        """All pipelines, each once; of those that are not `wanted` nothing is looked at but the name."""
        ...


class PipelineWalk:
    """The stages of one run's topology."""

    def __init__(self, context: RunContext[Any, PipelineMetadata], source: PipelineSource) -> None:
        self._context = context
        self._options = context.options
        self._source = source
        self._keeps = EntityFilter.of(
            context.connection.pipeline_filter_pattern, context.options.pipeline_filter_pattern
        )
        self._refusing = threading.Lock()
        self._is_refused = False
        self._tags = OwnTags(source.classification, f"the pipelines of {context.service_type}")

    def topology(self) -> Node[None, Any]:
        """The tree to walk."""
        pipelines = Listing(
            request=CreatePipelineRequest,
            rows=lambda: self._source.pipelines(lambda name: self._keeps.keeps(name, name)),
            name=lambda row: row.name,
            stages=(self.pipeline, self.statuses, self.lineage),
            keeps=self._keeps,
            marks_deleted=self._options.mark_deleted_pipelines,
            count=self._source.count,
        )
        return service_topology(self._context, CreatePipelineServiceRequest, (pipelines,))

    def pipeline(self, item: Item[Pipeline]) -> Iterator[Record]:
        """The pipeline's own record, after those of its tags that no other pipeline had before."""
        row, options = item.row, self._options
        tasks = row.tasks()
        tags = row.tags if options.include_tags else ()
        yield from self._tags.new(tags)
        yield CreatePipelineRequest(
            name=encode_name(row.name),
            display_name=row.display_name,
            description=row.description,
            service=item.service,
            source_url=row.url,
            concurrency=row.concurrency,
            pipeline_location=row.location,
            schedule_interval=row.schedule,
            state=row.state,
            tasks=tasks,
            tags=self._tags.labels(tags),
            owners=tuple(_owners(row)) if options.include_owners else (),
        )

    def statuses(self, item: Item[Pipeline]) -> Iterator[Record]:
        """What became of the pipeline's latest runs."""
        try:
            for run in item.row.runs():
                if self._options.status_lookback_days:
                    yield AddPipelineStatusRequest(pipeline=item.fqn, status=run)
        except Refused as error:
            self._tell_refused(error)

    def _tell_refused(self, error: Refused) -> None:
        """That runs may not be read is one failure, and keeps no pipeline back."""
        with self._refusing:
            told, self._is_refused = self._is_refused, True
        if not told:
            cause = f"what became of the latest runs is not known: {error.message}"
            service = fqn(self._context.service)
            self._context.report.failed(Failure(CreatePipelineRequest.entity, service, "statuses", cause, error.advice))

    def lineage(self, item: Item[Pipeline]) -> Iterator[Record]:
        """Edges from what it reads to what it writes; the sink leaves out what the catalogue does not know."""
        if not self._options.include_lineage:
            return
        services = self._options.lineage_information
        read = [entity for uri in item.row.inlets for entity in entities_of(uri, services)]
        written = [entity for uri in item.row.outlets for entity in entities_of(uri, services)]
        itself = ("pipeline", item.fqn)
        for source, sink in item.row.flows:
            yield from self._moved(item, list(entities_of(source, services)), list(entities_of(sink, services)))
        if read and written and len(read) * len(written) <= MOST_PAIRS:
            yield from self._moved(item, read, written)
            return
        details = LineageDetails(source="PipelineLineage")
        yield from (AddLineageRequest.between(origin, itself, details) for origin in read)
        yield from (AddLineageRequest.between(itself, target, details) for target in written)

    def _moved(self, item: Item[Pipeline], read: list[Entity], written: list[Entity]) -> Iterator[Record]:
        """Edges from each to each, which the pipeline is noted on."""
        mover = EntityReference(type="pipeline", fully_qualified_name=item.fqn)
        details = LineageDetails(source="PipelineLineage", pipeline=mover)
        for origin in read:
            yield from (AddLineageRequest.between(origin, target, details) for target in written if target != origin)


def _owners(row: Pipeline) -> Iterator[EntityReference]:
    for kind, names in (("user", row.owners), ("team", row.teams)):
        yield from (EntityReference(type=kind, name=name) for name in names)


ConfigT = TypeVar("ConfigT", bound=PipelineConnection)
Context = RunContext[ConfigT, PipelineMetadata]


def pipeline_topology(
    source: Callable[[Context[ConfigT]], AbstractContextManager[PipelineSource]],
) -> Callable[[Context[ConfigT]], AbstractContextManager[Node[None, Any]]]:
    """The `topology` of a connector that opens a PipelineSource for each run."""

    @contextmanager
    def topology(context: Context[ConfigT]) -> Generator[Node[None, Any]]:
        with source(context) as opened:
            yield PipelineWalk(context, opened).topology()

    return topology
