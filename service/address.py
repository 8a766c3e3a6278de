"""The address of the HTTP server, apart from it: it is taken before anything is started or loaded."""

import socket
from contextlib import ExitStack

from service.errors import Unavailable

BACKLOG = 2048


def bound(host: str, port: int) -> socket.socket:
    """The address, taken for good; who connects before the service is ready has to wait.

    Raises Unavailable when it cannot be had.
    """
    with ExitStack() as stack:
        try:
            found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
            family, kind, protocol, _, where = found[0]
            # With the protocol, or asyncio sets no TCP_NODELAY: a body would wait 40 ms for the head's acknowledgement.
            taken = stack.enter_context(socket.socket(family, kind, protocol))
            taken.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            taken.bind(where)
            taken.listen(BACKLOG)  # two sockets may be bound to one address until one of them listens
        except (OSError, UnicodeError) as error:
            reason = (isinstance(error, OSError) and error.strerror) or error
            message = f"cannot listen on {host}:{port}: {reason}; set HEADWATER_HOST and HEADWATER_PORT"
            raise Unavailable(message) from error
        stack.pop_all()
        return taken
