"""Processes for the tests of the embedded server."""

import os
import subprocess
import sys
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from pathlib import Path

import psycopg

from tests.eventually import eventually
from tests.sharing import REPOSITORY

HOLDER = """
import sys, threading
from pathlib import Path
from service.database.embedded import EmbeddedPostgres
server = EmbeddedPostgres(Path(sys.argv[1]))
server.start()
print(server.pid, server.url, flush=True)
sys.stdin.readline()
"""


class Holder:
    """Another service, as far as the embedded server can tell; it ends when its input does."""

    def __init__(self, data_dir: Path, prefix: Sequence[str], environment: dict[str, str]) -> None:
        self.process = subprocess.Popen(
            [*prefix, "-c", HOLDER, str(data_dir)],
            env=environment,
            cwd=REPOSITORY,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        assert self.process.stdout is not None
        pid, _, url = self.process.stdout.readline().strip().partition(" ")
        self.server_pid, self.url = int(pid or 0), url

    def said(self) -> str:
        """Let it end, without stopping its server, and give what it complained about."""
        return self.process.communicate("\n", timeout=20)[1]


@contextmanager
def holding(data_dir: Path, *prefix: str, **environment: str) -> Generator[Holder]:
    """Another process that has started the embedded server of the folder."""
    holder = Holder(data_dir, prefix or [sys.executable], os.environ | environment)
    try:
        yield holder
    finally:
        holder.process.kill()
        holder.process.communicate()
        wait_until_gone(holder.server_pid)


def write(url: str, text: str) -> None:
    """Commit a line to the table `note`."""
    with psycopg.connect(url) as connection:
        connection.execute("create table if not exists note (line text)")
        connection.execute("insert into note values (%s)", [text])


def read(url: str) -> list[str]:
    """The lines of the table `note`."""
    with psycopg.connect(url) as connection:
        return [line for (line,) in connection.execute("select line from note order by line").fetchall()]


def wait_until_gone(pid: int) -> None:
    """Return when the process has ended, reaped or not."""
    eventually(lambda: not is_alive(pid), f"process {pid} ends")


def is_alive(pid: int) -> bool:
    """Whether the process runs; a zombie does not."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False
