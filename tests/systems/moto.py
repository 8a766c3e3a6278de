"""Amazon's services as moto plays them, over HTTP."""

from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

import httpx

from tests.plain_http import NO_TLS
from tests.sharing import free_port
from tests.systems import program, running


@contextmanager
def start(folder: Path) -> Generator[dict[str, str]]:
    """A server of this process's own; see tests.sharing."""
    endpoint = f"http://127.0.0.1:{free_port()}"

    def ready() -> bool:
        try:
            return httpx.get(f"{endpoint}/moto-api/", verify=NO_TLS).is_success
        except httpx.TransportError:
            return False

    port = endpoint.rpartition(":")[2]
    with running([program("moto", "moto_server"), "-H", "127.0.0.1", "-p", port], folder, ready):
        yield {"endpoint": endpoint}
