"""Host and port as users write them."""

import re

from connectors.ports import MAX_PORT, shown


def split_address(text: str, default_port: int) -> tuple[str, int]:
    """Host and port of `host`, `host:port`, `[v6]`, `[v6]:port` or a socket's folder with or without a port.

    Raises:
        ValueError: It is none of these; says what to write.
    """
    wrong = f"{shown(text)} is not an address"
    if "://" in text or "@" in text:
        msg = f"{wrong}; write only host:port, without scheme, user or database"
        raise ValueError(msg)
    if "," in text:
        msg = f"{wrong}; write one host only"
        raise ValueError(msg)
    parts = re.fullmatch(r"(\[[0-9A-Fa-f:.%\w]+\]|/[^:]*|[^:/\s\[\]]+)(?::(.*))?", text)
    if parts is None:
        msg = f"{wrong}; write host:port, [IPv6 address]:port or the folder of a socket"
        raise ValueError(msg)
    host, port = parts[1].strip("[]"), parts[2]
    if port is None:
        return host, default_port
    if not (re.fullmatch(r"[0-9]{1,5}", port) and 0 < int(port) <= MAX_PORT):
        msg = f"{port!r} is not a port; write a number from 1 to {MAX_PORT} after the colon"
        raise ValueError(msg)
    return host, int(port)


def over_tcp(text: str, default_port: int) -> str:
    """The same text, as long as it names no socket's folder; raises ValueError like `split_address`."""
    host, _ = split_address(text, default_port)
    if host.startswith("/"):
        msg = f"{text!r} is a socket's path, which is not supported; write host:port"
        raise ValueError(msg)
    return text
