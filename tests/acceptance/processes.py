"""The service as a process of its own, and the command `headwater` as people call it."""

import json
import os
import re
import signal
import subprocess
import sys
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import httpx

from tests.acceptance.forking import Forked
from tests.eventually import eventually
from tests.plain_http import NO_TLS
from tests.sharing import REPOSITORY

HEADWATER = (sys.executable, "-m", "service")
LISTENING = re.compile(r"Listening on (http://[\d.]+:\d+)")
KILL_SECONDS = 40
COMMAND_SECONDS = 100

Process = subprocess.Popen[bytes] | Forked


def environment_with(settings: Mapping[str, str]) -> dict[str, str]:
    """What a process inherits, but no setting of Headwater's except these; bytecode is kept, as installs have it."""
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("HEADWATER_")}
    inherited.pop("PYTHONDONTWRITEBYTECODE", None)
    return inherited | dict(settings)


def headwater(*arguments: str | Path, **settings: str) -> subprocess.CompletedProcess[str]:
    """Run one command to its end."""
    words = [*map(str, arguments)]
    with TemporaryDirectory() as folder:
        stdout, stderr = Path(folder, "stdout"), Path(folder, "stderr")
        process = Forked(words, environment_with(settings), stdout, stderr)
        try:
            code = process.wait(COMMAND_SECONDS)
        finally:
            process.kill()
        return subprocess.CompletedProcess(words, code, stdout.read_text("utf-8"), stderr.read_text("utf-8"))


@dataclass(frozen=True)
class Replica:
    """One process of the service; `log` is what it writes to its standard error."""

    process: Process
    log: Path
    url: str

    def terminate(self) -> int:
        """Ask it to end, as Kubernetes does, and wait; its exit code."""
        self.process.terminate()
        return self.process.wait(KILL_SECONDS)

    def kill(self) -> None:
        """End it as a power cut would."""
        self.process.kill()
        self.process.wait()

    def said(self) -> str:
        """Its whole log, for the message of a failed test."""
        return self.log.read_text(encoding="utf-8")


@contextmanager
def replica(settings: Mapping[str, str], log: Path, *, forked: bool = False) -> Generator[Replica]:
    """A process of the service that takes work on a free port of its own choice; gone afterwards, whatever happens."""
    environment = environment_with({"HEADWATER_PORT": "0", **settings})
    if forked:
        process = Forked(["serve"], environment, log.with_suffix(".stdout"), log)
    else:
        with log.open("wb") as stderr:
            process = subprocess.Popen(
                [*HEADWATER, "serve"], cwd=REPOSITORY, env=environment, stderr=stderr, start_new_session=True
            )
    try:
        yield _ready(process, log)
    finally:
        _end(process)


def _ready(process: Process, log: Path) -> Replica:
    def address() -> str | None:
        said = log.read_text(encoding="utf-8") if log.exists() else ""
        assert process.poll() is None, f"the service ended at once: {said}"
        found = LISTENING.search(said)
        return None if found is None else found[1]

    url = eventually(address, "the service listens")

    def is_ready() -> bool:
        try:
            return httpx.get(f"{url}/health/ready", trust_env=False, verify=NO_TLS).is_success
        except httpx.TransportError:
            return False

    eventually(is_ready, "the service takes work")
    return Replica(process, log, url)


def _end(process: Process) -> None:
    """Politely first, so that an embedded store is shut down; then hard, with all that it started."""
    if process.poll() is None:
        process.terminate()
        try:
            process.wait(KILL_SECONDS)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()


def log_lines(text: str) -> list[dict[str, str]]:
    """The lines of a service's log, each a JSON object."""
    return [json.loads(line) for line in text.splitlines()]


def runs_of(pid: int) -> list[int]:
    """The processes that a service started for runs and that still live."""
    listing = "".join(path.read_text() for path in Path(f"/proc/{pid}/task").glob("*/children"))
    return [child for child in map(int, listing.split()) if "service.execution.child" in _command(child)]


def is_alive(pid: int) -> bool:
    """Whether a process runs; one that has ended and was not waited for has no command any more."""
    return _command(pid) != ""


def _command(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/cmdline").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return ""
