"""A server that speaks MongoDB's protocol."""

from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

from pymongo import MongoClient
from pymongo.errors import PyMongoError

from tests.sharing import free_port
from tests.systems import program, running


@contextmanager
def start(folder: Path) -> Generator[dict[str, str]]:
    """A server of this process's own; see tests.sharing."""
    port = free_port()
    data = folder / "data"
    data.mkdir(parents=True)
    places = ["--data-dir", str(data), "--log-file", str(folder / "log"), "--pid-file", str(folder / "pid")]

    def ready() -> bool:
        with MongoClient[dict[str, object]]("127.0.0.1", port, serverSelectionTimeoutMS=500) as client:
            try:
                client.admin.command("ping")
            except PyMongoError:
                return False
            return True

    with running([program("nx27017", "nx-27017"), "--host", "127.0.0.1", "-p", str(port), *places], folder, ready):
        yield {"address": f"127.0.0.1:{port}"}
