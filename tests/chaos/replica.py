"""A replica of the service as a process that may be treated badly."""

import os
import signal
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import httpx

from tests.acceptance.forking import Forked
from tests.acceptance.processes import environment_with
from tests.plain_http import NO_TLS

READY_SECONDS = 120.0
# As long as a busy machine needs: one that is gone refuses connections at once.
ANSWER_SECONDS = 60.0
LOOK_SECONDS = 0.05


class Replica:
    """`headwater serve` on a port of its own; it may be started again after its end."""

    def __init__(self, port: int, environment: Mapping[str, str], log: Path) -> None:
        self._environment = {**environment, "HEADWATER_PORT": str(port)}
        self._log = log
        self._process: Forked | None = None
        url = f"http://127.0.0.1:{port}"
        self.client = httpx.Client(base_url=url, timeout=ANSWER_SECONDS, trust_env=False, verify=NO_TLS)

    @property
    def pid(self) -> int:
        """The number of its process, which its worker's name holds too."""
        assert self._process is not None
        return self._process.pid

    @property
    def alive(self) -> bool:
        return self._process is not None and self._process.poll() is None

    @property
    def ready(self) -> bool:
        """Whether it can do its work, as it says itself."""
        try:
            return self.client.get("/health/ready").is_success
        except httpx.TransportError:
            return False

    def start(self) -> None:
        environment = environment_with(self._environment)
        self._process = Forked(["serve"], environment, self._log.with_suffix(".stdout"), self._log)

    def wait_ready(self) -> None:
        deadline = time.monotonic() + READY_SECONDS
        while not self.ready:
            assert self.alive, f"the service ended: {self._log.read_text()[-2000:]}"
            assert time.monotonic() < deadline, f"the service is not ready: {self._log.read_text()[-2000:]}"
            time.sleep(LOOK_SECONDS)

    def send(self, number: signal.Signals) -> None:
        os.kill(self.pid, number)

    def kill(self) -> None:
        """As the kernel does it for want of memory."""
        self.send(signal.SIGKILL)
        self.wait_end()

    def wait_end(self) -> int:
        assert self._process is not None
        return self._process.wait(READY_SECONDS)

    def end(self) -> None:
        """Whatever state it is in."""
        if self.alive:
            self.send(signal.SIGCONT)
            self.send(signal.SIGKILL)
            self.wait_end()
        self.client.close()

    def get(self, path: str, **query: Any) -> dict[str, Any]:
        """What it answers to a question that it must be able to answer."""
        answer = self.client.get(f"/api/v1{path}", params=query)
        answer.raise_for_status()
        return answer.json()
