"""Which tests one of the test processes has to have: what is dear to make is made in few of them.

By the tests' ids alone: the marks of pytest-xdist 3.8 for it have no effect with pytest 9.2, which it renames tests in.
"""

import fcntl
import os
import zlib
from collections import Counter
from collections.abc import Generator
from contextlib import contextmanager
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest

# Each starts a service for its tests and loads the commands; these tests wait more than they work.
ACCEPTANCE = 3
# Short tests: to hand them out one by one costs as much as most of them, and what a module shares is made once.
WHOLE_MODULES = (
    "tests/architecture/",
    "tests/deployment/",
    "tests/integration/connectors/",
    "tests/integration/service/api/",
    "tests/integration/service/cli/",
    "tests/integration/service/runs/",
    "tests/integration/service/workflows/",
    "tests/unit/",
)
EMBEDDED = "tests/integration/service/database/"
CONFORMANCE = "tests/conformance/"
# They wait more than they work: begun last, they would go on when all other processes are idle.
WAITING = ("tests/chaos/", "tests/acceptance/", EMBEDDED, "tests/integration/service/test_")


@contextmanager
def turn_to_collect(config: pytest.Config) -> Generator[None]:
    """As many processes collect at once as there are processors: what the first compile, the others find compiled."""
    worker = os.environ.get("PYTEST_XDIST_WORKER")
    if worker is None:
        yield
        return
    number = int(worker.removeprefix("gw")) % (os.cpu_count() or 1)
    # Beside this process's folder are those of the run's others only: runs do not wait for each other.
    with Path(config.option.basetemp).with_name(f"turn-{number}").open("w") as turn:
        fcntl.flock(turn, fcntl.LOCK_EX)
        yield


def scheduler(config: pytest.Config, log: Any) -> Any:
    """Of pytest-xdist, which has no types: the tests of one scope are done by one process, one after the other."""
    made = import_module("xdist.scheduler").LoadScopeScheduling(config, log)
    made._split_scope = scope_of
    config.option.loadscopereorder = False  # which would count tests only: `longest_first` has put them in order
    return made


def longest_first(items: list[pytest.Item]) -> None:
    """Order them so that the scopes are begun which take long: those that wait or have a time limit, then the large."""
    sizes = Counter(scope_of(item.nodeid) for item in items)
    long = {scope_of(item.nodeid) for item in items if item.get_closest_marker("timeout")}

    def order(item: pytest.Item) -> tuple[bool, int]:
        scope = scope_of(item.nodeid)
        return not (scope in long or item.nodeid.startswith(WAITING)), -sizes[scope]

    items.sort(key=order)


def scope_of(nodeid: str) -> str:
    """What a test belongs to: a connector, a module, a folder, a share of the tests, or nothing but itself."""
    module, _, test = nodeid.partition("::")
    if nodeid.startswith("tests/acceptance/"):
        return f"acceptance {zlib.crc32(nodeid.encode()) % ACCEPTANCE}"
    if nodeid.startswith(CONFORMANCE) and "[" in test:
        return f"conformance of {test.partition('[')[2].rstrip(']').partition('-')[0]}"
    if nodeid.startswith(EMBEDDED):
        return EMBEDDED
    return module if nodeid.startswith(WHOLE_MODULES) else nodeid
