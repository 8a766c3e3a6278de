"""Instants as OpenMetadata writes them."""

from datetime import datetime


def milliseconds(at: datetime) -> int:
    """Milliseconds since 1970 of an aware instant."""
    return int(at.timestamp() * 1000)
