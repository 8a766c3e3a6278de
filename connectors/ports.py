"""Ports in http addresses, as users write them."""

from urllib.parse import urlsplit

MAX_PORT = 65535


def check_port(address: str) -> None:
    """Raises ValueError where an http address names a port that there cannot be; says what to write."""
    try:
        possible = urlsplit(address).port != 0
    except ValueError:
        possible = False
    if not possible:
        msg = f"has no possible port; write a number from 1 to {MAX_PORT} after the host's colon"
        raise ValueError(msg)
