"""Dashboards, their charts and what these are made of, as OpenMetadata's create requests name them."""

from typing import ClassVar, Literal

from connectors.models.base import CreateRequest, EntityReference, TagLabel
from connectors.models.database import Column
from connectors.models.services import CreateServiceRequest

ChartType = Literal[
    "Line", "Table", "Bar", "Area", "Pie", "Histogram", "Scatter", "Text", "BoxPlot", "SanKey", "Gauge", "Map",
    "Graph", "Heatmap", "Timeline", "Other",
]  # fmt: skip
DataModelType = Literal["SupersetDataModel"]


class CreateDashboardServiceRequest(CreateServiceRequest, frozen=True, kw_only=True):
    """A dashboard service."""

    entity: ClassVar[str] = "dashboardService"
    collection: ClassVar[str] = "services/dashboardServices"


class InDashboardService(CreateRequest, frozen=True, kw_only=True):
    """What all that lies in a dashboard service has in common."""

    leaf: ClassVar[bool] = True

    service: str
    source_url: str | None = None
    tags: tuple[TagLabel, ...] = ()
    owners: tuple[EntityReference, ...] = ()

    @property
    def parent(self) -> str:
        """The service."""
        return self.service


class CreateDashboardDataModelRequest(InDashboardService, frozen=True, kw_only=True):
    """What charts are made of: columns, of a table or of a query `sql`."""

    entity: ClassVar[str] = "dashboardDataModel"
    collection: ClassVar[str] = "dashboard/datamodels"
    rank: ClassVar[int] = 2
    below: ClassVar[str] = "model"

    data_model_type: DataModelType
    columns: tuple[Column, ...]
    service_type: str | None = None
    sql: str | None = None


class CreateChartRequest(InDashboardService, frozen=True, kw_only=True):
    """A chart."""

    entity: ClassVar[str] = "chart"
    collection: ClassVar[str] = "charts"
    rank: ClassVar[int] = 2

    chart_type: ChartType


class CreateDashboardRequest(InDashboardService, frozen=True, kw_only=True):
    """A dashboard of charts and the data models below them, which have to be there, by fully qualified names."""

    entity: ClassVar[str] = "dashboard"
    collection: ClassVar[str] = "dashboards"
    rank: ClassVar[int] = 3

    charts: tuple[str, ...] = ()
    data_models: tuple[str, ...] = ()
