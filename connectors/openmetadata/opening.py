"""The way to an OpenMetadata server, loaded when somebody goes it.

httpx and what it stands on would take a sixth of the time from a run's start to the first question that it asks its
source. Whoever may not need a server, or only later, opens a client here and has no other way to it.
"""

from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING

from connectors.cancellation import Cancellation
from connectors.definition import OpenMetadataConnection
from connectors.openmetadata.limits import Limits
from connectors.report import Observer

if TYPE_CHECKING:
    from connectors.openmetadata.client import OpenMetadataClient


def open_client(
    connection: OpenMetadataConnection,
    report: Observer,
    cancellation: Cancellation,
    limits: Limits | None = None,
    tokens: Path | None = None,
) -> "OpenMetadataClient":
    """A client, which nothing was asked yet; see there."""
    made: type[OpenMetadataClient] = import_module("connectors.openmetadata.client").OpenMetadataClient
    return made(connection, report, cancellation, limits, tokens)
