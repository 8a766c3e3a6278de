"""`make bench`: all that the service is to reach, part by part, into docs/performance.md.

The catalogue's API is a stand-in that answers every request at once, so that its own cost is not ours. Each part has
its time; one that fails or takes longer leaves a row that says so.
"""

import argparse
import logging
import shutil
import statistics
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

from psycopg.conninfo import conninfo_to_dict

from benchmarks import families, peers, runs, second_run, service_load, slow_api, slow_source
from benchmarks.fast_api import fast_api
from benchmarks.ingesting import definition
from benchmarks.installed import core_size, install
from benchmarks.parts import attempt, end_when_told
from benchmarks.results import Table
from benchmarks.running import Installation, say, service, source
from benchmarks.starting import seconds_to_first_query

MEGABYTE = 1e6
STARTS = 3
EXTRAS = ("postgres", "embedded")
# Seconds that a part may take; they are several times what an idle machine needs.
RUN, LARGE_RUN, SHORT = 420, 3600, 180


@dataclass(frozen=True, slots=True)
class Bench:
    """The table, a folder, a Postgres with catalogues, and the address of the stand-in."""

    table: Table
    folder: Path
    server: str
    catalogue: str

    def measure(self, large: bool) -> None:
        """All parts that need a catalogue."""
        self._runs(large)
        attempt(self.table, "starts", SHORT, lambda: self._starts(self._small()))
        attempt(self.table, "what is installed", SHORT, self._installed)
        attempt(self.table, "a second run", SHORT, lambda: second_run.measure(self.table, self.folder, self._small()))
        peers.measure(self.table, self.folder, self.server)

    def _runs(self, large: bool) -> None:
        self.table.part("Runs over a Postgres, from POST to succeeded")
        measured: list[runs.Measured] = []
        for size in (*runs.SIZES, runs.LARGE) if large else runs.SIZES:
            seconds = LARGE_RUN if size is runs.LARGE else RUN
            attempt(
                self.table,
                f"runs over {size.tables:,} tables",
                seconds,
                lambda size=size: measured.append(
                    runs.measure(self.table, self.folder, self.server, self.catalogue, size)
                ),
            )
        for one in measured[1:]:
            runs.report_growth(self.table, measured[0], one)

    def _small(self) -> str:
        return runs.database_of(self.server, runs.SIZES[0])

    def _starts(self, small: str) -> None:
        config, place = definition("bench-start", small, self.catalogue, 1), conninfo_to_dict(small)
        server = f"{place['host']}/.s.PGSQL.{place.get('port', 5432)}"
        warm = self.folder / "service-start"
        installed = install(self.folder / "installed", *EXTRAS)
        starts = [service_start(warm, installed) for _ in range(1 + STARTS)][1:]  # the first one makes the store
        firsts = [seconds_to_first_query(installed, self.folder, config, server) for _ in range(STARTS)]
        self.table.part(f"Starts of an installation with {' and '.join(EXTRAS)}")
        self.table.line("  headwater run, start to its first query", f"{statistics.median(firsts):.2f} s", "< 0.8 s")
        self.table.line(
            "  serve on a warm embedded store, ready after", f"{statistics.median(starts):.2f} s", "< 2.5 s"
        )

    def _installed(self) -> None:
        distributions, size = core_size()
        self.table.part("An installation of the core with bytecode, without the embedded database")
        self.table.line("  its size", f"{size / MEGABYTE:.0f} MB", "<= 100 MB")
        self.table.line("  its distributions, Headwater's own included", str(distributions), "<= 40")


def main() -> int:
    """Measure, print and write; the exit code is 0 whatever the figures are."""
    parser = argparse.ArgumentParser("make bench", description="Measure what runs and starts cost.")
    parser.add_argument("--large", action="store_true", help="100,000 tables as well, which takes a quarter of an hour")
    large = parser.parse_args().large
    logging.basicConfig(level=logging.WARNING)
    end_when_told()
    began, table = time.monotonic(), Table()
    folder = Path(tempfile.mkdtemp(prefix="headwater-bench-"))
    folder.chmod(0o755)
    with source(folder / "source") as server, fast_api() as catalogue:
        Bench(table, folder, server, catalogue).measure(large)
    attempt(table, "a slow API", SHORT, lambda: slow_api.report(table, slow_api.speedup(folder)))
    attempt(table, "a slow source", SHORT, lambda: slow_source.report(table, slow_source.measure()))
    service_load.measure(table, folder)
    families.measure(table)
    table.write()
    say("", f"Written to docs/performance.md. All of it took {time.monotonic() - began:.0f} s.")
    shutil.rmtree(folder)  # 100,000 tables are a million files
    return 0


def service_start(data_dir: Path, installed: Installation) -> float:
    """Seconds from the start of the process until it takes work."""
    with service(data_dir, installed) as running:
        return running.seconds_to_ready


if __name__ == "__main__":
    sys.exit(main())
