"""The short form: a few disturbances, the same verdict."""

import secrets
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from tests.chaos.rounds import play
from tests.chaos.verdict import table_of
from tests.chaos.world import Scale
from tests.postgres import SourceServer
from tests.sharing import fast_folder

SHORT = Scale(workflows=6, interval_seconds=3, lease_seconds=2.0, outage_seconds=4.0)


@pytest.fixture
def folder() -> Iterator[Path]:
    """One that the store's own user may enter."""
    with TemporaryDirectory(prefix="chaos-", dir=fast_folder()) as name:
        Path(name).chmod(0o711)
        yield Path(name)


@pytest.mark.timeout(300)
def test_nothing_is_lost_doubled_or_deleted(folder: Path, source_server: SourceServer) -> None:
    seed = secrets.randbits(32)
    lines = play(folder, SHORT, source_server, rounds=4, seed=seed, say=print)
    assert all(line.kept for line in lines), f"seed {seed}\n{table_of(lines)}"
