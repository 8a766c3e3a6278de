"""How long `headwater run` takes from the start of its process to its first query."""

import contextlib
import json
import queue
import socket
import subprocess
import threading
import time
from collections.abc import Generator, Mapping
from pathlib import Path
from typing import Any

from benchmarks.running import PATIENCE_SECONDS, ROOT, Installation

QUERIES = (b"Q", b"P")  # the messages of Postgres's protocol that hold a query
CHUNK_BYTES = 65536


def seconds_to_first_query(installed: Installation, folder: Path, config: Mapping[str, Any], server: str) -> float:
    """Run a definition through a gate before the Postgres whose socket is `server`, until it asks something."""
    with Gate(server).listening() as gate:
        source = dict(config["source"])
        inner = {**source["serviceConnection"]["config"], "hostPort": f"127.0.0.1:{gate.port}"}
        definition = folder / "run.json"
        definition.write_text(json.dumps({**config, "source": {**source, "serviceConnection": {"config": inner}}}))
        command = [*installed.command, "-m", "service", "run", "-c", str(definition)]
        began = time.monotonic()
        with (folder / "run.log").open("w") as log:
            process = subprocess.Popen(command, cwd=ROOT, env=installed.environment, stdout=log, stderr=log)
        try:
            return gate.asked.get(timeout=PATIENCE_SECONDS) - began
        finally:
            process.kill()
            process.wait()


class Gate:
    """Passes connections on to a Postgres, and tells when somebody asks it something."""

    def __init__(self, server: str) -> None:
        self.server = server
        self.port = 0
        self.asked: queue.SimpleQueue[float] = queue.SimpleQueue()

    @contextlib.contextmanager
    def listening(self) -> Generator["Gate"]:
        """While inside, connections are passed on."""
        with socket.create_server(("127.0.0.1", 0)) as listener:
            self.port = listener.getsockname()[1]
            threading.Thread(target=self._accept, args=(listener,), daemon=True).start()
            yield self

    def _accept(self, listener: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while True:
                client, _ = listener.accept()
                server = socket.socket(socket.AF_UNIX)
                server.connect(self.server)
                for ends in ((client, server), (server, client)):
                    threading.Thread(target=self._pass_on, args=(*ends, ends[0] is client), daemon=True).start()

    def _pass_on(self, giver: socket.socket, taker: socket.socket, asking: bool) -> None:
        with contextlib.suppress(OSError), taker:
            while chunk := giver.recv(CHUNK_BYTES):
                if asking and chunk[:1] in QUERIES:
                    self.asked.put(time.monotonic())
                taker.sendall(chunk)
