"""Servers to ingest from: the tests' own and, where its programs are installed, an older one."""

import shutil
import socket
import tempfile
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from sqlalchemy.engine import make_url

from service.database.embedded import EmbeddedPostgres
from tests.postgres import PARAMETERS, Server, SourceServer
from tests.sharing import fast_folder

OLDER = Path("/usr/lib/postgresql/15/bin")


@pytest.fixture(scope="session")
def older_server() -> Iterator[SourceServer]:
    """Debian's Postgres 15, started for this process."""
    if not (OLDER / "postgres").exists():
        pytest.skip("there is no Postgres 15 on this machine")
    folder = Path(tempfile.mkdtemp(prefix="hw-", dir=fast_folder()))
    folder.chmod(0o755)
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    with EmbeddedPostgres(folder, OLDER, PARAMETERS | {"port": str(port)}) as postgres:
        server = Server(port, make_url(postgres.url).password or "")
        with closing(server.keeper):
            yield SourceServer(server)
    shutil.rmtree(folder)


@pytest.fixture(params=["newest", "older"])
def postgres(request: pytest.FixtureRequest) -> SourceServer:
    """Each of the servers in turn."""
    name = {"newest": "source_server", "older": "older_server"}[request.param]
    server: SourceServer = request.getfixturevalue(name)
    return server
