"""What the service itself carries, beside the runs: schedules, a queue, and people who look."""

import sys
import tempfile
from pathlib import Path

from benchmarks import queue, rest
from benchmarks.parts import attempt
from benchmarks.results import Table
from service.database.embedded import EmbeddedPostgres


def measure(table: Table, folder: Path) -> None:
    """All of it, on a Postgres that keeps what it was told (fsync on)."""
    jobs = (
        ("same_second", 300, queue.measure_same_second),
        ("many", 300, queue.measure_many),
        ("empty_runs", 300, queue.measure_empty_runs),
        ("rest", 900, rest.measure),
    )
    wanted = sys.argv[1:] if __name__ == "__main__" else []
    with EmbeddedPostgres(folder / "stores") as server:
        for name, seconds, job in jobs:
            if not wanted or name in wanted:
                title = name.replace("_", " ")
                attempt(
                    table, title, seconds, lambda job=job, name=name: job(table, queue.site(folder, server.url, name))
                )


def main() -> None:
    """By itself: all, or those named."""
    folder = Path(tempfile.mkdtemp(prefix="headwater-load-"))
    folder.chmod(0o755)
    measure(Table(), folder)


if __name__ == "__main__":
    main()
