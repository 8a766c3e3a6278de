"""Folders for embedded servers."""

import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from service.database.opening import open_database
from service.settings import Settings
from tests.sharing import fast_folder


def _passable() -> Path:
    """A folder that any user may pass through, as pytest's own are not."""
    path = Path(tempfile.mkdtemp(prefix="hw-", dir=fast_folder()))
    path.chmod(0o755)
    return path


@pytest.fixture
def data_dir() -> Iterator[Path]:
    """A folder without a store."""
    path = _passable()
    yield path
    shutil.rmtree(path)


@pytest.fixture(scope="session")
def store_to_copy() -> Iterator[Path]:
    """The folder of a service that has ended: making a store takes a second of CPU, a copy of it next to nothing."""
    path = _passable()
    _, close = open_database(Settings(data_dir=path))
    close()
    yield path
    shutil.rmtree(path)


@pytest.fixture
def made_dir(data_dir: Path, store_to_copy: Path) -> Path:
    """A folder with a store of the test's own, stopped, that was made and migrated before."""
    subprocess.run(["cp", "--archive", f"{store_to_copy}/postgres", data_dir], check=True)
    return data_dir
