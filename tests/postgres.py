"""One Postgres server for all test processes of this machine."""

import uuid
from collections.abc import Generator
from contextlib import closing, contextmanager
from dataclasses import asdict, dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import psycopg
from psycopg import sql
from sqlalchemy.engine import URL, make_url

from service.database.embedded import EmbeddedPostgres
from tests.sharing import free_port, shared

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

    @cached_property
    def keeper(self) -> psycopg.Connection:
        """What makes and drops databases, for its owner to close: to connect costs more than to do so."""
        return self.admin()

    def create(self, name: str, template: str = "template0") -> str:
        """Make a database and return its URL."""
        statement = sql.SQL("create database {} template {} strategy file_copy")
        self.keeper.execute(statement.format(sql.Identifier(name), sql.Identifier(template)))
        return self.url(name)

    def drop(self, name: str) -> None:
        """Drop a database, whoever is connected to it."""
        self.keeper.execute(sql.SQL("drop database if exists {} with (force)").format(sql.Identifier(name)))


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
    with shared("tests.postgres") as address:
        server = Server(**address)
        with closing(server.keeper):
            yield server


@contextmanager
def start(folder: Path) -> Generator[dict[str, Any]]:
    """A server of this process's own; see tests.sharing."""
    port = free_port()
    with EmbeddedPostgres(folder, parameters=PARAMETERS | {"port": str(port)}) as postgres:
        yield asdict(Server(port, make_url(postgres.url).password or ""))
