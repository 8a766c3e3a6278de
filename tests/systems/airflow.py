"""Apache Airflow: its API server over a database in which two DAGs are stored and one has run; no scheduler."""

import hashlib
import json
import os
import shutil
import subprocess
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

import httpx

from tests.plain_http import NO_TLS
from tests.sharing import free_port
from tests.systems import FOLDER, program, running

USERNAME, PASSWORD = "reader", "airflow-pw"
DAGS = """
from datetime import UTC, datetime

from airflow.providers.standard.operators.bash import BashOperator
from airflow.providers.standard.operators.empty import EmptyOperator
from airflow.sdk import DAG, Asset

orders = Asset("postgres://db:5432/shop/public/orders")
daily = Asset("postgres://db:5432/shop/reports/daily")
start = datetime(2026, 1, 1, tzinfo=UTC)

with DAG("load_orders", description="Loads the orders.", schedule="0 2 * * *", start_date=start, catchup=False,
         tags=["sales", "night.ly"], default_args={"owner": "ada"}):
    extract = EmptyOperator(task_id="extract")
    transform = BashOperator(task_id="transform", bash_command="true", doc_md="Cleans them.")
    extract >> transform >> EmptyOperator(task_id="load", outlets=[orders])

with DAG("report.daily", schedule=[orders], start_date=start, tags=["sales"], default_args={"owner": "bob"}):
    EmptyOperator(task_id="make", inlets=[orders], outlets=[daily])
"""


def prepare() -> Path:
    """A folder with the database as it is after the run of a DAG, made once for each text of the DAGs."""
    key = hashlib.sha256(DAGS.encode()).hexdigest()[:8]
    home = FOLDER / "airflow" / f"home-{key}"
    if (home / "ready").exists():
        return home
    shutil.rmtree(home, ignore_errors=True)
    (home / "dags").mkdir(parents=True)
    (home / "dags" / "shop.py").write_text(DAGS, encoding="utf-8")
    (home / "passwords.json").write_text(json.dumps({USERNAME: PASSWORD}), encoding="utf-8")
    for arguments in (["db", "migrate"], ["dags", "reserialize"], ["dags", "test", "load_orders"]):
        command = [program("airflow", "airflow"), *arguments]
        subprocess.run(command, check=True, env=os.environ | environment(home), capture_output=True)
    (home / "ready").touch()
    return home


@contextmanager
def start(folder: Path) -> Generator[dict[str, str]]:
    """A server of this process's own; see tests.sharing."""
    home = copy_to(folder / "home")
    port = str(free_port())
    address = f"http://127.0.0.1:{port}"

    def ready() -> bool:
        try:
            return httpx.get(f"{address}/api/v2/version", verify=NO_TLS).is_success
        except httpx.TransportError:
            return False

    command = [program("airflow", "airflow"), "api-server", "--host", "127.0.0.1", "--port", port, "--workers", "1"]
    with running(command, folder / "server", ready, environment(home)):
        yield {"address": address, "username": USERNAME, "password": PASSWORD}


def copy_to(home: Path) -> Path:
    """A folder of one's own; without the settings, which name the database they were made with."""
    return shutil.copytree(prepare(), home, ignore=shutil.ignore_patterns("airflow.cfg", "logs"))


def environment(home: Path) -> dict[str, str]:
    """What tells Airflow's programs that this is their folder."""
    return {
        "AIRFLOW_HOME": str(home),
        "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
        "AIRFLOW__CORE__DAGS_FOLDER": str(home / "dags"),
        "AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_USERS": f"{USERNAME}:viewer",
        "AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_PASSWORDS_FILE": str(home / "passwords.json"),
        "PATH": f"{Path(program('airflow', 'airflow')).parent}:{os.environ['PATH']}",
    }
