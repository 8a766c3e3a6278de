"""What users may say of any dashboard service: patterns in its connection, and `sourceConfig` DashboardMetadata."""

from collections.abc import Iterator
from typing import Annotated, Any, Literal

from pydantic import field_validator

from connectors.definition import FilterPattern, Model, SourceOptions, Unused
from connectors.families.lineage_options import LineageInformation


class DashboardConnection(Model):
    """What every dashboard connection may carry."""

    dashboard_filter_pattern: FilterPattern = FilterPattern()
    chart_filter_pattern: FilterPattern = FilterPattern()
    data_model_filter_pattern: FilterPattern = FilterPattern()
    project_filter_pattern: Annotated[FilterPattern, Unused()] = FilterPattern()
    supports_metadata_extraction: Annotated[bool, Unused()] = True


class DashboardMetadata(SourceOptions):
    """What to take. Patterns look at titles, and stand beside those of the connection: both have to keep an entity."""

    type: Literal["DashboardMetadata"] = "DashboardMetadata"
    dashboard_filter_pattern: FilterPattern = FilterPattern()
    chart_filter_pattern: FilterPattern = FilterPattern()
    data_model_filter_pattern: FilterPattern = FilterPattern()
    project_filter_pattern: Annotated[FilterPattern, Unused()] = FilterPattern()
    include_owners: bool = False
    include_tags: bool = True
    include_data_models: bool = True
    include_draft_dashboard: bool = True
    include_usage: Annotated[bool, Unused()] = True
    mark_deleted_dashboards: bool = True
    mark_deleted_charts: bool = True
    mark_deleted_data_models: bool = True
    lineage_information: LineageInformation = LineageInformation()
    query_parser_config: Annotated[dict[str, Any] | None, Unused()] = None
    override_lineage: bool = False

    def notes(self) -> Iterator[str]:
        """See Model."""
        if self.lineage_information.db_service_prefixes and not self.include_data_models:
            yield "lineageInformation has no effect without includeDataModels: tables are joined to these"

    @field_validator("override_lineage")
    @classmethod
    def _only_adds(cls, value: bool) -> bool:
        if value:
            msg = "is not supported: edges are added and none is deleted; remove it or set it to false"
            raise ValueError(msg)
        return value
