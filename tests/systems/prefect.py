"""Prefect: its server over three flows, two of which have run and one of which is deployed."""

import base64
import hashlib
import os
import shutil
import subprocess
from collections.abc import Generator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any

import httpx

from tests.plain_http import NO_TLS
from tests.sharing import free_port
from tests.systems import FOLDER, program, running

USERNAME, PASSWORD = "reader", "prefect-pw"
LOGIN = f"{USERNAME}:{PASSWORD}"
CONTENT = """
from uuid import UUID

from prefect import flow, get_client, task
from prefect.client.schemas.actions import DeploymentScheduleCreate
from prefect.client.schemas.schedules import CronSchedule, IntervalSchedule


@task(tags=["io"])
def extract():
    return [1, 2]


@task
def load(n):
    return n


@task
def fail(rows):
    raise RuntimeError("on purpose")


@flow(name="load orders")
def load_orders():
    return [future.result() for future in load.map(extract())]


@flow(name="report.daily")
def report():
    fail(extract())


load_orders()
try:
    report()
except RuntimeError:
    pass
with get_client(sync_client=True) as client:
    known = client.read_flow_by_name("load orders")
    client.create_deployment(
        flow_id=UUID(str(known.id)),
        name="nightly",
        description="Loads the orders.",
        entrypoint="shop.py:load_orders",
        tags=["sales", "night.ly"],
        schedules=[DeploymentScheduleCreate(schedule=CronSchedule(cron="0 2 * * *", timezone="Europe/Berlin"))],
    )
    client.create_flow_from_name('odd :: "name"')
"""


def prepare() -> Path:
    """A folder with the database, made once for each text of its content."""
    home = FOLDER / "prefect" / f"home-{hashlib.sha256(CONTENT.encode()).hexdigest()[:8]}"
    if (home / "ready").exists():
        return home
    shutil.rmtree(home, ignore_errors=True)
    home.mkdir(parents=True)
    address = f"http://127.0.0.1:{free_port()}"
    with _serving(home, address):
        command = [program("prefect", "python"), "-c", CONTENT]
        client = {"PREFECT_API_URL": f"{address}/api", "PREFECT_API_AUTH_STRING": LOGIN}
        done = subprocess.run(
            command, check=False, env=os.environ | _environment(home) | client, capture_output=True, text=True
        )
        assert done.returncode == 0, done.stderr[-2000:]
    (home / "ready").touch()
    return home


@contextmanager
def start(folder: Path) -> Generator[dict[str, str]]:
    """A server of this process's own; see tests.sharing."""
    home = folder / "home"
    shutil.copytree(prepare(), home)
    address = f"http://127.0.0.1:{free_port()}"
    with _serving(home, address):
        yield {"address": address, "auth_string": LOGIN}


def _serving(home: Path, address: str) -> AbstractContextManager[Any]:
    header = f"Basic {base64.b64encode(LOGIN.encode()).decode()}"

    def ready() -> bool:
        try:
            return httpx.get(
                f"{address}/api/admin/version", headers={"Authorization": header}, verify=NO_TLS
            ).is_success
        except httpx.TransportError:
            return False

    port = address.rpartition(":")[2]
    command = [program("prefect", "prefect"), "server", "start", "--host", "127.0.0.1", "--port", port, "--no-ui"]
    return running(command, home, ready, _environment(home))


def _environment(home: Path) -> dict[str, str]:
    return {
        "PREFECT_HOME": str(home),
        "PREFECT_SERVER_API_AUTH_STRING": LOGIN,
        "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
        "PREFECT_SERVER_SERVICES_SCHEDULER_ENABLED": "false",
        "DO_NOT_TRACK": "1",
    }
