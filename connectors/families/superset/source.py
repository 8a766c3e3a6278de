"""One run's view of a Superset: data sets as data models, charts, dashboards."""

from collections import defaultdict
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import partial
from itertools import islice

import msgspec

from connectors.connector import RunContext
from connectors.errors import ConnectorError
from connectors.families import dashboard as family
from connectors.families.dashboard_options import DashboardMetadata
from connectors.families.nested_types import column_of_type
from connectors.families.partial_failures import attempted
from connectors.families.superset.answers import MADE_BY_PEOPLE, Chart, Dashboard, DataSet, Person, TableColumn, Tag
from connectors.families.superset.api import Superset, open_superset
from connectors.families.superset.config import SupersetConfig
from connectors.families.table_places import TablePlace
from connectors.models.dashboard import ChartType
from connectors.models.database import Column
from connectors.once import Once

AT_A_TIME = 100
OF_TABLES = "table"
KINDS: Mapping[str, ChartType] = {
    **dict.fromkeys(("line", "echarts_timeseries", "echarts_timeseries_line", "echarts_timeseries_smooth"), "Line"),
    **dict.fromkeys(("echarts_timeseries_step", "mixed_timeseries", "compare", "time_pivot"), "Line"),
    **dict.fromkeys(("bar", "dist_bar", "echarts_timeseries_bar", "waterfall", "bullet"), "Bar"),
    **dict.fromkeys(("area", "echarts_area", "horizon"), "Area"),
    **dict.fromkeys(("pie", "rose", "sunburst_v2", "sunburst", "funnel"), "Pie"),
    **dict.fromkeys(("table", "pivot_table", "pivot_table_v2", "ag-grid-table", "time_table", "paired_ttest"), "Table"),
    **dict.fromkeys(("histogram", "histogram_v2"), "Histogram"),
    **dict.fromkeys(("echarts_timeseries_scatter", "bubble", "bubble_v2"), "Scatter"),
    **dict.fromkeys(("big_number", "big_number_total", "pop_kpi", "handlebars", "markup", "word_cloud"), "Text"),
    **dict.fromkeys(("graph_chart", "tree_chart", "chord", "treemap_v2", "partition"), "Graph"),
    **dict.fromkeys(("world_map", "country_map", "mapbox", "point_cluster_map", "cartodiagram"), "Map"),
    **dict.fromkeys(("heatmap", "heatmap_v2", "cal_heatmap"), "Heatmap"),
    **dict.fromkeys(("gantt_chart", "event_flow"), "Timeline"),
    **dict.fromkeys(("sankey", "sankey_v2"), "SanKey"),
    "box_plot": "BoxPlot",
    "gauge_chart": "Gauge",
}
Context = RunContext[SupersetConfig, DashboardMetadata]


