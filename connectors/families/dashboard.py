"""Dashboards: the topology service > data model, chart, dashboard, once for every such system.

A connector lists the three; everything else is decided here.
"""

from collections.abc import Callable, Generator, Iterable, Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Any, Protocol, TypeVar

import msgspec

from connectors.connector import RunContext
from connectors.errors import ConnectorError
from connectors.families.dashboard_options import DashboardConnection, DashboardMetadata
from connectors.families.own_tags import OwnTags
from connectors.families.patterns import EntityFilter
from connectors.families.service import Item, Listing, service_topology
from connectors.models.base import EntityReference, TagLabel
from connectors.models.dashboard import (
    ChartType,
    CreateChartRequest,
    CreateDashboardDataModelRequest,
    CreateDashboardRequest,
    CreateDashboardServiceRequest,
    DataModelType,
)
from connectors.models.database import Column
from connectors.models.lineage import AddLineageRequest, LineageDetails
from connectors.models.names import encode_name
from connectors.models.records import Record
from connectors.topology import Node

DETAILS = LineageDetails(source="DashboardLineage")


class Shown(msgspec.Struct, frozen=True, kw_only=True):
    """What all three have: a name that stays, a title for people; owners by their users' names."""

    name: str
    title: str
    description: str | None = None
    url: str | None = None
    tags: tuple[str, ...] = ()
    owners: tuple[str, ...] = ()


class DataModel(Shown, frozen=True, kw_only=True):
    """What charts are made of. `columns` and `tables` may still be under way: they are called once, and may raise.

    `tables` gives the fully qualified names of those that it may be made of, one in each database service named.
    """

    type: DataModelType
    columns: Callable[[], tuple[Column, ...]]
    tables: Callable[[], tuple[str, ...]] = tuple
    sql: str | None = None


class Chart(Shown, frozen=True, kw_only=True):
    """A chart; `data_model` is the name of what it is made of."""

    type: ChartType = "Other"
    data_model: str | None = None


class Dashboard(Shown, frozen=True, kw_only=True):
    """A dashboard; `charts` are names."""

    charts: tuple[str, ...] = ()
    draft: bool = False


class DashboardSource(Protocol):
    """What a connector answers in one run; `wanted` tells by the title: of others nothing more is looked at."""

    classification: str

    def data_models(self, wanted: Callable[[str], bool]) -> Iterable[DataModel]:
        """All data models, each once."""
        ...

    def charts(self) -> Iterable[Chart]:
        """All charts, each once."""
        ...

    def dashboards(self) -> Iterable[Dashboard]:
        """All dashboards, each once; asked after the charts were listed."""
        ...


