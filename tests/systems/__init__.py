"""Real systems to ingest from, never a dependency of ours: Python packages, each in a venv, or jars in a folder.

`make systems SYSTEMS="moto ..."` installs them as tests/systems/requirements/<name>.txt, or .xml for Maven, says; tests
that need one that is not installed are left out, and say so. `make lock-systems` writes each .txt from its .in.
"""

import importlib
import importlib.util
import os
import shutil
import signal
import subprocess
import sys
import venv
from collections.abc import Callable, Generator, Mapping
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.eventually import eventually
from tests.sharing import REPOSITORY

FOLDER = REPOSITORY / ".systems"
REQUIREMENTS = Path(__file__).parent / "requirements"
COPY_JARS = "org.apache.maven.plugins:maven-dependency-plugin:2.8:copy-dependencies"
# The first start of a system compiles all that it imports.
STARTING_SECONDS = 300.0
STOPPING_SECONDS = 10.0


def program(system: str, name: str) -> str:
    """The path of a program of the system's own venv."""
    return str(FOLDER / system / "bin" / name)


def installed(system: str) -> bool:
    """Whether this machine has the system, as its requirements say now."""
    ready = FOLDER / system / ".ready"
    return ready.exists() and ready.read_text(encoding="utf-8") == _wanted(system)


def require(system: str) -> None:
    """Leave the test out where the system is not installed."""
    if not installed(system):
        pytest.skip(f"{system} is not installed here: make systems SYSTEMS={system}")


def install(system: str) -> None:
    """Make the system's folder anew, unless it is there already; what its module wants to `prepare` is done at once."""
    if installed(system):
        return
    folder = FOLDER / system
    shutil.rmtree(folder, ignore_errors=True)
    (_install_jars if _requirements(system).suffix == ".xml" else _install_packages)(system, folder)
    module = f"tests.systems.{system}"
    if importlib.util.find_spec(module) is not None:
        prepare = getattr(importlib.import_module(module), "prepare", None)
        if prepare is not None:
            prepare()
    (folder / ".ready").write_text(_wanted(system), encoding="utf-8")


def _install_packages(system: str, folder: Path) -> None:
    venv.create(folder, with_pip=True)
    pip = [folder / "bin" / "python", "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    # Most of what is installed is never imported: the rest is compiled when it is.
    subprocess.run([*pip, "--no-compile", "--no-deps", "-r", _requirements(system)], check=True)


def _install_jars(system: str, folder: Path) -> None:
    folder.mkdir(parents=True)
    copy = [COPY_JARS, f"-DoutputDirectory={folder / 'lib'}"]
    subprocess.run(["mvn", "-B", "-q", "-f", _requirements(system), *copy], check=True)


@contextmanager
def running(
    command: list[str],
    folder: Path,
    ready: Callable[[], bool],
    environment: Mapping[str, str] | None = None,
    ends_by: tuple[signal.Signals, ...] = (signal.SIGTERM, signal.SIGKILL),
) -> Generator["subprocess.Popen[bytes]"]:
    """A server in a process group of its own, its output in a file of `folder`, ended with the block."""
    folder.mkdir(parents=True, exist_ok=True)
    log = folder / "output.log"
    with log.open("wb") as output:
        server = subprocess.Popen(
            command,
            cwd=folder,
            env=os.environ | (environment or {}),
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )

    def is_ready() -> bool:
        assert server.poll() is None, f"{command[0]} ended: {_tail(log)}"
        return ready()

    try:
        eventually(is_ready, f"{command[0]} answers", STARTING_SECONDS)
        yield server
    finally:
        _stop(server, ends_by)


def _stop(server: "subprocess.Popen[bytes]", ends_by: tuple[signal.Signals, ...]) -> None:
    for sign in ends_by:
        try:
            os.killpg(server.pid, sign)
            server.wait(STOPPING_SECONDS)
        except ProcessLookupError:
            break
        except subprocess.TimeoutExpired:
            continue
    server.wait()


def _tail(log: Path) -> str:
    return log.read_text(encoding="utf-8", errors="replace")[-2000:]


def names() -> list[str]:
    """All that can be installed."""
    return sorted(path.stem for path in REQUIREMENTS.iterdir() if path.suffix in (".txt", ".xml"))


def _requirements(system: str) -> Path:
    of_java = REQUIREMENTS / f"{system}.xml"
    return of_java if of_java.exists() else REQUIREMENTS / f"{system}.txt"


def _wanted(system: str) -> str:
    return f"{sys.version}\n" + _requirements(system).read_text(encoding="utf-8")
