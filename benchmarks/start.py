"""`python -m benchmarks.start`: `headwater run` to its first query, `serve` until it is ready, and what is installed.

All of an installation as users have it, without what this environment has for development. Beside them, in turns with
them, what Python takes to import the three libraries that neither can do without.
"""

import argparse
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from psycopg.conninfo import conninfo_to_dict

from benchmarks.__main__ import EXTRAS, MEGABYTE, STARTS, service_start
from benchmarks.fast_api import fast_api
from benchmarks.ingesting import definition
from benchmarks.installed import core_size, install
from benchmarks.results import Table
from benchmarks.running import Installation, source
from benchmarks.starting import seconds_to_first_query

BARE = "import httpx, psycopg, pydantic"


def seconds_of_bare_imports(installed: Installation) -> float:
    """From the start of a process that only imports to its end."""
    began = time.monotonic()
    subprocess.run([*installed.command, "-c", BARE], env=installed.environment, check=True)
    return time.monotonic() - began


def main() -> int:
    """Measure and print; the exit code is 0 whatever the figures are."""
    argparse.ArgumentParser("benchmarks.start", description="Measure starts, and what is installed.").parse_args()
    with tempfile.TemporaryDirectory(prefix="headwater-start-") as name:
        folder = Path(name)
        folder.chmod(0o755)
        with source(folder / "source") as url, fast_api() as catalogue:
            place = conninfo_to_dict(url)
            server = f"{place['host']}/.s.PGSQL.{place.get('port', 5432)}"
            config = definition("bench-start", url, catalogue, 1)
            installed = install(folder / "installed", *EXTRAS)
            seconds_to_first_query(installed, folder, config, server)  # writes the bytecode
            service_start(folder / "service", installed)  # makes the store
            starts = [
                (
                    seconds_of_bare_imports(installed),
                    seconds_to_first_query(installed, folder, config, server),
                    service_start(folder / "service", installed),
                )
                for _ in range(STARTS)
            ]
    bare, first, ready = (statistics.median(each) for each in zip(*starts, strict=True))
    distributions, size = core_size()
    table = Table()
    table.line(f'python -c "{BARE}"', f"{bare:.2f} s")
    table.line("headwater run, start to its first query", f"{first:.2f} s", "0.8 s")
    table.line("serve on a warm embedded store, ready after", f"{ready:.2f} s", "2.5 s")
    table.line("installed core without embedded database", f"{size / MEGABYTE:.0f} MB", "100 MB")
    table.line("  its distributions, Headwater's own included", str(distributions), "40")
    return 0


if __name__ == "__main__":
    sys.exit(main())
