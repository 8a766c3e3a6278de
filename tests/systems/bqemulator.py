"""BigQuery as bqemulator plays it, over HTTP."""

import subprocess
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

import httpx

from tests.sharing import free_port
from tests.systems import program, running

IMPORTED = "from duckdb_extensions import import_extension; import_extension('spatial')"


def prepare() -> None:
    """Put the one extension that it cannot do without where DuckDB looks for it."""
    subprocess.run([program("bqemulator", "python"), "-c", IMPORTED], check=True, stdout=subprocess.DEVNULL)


@contextmanager
def start(folder: Path) -> Generator[dict[str, str]]:
    """A server of this process's own; see tests.sharing."""
    rest, grpc = str(free_port()), str(free_port())
    address = f"http://127.0.0.1:{rest}"

    def ready() -> bool:
        try:
            return httpx.get(f"{address}/bigquery/v2/projects").is_success
        except httpx.TransportError:
            return False

    ports = ["--rest-port", rest, "--grpc-port", grpc, "--log-level", "error"]
    with running([program("bqemulator", "bqemulator"), "start", *ports], folder, ready):
        yield {"address": address}
