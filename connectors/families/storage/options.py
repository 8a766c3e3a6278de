"""What users may say of any storage service: patterns in its connection, and `sourceConfig` StorageMetadata."""

from typing import Annotated, Literal

from pydantic import AfterValidator

from connectors.definition import FilterPattern, Model, SourceOptions
from connectors.families.storage.manifest import checked_text

# The default of OpenMetadata: files that only tell that others are complete.
ALL_BUT_MARKERS = FilterPattern.all_but("_SUCCESS")


class StorageConnection(Model):
    """What every storage connection may carry."""

    container_filter_pattern: FilterPattern = ALL_BUT_MARKERS


class StorageMetadata(SourceOptions):
    """What to take. Patterns stand beside those of the connection: a container has to pass both.

    `default_manifest` is the text of a manifest of several buckets, for those that have none of their own.
    """

    type: Literal["StorageMetadata"] = "StorageMetadata"
    container_filter_pattern: FilterPattern = FilterPattern()
    mark_deleted_containers: bool = True
    default_manifest: Annotated[str, AfterValidator(checked_text)] | None = None
    include_tags: bool = False
