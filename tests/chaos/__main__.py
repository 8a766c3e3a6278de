"""`python -m tests.chaos --rounds 30 --seed 7`: the long form; exit code 1 when a promise was broken."""

import argparse
import logging
import sys
import tempfile
import time
from pathlib import Path

from tests.chaos.rounds import play
from tests.chaos.verdict import table_of
from tests.chaos.world import Scale
from tests.postgres import SourceServer, shared_server


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=30)
    parser.add_argument("--seed", type=int, default=time.time_ns() % 1_000_000, help="of an earlier run, to repeat it")
    parser.add_argument("--workflows", type=int, default=Scale.workflows)
    options = parser.parse_args()
    logging.getLogger().addHandler(logging.NullHandler())
    folder = Path(tempfile.mkdtemp(prefix="headwater-chaos-"))
    folder.chmod(0o755)
    say(f"seed {options.seed}, {options.rounds} rounds, {options.workflows} workflows, 2 replicas; logs in {folder}")
    with shared_server() as server:
        scale = Scale(workflows=options.workflows)
        lines = play(folder, scale, SourceServer(server), rounds=options.rounds, seed=options.seed, say=say)
    say(table_of(lines))
    return 0 if all(line.kept for line in lines) else 1


def say(line: str) -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
