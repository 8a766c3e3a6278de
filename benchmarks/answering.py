"""The HTTP server that stand-ins of catalogues and sources answer from."""

import contextlib
import http.server
import threading
from collections.abc import Generator


class Server(http.server.ThreadingHTTPServer):
    """One on a free port of this machine; one thread per connection."""

    # Whoever finds the queue full tries again after a second, which would be measured as the client's own time.
    request_queue_size = 128

    def __init__(self, handler: type[http.server.BaseHTTPRequestHandler]) -> None:
        super().__init__(("127.0.0.1", 0), handler)


@contextlib.contextmanager
def answering(handler: type[http.server.BaseHTTPRequestHandler]) -> Generator[str]:
    """The address of one in threads of this process, without a slash at its end."""
    with Server(handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        try:
            yield f"http://127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()
