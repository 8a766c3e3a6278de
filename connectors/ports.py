"""Hosts and ports in http addresses, as users write them."""

from urllib.parse import urlsplit

MAX_PORT = 65535


def check_host_and_port(address: str) -> None:
    """Raises ValueError where an http address names a host or a port that there cannot be; says what to write."""
    try:
        parts = urlsplit(address)
    except ValueError:
        msg = "has no possible host; write a name, an IPv4 address, or an IPv6 address in square brackets"
        raise ValueError(msg) from None
    try:
        possible = parts.port != 0
    except ValueError:
        possible = False
    if not possible:
        msg = f"has no possible port; write a number from 1 to {MAX_PORT} after the host's colon"
        raise ValueError(msg)
