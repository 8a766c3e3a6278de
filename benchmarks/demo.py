"""`make demo`: the main job end to end, on the embedded store, with a real Postgres as the source."""

import contextlib
import json
import os
import socket
import subprocess
import sys
import tempfile
import time
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
SHOWN_METRICS = ("headwater_runs_total", "headwater_records_total", "headwater_schedule_lag_seconds_count")


def main() -> int:
    """Show it; 0 when everything went as promised."""
    folder = Path(tempfile.mkdtemp(prefix="headwater-demo-"))
    folder.chmod(0o755)
    say(f"Everything of this demo is in {folder}")
    with EmbeddedPostgres(folder / "source") as source, service(folder / "service") as api:
        connection = load_shop(source.url)
        run = scheduled_run(api, connection)
        failed = failing_run(api, connection)
        show_metrics(api)
    say("", f"The records are in {folder / 'service' / 'files' / 'shop.jsonl.gz'}: `gzip -cd` shows them, a line each.")
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


def scheduled_run(api: httpx.Client, connection: dict[str, Any]) -> dict[str, Any]:
    """POST a workflow and follow the run that its schedule makes."""
    run = follow(api, "shop-nightly", connection)
    counts: dict[str, dict[str, int]] = run["counts"]["byType"]
    say(f"It {run['state']} in {seconds_of(run):.2f} s and found:")
    for entity, outcomes in counts.items():
        say(f"  {outcomes.get('written', 0):4} {entity}")
    return run


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
        if state != told:
            told = state
            say(f"  {name}: {state} {json.dumps(runs[0]['progress']) if runs else ''}")
        if runs and runs[0]["finishedAt"]:
            return dict(runs[0])
        pause()
    message = f"the run of {name} did not end"
    raise SystemExit(message)


def seconds_of(run: dict[str, Any]) -> float:
    """How long a run took."""
    ended, began = datetime.fromisoformat(run["finishedAt"]), datetime.fromisoformat(run["startedAt"])
    return (ended - began).total_seconds()


def show_metrics(api: httpx.Client) -> None:
    """The metrics that tell of these runs."""
    say("", "GET /metrics says of it:")
    for line in api.get("/metrics").text.splitlines():
        if line.startswith(SHOWN_METRICS):
            say(f"  {line}")


def pause() -> None:
    """Let a moment pass."""
    time.sleep(0.1)


def say(*lines: str) -> None:
    """Print at once."""
    print(*lines, sep="\n", flush=True)


if __name__ == "__main__":
    sys.exit(main())
