"""`make systems`: install systems to ingest from."""

import argparse
import subprocess
import sys

from tests import systems


def main() -> int:
    """Install the systems named; 1 if one of them cannot be had here, after all were tried."""
    known = systems.names()
    parser = argparse.ArgumentParser(prog="make systems", description=__doc__)
    parser.add_argument("names", nargs="+", choices=known, metavar="NAME", help=", ".join(known))
    missing: list[str] = []
    for name in parser.parse_args().names:
        try:
            systems.install(name)
        # Such as a machine without Java, or too slow a one.
        except (subprocess.CalledProcessError, FileNotFoundError, AssertionError):
            missing.append(name)
    if missing:
        sys.stderr.write(f"systems: not to be had here: {', '.join(missing)}: the tests that need them are left out\n")
    return bool(missing)


if __name__ == "__main__":
    sys.exit(main())
