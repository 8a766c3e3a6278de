"""`make demo`: the main job end to end, on the embedded store, with a real Postgres as the source."""

import argparse
import gzip
import json
import shutil
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import psycopg
from psycopg.conninfo import make_conninfo

from benchmarks.postgres_catalogue import Size, build
from benchmarks.running import PATIENCE_SECONDS, ROOT, pause, say, service, source

SHOP = ROOT / "tests" / "golden" / "shop.sql"
ARCHIVE = Size(tables=3000, columns=20, views=300, schemas=30, prefix="archive")
RECORDS = "shop-nightly.jsonl.gz"
DUE_SECONDS = 2
A_MOMENT = 1e9
CALLED = {
    "databaseService": "service",
    "database": "database",
    "databaseSchema": "schemas",
    "table": "tables and views",
    "storedProcedure": "routines",
}


def main() -> int:
    """Show it; 0 when everything went as promised."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--tables", type=int, default=ARCHIVE.tables, help="how many the archive has, at least 1")
    tables = parser.parse_args().tables
    archive = replace(ARCHIVE, tables=tables, views=tables // 10)
    folder = Path(tempfile.mkdtemp(prefix="headwater-demo-"))
    folder.chmod(0o755)
    say(f"Everything of this demo is in {folder}")
    try:
        ended_well = show(folder, archive)
    except KeyboardInterrupt:
        shutil.rmtree(folder)
        raise
    if not ended_well:
        say("", f"It did not go as promised: what it left, with the service's log, is in {folder}")
        return 1
    records = (folder / "service" / "files" / RECORDS).rename(folder / RECORDS)
    for part in ("service", "source"):
        shutil.rmtree(folder / part)
    say("", f"The records are in {records}, all that is left of this", "  `gzip -cd` shows them, a line each")
    return 0


def show(folder: Path, archive: Size) -> bool:
    """The demo itself; whether everything went as promised."""
    files = folder / "service" / "files"
    with source(folder / "source") as url:
        connection = load(url, archive)
        with service(folder / "service") as running:
            api = running.api
            say(f"The service is ready on {api.base_url}, its store an embedded Postgres")
            before = metrics_of(api)
            run = scheduled_run(api, connection, files)
            failed = failing_run(api, connection)
            show_changes(before, metrics_of(api))
    return run["state"] == "succeeded" and failed["state"] == "failed"


def load(url: str, archive: Size) -> dict[str, Any]:
    """Load the shop and an archive into the source; the connection a definition needs."""
    began = time.monotonic()
    connection = load_shop(url)
    conninfo = make_conninfo(url, dbname=connection["database"])
    build(conninfo, archive)
    with psycopg.connect(conninfo, autocommit=True) as shop:
        for schema in archive.schema_names:
            shop.execute(f"grant usage on schema {schema} to reader".encode())
    say(
        f"A Postgres is up as the source: a small shop, and an archive of {archive.tables:,} tables "
        f"(made in {time.monotonic() - began:.1f} s)"
    )
    return connection


def load_shop(url: str) -> dict[str, Any]:
    """Load the shop into the source; the connection a definition needs."""
    with psycopg.connect(url, autocommit=True) as admin:
        admin.execute("create role reader login password 'shop-reader'")
        admin.execute("create database shop")
        host, port = admin.info.host, admin.info.port
    with psycopg.connect(url, dbname="shop", autocommit=True) as shop:
        shop.execute(SHOP.read_bytes())
        shop.execute('grant usage on schema sales, "Odd Names", empty_one to reader')
    return {
        "type": "Postgres",
        "username": "reader",
        "authType": {"password": "secret:shop-pg"},
        "hostPort": f"{host}:{port}",
        "database": "shop",
    }


def workflow(name: str, connection: dict[str, Any]) -> dict[str, Any]:
    """The definition of a workflow that writes to a file, due in a moment."""
    due = datetime.now(UTC) + timedelta(seconds=DUE_SECONDS)
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
            "sink": {"type": "file", "config": {"filename": f"{name}.jsonl.gz"}},
            "workflowConfig": {},
        },
    }


def scheduled_run(api: httpx.Client, connection: dict[str, Any], files: Path) -> dict[str, Any]:
    """POST a workflow, follow the run that its schedule makes, count what it wrote."""
    run = follow(api, "shop-nightly", connection)
    found = count_records(files / RECORDS)
    say(f"It {run['state']} in {seconds_of(run):.2f} s and found:")
    for kind in ("tables", "columns", "views", "routines"):
        say(f"  {found[kind]:6,} {kind}")
    return run


def count_records(file: Path) -> Counter[str]:
    """What is in the file that a run wrote: tables, views, the columns of both, and routines."""
    found: Counter[str] = Counter()
    with gzip.open(file, "rt", encoding="utf-8") as lines:
        for line in lines:
            record = json.loads(line)
            request = record["request"]
            if record["entity"] == "table":
                found["views" if request.get("tableType", "").endswith("View") else "tables"] += 1
                found["columns"] += len(request["columns"])
            elif record["entity"] == "storedProcedure":
                found["routines"] += 1
    return found


def failing_run(api: httpx.Client, connection: dict[str, Any]) -> dict[str, Any]:
    """The same with a wrong password."""
    wrong = {**connection, "authType": {"password": "not-the-password"}}
    run = follow(api, "shop-wrong-password", wrong)
    error: dict[str, str] = run["error"] or {}
    say(f"It {run['state']}: {error.get('detail')}", f"  advice: {error.get('advice')}")
    return run


def follow(api: httpx.Client, name: str, connection: dict[str, Any]) -> dict[str, Any]:
    """Create a workflow and show each change of its run until that ends."""
    answer = api.post("/api/v1/workflows", json=workflow(name, connection))
    say("", f"POST /api/v1/workflows {name}: {answer.status_code} {answer.headers.get('Location', answer.text)}")
    answer.raise_for_status()
    began, told = time.monotonic(), ""
    while (since := time.monotonic() - began) < PATIENCE_SECONDS:
        runs = api.get("/api/v1/runs", params={"workflow": name}).json()["data"]
        line = looks(runs[0]) if runs else "waits for its tick"
        if line != told:
            told = line
            say(f"  {since:5.2f} s  {line}")
        if runs and runs[0]["finishedAt"]:
            return dict(runs[0])
        pause()
    message = f"the run of {name} did not end"
    raise SystemExit(message)


def looks(run: Mapping[str, Any]) -> str:
    """State and progress of a run, in words."""
    progress: Mapping[str, Mapping[str, int | None] | int | None] = run["progress"]
    parts: list[str] = []
    for entity, called in CALLED.items():
        state = progress.get(entity)
        if isinstance(state, Mapping):
            expected = state.get("expected")
            parts.append(f"{called} {state['processed']}" + ("" if expected is None else f"/{expected}"))
    return f"{run['state']:9}  {', '.join(parts)}".rstrip()


def seconds_of(run: Mapping[str, Any]) -> float:
    """How long a run took."""
    ended, began = datetime.fromisoformat(run["finishedAt"]), datetime.fromisoformat(run["startedAt"])
    return (ended - began).total_seconds()


def metrics_of(api: httpx.Client) -> dict[str, float]:
    """Our metrics, each with its labels; of distributions their count and sum, and none of the API itself."""
    found: dict[str, float] = {}
    for line in api.get("/metrics").text.splitlines():
        name, _, value = line.rpartition(" ")
        plain = name.partition("{")[0]
        if plain.startswith("headwater_http_") or plain.endswith(("_bucket", "_created")):
            continue
        if plain.startswith("headwater_"):
            found[name] = float(value)
    return found


def show_changes(before: Mapping[str, float], after: Mapping[str, float]) -> None:
    """The metrics that these runs changed."""
    say("", "GET /metrics, what changed meanwhile (without buckets, and requests to the API itself):")
    for name, value in after.items():
        former = before.get(name, 0.0)
        if value != former:
            say(f"  {name}  {shown(former)} -> {shown(value)}")


def shown(value: float) -> str:
    """A figure that a person reads: a moment, or no more than three places."""
    if value > A_MOMENT:
        return datetime.fromtimestamp(value, UTC).isoformat(timespec="seconds")
    return f"{value:.3f}".rstrip("0").rstrip(".")


if __name__ == "__main__":
    sys.exit(main())
