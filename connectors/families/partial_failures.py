"""What a system refuses or no longer has, as errors of the one entity that was asked for: the others go on."""

from collections.abc import Callable
from typing import TypeVar

from connectors.errors import ConnectorError, FatalError, RunCancelled, SkipEntity, SourceUnavailable

T = TypeVar("T")


class Vanished(ConnectorError):
    """There is nothing at this path, or no longer."""


class Refused(ConnectorError):
    """The user may not read this part."""


def attempted(work: Callable[[], T], instead: T) -> tuple[T, ConnectorError | None]:
    """What it brings; or `instead` and why, where that concerns this part alone and not the whole run."""
    try:
        return work(), None
    except (FatalError, RunCancelled, SkipEntity, SourceUnavailable):
        raise
    except ConnectorError as error:
        return instead, error
