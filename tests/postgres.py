"""One Postgres server for all test processes of this machine, ended when the last of them is gone.

Users hold a shared lock on a file. A guard process of its own session owns the server and waits for the exclusive lock,
which it gets when no user is left, whether they ended well or were killed.
"""

import fcntl
import hashlib
import json
import os
import shutil
import socket
import sys
import tempfile
import uuid
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path

import psycopg
from psycopg import sql
from sqlalchemy.engine import URL, make_url

from service.database.embedded import EmbeddedPostgres

REPOSITORY = Path(__file__).parents[1]
ENOUGH_MEMORY = 4 * 1024**3
PARAMETERS = {
    "autovacuum": "off",
    "fsync": "off",
    "full_page_writes": "off",
    "listen_addresses": "127.0.0.1",
    "max_connections": "400",
    "max_wal_senders": "0",
    "shared_buffers": "128MB",
    "synchronous_commit": "off",
    "wal_level": "minimal",
}


@dataclass(frozen=True)
class Server:
    """Where the server answers and who may do everything there."""

    port: int
    password: str = field(repr=False)
    user: str = "headwater"
    host: str = "127.0.0.1"

    def url(self, database: str) -> str:
        """The URL of one of its databases, for libpq and for `Database`."""
        parsed = URL.create("postgresql", self.user, self.password, self.host, self.port, database)
        return parsed.render_as_string(hide_password=False)

    def admin(self) -> psycopg.Connection:
        """A connection that may make and drop databases."""
        return psycopg.connect(self.url("postgres"), autocommit=True)

    def create(self, name: str, template: str = "template0") -> str:
        """Make a database and return its URL."""
        statement = sql.SQL("create database {} template {} strategy file_copy")
        with self.admin() as connection:
            connection.execute(statement.format(sql.Identifier(name), sql.Identifier(template)))
        return self.url(name)

    def drop(self, name: str) -> None:
        """Drop a database, whoever is connected to it."""
        with self.admin() as connection:
            connection.execute(sql.SQL("drop database if exists {} with (force)").format(sql.Identifier(name)))


@dataclass(frozen=True)
class SourceServer:
    """A server to ingest from; what is made there goes with it at the end of the tests."""

    server: Server

    def make_database(self, name: str, script: str = "") -> str:
        """Make a database called `name` and a suffix of its own, run the script in it, return its URL."""
        url = self.server.create(f"{name}_{uuid.uuid4().hex[:8]}")
        if script:
            with psycopg.connect(url) as connection:
                connection.execute(script.encode())
        return url


@contextmanager
def shared_server() -> Generator[Server]:
    """The server, started if this is the first user."""
    key = hashlib.sha256(str(REPOSITORY).encode()).hexdigest()[:8]
    root = fast_folder() / f"headwater-tests-{os.getuid()}-{key}"
    root.mkdir(mode=0o711, exist_ok=True)
    with (root / "users").open("w") as users:
        fcntl.flock(users, fcntl.LOCK_SH)
        with (root / "starting").open("w") as starting:
            fcntl.flock(starting, fcntl.LOCK_EX)
            if not _is_guarded(root):
                _start_guard(root)
        yield Server(**json.loads((root / "server.json").read_text()))


def fast_folder() -> Path:
    """Memory where there is enough: cloning a database takes 8 ms there, 150 ms on a disk; any user may pass."""
    memory = Path("/dev", "shm")
    if os.access(memory, os.W_OK) and shutil.disk_usage(memory).free > ENOUGH_MEMORY:
        return memory
    return Path(tempfile.gettempdir())


def _is_guarded(root: Path) -> bool:
    with (root / "guard").open("w") as guard:
        try:
            fcntl.flock(guard, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
    return False


def _start_guard(root: Path) -> None:
    """Start it so that it is nobody's child to wait for; its output ends when the server is ready or has failed."""
    (root / "server.json").unlink(missing_ok=True)
    reading, writing = os.pipe()
    to_pipe = [(os.POSIX_SPAWN_DUP2, writing, descriptor) for descriptor in (1, 2)]
    environment = os.environ | {"PYTHONPATH": str(REPOSITORY)}
    command = [sys.executable, "-m", "tests.postgres", str(root)]
    os.posix_spawn(sys.executable, command, environment, file_actions=to_pipe, setsid=True)
    os.close(writing)
    with os.fdopen(reading) as output:
        said = output.read()
    if not (root / "server.json").exists():
        message = f"no Postgres for the tests: {said}"
        raise RuntimeError(message)


def _guard(root: Path) -> None:
    with (root / "guard").open("w") as guard, (root / "users").open("w") as users:
        fcntl.flock(guard, fcntl.LOCK_EX)
        shutil.rmtree(root / "server", ignore_errors=True)
        with socket.create_server(("127.0.0.1", 0)) as free:
            port = free.getsockname()[1]
        with EmbeddedPostgres(root / "server", parameters=PARAMETERS | {"port": str(port)}) as postgres:
            server = Server(port, make_url(postgres.url).password or "")
            (root / "server.json").touch(mode=0o600)
            (root / "server.json").write_text(json.dumps(asdict(server)))
            with Path(os.devnull).open("w") as nowhere:
                os.dup2(nowhere.fileno(), 1)
                os.dup2(nowhere.fileno(), 2)
            fcntl.flock(users, fcntl.LOCK_EX)
            (root / "server.json").unlink()
        shutil.rmtree(root / "server")


if __name__ == "__main__":
    _guard(Path(sys.argv[1]))
