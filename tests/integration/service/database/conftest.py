"""Folders for embedded servers."""

import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.sharing import fast_folder


@pytest.fixture
def data_dir() -> Iterator[Path]:
    """A folder that any user may pass through, as pytest's own are not."""
    path = Path(tempfile.mkdtemp(prefix="hw-", dir=fast_folder()))
    path.chmod(0o755)
    yield path
    shutil.rmtree(path)
