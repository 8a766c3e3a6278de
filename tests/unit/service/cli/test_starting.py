"""What a command does not import, so that it starts fast."""

import subprocess
import sys

from tests.sharing import REPOSITORY


def test_a_run_without_the_service_leaves_its_store_and_server_alone() -> None:
    program = (
        "import sys, service.cli.run; print({'sqlalchemy', 'fastapi', 'apscheduler', 'psycopg'} & sys.modules.keys())"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=REPOSITORY, capture_output=True, text=True, timeout=60, check=True
    )
    assert done.stdout.strip() == "set()"
