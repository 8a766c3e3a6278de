"""`make demo`: the main job end to end, on the embedded store, with a real Postgres as the source."""

import contextlib
import gzip
import json
import os
import re
import socket
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Generator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import psycopg

from service.database.embedded import EmbeddedPostgres

ROOT = Path(__file__).parents[1]
SHOP = ROOT / "tests" / "golden" / "shop.sql"
PATIENCE_SECONDS = 60
HISTOGRAM_PARTS = re.compile(r"_(bucket|created|sum)\b|headwater_http_")
VIEWS = {"View", "MaterializedView"}
NAMES = {"databaseService": "services", "databaseSchema": "schemas", "storedProcedure": "routines"}
COUNTED = ("databaseSchema", "table", "storedProcedure")


def main() -> int:
    """Show it; 0 when everything went as promised."""
    folder = Path(tempfile.mkdtemp(prefix="headwater-demo-"))
    folder.chmod(0o755)
    say(f"Everything of this demo is in {folder}")
    records = folder / "service" / "files" / "shop.jsonl.gz"
    with EmbeddedPostgres(folder / "source") as source, service(folder / "service") as api:
        connection = load_shop(source.url)
        before = metrics(api)
        run = scheduled_run(api, connection, records)
        failed = failing_run(api, connection)
        show_changes(before, metrics(api))
    say("", f"The records are in {records}: `gzip -cd` shows them, a line each.")
    return 0 if run["state"] == "succeeded" and failed["state"] == "failed" else 1


@contextlib.contextmanager
def service(data_dir: Path) -> Generator[httpx.Client]:
    """A running service with an empty store, and a client for it."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    own = {"HEADWATER_DATA_DIR": str(data_dir), "HEADWATER_PORT": str(port), "HEADWATER_SECRET_SHOP_PG": "shop-reader"}
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("HEADWATER_")}
    data_dir.mkdir()
    with (data_dir / "service.log").open("w") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "service", "serve"], cwd=ROOT, env={**inherited, **own}, stderr=log
        )
        try:
            with httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=10, trust_env=False) as client:
                wait_until_ready(client, process)
                say(f"The service is ready on http://127.0.0.1:{port}, its store an embedded Postgres")
                yield client
        finally:
            process.terminate()
            process.wait()


def wait_until_ready(client: httpx.Client, process: subprocess.Popen[bytes]) -> None:
    """Return when the service takes work."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while process.poll() is None and time.monotonic() < deadline:
        with contextlib.suppress(httpx.TransportError):
            if client.get("/health/ready").is_success:
                return
        pause()
    message = "the service did not become ready; see service.log in the demo's folder"
    raise SystemExit(message)


def load_shop(url: str) -> dict[str, Any]:
    """Load the shop into the source; the connection a definition needs."""
    with psycopg.connect(url, autocommit=True) as admin:
        admin.execute("create role reader login password 'shop-reader'")
        admin.execute("create database shop")
        info = admin.info
        host, port = info.host, info.port
        with psycopg.connect(url, dbname="shop", autocommit=True) as shop:
            shop.execute(SHOP.read_bytes())
            shop.execute('grant usage on schema sales, "Odd Names", empty_one to reader')
    say("A Postgres with a small shop is up, as the source")
    return {
        "type": "Postgres",
        "username": "reader",
        "authType": {"password": "secret:shop-pg"},
        "hostPort": f"{host}:{port}",
        "database": "shop",
    }


def workflow(name: str, connection: dict[str, Any]) -> dict[str, Any]:
    """The definition of a workflow that writes to a file, due in two seconds."""
    due = datetime.now(UTC) + timedelta(seconds=2)
    return {
        "name": name,
        "schedule": {"at": due.isoformat()},
        "config": {
            "source": {
                "type": "postgres",
                "serviceName": "shop",
                "serviceConnection": {"config": connection},
                "sourceConfig": {"config": {"type": "DatabaseMetadata", "includeDDL": True, "threads": 4}},
            },
            "sink": {"type": "file", "config": {"filename": "shop.jsonl.gz"}},
            "workflowConfig": {},
        },
    }


