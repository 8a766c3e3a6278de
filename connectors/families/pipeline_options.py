"""What users may say of any pipeline service: patterns in its connection, and `sourceConfig` PipelineMetadata."""

from collections.abc import Iterator
from typing import Annotated, Literal

from pydantic import Field, field_validator

from connectors.definition import FilterPattern, Model, SourceOptions, Unused


class PipelineConnection(Model):
    """What every pipeline connection may carry."""

    pipeline_filter_pattern: FilterPattern = FilterPattern()
    supports_metadata_extraction: Annotated[bool, Unused()] = True


class LineageInformation(Model):
    """The services of the catalogue in which the data that pipelines read and write is looked for."""

    db_service_names: tuple[str, ...] = ()
    storage_service_names: tuple[str, ...] = ()
    messaging_service_names: tuple[str, ...] = ()


class PipelineMetadata(SourceOptions):
    """What to take. Patterns stand beside those of the connection: a pipeline has to pass both.

    Runs that began within `status_lookback_days` are told; 0 tells none.
    """

    type: Literal["PipelineMetadata"] = "PipelineMetadata"
    pipeline_filter_pattern: FilterPattern = FilterPattern()
    include_lineage: bool = True
    include_owners: bool = True
    include_tags: bool = True
    include_un_deployed_pipelines: Annotated[bool, Unused()] = True
    mark_deleted_pipelines: bool = True
    lineage_information: LineageInformation = LineageInformation()
    status_lookback_days: int = Field(default=1, ge=0, le=365)
    ownership_update_mode: str = "replace"
    override_lineage: bool = False

    def notes(self) -> Iterator[str]:
        """See Model."""
        if self.include_lineage and self.lineage_information == LineageInformation():
            yield "includeLineage has no effect unless lineageInformation names services"

    @field_validator("ownership_update_mode")
    @classmethod
    def _replaces(cls, value: str) -> str:
        if value != "replace":
            msg = f"{value!r} is not supported: owners are sent as the source has them; set it to replace"
            raise ValueError(msg)
        return value

    @field_validator("override_lineage")
    @classmethod
    def _only_adds(cls, value: bool) -> bool:
        if value:
            msg = "is not supported: edges are added and none is deleted; remove it or set it to false"
            raise ValueError(msg)
        return value
