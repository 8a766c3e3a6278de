"""Models of definitions, which are built when they are first asked, that several threads meet at the same moment."""

import subprocess
import sys

# In a process of its own, with models that no other thread has met.
MEET = """
import sys, threading
from pydantic import create_model
from connectors.definition import Model, OpenMetadataConnection, parse

sys.setswitchinterval(1e-6)
for number in range(40):
    inner = create_model("Inner", __base__=OpenMetadataConnection, host=(str, ...))
    kind = create_model("Outer", __base__=Model, at_one=(inner, ...), at_two=(inner | None, None))
    start = threading.Barrier(8)
    found = []

    def meet(kind=kind, start=start, found=found):
        start.wait()
        server = {"host": "h", "hostPort": "http://om/api", "authProvider": "no-auth"}
        found.append(parse(kind, {"atOne": server}).at_one.host)

    threads = [threading.Thread(target=meet) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == ["h"] * 8, found
"""


def test_threads_that_meet_a_model_at_the_same_moment_read_by_it() -> None:
    done = subprocess.run([sys.executable, "-c", MEET], check=False, capture_output=True, text=True, timeout=100)
    assert (done.returncode, done.stderr) == (0, "")
