"""What a newcomer runs first."""

import subprocess
import sys

import pytest

from tests.acceptance.processes import environment_with
from tests.sharing import REPOSITORY


@pytest.mark.timeout(240)
def test_the_demo_runs_to_its_end() -> None:
    command = [sys.executable, "-m", "benchmarks.demo", "--tables", "100"]
    result = subprocess.run(
        command, cwd=REPOSITORY, env=environment_with({}), capture_output=True, text=True, timeout=200, check=False
    )
    assert result.returncode == 0, result.stdout + result.stderr
    assert "an archive of 100 tables" in result.stdout
    assert "The records are in" in result.stdout