def scheduled_run(api: httpx.Client, connection: dict[str, Any], records: Path) -> dict[str, Any]:
    """POST a workflow and follow the run that its schedule makes."""
    run = follow(api, "shop-nightly", connection)
    say(f"It {run['state']} in {seconds_of(run):.2f} s and found:")
    for thing, count in found_in(records).items():
        say(f"  {count:4} {thing}")
    return run


def found_in(records: Path) -> Counter[str]:
    """What the lines of a file of records describe."""
    found = Counter[str]()
    with gzip.open(records, "rt", encoding="utf-8") as lines:
        for line in map(json.loads, lines):
            kind, request = line["entity"], line["request"]
            if kind == "table":
                found["columns"] += len(request["columns"])
                kind = "view" if request["tableType"] in VIEWS else "table"
            found[NAMES.get(kind, f"{kind}s")] += 1
    return found


def failing_run(api: httpx.Client, connection: dict[str, Any]) -> dict[str, Any]:
    """The same with a wrong password."""
    wrong = {**connection, "authType": {"password": "not-the-password"}}
    run = follow(api, "shop-wrong-password", wrong)
    error: dict[str, str] = run["error"] or {}
    say(f"It {run['state']}: {error.get('title')}: {error.get('detail')}", f"  {error.get('advice')}")
    return run


def follow(api: httpx.Client, name: str, connection: dict[str, Any]) -> dict[str, Any]:
    """Create a workflow and show its run until that ends."""
    answer = api.post("/api/v1/workflows", json=workflow(name, connection))
    say("", f"POST /api/v1/workflows {name}: {answer.status_code} {answer.headers.get('Location', answer.text)}")
    answer.raise_for_status()
    deadline, told = time.monotonic() + PATIENCE_SECONDS, ""
    while time.monotonic() < deadline:
        runs = api.get("/api/v1/runs", params={"workflow": name}).json()["data"]
        state = runs[0]["state"] if runs else "waiting for its tick"
        shown = f"{state:10} {progress_of(runs[0])}" if runs else state
        if shown != told:
            told = shown
            say(f"  {shown}")
        if runs and runs[0]["finishedAt"]:
            return dict(runs[0])
        pause()
    message = f"the run of {name} did not end"
    raise SystemExit(message)


def progress_of(run: dict[str, Any]) -> str:
    """How far a run is, of every type of entity that its source could count."""
    steps: dict[str, dict[str, int | None]] = {entity: run["progress"].get(entity) or {} for entity in COUNTED}
    known = {entity: step for entity, step in steps.items() if step.get("expected")}
    return "  ".join(f"{entity} {step['processed']}/{step['expected']}" for entity, step in known.items())


def seconds_of(run: dict[str, Any]) -> float:
    """How long a run took."""
    ended, began = datetime.fromisoformat(run["finishedAt"]), datetime.fromisoformat(run["startedAt"])
    return (ended - began).total_seconds()


def metrics(api: httpx.Client) -> dict[str, str]:
    """The value of every series that Prometheus would scrape, but for those of histograms' parts and of the process."""
    lines = [line for line in api.get("/metrics").text.splitlines() if line.startswith("headwater_")]
    pairs = [line.rpartition(" ") for line in lines if not HISTOGRAM_PARTS.search(line)]
    return {series: value for series, _, value in pairs}


def show_changes(before: dict[str, str], after: dict[str, str]) -> None:
    """The metrics that are other than before."""
    say("", "GET /metrics tells of it:")
    for series, value in after.items():
        if before.get(series, "0.0") != value:
            say(f"  {series} {value}")


def pause() -> None:
    """Let a moment pass."""
    time.sleep(0.02)


def say(*lines: str) -> None:
    """Print at once."""
    print(*lines, sep="\n", flush=True)


if __name__ == "__main__":
    sys.exit(main())
