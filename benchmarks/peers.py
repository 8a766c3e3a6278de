"""OpenMetadata's and DataHub's own ingestion beside ours over Postgres, each installed in a folder of its own.

They are run as their users run them, from their command lines, against a stand-in of the catalogue that answers at
once; nothing of theirs is imported or changed here. CPU is that of their process and its children. What they cost is
measured over catalogues of two sizes, that give what a start costs and what a table does, and reckoned up to the size
that ours is run over.
"""

import argparse
import json
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from psycopg.conninfo import conninfo_to_dict, make_conninfo

from benchmarks.ingesting import definition
from benchmarks.parts import attempt, reason_of
from benchmarks.peer_api import Received, peer_api
from benchmarks.postgres_catalogue import Size
from benchmarks.results import Table
from benchmarks.running import ROOT, environment, say, source
from benchmarks.runs import SIZES, database_of
from benchmarks.starting import Gate

FOLDER = ROOT / ".peers"
OURS = SIZES[-1]
# Less would tell nothing of a table: their start alone takes half a minute of CPU.
MEASURED = (Size(tables=100, columns=20, views=10, schemas=1), SIZES[0])
INSTALL_SECONDS, RUN_SECONDS = 600, 300
# Their version is looked up for each statement, by parsing a file of 64 kB; here the answer is kept. This stands in a
# folder of its own, where Python looks for it at the start.
CACHED = """import functools
import importlib.metadata

importlib.metadata.version = functools.cache(importlib.metadata.version)
"""


@dataclass(frozen=True, slots=True)
class Peer:
    """What is installed."""

    name: str
    requirements: tuple[str, ...]

    def program(self, name: str) -> str:
        """One of its commands."""
        return str(FOLDER / self.name / "bin" / name)

    def install(self) -> None:
        """Unless it is there. Raises CalledProcessError or TimeoutExpired where it cannot be had."""
        uv = str(Path(sys.executable).with_name("uv"))
        if not Path(self.program("python")).exists():
            run([uv, "venv", "--quiet", str(FOLDER / self.name)], INSTALL_SECONDS)
        run([uv, "pip", "install", "--quiet", "--python", self.program("python"), *self.requirements], INSTALL_SECONDS)


OPENMETADATA = Peer("openmetadata", ("openmetadata-ingestion[postgres]==2.0.7.0", "dbt-core<1.12"))
DATAHUB = Peer("datahub", ("acryl-datahub[postgres]",))


@dataclass(frozen=True, slots=True)
class Cost:
    """One run, start of the process to its end, in seconds."""

    wall: float
    cpu: float


@dataclass(frozen=True, slots=True)
class Place:
    """Where runs of peers are measured: over TCP, as others cannot do without it."""

    folder: Path
    server: str
    gate: int
    api: str
    received: Received

    def reach(self, size: Size) -> str:
        """The URL of a catalogue of this size."""
        return make_conninfo(database_of(self.server, size), host="127.0.0.1", port=str(self.gate))


def run(command: list[str], seconds: float, **settings: str) -> None:
    """Run it to its end. Raises CalledProcessError with what it wrote."""
    subprocess.run(command, env=environment() | settings, capture_output=True, text=True, timeout=seconds, check=True)


def cost(command: list[str], **settings: str) -> Cost:
    """What that costs."""
    before, began = children_cpu(), time.monotonic()
    run(command, RUN_SECONDS, **settings)
    return Cost(time.monotonic() - began, children_cpu() - before)


def children_cpu() -> float:
    """CPU seconds of all processes that were waited for."""
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime


def openmetadata(place: Place, size: Size, **settings: str) -> Cost:
    """`metadata ingest` with the very definition that we run. Raises SystemExit unless it sends all tables."""
    path = place.folder / "openmetadata.json"
    path.write_text(json.dumps(definition("peers", place.reach(size), place.api, 1)))
    place.received.clear()
    spent = cost([OPENMETADATA.program("metadata"), "ingest", "-c", str(path)], **settings)
    if place.received["tables"] < size.tables + size.views:
        message = f"it sent {place.received['tables']} of {size.tables + size.views} tables and views"
        raise SystemExit(message)
    return spent


def openmetadata_cached(place: Place, size: Size) -> Cost:
    """The same without its defect."""
    folder = place.folder / "cached"
    folder.mkdir(exist_ok=True)
    (folder / "sitecustomize.py").write_text(CACHED)
    return openmetadata(place, size, PYTHONPATH=str(folder))


