"""What the service itself carries, beside the runs: schedules, a queue, and people who look."""

import argparse
import tempfile
from collections.abc import Collection
from pathlib import Path

from benchmarks import queue, rest
from benchmarks.parts import attempt, end_when_told
from benchmarks.results import Table
from service.database.embedded import EmbeddedPostgres

JOBS = (
    ("same_second", 300, queue.measure_same_second),
    ("many", 300, queue.measure_many),
    ("empty_runs", 300, queue.measure_empty_runs),
    ("rest", 900, rest.measure),
)


def measure(table: Table, folder: Path, wanted: Collection[str] = ()) -> None:
    """All of it, or what is wanted, on a Postgres that keeps what it was told (fsync on)."""
    with EmbeddedPostgres(folder / "stores") as server:
        for name, seconds, job in JOBS:
            if not wanted or name in wanted:
                title = name.replace("_", " ")
                attempt(
                    table, title, seconds, lambda job=job, name=name: job(table, queue.site(folder, server.url, name))
                )


def main() -> None:
    """By itself: all, or those named."""
    parser = argparse.ArgumentParser("python -m benchmarks.service_load")
    names = [name for name, *_ in JOBS]
    parser.add_argument("parts", nargs="*", metavar="PART", help=f"of {', '.join(names)}; all, unless named")
    wanted = parser.parse_args().parts
    if unknown := set(wanted).difference(names):
        parser.error(f"{', '.join(unknown)}: there are {', '.join(names)}")
    end_when_told()
    folder = Path(tempfile.mkdtemp(prefix="headwater-load-"))
    folder.chmod(0o755)
    measure(Table(), folder, wanted)


if __name__ == "__main__":
    main()
