"""The folder of the embedded server, held by one service at a time."""

import fcntl
import os
from pathlib import Path
from typing import TextIO

from service.errors import Conflict, Invalid, Problem


class InUse(Conflict):
    """Another service has the folder."""


class Folder:
    """A folder that this object made if need be and has locked until `release`."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._lock: TextIO | None = None

    def acquire(self) -> None:
        """Make and lock it.

        Raises Invalid when that is not allowed, InUse when another service has it.
        """
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            # As root, the server runs as another user, who passes through here without being able to look.
            self.path.mkdir(mode=0o711 if os.geteuid() == 0 else 0o700, exist_ok=True)
            lock = (self.path / "lock").open("a+", encoding="utf-8")
        except OSError as error:
            advice = "choose a folder that this user may write, or be its owner"
            message = f"cannot use {self.path}: {error.strerror}; {advice}"
            raise Invalid([Problem("HEADWATER_DATA_DIR", message)]) from error
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            with lock:
                lock.seek(0)
                holder = lock.read().strip() or "unknown"
            message = (
                f"another Headwater (process {holder}) uses the embedded database in {self.path}; stop it, choose "
                "another HEADWATER_DATA_DIR, or let both use one server through HEADWATER_DATABASE_URL"
            )
            raise InUse(message) from None
        lock.truncate(0)
        lock.write(f"{os.getpid()}\n")
        lock.flush()
        self._lock = lock

    def release(self) -> None:
        """Let others have it."""
        if self._lock is not None:
            self._lock.close()
            self._lock = None
