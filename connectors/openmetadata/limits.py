"""How patient a client is with an OpenMetadata server."""

import msgspec

from connectors.http.retry import RetryPolicy


class Limits(msgspec.Struct, frozen=True):
    """How long to wait for a connection and for the next part of an answer, how often, and on how many connections."""

    connect_seconds: float = 10.0
    read_seconds: float = 300.0
    connections: int = 4
    retry: RetryPolicy = RetryPolicy()
