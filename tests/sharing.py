"""Servers that all test processes of this machine share, each ended when the last of its users is gone.

Users hold a shared lock on a file. A guard process of its own session owns the server and waits for the exclusive lock,
which it gets when no user is left, whether they ended well or were killed.
"""

import fcntl
import hashlib
import importlib
import json
import os
import shutil
import socket
import sys
import tempfile
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

REPOSITORY = Path(__file__).parents[1]
ENOUGH_MEMORY = 4 * 1024**3


@contextmanager
def shared(module: str) -> Generator[dict[str, Any]]:
    """What the context manager `start` of a module gives, a JSON object; entered if this is the first user."""
    key = hashlib.sha256(f"{REPOSITORY} {module}".encode()).hexdigest()[:8]
    root = fast_folder() / f"headwater-tests-{os.getuid()}-{key}"
    root.mkdir(mode=0o711, exist_ok=True)
    with (root / "users").open("w") as users:
        fcntl.flock(users, fcntl.LOCK_SH)
        with (root / "starting").open("w") as starting:
            fcntl.flock(starting, fcntl.LOCK_EX)
            if not _is_guarded(root):
                _start_guard(module, root)
        yield json.loads((root / "server.json").read_text())


def fast_folder() -> Path:
    """Memory where there is enough: cloning a database takes 8 ms there, 150 ms on a disk; any user may pass."""
    memory = Path("/dev", "shm")
    if os.access(memory, os.W_OK) and shutil.disk_usage(memory).free > ENOUGH_MEMORY:
        return memory
    return Path(tempfile.gettempdir())


def free_port() -> int:
    """A port of this machine at which nobody listens now."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        return int(free.getsockname()[1])


def _is_guarded(root: Path) -> bool:
    with (root / "guard").open("w") as guard:
        try:
            fcntl.flock(guard, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
    return False


def _start_guard(module: str, root: Path) -> None:
    """Start it so that it is nobody's child to wait for; its output ends when the server is ready or has failed."""
    (root / "server.json").unlink(missing_ok=True)
    reading, writing = os.pipe()
    to_pipe = [(os.POSIX_SPAWN_DUP2, writing, descriptor) for descriptor in (1, 2)]
    environment = os.environ | {"PYTHONPATH": str(REPOSITORY)}
    command = [sys.executable, "-m", "tests.sharing", module, str(root)]
    os.posix_spawn(sys.executable, command, environment, file_actions=to_pipe, setsid=True)
    os.close(writing)
    with os.fdopen(reading) as output:
        said = output.read()
    if not (root / "server.json").exists():
        message = f"{module} does not start: {said}"
        raise RuntimeError(message)


def _guard(module: str, root: Path) -> None:
    start = importlib.import_module(module).start
    with (root / "guard").open("w") as guard, (root / "users").open("w") as users:
        fcntl.flock(guard, fcntl.LOCK_EX)
        shutil.rmtree(root / "server", ignore_errors=True)
        with start(root / "server") as server:
            (root / "server.json").touch(mode=0o600)
            (root / "server.json").write_text(json.dumps(server))
            with Path(os.devnull).open("w") as nowhere:
                os.dup2(nowhere.fileno(), 1)
                os.dup2(nowhere.fileno(), 2)
            fcntl.flock(users, fcntl.LOCK_EX)
            (root / "server.json").unlink()
        shutil.rmtree(root / "server", ignore_errors=True)


if __name__ == "__main__":
    _guard(sys.argv[1], Path(sys.argv[2]))
