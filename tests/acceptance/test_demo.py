"""What a newcomer runs first."""

import gzip
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from tests.acceptance.processes import environment_with
from tests.sharing import REPOSITORY


@pytest.fixture
def outside() -> Iterator[Path]:
    """A folder that every user may enter, unlike those of pytest's: Postgres does not run as root."""
    with TemporaryDirectory(prefix="hw-d-") as name:
        folder = Path(name)
        folder.chmod(0o755)
        yield folder


@pytest.mark.timeout(240)
def test_the_demo_runs_to_its_end_and_leaves_the_records(outside: Path) -> None:
    command = [sys.executable, "-m", "benchmarks.demo", "--tables", "100"]
    result = subprocess.run(
        command,
        cwd=REPOSITORY,
        env=environment_with({"TMPDIR": str(outside)}),
        capture_output=True,
        text=True,
        timeout=200,
        check=False,
    )
    assert result.returncode == 0, result.stdout + result.stderr
    assert "an archive of 100 tables" in result.stdout
    [records] = [path for path in outside.rglob("*") if not path.is_dir()]
    assert f"The records are in {records}" in result.stdout
    assert len(gzip.decompress(records.read_bytes()).splitlines()) > 100
