"""The open connections, so that requests in flight can be broken off."""

import logging
import socket
import threading
from collections.abc import Mapping
from typing import Any

logger = logging.getLogger(__name__)
OPENED = frozenset({"connection.connect_tcp.complete", "connection.start_tls.complete"})


class Sockets:
    """Learns of connections through httpx's trace hook.

    Closing a client does not wake a thread that waits in one of its requests; shutting its socket down does.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._open: list[socket.socket] = []
        self._broken_off = False

    def trace(self, event: str, info: Mapping[str, Any]) -> None:
        """The hook: remembers every new connection."""
        if event not in OPENED:
            return
        new: socket.socket = info["return_value"].get_extra_info("socket")
        with self._lock:
            self._open = [known for known in self._open if known.fileno() >= 0]
            self._open.append(new)
            late = self._broken_off
        if late:
            _shut(new)

    def break_off(self) -> None:
        """End every request in flight with an error, now and from now on."""
        with self._lock:
            self._broken_off = True
            known = list(self._open)
        for each in known:
            _shut(each)


def _shut(each: socket.socket) -> None:
    try:
        each.shutdown(socket.SHUT_RDWR)
    except OSError:
        logger.debug("closed already", exc_info=True)