class DashboardWalk:
    """The stages of one run's topology."""

    def __init__(self, context: RunContext[Any, DashboardMetadata], source: DashboardSource) -> None:
        self._context = context
        self._options = context.options
        self._source = source
        self._tags = OwnTags(source.classification, f"the dashboards of {context.service_type}")
        own, options = context.connection, context.options
        self._models = EntityFilter.of(own.data_model_filter_pattern, options.data_model_filter_pattern)
        self._charts = EntityFilter.of(own.chart_filter_pattern, options.chart_filter_pattern)
        self._dashboards = EntityFilter.of(own.dashboard_filter_pattern, options.dashboard_filter_pattern)
        # What was taken: a dashboard may point at nothing else. Charts with the data models that they are made of.
        self._taken_charts: dict[str, str | None] = {}
        self._taken_models: set[str] = set()
        self._all_charts = False

    def topology(self) -> Node[None, Any]:
        """The tree to walk: what is pointed at comes first."""
        options = self._options
        models = Listing(
            request=CreateDashboardDataModelRequest,
            rows=lambda: self._source.data_models(lambda title: self._models.keeps(title, title)),
            name=lambda row: row.name,
            kept=lambda row: self._models.keeps(row.title, row.title),
            stages=(self.data_model, self.tables),
            keeps=self._models,
            marks_deleted=options.mark_deleted_data_models,
        )
        charts = Listing(
            request=CreateChartRequest,
            rows=self._listed_charts,
            name=lambda row: row.name,
            kept=lambda row: self._charts.keeps(row.title, row.title),
            stages=(self.chart,),
            keeps=self._charts,
            marks_deleted=options.mark_deleted_charts,
        )
        dashboards = Listing(
            request=CreateDashboardRequest,
            rows=self._source.dashboards,
            name=lambda row: row.name,
            kept=self._is_wanted,
            stages=(self.dashboard, self.lineage),
            keeps=self._dashboards,
            marks_deleted=options.mark_deleted_dashboards,
        )
        listings = (models, charts, dashboards) if options.include_data_models else (charts, dashboards)
        return service_topology(self._context, CreateDashboardServiceRequest, listings)

    def _is_wanted(self, row: Dashboard) -> bool:
        is_left_out = row.draft and not self._options.include_draft_dashboard
        return self._dashboards.keeps(row.title, row.title) and not is_left_out

    def _listed_charts(self) -> Iterator[Chart]:
        self._all_charts = False
        yield from self._source.charts()
        self._all_charts = True

    def data_model(self, item: Item[DataModel]) -> Iterator[Record]:
        """The data model's own record, after those of its tags that nothing had before."""
        row = item.row
        columns = row.columns()
        yield from self._new_tags(row)
        yield CreateDashboardDataModelRequest(
            name=encode_name(row.name),
            display_name=row.title,
            description=row.description,
            service=item.service,
            service_type=self._context.service_type,
            data_model_type=row.type,
            columns=columns,
            sql=row.sql,
            source_url=row.url,
            tags=self._labels(row),
            owners=self._owners(row),
        )
        self._taken_models.add(row.name)

    def tables(self, item: Item[DataModel]) -> Iterator[Record]:
        """Edges from tables; the sink leaves out what the catalogue does not know."""
        if self._options.lineage_information.db_service_prefixes:
            target = (CreateDashboardDataModelRequest.entity, item.fqn)
            yield from (AddLineageRequest.between(("table", name), target, DETAILS) for name in item.row.tables())

    def chart(self, item: Item[Chart]) -> Iterator[Record]:
        """The chart's own record, after those of its tags that nothing had before."""
        row = item.row
        yield from self._new_tags(row)
        yield CreateChartRequest(
            name=encode_name(row.name),
            display_name=row.title,
            description=row.description,
            service=item.service,
            chart_type=row.type,
            source_url=row.url,
            tags=self._labels(row),
            owners=self._owners(row),
        )
        self._taken_charts[row.name] = row.data_model

    def dashboard(self, item: Item[Dashboard]) -> Iterator[Record]:
        """The dashboard's own record, after those of its tags that nothing had before."""
        row = item.row
        if not self._all_charts:
            msg = "its charts are not known, as they could not be listed"
            raise ConnectorError(msg, "see why, among the failures of this run")
        yield from self._new_tags(row)
        yield CreateDashboardRequest(
            name=encode_name(row.name),
            display_name=row.title,
            description=row.description,
            service=item.service,
            charts=tuple(
                CreateChartRequest.named(item.service, encode_name(name))
                for name in row.charts
                if name in self._taken_charts
            ),
            data_models=self._data_models(item),
            source_url=row.url,
            tags=self._labels(row),
            owners=self._owners(row),
        )

    def lineage(self, item: Item[Dashboard]) -> Iterator[Record]:
        """Edges from the data models that the dashboard is made of."""
        target = (CreateDashboardRequest.entity, item.fqn)
        kind = CreateDashboardDataModelRequest.entity
        yield from (AddLineageRequest.between((kind, name), target, DETAILS) for name in self._data_models(item))

    def _data_models(self, item: Item[Dashboard]) -> tuple[str, ...]:
        names = dict.fromkeys(self._taken_charts.get(chart) for chart in item.row.charts)
        taken = [name for name in names if name is not None and name in self._taken_models]
        return tuple(CreateDashboardDataModelRequest.named(item.service, encode_name(name)) for name in taken)

    def _new_tags(self, row: Shown) -> Iterator[Record]:
        return self._tags.new(row.tags) if self._options.include_tags else iter(())

    def _labels(self, row: Shown) -> tuple[TagLabel, ...]:
        return self._tags.labels(row.tags) if self._options.include_tags else ()

    def _owners(self, row: Shown) -> tuple[EntityReference, ...]:
        if not self._options.include_owners:
            return ()
        return tuple(EntityReference(type="user", name=name) for name in row.owners)


ConfigT = TypeVar("ConfigT", bound=DashboardConnection)
Context = RunContext[ConfigT, DashboardMetadata]


def dashboard_topology(
    source: Callable[[Context[ConfigT]], AbstractContextManager[DashboardSource]],
) -> Callable[[Context[ConfigT]], AbstractContextManager[Node[None, Any]]]:
    """The `topology` of a connector that opens a DashboardSource for each run."""

    @contextmanager
    def topology(context: Context[ConfigT]) -> Generator[Node[None, Any]]:
        with source(context) as opened:
            yield DashboardWalk(context, opened).topology()

    return topology
