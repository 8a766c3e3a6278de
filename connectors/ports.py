"""Hosts and ports in addresses, as users write them."""

from urllib.parse import urlsplit

MAX_PORT = 65535


def shown(address: str) -> str:
    """An address as an error repeats it: not one in which a password may stand before the host."""
    return "it" if "@" in address else repr(address)


def require_http(address: str, example: str) -> None:
    """Raises ValueError where this is no http address, or holds a user; says what to write."""
    if "@" in address or not address.startswith(("http://", "https://")):
        msg = f"{shown(address)} is not an http or https address; write it like {example}, without a user"
        raise ValueError(msg)
    check_host_and_port(address)


def check_host_and_port(address: str) -> None:
    """Raises ValueError where an http address names a host or a port that there cannot be; says what to write."""
    try:
        parts = urlsplit(address)
    except ValueError:
        parts = None
    if parts is None or not parts.hostname:
        msg = "has no possible host; write a name, an IPv4 address, or an IPv6 address in square brackets"
        raise ValueError(msg)
    try:
        possible = parts.port != 0
    except ValueError:
        possible = False
    if not possible:
        msg = f"has no possible port; write a number from 1 to {MAX_PORT} after the host's colon"
        raise ValueError(msg)