class SupersetSource:
    """Answers connectors.families.dashboard.DashboardSource."""

    classification = "SupersetTags"

    def __init__(self, context: Context, superset: Superset) -> None:
        self._superset = superset
        self._address = context.connection.host_port
        self._services = context.options.lineage_information
        self._with_owners = context.options.include_owners
        self._addresses = Once(self._asked_addresses)
        self._on = defaultdict[int, list[str]](list)
        self._uris = dict[int, tuple[str, ConnectorError | None]]()

    def data_models(self, wanted: Callable[[str], bool]) -> Iterator[family.DataModel]:
        """See DashboardSource. Columns are asked for by data set, several at a time."""
        data_sets = self._superset.data_sets()
        while page := list(islice(data_sets, AT_A_TIME)):
            kept = [row for row in page if wanted(row.table_name)]
            under_way = {
                row.id: future.result for row, future in self._superset.client.ahead(kept, self._columns, len(kept))
            }
            yield from (self._data_model(row, under_way.get(row.id, tuple)) for row in page)

    def charts(self) -> Iterator[family.Chart]:
        """See DashboardSource. A chart knows the dashboards that it is on."""
        self._on.clear()
        for row in self._superset.charts():
            for dashboard in row.dashboards:
                self._on[dashboard.id].append(str(row.id))
            yield self._chart(row)

    def dashboards(self) -> Iterator[family.Dashboard]:
        """See DashboardSource. The API does not tell their descriptions."""
        return map(self._dashboard, self._superset.dashboards())

    def _columns(self, row: DataSet) -> tuple[Column, ...]:
        return tuple(_column(place, column) for place, column in enumerate(self._superset.columns(row.id), 1))

    def _data_model(self, row: DataSet, columns: Callable[[], tuple[Column, ...]]) -> family.DataModel:
        return family.DataModel(
            name=str(row.id),
            title=row.table_name,
            description=row.description or None,
            url=self._page(row.explore_url),
            owners=self._people(row.owners),
            type="SupersetDataModel",
            columns=columns,
            tables=partial(self._tables, row),
            sql=row.sql or None,
        )

    def _tables(self, row: DataSet) -> tuple[str, ...]:
        """What a data set is made of; that of a query is not read from its text."""
        if row.sql or row.database is None:
            return ()
        if row.database.id not in self._uris:
            self._uris[row.database.id] = attempted(partial(self._superset.uri, row.database.id), "")
        uri, problem = self._uris[row.database.id]
        found = tuple(TablePlace(row.table_name, row.schema, row.catalog).within(uri).fqns(self._services))
        if problem is not None and not found:
            raise problem
        return found

    def _chart(self, row: Chart) -> family.Chart:
        of_table = row.datasource_id is not None and row.datasource_type == OF_TABLES
        kind = row.viz_type or ""
        return family.Chart(
            name=str(row.id),
            title=_title(row.slice_name, row.id),
            description=row.description or None,
            url=self._page(row.url),
            tags=_tags(row.tags),
            owners=_names(row.owners),
            type=KINDS.get(kind, "Map" if kind.startswith("deck_") else "Other"),
            data_model=str(row.datasource_id) if of_table else None,
        )

    def _dashboard(self, row: Dashboard) -> family.Dashboard:
        return family.Dashboard(
            name=str(row.id),
            title=_title(row.dashboard_title, row.id),
            url=self._page(row.url),
            tags=_tags(row.tags),
            owners=_names(row.owners),
            charts=tuple(self._on[row.id]),
            draft=row.published is False,
        )

    def _people(self, owners: Sequence[Person]) -> tuple[str, ...]:
        """Data sets name their owners by id only."""
        if not (owners and self._with_owners):
            return ()
        addresses = self._addresses()
        return tuple(addresses[each.id] for each in owners if each.id in addresses)

    def _asked_addresses(self) -> dict[int, str]:
        return {
            owner.value: _user(str(owner.extra["email"]))
            for owner in self._superset.owners()
            if owner.extra.get("email")
        }

    def _page(self, url: str | None) -> str | None:
        return f"{self._address}{url}" if url and url.startswith("/") else url


def _column(place: int, column: TableColumn) -> Column:
    """A column, of which nobody says whether it may be empty."""
    found = column_of_type(column.column_name, column.type or "", place, description=column.description or None)
    return msgspec.structs.replace(found, constraint=None, data_type_display=column.type or None)


def _title(text: str | None, row_id: int) -> str:
    return text or str(row_id)


def _tags(tags: Iterable[Tag]) -> tuple[str, ...]:
    return tuple(sorted({tag.name for tag in tags if tag.type == MADE_BY_PEOPLE and tag.name}))


def _names(owners: Iterable[Person]) -> tuple[str, ...]:
    return tuple(_user(each.email) for each in owners if each.email)


def _user(email: str) -> str:
    """The name of a user as OpenMetadata makes it of an address."""
    return email.partition("@")[0]


@contextmanager
def open_source(context: Context) -> Generator[SupersetSource]:
    """What one run asks; see connectors.families.dashboard.dashboard_topology."""
    with open_superset(context.connection, context.report, context.cancellation) as superset:
        yield SupersetSource(context, superset)
