"""A MariaDB server to ingest from, where its programs are installed."""

import shutil
import socket
import subprocess
import tempfile
import time
import uuid
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pymysql
from pymysql.constants import CLIENT

from tests.sharing import fast_folder
from tests.unit.connectors.openmetadata.certificates import Pair, self_signed

STARTING_SECONDS = 60.0
PASSWORD = "s3cret-of-mariadb"


@dataclass(frozen=True)
class MariaDB:
    """Where the server answers; its root logs in through the socket.

    It offers TLS, with a certificate that is its own authority and that of its clients.
    """

    port: int
    socket: str
    certificate: Pair

    def execute(self, script: str, database: str | None = None) -> tuple[tuple[Any, ...], ...]:
        """Run statements as root; the rows of the first."""
        flags = CLIENT.MULTI_STATEMENTS
        connection = pymysql.connect(
            unix_socket=self.socket, user="root", database=database, client_flag=flags, autocommit=True
        )
        with connection, connection.cursor() as cursor:
            cursor.execute(script)
            rows = cursor.fetchall()
            while cursor.nextset():
                pass
            return rows

    def make_user(self, *rights: str) -> str:
        """A user of its own with PASSWORD and these rights, written as `SELECT ON shop.*`."""
        name = f"u_{uuid.uuid4().hex[:8]}"
        self.execute(f"CREATE USER '{name}'@'%' IDENTIFIED BY '{PASSWORD}'")
        for right in rights:
            self.execute(f"GRANT {right} TO '{name}'@'%'")
        return name

    def make_schema(self, script: str = "") -> str:
        """A schema of its own, in which the script was run."""
        name = f"s_{uuid.uuid4().hex[:8]}"
        self.execute(f"CREATE DATABASE {name} COMMENT 'made by a test'")
        if script:
            self.execute(script, name)
        return name


def installed() -> bool:
    """Whether this machine has the server's programs."""
    return bool(shutil.which("mariadbd") and shutil.which("mariadb-install-db"))


@contextmanager
def started() -> Generator[MariaDB]:
    """A server of this process's own, ended with the block."""
    folder = Path(tempfile.mkdtemp(prefix="hw-m-", dir=fast_folder()))
    shutil.chown(folder, "mysql")
    data = folder / "d"
    subprocess.run(
        ["mariadb-install-db", "--no-defaults", "--user=mysql", f"--datadir={data}"], check=True, capture_output=True
    )
    pair = self_signed()
    (folder / "server.pem").write_text(pair.certificate)
    (folder / "server.key").write_text(pair.key)
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    command = ["mariadbd", "--no-defaults", "--user=mysql", f"--datadir={data}", f"--port={port}"]
    command += [
        "--bind-address=127.0.0.1",
        f"--socket={folder}/s",
        f"--tmpdir={folder}",  # in a shared one a server that starts removes the others' files
        "--skip-name-resolve",
        f"--ssl-ca={folder}/server.pem",
        f"--ssl-cert={folder}/server.pem",
        f"--ssl-key={folder}/server.key",
        "--innodb-flush-log-at-trx-commit=0",
    ]
    server = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        maria = MariaDB(port, f"{folder}/s", pair)
        _wait_for(maria, server)
        yield maria
    finally:
        server.kill()
        server.wait()
        shutil.rmtree(folder, ignore_errors=True)


def _wait_for(maria: MariaDB, server: "subprocess.Popen[bytes]") -> None:
    deadline = time.monotonic() + STARTING_SECONDS
    while True:
        try:
            with socket.socket(socket.AF_UNIX) as line:
                line.connect(maria.socket)
        except OSError:
            if server.poll() is not None or time.monotonic() > deadline:
                raise
            time.sleep(0.05)
        else:
            return
