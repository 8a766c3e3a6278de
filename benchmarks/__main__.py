"""`make bench`: the whole service on catalogues of 1,000 and of 10,000 tables x 20 columns: CPU seconds, peak memory.

The catalogue's API is a stand-in that answers every request at once, so that its own cost is not ours. The
floor is what fetching the same catalogue rows and dumping them as JSON costs this machine in the same run.
"""

import http.server
import json
import platform
import resource
import sys
import tempfile
import threading
import time
from pathlib import Path
from typing import Any

import httpx
import psycopg
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from benchmarks.demo import say, service
from benchmarks.postgres_catalogue import build
from benchmarks.process import peak_megabytes, process_cpu_seconds, process_of
from service.database.embedded import EmbeddedPostgres

SIZES, COLUMNS, SCHEMAS = (1000, 10_000), 20, 10
TABLES_PER_VIEW = 10
PATIENCE_SECONDS = 300
# What one transaction may lock while the catalogue is made.
SOURCE = {"max_locks_per_transaction": "512", "fsync": "off", "synchronous_commit": "off"}
FLOOR = (
    """select c.oid, n.nspname, c.relname, c.relkind, obj_description(c.oid, 'pg_class')
       from pg_class c join pg_namespace n on n.oid = c.relnamespace
       where n.nspname like 'bench%' and c.relkind in ('r', 'v')""",
    """select a.attrelid, a.attname, format_type(a.atttypid, a.atttypmod), a.attnotnull,
           col_description(a.attrelid, a.attnum)
       from pg_attribute a join pg_class c on c.oid = a.attrelid join pg_namespace n on n.oid = c.relnamespace
       where n.nspname like 'bench%' and a.attnum > 0 and c.relkind in ('r', 'v')""",
    "select conrelid, conname, pg_get_constraintdef(oid) from pg_constraint where conrelid <> 0",
    """select c.oid, pg_get_viewdef(c.oid) from pg_class c join pg_namespace n on n.oid = c.relnamespace
       where n.nspname like 'bench%' and c.relkind = 'v'""",
)


class FastApi(http.server.BaseHTTPRequestHandler):
    """Accepts everything."""

    protocol_version = "HTTP/1.1"

    def answer(self) -> None:
        """Read the request, say that it went well."""
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        status, reply = (404, b"{}") if self.command == "GET" else (200, b'{"status":"success"}')
        if self.path.endswith("/system/version"):
            status, reply = 200, b'{"version":"2.0.7"}'
        elif "/bulk" in self.path:
            count = body.count(b'"sourceHash"')
            reply = json.dumps({"status": "success", "numberOfRowsPassed": count, "failedRequest": []}).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(reply)))
        self.end_headers()
        self.wfile.write(reply)

    def log_request(self, code: int | str = "-", size: int | str = "-") -> None:
        """Say nothing."""


for verb in ("GET", "PUT", "POST", "DELETE"):
    setattr(FastApi, f"do_{verb}", FastApi.answer)


def main() -> int:
    """Measure and print; the exit code is 0 whatever the figures are."""
    folder = Path(tempfile.mkdtemp(prefix="headwater-bench-"))
    folder.chmod(0o755)
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), FastApi)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    rows = [f"{'what':44} {'wall s':>8} {'CPU s':>8} {'x floor':>8} {'peak MB':>8}"]
    with EmbeddedPostgres(folder / "source", parameters=SOURCE) as source:
        for size in SIZES:
            url = made(source.url, size)
            floor = floor_cpu_seconds(url)
            rows.append(f"{f'{size} tables, floor: rows fetched and dumped':44} {'':>8} {floor:8.2f} {1:8.1f}")
            for threads in (1, 4):
                # A service of its own for each: what one run leaves behind is not the next one's.
                with service(folder / f"service-{size}-{threads}") as api:
                    wall, cpu, peak = measure(api, url, server.server_address[1], threads)
                what = f"{size} tables, POST to the end, threads {threads}"
                rows.append(f"{what:44} {wall:8.2f} {cpu:8.2f} {cpu / floor:8.1f} {peak:8.0f}")
    server.shutdown()
    say("", f"Python {platform.python_version()}, {platform.platform()}, {platform.machine()}", *rows)
    return 0


def made(url: str, tables: int) -> str:
    """A database with so many tables, and a view for every tenth; where it is."""
    views = tables // TABLES_PER_VIEW
    say(f"Making {tables} tables x {COLUMNS} columns and {views} views in {SCHEMAS} schemas ...")
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(f"create database bench_{tables}".encode())
    of_it = make_conninfo(url, dbname=f"bench_{tables}")
    build(of_it, schemas=SCHEMAS, tables=tables, columns=COLUMNS, views=views)
    return of_it


def floor_cpu_seconds(url: str) -> float:
    """CPU of fetching the catalogue rows with psycopg and dumping them."""
    before = cpu_seconds(resource.RUSAGE_SELF)
    with psycopg.connect(url) as connection:
        json.dumps([connection.execute(query).fetchall() for query in FLOOR], default=str)
    return cpu_seconds(resource.RUSAGE_SELF) - before


def measure(api: httpx.Client, url: str, port: int, threads: int) -> tuple[float, float, float]:
    """One run from POST to its end: wall seconds, CPU seconds and peak resident megabytes of the whole service."""
    name = f"bench-{threads}"
    place = conninfo_to_dict(url)
    definition: dict[str, Any] = {
        "name": name,
        "config": {
            "source": {
                "type": "postgres",
                "serviceName": name,
                "serviceConnection": {
                    "config": {
                        "type": "Postgres",
                        "username": place["user"],
                        "authType": {"password": place["password"]},
                        "hostPort": f"{place['host']}:{place['port']}",
                        "database": place["dbname"],
                    }
                },
                "sourceConfig": {"config": {"type": "DatabaseMetadata", "includeDDL": True, "threads": threads}},
            },
            "sink": {"type": "metadata-rest", "config": {}},
            "workflowConfig": {
                "openMetadataServerConfig": {
                    "hostPort": f"http://127.0.0.1:{port}/api",
                    "authProvider": "openmetadata",
                    "securityConfig": {"jwtToken": "bench"},
                }
            },
        },
    }
    pid = process_of(api)
    began, before = time.monotonic(), process_cpu_seconds(pid)
    api.post("/api/v1/workflows", json=definition).raise_for_status()
    run_path = api.post(f"/api/v1/workflows/{name}/runs", json={}).raise_for_status().headers["Location"]
    while (run := api.get(run_path).json())["finishedAt"] is None and time.monotonic() - began < PATIENCE_SECONDS:
        time.sleep(0.05)
    wall, cpu = time.monotonic() - began, process_cpu_seconds(pid) - before
    say(f"{name}: {run['state']} {run['counts']['byType']} {run['error'] or ''}")
    return wall, cpu, peak_megabytes(pid)


def cpu_seconds(who: int) -> float:
    """User and system time of this process so far."""
    usage = resource.getrusage(who)
    return usage.ru_utime + usage.ru_stime


if __name__ == "__main__":
    sys.exit(main())
