"""`python -m benchmarks.services`: what pipelines, models, dashboards, indexes and BigQuery cost to read, at two sizes.

The system is a stand-in of its own process that answers at once, so that its cost is not ours. Each run is a process of
its own that writes to the file sink; its CPU seconds, beyond those of a run over nothing, are to grow with the number
of entities, its peak memory hardly.
"""

import argparse
import json
import resource
import subprocess
import sys
import tempfile
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from benchmarks.bigquery_api import PROJECT
from benchmarks.results import Table
from benchmarks.running import ROOT, environment, say
from benchmarks.services_api import SYSTEMS
from connectors.cancellation import Cancellation
from connectors.ingestion import Folders, ingest
from connectors.report import Report

SIZES = (0, 1_000, 10_000)
OF_PIPELINES = {"statusLookbackDays": 365, "lineageInformation": {"dbServiceNames": ["shop"]}}
OPTIONS: Mapping[str, dict[str, Any]] = {
    "airflow": OF_PIPELINES,
    "bigquery": {},
    "dagster": OF_PIPELINES,
    "prefect": OF_PIPELINES,
    "mlflow": {},
    "opensearch": {},
    "superset": {"lineageInformation": {"dbServicePrefixes": ["shop"]}},
}


@dataclass(frozen=True, slots=True)
class Cost:
    """One run: CPU seconds, peak memory in megabytes, records written."""

    cpu: float
    peak: float
    records: int


def connection_to(kind: str, address: str) -> dict[str, Any]:
    """How a connector reaches its stand-in."""
    login = {"username": "reader", "password": "reader-pw"}
    connections: dict[str, dict[str, Any]] = {
        "airflow": {"hostPort": address, "connection": {"authConfig": {"token": "token"}, "apiVersion": "v2"}},
        "bigquery": {"hostPort": address, "credentials": {"gcpConfig": service_account(address)}},
        "dagster": {"host": address},
        "mlflow": {"trackingUri": address, "registryUri": address},
        "opensearch": {"hostPort": address},
        "prefect": {"hostPort": address, "authType": {}},
        "superset": {"hostPort": address, "connection": {"provider": "db", **login}},
    }
    return connections[kind]


def service_account(address: str) -> dict[str, str]:
    """A key of Google's, whose tokens come from the stand-in, too."""
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    form = (serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    text = key.private_bytes(*form).decode()
    return {"privateKey": text, "clientEmail": "bench@x", "projectId": PROJECT, "tokenUri": f"{address}/token"}


@contextmanager
def standing_in(kind: str, size: int) -> Generator[str]:
    """The address of a system with so many entities."""
    command = [sys.executable, "-m", "benchmarks.services_api", kind, str(size)]
    with subprocess.Popen(command, cwd=ROOT, env=environment(), stdout=subprocess.PIPE, text=True) as server:
        try:
            yield f"http://127.0.0.1:{int(server.stdout.readline() if server.stdout else 0)}"
        finally:
            server.terminate()


def run_here(kind: str, connection: dict[str, Any], folder: Path) -> None:
    """Run in this process and print what it cost."""
    report = Report()
    source = {
        "type": kind,
        "serviceName": "bench",
        "serviceConnection": {"config": connection},
        "sourceConfig": {"config": OPTIONS[kind]},
    }
    definition = {"source": source, "sink": {"type": "file", "config": {"filename": "out.jsonl"}}}
    ingest(definition, report, Cancellation(), Folders(files=folder, dead_letters=folder))
    if report.total("failed"):
        message = f"the figures would be those of another job: {report.failures[0]}"
        raise SystemExit(message)
    used = resource.getrusage(resource.RUSAGE_SELF)
    say(json.dumps([used.ru_utime + used.ru_stime, used.ru_maxrss / 1024, report.total("written")]))


def cost(kind: str, size: int) -> Cost:
    """Stand in for a system, and read it in a process of its own."""
    with standing_in(kind, size) as address, tempfile.TemporaryDirectory(prefix="headwater-bench-") as folder:
        connection = json.dumps(connection_to(kind, address))
        command = [sys.executable, "-m", "benchmarks.services", "--run", kind, connection, folder]
        done = subprocess.run(command, cwd=ROOT, env=environment(), check=False, capture_output=True, text=True)
    if done.returncode:
        raise SystemExit(done.stderr)
    return Cost(*json.loads(done.stdout.splitlines()[-1]))


def main() -> int:
    """Measure and print; the exit code is 0 whatever the figures are."""
    parser = argparse.ArgumentParser("benchmarks.services", description="Measure connectors that ask an API.")
    parser.add_argument("kinds", nargs="*", default=sorted(SYSTEMS), metavar="CONNECTOR")
    parser.add_argument("--run", nargs=3, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.run is not None:
        kind, connection, folder = given.run
        run_here(kind, json.loads(connection), Path(folder))
        return 0
    table = Table()
    for kind in given.kinds:
        nothing, small, large = (cost(kind, size) for size in SIZES)
        table.part(f"{kind}: a system of {SIZES[1]:,} and of {SIZES[2]:,} entities")
        for each in (small, large):
            cpu, peak = each.cpu - nothing.cpu, each.peak - nothing.peak
            table.line(f"{each.records:,} records: CPU", f"{cpu:.2f} s")
            table.line("  CPU per record", f"{1000 * cpu / each.records:.2f} ms", "flat")
            table.line("  peak memory beyond that of a run over nothing", f"{peak:.0f} MB", "flat")
    return 0


if __name__ == "__main__":
    sys.exit(main())