def datahub(place: Place, size: Size) -> Cost:
    """`datahub ingest` to a file, which costs it less than an API: it has another one than our stand-in."""
    server = conninfo_to_dict(place.reach(size))
    recipe = {
        "source": {
            "type": "postgres",
            "config": {
                "host_port": f"{server['host']}:{server['port']}",
                "username": server["user"],
                "password": server["password"],
                "database": server["dbname"],
                "include_view_lineage": False,
            },
        },
        "sink": {"type": "file", "config": {"filename": str(place.folder / "datahub.json")}},
    }
    path = place.folder / "datahub.recipe.json"
    path.write_text(json.dumps(recipe))
    command = [DATAHUB.program("datahub"), "ingest", "-c", str(path)]
    return cost(command, DATAHUB_TELEMETRY_ENABLED="false", HOME=str(place.folder))


def ours(config: Mapping[str, Any], folder: Path) -> Cost:
    """`headwater run` with the same definition."""
    path = folder / "headwater.json"
    path.write_text(json.dumps(config))
    return cost([sys.executable, "-m", "service", "run", "-c", str(path)], HEADWATER_DATA_DIR=str(folder))


def measure(table: Table, folder: Path, server: str) -> None:
    """All that can be had, one after another."""
    table.part(f"Beside others: {OURS.tables:,} tables x {OURS.columns} columns, {OURS.views:,} views, start to exit")
    at = conninfo_to_dict(server)
    socket = f"{at['host']}/.s.PGSQL.{at.get('port', 5432)}"
    with Gate(socket).listening() as gate, peer_api() as (address, received):
        place = Place(folder, server, gate.port, address, received)
        own: list[Cost] = []
        attempt(table, "headwater run", 2 * RUN_SECONDS, lambda: own.append(measure_ours(table, place)))
        for peer, name, ingest, goal in (
            (OPENMETADATA, "openmetadata as shipped", openmetadata, ">= 150"),
            (OPENMETADATA, "openmetadata, its version looked up once", openmetadata_cached, ">= 60"),
            (DATAHUB, "datahub to a file", datahub, ">= 30"),
        ):
            one = Beside(table, place, peer, name, ingest, goal)
            attempt(table, name, INSTALL_SECONDS + 2 * RUN_SECONDS, lambda one=one: one.measure(own))


def measure_ours(table: Table, place: Place) -> Cost:
    """Our row."""
    spent = ours(definition("peers", place.reach(OURS), place.api, 1), place.folder)
    table.line("  headwater run, threads 1: CPU", f"{spent.cpu:.1f} s")
    table.line("  headwater run, threads 1: wall", f"{spent.wall:.1f} s")
    return spent


@dataclass(frozen=True, slots=True)
class Beside:
    """One of the others, in one manner of running it, over catalogues of two sizes."""

    table: Table
    place: Place
    peer: Peer
    name: str
    ingest: Callable[[Place, Size], Cost]
    goal: str

    def measure(self, own: list[Cost]) -> None:
        """Its rows."""
        say(f"Installing {self.peer.name} ...")
        self.peer.install()
        few, many = MEASURED
        cheap, dear = (self._ingest(size) for size in MEASURED)
        for size, spent in ((few, cheap), (many, dear)):
            self.table.line(f"  {self.name}, {size.tables:,} tables: CPU", f"{spent.cpu:.1f} s")
        per_table = max(0.0, dear.cpu - cheap.cpu) / (many.tables - few.tables)
        reckoned = dear.cpu + per_table * (OURS.tables - many.tables)
        title = f"  {self.name}, reckoned from these up to {OURS.tables:,} tables: CPU"
        self.table.line(title, f"{reckoned:.0f} s")
        if own:
            self.table.line(f"{title}, times headwater's", f"{reckoned / own[0].cpu:.0f}", self.goal)

    def _ingest(self, size: Size) -> Cost:
        try:
            return self.ingest(self.place, size)
        except subprocess.CalledProcessError as error:
            log = self.place.folder / f"{self.peer.name}.log"
            log.write_text(f"{error.stdout}\n{error.stderr}")
            message = f"{self.peer.name} ends with exit code {error.returncode}: {reason_of(error)}"
            raise SystemExit(message) from error


def main() -> None:
    """By itself."""
    description = "Measure OpenMetadata's and DataHub's own ingestion beside ours; installs them first."
    argparse.ArgumentParser("python -m benchmarks.peers", description=description).parse_args()
    folder = Path(tempfile.mkdtemp(prefix="headwater-peers-"))
    folder.chmod(0o755)
    with source(folder / "source") as server:
        measure(Table(), folder, server)
    say("", f"What they wrote is in {folder}.")


if __name__ == "__main__":
    main()
