"""Dagster: its web server over three jobs of one code location, two of which have run."""

import hashlib
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

DEFINITIONS = """
import dagster as dg

orders = dg.AssetSpec(
    ["lake", "orders"],
    description="All orders.",
    metadata={"dagster/table_name": "shop.public.orders"},
)


@dg.asset(key_prefix=["shop", "reports"], deps=[orders], description="Orders by day.")
def daily():
    return None


@dg.op(description="Reads them.")
def extract():
    return 1


@dg.op
def load(context, n: int):
    return n


@dg.op
def fail(n: int):
    raise RuntimeError("on purpose")


@dg.graph
def inner():
    return load(extract())


@dg.job(
    name="load_orders",
    description="Loads the orders.",
    tags={"team": "sales", "reviewed": ""},
    owners=["ada@shop.example", "team:sales"],
)
def loading():
    fail(inner())


defs = dg.Definitions(
    assets=[orders, daily],
    jobs=[loading, dg.define_asset_job("reports", selection=["shop/reports/daily"])],
    schedules=[dg.ScheduleDefinition(job=loading, cron_schedule="0 2 * * *", execution_timezone="Europe/Berlin")],
)
"""


def prepare() -> Path:
    """A folder with the code and its runs, made once for each text of the code."""
    home = FOLDER / "dagster" / f"home-{hashlib.sha256(DEFINITIONS.encode()).hexdigest()[:8]}"
    if (home / "ready").exists():
        return home
    shutil.rmtree(home, ignore_errors=True)
    home.mkdir(parents=True)
    (home / "defs.py").write_text(DEFINITIONS, encoding="utf-8")
    (home / "dagster.yaml").write_text("telemetry: {enabled: false}\n", encoding="utf-8")
    for job in ("load_orders", "reports"):
        command = [program("dagster", "dagster"), "job", "execute", "-f", "defs.py", "-j", job]
        done = subprocess.run(
            command, check=False, cwd=home, env=os.environ | _environment(home), capture_output=True, text=True
        )
        assert (done.returncode == 0) is (job == "reports"), done.stderr[-2000:]
    (home / "ready").touch()
    return home


@contextmanager
def start(folder: Path) -> Generator[dict[str, str]]:
    """A server of this process's own; see tests.sharing."""
    home = folder / "home"
    shutil.copytree(prepare(), home)
    port = str(free_port())
    address = f"http://127.0.0.1:{port}"

    def ready() -> bool:
        try:
            return httpx.get(f"{address}/server_info", verify=NO_TLS).is_success
        except httpx.TransportError:
            return False

    command = [program("dagster", "dagster-webserver"), "-h", "127.0.0.1", "-p", port, "-f", "defs.py"]
    with running(command, home, ready, _environment(home)):
        yield {"address": address}


def _environment(home: Path) -> dict[str, str]:
    return {
        "DAGSTER_HOME": str(home),
        "DAGSTER_DISABLE_TELEMETRY": "1",
        "PATH": f"{Path(program('dagster', 'dagster')).parent}:{os.environ['PATH']}",
    }
