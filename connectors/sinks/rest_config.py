"""What the sink `metadata-rest` is told: by the definition, and by the run."""

from pathlib import Path
from typing import Annotated

import msgspec
from pydantic import Field

from connectors.definition import Model, OpenMetadataConnection, Unused
from connectors.http.retry import RetryPolicy
from connectors.openmetadata.limits import Limits


class MetadataRestConfig(Model):
    """`sink.config` of a `metadata-rest` sink.

    The keys written with underscores are OpenMetadata's: of them only `bulk_sink_batch_size` changes anything,
    as in OpenMetadata itself. With `send_unchanged`, also what the server has already is sent.
    """

    bulk_sink_batch_size: int = Field(default=100, ge=1, le=10_000, alias="bulk_sink_batch_size")
    batch_bytes: int = Field(default=1024 * 1024, ge=1024, le=64 * 1024 * 1024)
    in_flight: int = Field(default=4, ge=1, le=32)
    max_deleted_percent: int = Field(default=20, ge=0, le=100)
    dry_run_deletions: bool = False
    send_unchanged: bool = False
    connect_timeout_seconds: float = Field(default=10.0, gt=0, le=600)
    read_timeout_seconds: float = Field(default=300.0, gt=0, le=3600)
    api_endpoint: Annotated[str | None, Unused()] = Field(default=None, alias="api_endpoint")
    enable_async_pipeline: Annotated[bool | None, Unused()] = Field(default=None, alias="enable_async_pipeline")
    async_pipeline_workers: Annotated[int | None, Unused()] = Field(default=None, alias="async_pipeline_workers")

    def limits(self, retry: RetryPolicy | None = None) -> Limits:
        """How the client behaves."""
        return Limits(self.connect_timeout_seconds, self.read_timeout_seconds, self.in_flight, retry or RetryPolicy())


class Target(msgspec.Struct, frozen=True):
    """Where a run delivers to and how.

    `override_metadata` overwrites what people edited on the server; `tokens` is where a token may be read from.
    """

    connection: OpenMetadataConnection
    config: MetadataRestConfig
    dead_letters: Path
    override_metadata: bool = False
    retry: RetryPolicy | None = None
    tokens: Path | None = None
