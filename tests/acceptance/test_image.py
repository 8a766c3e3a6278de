"""The image that `make image` built: restricted as the chart has it, it does a real run and ends when it is told to."""

import os
import socket
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest

from tests.acceptance.api import Api, config_of
from tests.acceptance.catalogues import Catalogue
from tests.acceptance.sources import Source
from tests.deployment.image import IMAGE, PODMAN, RUN
from tests.eventually import eventually
from tests.plain_http import NO_TLS

pytestmark = pytest.mark.skipif("TRY_IMAGE" not in os.environ, reason="`make image` builds and tries the image")


@dataclass(frozen=True)
class Container:
    """A running container, and the name by which podman knows it."""

    process: subprocess.Popen[bytes]
    name: str
    url: str


@pytest.fixture
def container(tmp_path: Path) -> Iterator[Container]:
    """The image with an embedded store; every write outside /data and /tmp is refused."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    name = f"headwater-{port}"
    log = tmp_path / "container.log"
    command = [*PODMAN, *RUN, "--name", name, "--env", f"HEADWATER_PORT={port}", IMAGE]
    with log.open("wb") as stream:
        process = subprocess.Popen(command, stdout=stream, stderr=stream)
    url = f"http://127.0.0.1:{port}"

    def is_ready() -> bool:
        assert process.poll() is None, log.read_text()
        try:
            return httpx.get(f"{url}/health/ready", trust_env=False, verify=NO_TLS).is_success
        except httpx.TransportError:
            return False

    try:
        eventually(is_ready, "the container takes work", 180)
        yield Container(process, name, url)
    finally:
        if process.poll() is None:
            subprocess.run([*PODMAN, "rm", "--force", "--time", "5", name], check=False, capture_output=True)
            process.wait()


@pytest.mark.timeout(400)  # without an overlay each container begins with a copy of the image
def test_a_workflow_succeeds_in_a_restricted_container(
    container: Container, shop: Source, catalogue: Catalogue
) -> None:
    with Api(container.url) as api:
        api.create("shop", config_of(shop.connection(), catalogue))
        ended = api.until(api.start("shop"), "succeeded")
    assert ended["counts"]["written"] > 0
    assert inside(container, "id", "-u") == "10001"
    assert inside(container, "cat", "/proc/1/comm") == "dumb-init"
    assert "Read-only file system" in inside(container, "touch", "/opt/headwater/x")
    assert inside(container, "headwater", "keys", "create", "first", "--role", "admin").startswith("hw_")
    assert inside(container, "headwater", "--version").startswith("headwater ")
    for command in ("migrate", "apply", "run", "replay", "reseal"):
        assert inside(container, "headwater", command, "--help").startswith(f"usage: headwater {command}")
    assert inside(container, "sh", "-c", "command -v gcc cc pip; true") == ""
    health = subprocess.run(
        [*PODMAN, "healthcheck", "run", container.name], check=False, capture_output=True, text=True
    )
    assert health.returncode == 0, health.stdout + health.stderr
    subprocess.run([*PODMAN, "kill", "--signal", "TERM", container.name], check=True, capture_output=True)
    assert container.process.wait(60) == 0


def inside(container: Container, *command: str) -> str:
    """What a command in the container says."""
    result = subprocess.run([*PODMAN, "exec", container.name, *command], check=False, capture_output=True, text=True)
    return (result.stdout + result.stderr).strip()
