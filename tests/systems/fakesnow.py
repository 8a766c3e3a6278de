"""Snowflake as fakesnow plays it, over HTTP."""

from collections.abc import Generator
from contextlib import contextmanager
from http import HTTPStatus
from pathlib import Path

import httpx

from tests.plain_http import NO_TLS
from tests.sharing import free_port
from tests.systems import program, running

SERVER = Path(__file__).with_name("fakesnow_server.py")


@contextmanager
def start(folder: Path) -> Generator[dict[str, str]]:
    """A server of this process's own; see tests.sharing."""
    port = str(free_port())

    def ready() -> bool:
        try:
            return httpx.get(f"http://127.0.0.1:{port}/", verify=NO_TLS).status_code == HTTPStatus.NOT_FOUND
        except httpx.TransportError:
            return False

    # -P: what lies beside the script is no library of its.
    with running([program("fakesnow", "python"), "-P", str(SERVER), port], folder, ready):
        yield {"port": port}
