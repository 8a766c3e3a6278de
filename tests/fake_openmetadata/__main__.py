"""`python -m tests.fake_openmetadata --port 8585`: the fake server by hand, until it is interrupted."""

import argparse
import signal
import sys

from tests.fake_openmetadata import schemas
from tests.fake_openmetadata.api import Manners
from tests.fake_openmetadata.catalogue import COLLECTIONS
from tests.fake_openmetadata.server import FakeOpenMetadata


def main() -> None:
    parser = argparse.ArgumentParser(description="A strict OpenMetadata API with everything in memory.")
    parser.add_argument("--port", type=int, default=8585)
    parser.add_argument("--version", default="2.0.7", help="the version it says it has")
    parser.add_argument("--token", default=None, help="the bearer token to ask for; without it, any will do")
    parser.add_argument("--no-bulk", action="store_true", help="behave like a server that has no bulk calls")
    options = parser.parse_args()
    stopping = {signal.SIGINT, signal.SIGTERM}
    # Taken out of turn by nobody: a handler that sets what is being waited for may wait for itself.
    signal.pthread_sigmask(signal.SIG_BLOCK, stopping)
    fake = FakeOpenMetadata(
        options.version,
        token=options.token,
        manners=Manners(no_bulk=options.no_bulk),
        port=options.port,
        keep_requests=False,
    )
    with fake:
        checked = "OpenMetadata's JSON Schemas" if schemas.available() else "a table of required fields"
        say(f"OpenMetadata {options.version} (fake) at {fake.host_port}, requests checked by {checked}")
        signal.sigwait(stopping)
    summary(fake)


def summary(fake: FakeOpenMetadata) -> None:
    unchanged = fake.catalogue.unchanged
    say(f"{fake.count.total()} requests, at most {fake.max_in_flight} at once; unchanged: {unchanged}")
    for call, count in sorted(fake.count.items()):
        say(f"  {count:6} {call}")
    for collection in COLLECTIONS:
        living, gone = fake.entities(collection), fake.deleted(collection)
        if living or gone:
            say(f"  {len(living):6} {collection}" + (f", {len(gone)} deleted" if gone else ""))


def say(line: str) -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main()
