"""Finds the embedded server that another process of ours keeps running, as a command wants to beside the service."""

from pathlib import Path

from service.database.embedded.cluster import data_of, home_of, password_of, url_at
from service.errors import Unavailable

# Lines of postmaster.pid, counted as in Postgres' miscadmin.h, from 0.
_PORT, _SOCKET_DIR, _STATUS = 3, 4, 7


def is_made(data_dir: Path) -> bool:
    """Whether a service ever had an embedded server in this folder; so it may be where we cannot look."""
    try:
        return home_of(data_dir).exists()
    except PermissionError:
        return True


def running_url(data_dir: Path) -> str:
    """Where the server of the folder answers, password included. Raises Unavailable while it does not run."""
    home = home_of(data_dir)
    try:
        lines = (data_of(home) / "postmaster.pid").read_text(encoding="utf-8").splitlines()
        password = password_of(home).read_text(encoding="utf-8").strip()
    except FileNotFoundError:
        lines, password = [], ""
    if len(lines) <= _STATUS or lines[_STATUS].strip() != "ready":
        message = f"the embedded database in {home} is starting or stopping; call this again when the service is ready"
        raise Unavailable(message)
    return url_at(lines[_SOCKET_DIR], lines[_PORT], password)
