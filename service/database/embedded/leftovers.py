"""Ends what a killed service left behind on a data folder, so that Postgres starts there again.

Call it only while holding the lock of the folder: then no live service owns what is found.
"""

import os
import signal
import threading
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from service.clock import monotonic
from service.errors import Unavailable

_PROC = Path("/proc")
_SERVER = b"postgres"
_Patience = tuple[tuple[signal.Signals, float], ...]
_SERVER_PATIENCE: _Patience = ((signal.SIGINT, 30.0), (signal.SIGQUIT, 10.0), (signal.SIGKILL, 10.0))
_ORPHAN_PATIENCE: _Patience = ((signal.SIGQUIT, 2.0), (signal.SIGKILL, 10.0))
_NOTICE_SECONDS = 2.0
_LOOK_SECONDS = 0.02


def clear_leftovers(data: Path, socket_dir: Path) -> None:
    """End the server that still runs on `data`, then remove pid files that would stop the next one from starting.

    Postgres takes the number in such a file for a live server when it belongs to a zombie, or by now to another
    process of the same user, as happens in a new container on an old volume. Where there is no /proc, Postgres' own
    judgement stands. Raises Unavailable when a process cannot be ended.
    """
    pid_file = data / "postmaster.pid"
    if not _PROC.joinpath("self").exists():
        return
    pid = _read_pid(pid_file)
    if pid is not None and _works_in(pid, data.resolve(), named=True):
        _end([pid], _SERVER_PATIENCE)
    # The children of a dead server notice it by themselves, unless they are stuck; a new one must not start before.
    orphans = list(_workers(data))
    if orphans and not _gone(orphans, _NOTICE_SECONDS):
        _end(orphans, _ORPHAN_PATIENCE)
    if pid is not None and _PROC.joinpath(str(pid)).exists():
        pid_file.unlink(missing_ok=True)
    for lock in socket_dir.glob(".s.PGSQL.*"):
        lock.unlink(missing_ok=True)


def _read_pid(pid_file: Path) -> int | None:
    try:
        return int(pid_file.read_text(encoding="utf-8").split("\n", 1)[0])
    except (OSError, ValueError):
        return None


def _workers(data: Path) -> Iterator[int]:
    folder = data.resolve()
    for entry in _PROC.iterdir():
        if entry.name.isdecimal() and _works_in(int(entry.name), folder):
            yield int(entry.name)


def _works_in(pid: int, data: Path, *, named: bool = False) -> bool:
    """Whether a live server process has `data`, a path without links, as its folder.

    `named`: the pid file says so, where we may not look.
    """
    entry = _PROC / str(pid)
    try:
        if pid == os.getpid() or not _is_alive(pid):
            return False
        return (entry / "cwd").readlink() == data and _name(entry) == _SERVER
    except PermissionError:
        return named and _name(entry) == _SERVER and entry.stat().st_uid == data.stat().st_uid
    except OSError:
        return False


def _name(entry: Path) -> bytes:
    """The system cuts names anywhere, so they need not be text."""
    return (entry / "comm").read_bytes().strip()


def _is_alive(pid: int) -> bool:
    try:
        state = (_PROC / str(pid) / "stat").read_bytes().rpartition(b")")[2].split()[0]
    except OSError:
        return False
    return state not in {b"Z", b"X"}


def _end(pids: list[int], patience: _Patience) -> None:
    for signum, seconds in patience:
        for pid in filter(_is_alive, pids):
            with suppress(ProcessLookupError):
                os.kill(pid, signum)
        if _gone(pids, seconds):
            return
    message = f"a Postgres server of a former run cannot be ended (processes {pids})"
    raise Unavailable(message)


def _gone(pids: list[int], seconds: float) -> bool:
    # They are not our children, so there is nothing to wait on.
    pause, deadline = threading.Event(), monotonic() + seconds
    while any(map(_is_alive, pids)):
        if monotonic() > deadline:
            return False
        pause.wait(_LOOK_SECONDS)
    return True
