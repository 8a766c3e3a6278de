"""OpenMetadata's and DataHub's own ingestion over the same Postgres, each installed in a folder of its own.

They are run as their users run them, from their command lines, against the same stand-in of the catalogue; nothing of
theirs is imported here. CPU is that of their process and its children.
"""

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
from benchmarks.peer_api import peer_api
from benchmarks.postgres_catalogue import Size, build
from benchmarks.results import Table
from benchmarks.running import ROOT, environment, say, source
from benchmarks.starting import Gate

FOLDER = ROOT / ".peers"
SIZE = Size(tables=1_000, columns=20, views=100, schemas=10)
INSTALL_SECONDS, RUN_SECONDS = 1800, 3600


@dataclass(frozen=True, slots=True)
class Peer:
    """What is installed, the command of it, and how many times as fast a run of ours is to be."""

    name: str
    requirements: tuple[str, ...]
    goal: str

    @property
    def python(self) -> Path:
        """Its interpreter."""
        return FOLDER / self.name / "bin" / "python"

    def install(self) -> str:
        """Nothing when it is there; otherwise the last line of why it cannot be had."""
        uv = str(Path(sys.executable).with_name("uv"))
        try:
            if not self.python.exists():
                run([uv, "venv", "--quiet", str(FOLDER / self.name)], INSTALL_SECONDS)
            run([uv, "pip", "install", "--quiet", "--python", str(self.python), *self.requirements], INSTALL_SECONDS)
        except subprocess.CalledProcessError as error:
            return (error.stderr.strip().splitlines() or [f"exit code {error.returncode}"])[-1]
        except subprocess.TimeoutExpired:
            return f"installing it takes longer than {INSTALL_SECONDS} s"
        return ""


OPENMETADATA = Peer("openmetadata", ("openmetadata-ingestion[postgres]==2.0.7.0", "dbt-core<1.12"), ">= 150")
DATAHUB = Peer("datahub", ("acryl-datahub[postgres]",), ">= 30")


@dataclass(frozen=True, slots=True)
class Cost:
    """One run, start of the process to its end."""

    wall: float
    cpu: float


def run(command: list[str], seconds: float, **settings: str) -> str:
    """What a command writes; raises CalledProcessError with its errors."""
    done = subprocess.run(
        command, env=environment() | settings, capture_output=True, text=True, timeout=seconds, check=True
    )
    return done.stdout


def cost(command: list[str], **settings: str) -> Cost:
    """Run it to its end."""
    before, began = children_cpu(), time.monotonic()
    run(command, RUN_SECONDS, **settings)
    return Cost(time.monotonic() - began, children_cpu() - before)


def children_cpu() -> float:
    """CPU seconds of all processes that were waited for."""
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime


def openmetadata(config: Mapping[str, Any], folder: Path) -> Cost:
    """`metadata ingest` with the very definition that we run."""
    path = folder / "openmetadata.json"
    path.write_text(json.dumps(config))
    return cost([str(OPENMETADATA.python.with_name("metadata")), "ingest", "-c", str(path)])


def datahub(url: str, folder: Path) -> Cost:
    """`datahub ingest` to a file, which costs it less than an API: it has another one than our stand-in."""
    place = conninfo_to_dict(url)
    recipe = {
        "source": {
            "type": "postgres",
            "config": {
                "host_port": f"{place['host']}:{place['port']}",
                "username": place["user"],
                "password": place["password"],
                "database": place["dbname"],
                "include_view_lineage": False,
            },
        },
        "sink": {"type": "file", "config": {"filename": str(folder / "datahub.json")}},
    }
    path = folder / "datahub.json.recipe.json"
    path.write_text(json.dumps(recipe))
    command = [str(DATAHUB.python.with_name("datahub")), "ingest", "-c", str(path)]
    return cost(command, DATAHUB_TELEMETRY_ENABLED="false", HOME=str(folder))


def ours(config: Mapping[str, Any], folder: Path) -> Cost:
    """`headwater run` with the same definition."""
    path = folder / "headwater.json"
    path.write_text(json.dumps(config))
    return cost([sys.executable, "-m", "service", "run", "-c", str(path)], HEADWATER_DATA_DIR=str(folder))


def measure(table: Table, folder: Path, url: str) -> None:
    """All that can be had, one after another, over TCP as others cannot do without it."""
    table.part(f"Beside others: {SIZE.tables:,} tables x {SIZE.columns} columns, {SIZE.views} views, start to exit")
    place = conninfo_to_dict(url)
    with Gate(f"{place['host']}/.s.PGSQL.{place.get('port', 5432)}").listening() as gate, peer_api() as address:
        reached = make_conninfo(url, host="127.0.0.1", port=str(gate.port))
        config = definition("peers", reached, address, 1)
        own = ours(config, folder)
        table.line("  headwater run: CPU", f"{own.cpu:.1f} s")
        beside(table, OPENMETADATA, own, folder, lambda: openmetadata(config, folder))
        beside(table, DATAHUB, own, folder, lambda: datahub(reached, folder))


def beside(table: Table, peer: Peer, own: Cost, folder: Path, ingest: Callable[[], Cost]) -> None:
    """The rows of one of them, or why there are none."""
    say(f"Installing {peer.name} ...")
    if reason := peer.install():
        table.line(f"  {peer.name}: left out, it cannot be installed here", reason[:60])
        return
    try:
        theirs = ingest()
    except subprocess.CalledProcessError as error:
        (folder / f"{peer.name}.log").write_text(error.stdout + error.stderr)
        table.line(f"  {peer.name}: left out, it ends with", f"exit code {error.returncode}")
        return
    table.line(f"  {peer.name}: CPU", f"{theirs.cpu:.1f} s")
    table.line(f"  {peer.name}: wall (headwater: {own.wall:.1f} s)", f"{theirs.wall:.1f} s")
    table.line(f"  {peer.name}: CPU, times headwater's", f"{theirs.cpu / own.cpu:.0f}", peer.goal)


def main() -> None:
    """By itself."""
    folder = Path(tempfile.mkdtemp(prefix="headwater-peers-"))
    folder.chmod(0o755)
    with source(folder / "source") as url:
        say(f"Making {SIZE.tables:,} tables ...")
        build(url, SIZE)
        measure(Table(), folder, url)
    say("", f"What they wrote is in {folder}.")


if __name__ == "__main__":
    main()
