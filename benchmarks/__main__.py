"""`make bench`: the whole service on a catalogue of 1,000 tables x 20 columns and 100 views, in CPU seconds.

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
from psycopg.conninfo import conninfo_to_dict

from benchmarks.demo import say, service
from benchmarks.postgres_catalogue import build
from service.database.embedded import EmbeddedPostgres

TABLES, COLUMNS, VIEWS, SCHEMAS = 1000, 20, 100, 10
PATIENCE_SECONDS = 120
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
    with EmbeddedPostgres(folder / "source") as source:
        say(f"Making {TABLES} tables x {COLUMNS} columns and {VIEWS} views in {SCHEMAS} schemas ...")
        build(source.url, schemas=SCHEMAS, tables=TABLES, columns=COLUMNS, views=VIEWS)
        floor = floor_cpu_seconds(source.url)
        with service(folder / "service") as api:
            rows = [measure(api, source.url, server.server_address[1], threads) for threads in (1, 4)]
    server.shutdown()
    say("", f"Python {platform.python_version()}, {platform.platform()}, {platform.machine()}")
    say(f"{'what':44} {'wall s':>8} {'CPU s':>8} {'x floor':>8}")
    say(f"{'floor: the rows fetched and dumped':44} {'':>8} {floor:8.2f} {1:8.1f}")
    for name, wall, cpu in rows:
        say(f"{name:44} {wall:8.2f} {cpu:8.2f} {cpu / floor:8.1f}")
    return 0


def floor_cpu_seconds(url: str) -> float:
    """CPU of fetching the catalogue rows with psycopg and dumping them."""
    before = cpu_seconds(resource.RUSAGE_SELF)
    with psycopg.connect(url) as connection:
        json.dumps([connection.execute(query).fetchall() for query in FLOOR], default=str)
    return cpu_seconds(resource.RUSAGE_SELF) - before


def measure(api: httpx.Client, url: str, port: int, threads: int) -> tuple[str, float, float]:
    """One run from POST to its end: what it was, wall seconds, CPU seconds of the whole service."""
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
    return f"POST to {run['state']}, threads {threads}", wall, cpu


def process_of(api: httpx.Client) -> int:
    """The pid of the service, as its own metrics tell nothing of it: whoever listens on its port."""
    port = f"{api.base_url.port:04X}"
    listening = [line.split() for line in Path("/proc/net/tcp").read_text().splitlines()[1:]]
    inode = next(fields[9] for fields in listening if fields[1].endswith(f":{port}") and fields[3] == "0A")
    for link in Path("/proc").glob("[0-9]*/fd/*"):
        try:
            if str(link.readlink()) == f"socket:[{inode}]":
                return int(link.parts[2])
        except OSError:
            continue
    message = "the service's process was not found"
    raise SystemExit(message)


def process_cpu_seconds(pid: int) -> float:
    """User and system time of a process so far, without its Postgres."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / 100


def cpu_seconds(who: int) -> float:
    """User and system time of this process so far."""
    usage = resource.getrusage(who)
    return usage.ru_utime + usage.ru_stime


if __name__ == "__main__":
    sys.exit(main())
