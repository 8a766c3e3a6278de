"""`python -m benchmarks.documents [dbt] [rest]`: what sources cost that are one large document, at two sizes.

Each run is a process of its own that writes to the file sink; its CPU seconds, and its peak memory beyond that of a run
over a document of nothing, are to grow with the document and with nothing else.
"""

import argparse
import json
import resource
import subprocess
import sys
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.results import Table
from benchmarks.running import ROOT, environment, say
from connectors.cancellation import Cancellation
from connectors.ingestion import Folders, ingest
from connectors.report import Report

CIRCLE = 8
SIZES = (0, 2_000, 20_000)
Definition = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Cost:
    """One run: CPU seconds, peak memory in megabytes, records written."""

    cpu: float
    peak: float
    records: int


def openapi(folder: Path, size: int) -> Definition:
    """A description of so many endpoints in twenty collections, whose schemas refer to each other in circles."""
    schemas = {f"Thing{number}": thing(number, max(1, size // 10)) for number in range(max(1, size // 10))}
    paths = {f"/things/{number}": {"post": operation(number, len(schemas))} for number in range(size)}
    place = folder / f"openapi-{size}.json"
    place.write_text(json.dumps({"openapi": "3.1.0", "info": {}, "paths": paths, "components": {"schemas": schemas}}))
    source = {"type": "Rest", "openAPISchemaConnection": {"openAPISchemaFilePath": str(place)}}
    return {"type": "rest", "serviceName": "bench", "serviceConnection": {"config": source}}


def thing(number: int, of: int) -> dict[str, Any]:
    """A schema of twenty properties, of which one refers to itself and one to the next schema, eight in a circle."""
    following = number + 1 if (number + 1) % CIRCLE and number + 1 < of else number // CIRCLE * CIRCLE
    properties: dict[str, Any] = {f"p{place}": {"type": "string", "description": "One."} for place in range(18)}
    properties["itself"] = {"$ref": f"#/components/schemas/Thing{number}"}
    properties["next"] = {"type": "array", "items": {"$ref": f"#/components/schemas/Thing{following}"}}
    return {"type": "object", "properties": properties}


def operation(number: int, of: int) -> dict[str, Any]:
    """An operation that takes and gives one of the things."""
    content = {"application/json": {"schema": {"$ref": f"#/components/schemas/Thing{number % of}"}}}
    return {
        "tags": [f"tag {number % 20}"],
        "summary": f"Operation {number}",
        "requestBody": {"content": content},
        "responses": {"200": {"content": content}},
    }


def dbt(folder: Path, size: int) -> Definition:
    """A manifest of half as many models, of twenty columns and a page of SQL each, and as many tests."""
    nodes: dict[str, Any] = {}
    for number in range(size // 2):
        nodes[f"model.bench.m{number}"] = model(number)
        nodes[f"test.bench.not_null_m{number}.x"] = {
            "name": f"not_null_m{number}",
            "resource_type": "test",
            "column_name": "c0",
            "attached_node": f"model.bench.m{number}",
            "depends_on": {"nodes": [f"model.bench.m{number}"]},
        }
    version = "https://schemas.getdbt.com/dbt/manifest/v12.json"
    place = folder / f"manifest-{size}.json"
    place.write_text(json.dumps({"metadata": {"dbt_schema_version": version}, "nodes": nodes}))
    config = {"dbtConfigSource": {"dbtConfigType": "local", "dbtManifestFilePath": str(place)}}
    return {"type": "dbt", "serviceName": "bench", "sourceConfig": {"config": config}}


def model(number: int) -> dict[str, Any]:
    """A node of a manifest, with what is not read of one, too."""
    columns: dict[str, Any] = {
        f"c{place}": {"name": f"c{place}", "description": "One.", "meta": {}} for place in range(20)
    }
    text = "\n".join(f"least({name}, {number}) as {name}," for name in columns)
    return {
        "name": f"m{number}",
        "resource_type": "model",
        "package_name": "bench",
        "database": "bench",
        "schema": f"s{number % 20}",
        "raw_code": text,
        "compiled_code": text,
        "columns": columns,
        "config": {"materialized": "ephemeral" if number % 10 == 1 else "table", "meta": {"note": "x" * 500}},
        "docs": {"show": True, "text": "x" * 2000},
        "depends_on": {"nodes": [f"model.bench.m{number - 1}"] if number else []},
    }


MAKERS: Mapping[str, Callable[[Path, int], Definition]] = {"dbt": dbt, "rest": openapi}


def run_here(source: Definition, folder: Path) -> None:
    """Run in this process and print what it cost."""
    report, out = Report(), folder / "out"
    definition = {"source": source, "sink": {"type": "file", "config": {"filename": "out.jsonl"}}}
    ingest(definition, report, Cancellation(), Folders(files=out, dead_letters=out))
    used = resource.getrusage(resource.RUSAGE_SELF)
    say(json.dumps([used.ru_utime + used.ru_stime, used.ru_maxrss / 1024, report.total("written")]))


def cost(kind: str, size: int, folder: Path) -> Cost:
    """Make a document, and run over it in a process of its own.

    What makes it is another one: a process counts as its own peak that of the one that it was started by.
    """
    source = in_process("--make", kind, str(size), "--folder", str(folder))
    return Cost(*json.loads(in_process("--run", source, "--folder", str(folder))))


def in_process(*arguments: str) -> str:
    """The last line that this module says when it is started with these."""
    command = [sys.executable, "-m", "benchmarks.documents", *arguments]
    done = subprocess.run(command, cwd=ROOT, env=environment(), check=True, capture_output=True, text=True)
    return done.stdout.splitlines()[-1]


def main() -> int:
    """Measure and print; the exit code is 0 whatever the figures are."""
    parser = argparse.ArgumentParser("benchmarks.documents", description="Measure sources that are one document.")
    parser.add_argument("kinds", nargs="*", metavar="KIND", help=f"of {', '.join(MAKERS)}; all, if none is named")
    parser.add_argument("--run", type=json.loads, help=argparse.SUPPRESS)
    parser.add_argument("--make", nargs=2, help=argparse.SUPPRESS)
    parser.add_argument("--folder", type=Path, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.run is not None:
        run_here(given.run, given.folder)
        return 0
    if given.make is not None:
        kind, size = given.make
        say(json.dumps(MAKERS[kind](given.folder, int(size))))
        return 0
    table = Table()
    for kind in given.kinds or MAKERS:
        table.part(f"{kind}: a document of {SIZES[1]:,} and of {SIZES[2]:,} entities")
        with tempfile.TemporaryDirectory(prefix="headwater-bench-") as folder:
            nothing, small, large = (cost(kind, size, Path(folder)) for size in SIZES)
        for each in (small, large):
            cpu, peak = each.cpu - nothing.cpu, each.peak - nothing.peak
            table.line(f"{each.records:,} records: CPU", f"{cpu:.2f} s")
            table.line("  CPU per record", f"{1000 * cpu / each.records:.2f} ms", "flat")
            table.line("  peak memory beyond that of a run over nothing", f"{peak:.0f} MB")
            table.line("  the same per record", f"{1024 * peak / each.records:.1f} kB", "flat")
    return 0


if __name__ == "__main__":
    sys.exit(main())
