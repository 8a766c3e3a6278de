"""A service and a source to show and to measure, both ended at the end."""

import contextlib
import os
import socket
import subprocess
import sys
import time
from collections.abc import Generator, Mapping
from dataclasses import dataclass
from pathlib import Path

import httpx

from service.database.embedded import EmbeddedPostgres

ROOT = Path(__file__).parents[1]
PATIENCE_SECONDS = 120


@dataclass(frozen=True, slots=True)
class Installation:
    """A Python that has Headwater: what `-m` and `-c` come after, and the environment of its processes."""

    command: tuple[str, ...]
    environment: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Running:
    """A service that takes work: its process, a client for it, and how long it took to start."""

    pid: int
    api: httpx.Client
    seconds_to_ready: float


@contextlib.contextmanager
def source(folder: Path) -> Generator[str]:
    """The URL of an empty Postgres; nothing in it has to outlive a crash."""
    with EmbeddedPostgres(folder, parameters={"fsync": "off", "full_page_writes": "off"}) as server:
        yield server.url


@contextlib.contextmanager
def service(data_dir: Path, installed: Installation | None = None) -> Generator[Running]:
    """A running service with its store in `data_dir`; unless `installed` is given, of this environment."""
    installed = installed or Installation((sys.executable,), environment())
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    own = {"HEADWATER_DATA_DIR": str(data_dir), "HEADWATER_PORT": str(port), "HEADWATER_SECRET_SHOP_PG": "shop-reader"}
    data_dir.mkdir(exist_ok=True)
    with (data_dir / "service.log").open("a") as log:
        began = time.monotonic()
        command = [*installed.command, "-m", "service", "serve"]
        process = subprocess.Popen(command, cwd=ROOT, env={**installed.environment, **own}, stderr=log)
        try:
            with httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=10, trust_env=False) as client:
                wait_until_ready(client, process)
                yield Running(process.pid, client, time.monotonic() - began)
        finally:
            process.terminate()
            process.wait()


def environment() -> dict[str, str]:
    """Ours for a process that is an installation as any: no setting of somebody else's, and with bytecode."""
    return {
        name: value
        for name, value in os.environ.items()
        if not name.startswith("HEADWATER_") and name != "PYTHONDONTWRITEBYTECODE"
    }


def wait_until_ready(client: httpx.Client, process: subprocess.Popen[bytes]) -> None:
    """Return when the service takes work."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while process.poll() is None and time.monotonic() < deadline:
        with contextlib.suppress(httpx.TransportError):
            if client.get("/health/ready").is_success:
                return
        pause()
    message = "the service did not become ready; see service.log in its folder"
    raise SystemExit(message)


def pause() -> None:
    """Let a moment pass."""
    time.sleep(0.02)


def say(*lines: str) -> None:
    """Print at once."""
    print(*lines, sep="\n", flush=True)
