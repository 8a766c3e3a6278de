"""What a command does not import, so that it starts fast."""

import subprocess
import sys

import pytest

from tests.sharing import REPOSITORY

STORE_AND_SERVER = {"sqlalchemy", "fastapi", "apscheduler", "psycopg", "asyncio", "pydantic_settings", "cryptography"}
AFTER_THE_DATABASE = {"fastapi", "uvicorn", "apscheduler", "prometheus_client", "service.app", "connectors.registry"}


@pytest.mark.parametrize(
    ("command", "unwanted"),
    [
        pytest.param("run", STORE_AND_SERVER, id="a run without the service leaves its store and server alone"),
        pytest.param("serve", AFTER_THE_DATABASE, id="an embedded database starts while the service is loaded"),
    ],
)
def test_a_command_does_not_load(command: str, unwanted: set[str]) -> None:
    program = f"import sys, service.cli, service.cli.{command}; print({unwanted!r} & sys.modules.keys())"
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=REPOSITORY, capture_output=True, text=True, timeout=60, check=True
    )
    assert done.stdout.strip() == "set()"
