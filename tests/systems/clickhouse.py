"""ClickHouse as chdb plays it, over HTTP."""

from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

import httpx

from tests.plain_http import NO_TLS
from tests.sharing import free_port
from tests.systems import program, running

SERVER = Path(__file__).with_name("clickhouse_server.py")


@contextmanager
def start(folder: Path) -> Generator[dict[str, str]]:
    """A server of this process's own; see tests.sharing."""
    address = f"127.0.0.1:{free_port()}"

    def ready() -> bool:
        try:
            return httpx.get(f"http://{address}/", params={"query": "SELECT 1"}, verify=NO_TLS).is_success
        except httpx.TransportError:
            return False

    port = address.rpartition(":")[2]
    # -P: what lies beside the script is no library of its.
    with running([program("chdb", "python"), "-P", str(SERVER), port, str(folder / "data")], folder, ready):
        yield {"address": address}
