"""`python -m benchmarks.databases`: what large databases of other kinds than Postgres cost, at two sizes.

Each run is a process of its own that writes to the file sink. Its CPU seconds are to grow with the tables, its peak
memory beyond that of a run over an empty database by no more than the names of one schema's tables; SQLite itself
keeps the definitions of all tables in memory.
"""

import argparse
import json
import resource
import sqlite3
import subprocess
import sys
import tempfile
from collections.abc import Callable, Mapping
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg
from psycopg import sql
from psycopg.conninfo import conninfo_to_dict

from benchmarks.results import Table
from benchmarks.running import ROOT, environment, say, source
from connectors.cancellation import Cancellation
from connectors.ingestion import Folders, ingest
from connectors.report import Report

SIZES = (0, 2_000, 20_000)
COLUMNS = 20
METASTORE = (ROOT / "tests" / "golden" / "metastore.sql", "TBLS", "SDS", "COLUMNS_V2", "TABLE_PARAMS")
Definition = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Cost:
    """One run: CPU seconds, peak memory in megabytes, tables written."""

    cpu: float
    peak: float
    tables: int


def sqlite(_server: str, folder: Path, size: int) -> Definition:
    """A file of so many tables, each with a key and a reference to the one before."""
    place = folder / f"{size}.db"
    columns = ", ".join(f"c{number} varchar(20) not null" for number in range(COLUMNS - 2))
    with closing(sqlite3.connect(place)) as made, made:
        made.execute("begin")
        for number in range(size):
            refers = f"references t{max(0, number - 1)} (id)"
            made.execute(f"create table t{number} (id integer primary key, previous integer {refers}, {columns})")
    return {"type": "sqlite", "config": {"type": "SQLite", "databaseMode": str(place)}}


def hive(server: str, _folder: Path, size: int) -> Definition:
    """A metastore in Postgres, with so many tables in one schema."""
    name = f"metastore_{size}"
    schema, *filled = METASTORE
    with psycopg.connect(server, autocommit=True) as admin:
        admin.execute(sql.SQL("create database {}").format(sql.Identifier(name)))
    with psycopg.connect(server, dbname=name) as made:
        made.execute(schema.read_bytes())
        for table in ("PARTITION_KEYS", *filled):
            made.execute(sql.SQL("truncate {}").format(sql.Identifier(table)))
        made.execute('insert into "SDS" select n, n, null from generate_series(1, %s) n', [size])
        made.execute(
            """insert into "TBLS" ("TBL_ID", "DB_ID", "OWNER", "SD_ID", "TBL_NAME", "TBL_TYPE")
               select n, 2, 'ada', n, 't' || n, 'MANAGED_TABLE' from generate_series(1, %s) n""",
            [size],
        )
        made.execute(
            """insert into "COLUMNS_V2" select n, 'what it is', 'c' || c, 'struct<a:int,b:array<string>>', c
               from generate_series(1, %s) n, generate_series(1, %s) c""",
            [size, COLUMNS],
        )
        made.execute('create index on "COLUMNS_V2" ("CD_ID")')
    place = conninfo_to_dict(server)
    store: dict[str, Any] = {
        "type": "Postgres",
        "username": place["user"],
        "hostPort": f"{place['host']}:{place.get('port', 5432)}",
    }
    store["authType"] = {"password": place["password"]}
    return {
        "type": "hive",
        "config": {"type": "Hive", "hostPort": "none:10000", "metastoreConnection": {**store, "database": name}},
    }


MAKERS: Mapping[str, Callable[[str, Path, int], Definition]] = {"hive": hive, "sqlite": sqlite}


def run_here(given: Definition, folder: Path) -> None:
    """Run in this process and print what it cost."""
    report, out = Report(), folder / "out"
    part = {"type": given["type"], "serviceName": "bench", "serviceConnection": {"config": given["config"]}}
    definition = {"source": part, "sink": {"type": "file", "config": {"filename": "out.jsonl"}}}
    ingest(definition, report, Cancellation(), Folders(files=out, dead_letters=out))
    used = resource.getrusage(resource.RUSAGE_SELF)
    tables = report.snapshot_counts().get("table", {}).get("written", 0)
    say(json.dumps([used.ru_utime + used.ru_stime, used.ru_maxrss / 1024, tables]))


def cost(kind: str, server: str, folder: Path, size: int) -> Cost:
    """Make a database, and run over it in a process of its own."""
    given = json.dumps(MAKERS[kind](server, folder, size))
    command = [sys.executable, "-m", "benchmarks.databases", "--run", given, "--folder", str(folder)]
    done = subprocess.run(command, cwd=ROOT, env=environment(), check=True, capture_output=True, text=True)
    return Cost(*json.loads(done.stdout.splitlines()[-1]))


def main() -> int:
    """Measure and print; the exit code is 0 whatever the figures are."""
    parser = argparse.ArgumentParser("benchmarks.databases", description="Measure databases of many kinds.")
    parser.add_argument("--run", type=json.loads, help=argparse.SUPPRESS)
    parser.add_argument("--folder", type=Path, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.run is not None:
        run_here(given.run, given.folder)
        return 0
    table = Table()
    with tempfile.TemporaryDirectory(prefix="headwater-bench-") as name:
        folder = Path(name)
        folder.chmod(0o755)
        with source(folder / "source") as server:
            for kind in MAKERS:
                nothing, small, large = (cost(kind, server, folder, size) for size in SIZES)
                table.part(f"{kind}: {SIZES[1]:,} and {SIZES[2]:,} tables of {COLUMNS} columns")
                for each in (small, large):
                    cpu, peak = each.cpu - nothing.cpu, each.peak - nothing.peak
                    table.line(f"{each.tables:,} tables: CPU", f"{cpu:.2f} s")
                    table.line("  CPU per table", f"{1000 * cpu / each.tables:.2f} ms", "flat")
                    table.line("  peak memory beyond that of a run over nothing", f"{peak:.0f} MB", "flat")
    return 0


if __name__ == "__main__":
    sys.exit(main())
