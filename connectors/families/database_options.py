"""What users may say of any database service: patterns in its connection, and `sourceConfig` DatabaseMetadata."""

from collections.abc import Iterator
from typing import Annotated, Any, Literal

from pydantic import Field, field_validator

from connectors.definition import FilterPattern, Lookback, Model, SourceOptions, Unused

OwnerNames = str | tuple[str, ...]


class DatabaseConnection(Model):
    """What every database connection may carry: patterns, tested on bare names."""

    database_filter_pattern: FilterPattern = FilterPattern()
    schema_filter_pattern: FilterPattern = FilterPattern()
    table_filter_pattern: FilterPattern = FilterPattern()
    stored_procedure_filter_pattern: FilterPattern = FilterPattern()


class WarehouseConnection(DatabaseConnection):
    """What the connections of warehouses carry for other workflows of OpenMetadata's."""

    sample_data_storage_config: Annotated[dict[str, Any] | None, Unused()] = None
    supports_metadata_extraction: Annotated[bool, Unused()] = True
    supports_incremental_metadata_extraction: Annotated[bool, Unused()] = True
    supports_database: Annotated[bool, Unused()] = True
    supports_usage_extraction: Annotated[bool, Unused()] = True
    supports_lineage_extraction: Annotated[bool, Unused()] = True
    supports_dbt_extraction: Annotated[bool, Unused()] = Field(default=True, alias="supportsDBTExtraction")
    supports_profiler: Annotated[bool, Unused()] = True
    supports_query_comment: Annotated[bool, Unused()] = True
    supports_system_profile: Annotated[bool, Unused()] = False
    supports_data_diff: Annotated[bool, Unused()] = True


class OwnerConfig(Model):
    """Who owns what: one owner for a level, or owners by name; `default` where nothing else is said.

    An entity is named by its path (`shop.public.orders`) or, second to that, by its own name. With
    `enable_inheritance` what nobody is named for belongs to the owners of what it lies in, before `default`.
    Names are of users or, with the prefix `team:`, of teams.
    """

    default: str | None = None
    service: str | None = None
    database: str | dict[str, OwnerNames] | None = None
    database_schema: str | dict[str, OwnerNames] | None = None
    table: str | dict[str, OwnerNames] | None = None
    enable_inheritance: bool = True


class Incremental(Model):
    """A run that takes only what has changed since the last one that succeeded, minus the margin."""

    enabled: bool
    lookback_days: int = Field(default=7, ge=1)
    safety_margin_days: int = Field(default=1, ge=0)


class DatabaseMetadata(SourceOptions):
    """What to take. Patterns stand beside those of the connection: an entity has to pass both."""

    type: Literal["DatabaseMetadata"] = "DatabaseMetadata"
    database_filter_pattern: FilterPattern = FilterPattern()
    schema_filter_pattern: FilterPattern = FilterPattern()
    table_filter_pattern: FilterPattern = FilterPattern()
    stored_procedure_filter_pattern: FilterPattern = FilterPattern()
    use_fqn_for_filtering: bool = False
    include_tables: bool = True
    include_views: bool = True
    include_stored_procedures: bool = True
    include_tags: bool = True
    include_owners: bool = False
    include_ddl: bool = Field(default=False, alias="includeDDL")
    owner_config: OwnerConfig | None = None
    mark_deleted_tables: bool = True
    mark_deleted_stored_procedures: bool = True
    mark_deleted_schemas: bool = False
    mark_deleted_databases: bool = False
    include_custom_properties: bool = False
    extract_json_schema: bool = False
    json_schema_sample_size: Annotated[int, Unused()] = Field(default=10, ge=1, le=1000)
    query_log_duration: Annotated[int, Unused()] = 1
    query_parsing_timeout_limit: Annotated[int, Unused()] = 300
    incremental: Incremental | None = None

    def notes(self) -> Iterator[str]:
        """See Model."""
        if self.owner_config is not None and not self.include_owners:
            yield "ownerConfig has no effect unless includeOwners is true"

    @field_validator("include_custom_properties", "extract_json_schema")
    @classmethod
    def _not_supported(cls, value: bool) -> bool:
        if value:
            msg = "is not supported; remove it or set it to false"
            raise ValueError(msg)
        return value

    @field_validator("incremental")
    @classmethod
    def _always_full(cls, value: Incremental | None) -> Incremental | None:
        if value is not None and value.enabled:
            msg = "is not supported: every run takes everything; set incremental.enabled to false"
            raise ValueError(msg)
        return value


class IncrementalMetadata(DatabaseMetadata):
    """What to take from a system that knows when a table was changed.

    With `incremental`, tables that are the same since the last run that succeeded are left as they are in the
    catalogue; what is gone is told by full lists of names, as ever. `lookbackDays` is how old that run may be.
    """

    @field_validator("incremental")
    @classmethod
    def _always_full(cls, value: Incremental | None) -> Incremental | None:
        return value

    def lookback(self) -> Lookback | None:
        """See SourceOptions."""
        given = self.incremental
        if given is None or not given.enabled:
            return None
        return Lookback(given.lookback_days, given.safety_margin_days)
