"""Files that are being written beside the one that they will replace, and those that nobody writes any more.

Whoever writes one holds a lock of the kernel's on it, which ends with the process, however that ends.
"""

import fcntl
import logging
import os
import re
from contextlib import suppress
from os.path import samestat
from pathlib import Path
from typing import BinaryIO

PARTIAL = ".partial"
WRITING = re.compile(rf"\.[0-9a-f]{{8}}\.writing{re.escape(PARTIAL)}")
# Said, as `open` asks the kernel before it chooses one.
BUFFER_BYTES = 64 * 1024
TRIES = 10
AS_IT_LIES = os.O_RDWR | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
logger = logging.getLogger(__name__)


def opened_beside(path: Path) -> tuple[Path, BinaryIO]:
    """A new file to write what will be `path`, and where it lies; what killed writers left there of it is removed.

    Raises:
        OSError: It cannot be opened.
    """
    for _ in range(TRIES):
        place = Path(f"{path}.{os.urandom(4).hex()}.writing{PARTIAL}")
        file = _opened(place)
        if _is_ours(place, file):
            _forget_others(path)
            return place, file
        file.close()
    msg = f"{path} is tidied up by others all the time"
    raise OSError(msg)


def _opened(path: Path) -> BinaryIO:
    try:
        return path.open("wb", BUFFER_BYTES)
    except FileNotFoundError:
        path.parent.mkdir(parents=True, exist_ok=True)
        return path.open("wb", BUFFER_BYTES)


def _is_ours(place: Path, file: BinaryIO) -> bool:
    """Lock it; False where another took it for left behind before that, and has removed it or will."""
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError:  # no locks on this file system: nobody removes anything there
        return True
    with suppress(FileNotFoundError):
        return samestat(place.stat(), os.fstat(file.fileno()))
    return False


def _forget_others(path: Path) -> None:
    """Remove what nobody writes any more: a run is not kept from its work by what cannot be removed."""
    try:
        for place in path.parent.iterdir():
            if place.name.startswith(path.name) and WRITING.fullmatch(place.name, len(path.name)):
                _forget(place)
    except OSError:
        logger.warning("What lies beside %s is not looked at", path, exc_info=True)


def _forget(place: Path) -> None:
    try:
        opened = os.open(place, AS_IT_LIES)
    except OSError:  # gone meanwhile, a link, or somebody else's
        return
    try:
        fcntl.flock(opened, fcntl.LOCK_EX | fcntl.LOCK_NB)
        place.unlink()
    except (BlockingIOError, FileNotFoundError):  # it is being written, or is whole by now
        return
    except OSError:  # no locks here, or it may not be removed
        logger.warning("%s is left, as nobody can tell whether it is still written", place, exc_info=True)
    else:
        logger.info("%s was removed: its writer is gone", place)
    finally:
        os.close(opened)
