"""Tells an OpenMetadata server once where a run stands that nobody is running."""

import logging
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

import msgspec

from connectors.cancellation import Cancellation
from connectors.definition import OpenMetadataConnection, parse
from connectors.models.names import split_fqn
from connectors.openmetadata.opening import open_client
from connectors.report import Report
from connectors.reporting.documents import (
    FINAL_UPDATES,
    Account,
    End,
    PipelineState,
    Subject,
    progress_document,
    status_document,
)
from connectors.reporting.server import LIMITS, NotReported, PipelineServer
from connectors.secret_texts import Path as KeyPath
from connectors.secret_texts import secret_paths

SERVER = "workflowConfig.openMetadataServerConfig"

logger = logging.getLogger(__name__)


class Standing(msgspec.Struct, frozen=True):
    """Where a run stands, and since when; `source_config` is for a pipeline to be made."""

    subject: Subject
    account: Account
    end: End
    since: datetime
    source_config: Mapping[str, Any]
    with_logs: bool = False

    def __repr__(self) -> str:
        return f"Standing({self.subject!r}, {self.end!r})"


def service_of(pipeline: str) -> str:
    """The name of the service that a pipeline belongs to."""
    return split_fqn(pipeline)[0]


def server_secrets(server: Mapping[str, Any]) -> tuple[KeyPath, ...]:
    """Where the secret texts of a server's connection stand, which may be references.

    Raises:
        ConfigurationError: It is not one.
    """
    return tuple(secret_paths(parse(OpenMetadataConnection, server, SERVER)))


def tell(standing: Standing, server: Mapping[str, Any], cancellation: Cancellation, tokens: Path | None = None) -> None:
    """Tell it.

    Raises:
        NoSuchEndpoint: There is no such pipeline, and none can be made.
        ConnectorError: The server was not told; it may be later.
    """
    connection = parse(OpenMetadataConnection, server, SERVER)
    with open_client(connection, Report(), cancellation, LIMITS, tokens) as client:
        pipeline = PipelineServer(client, standing.subject, standing.source_config)
        pipeline.status(status_document(standing.subject, standing.account, standing.end, standing.since))
        if standing.end.state is PipelineState.QUEUED:
            return
        update = FINAL_UPDATES[standing.end.state]
        progress = progress_document(standing.subject, standing.account.report, update, standing.since)
        try:
            pipeline.progress(progress)
            if standing.with_logs:
                pipeline.close_logs()
        except NotReported as error:  # older servers know the state only, which is what counts
            logger.debug("OpenMetadata was not told the progress of run %s: %s", standing.subject.run_id, error)
