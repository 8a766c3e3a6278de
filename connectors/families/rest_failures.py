"""What an API refuses, as errors of the one entity that was asked for."""

from connectors.errors import ConnectorError


class Vanished(ConnectorError):
    """There is nothing at this path, or no longer."""


class Refused(ConnectorError):
    """The user may not read this part."""
