"""A catalogue that answers every request at once, so that its own cost is not ours, or after a given time."""

import argparse
import contextlib
import http.server
import json
import subprocess
import sys
import time
from collections.abc import Generator

from benchmarks.answering import answering
from benchmarks.running import ROOT, environment

# OpenMetadata's own client takes an answer for "there is none" only if its body has the status, too.
NOT_FOUND = json.dumps({"code": 404, "message": "there is none"}).encode()


class FastApi(http.server.BaseHTTPRequestHandler):
    """Accepts everything."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True  # a body would wait 40 ms for the acknowledgement of its head
    seconds = 0.0

    def answer(self) -> None:
        """Read the request, say that it went well."""
        status, reply = self.reply(self.rfile.read(int(self.headers.get("Content-Length") or 0)))
        time.sleep(self.seconds)
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(reply)))
        self.end_headers()
        self.wfile.write(reply)

    def reply(self, body: bytes) -> tuple[int, bytes]:
        """Status and body."""
        status, reply = (404, NOT_FOUND) if self.command == "GET" else (200, b'{"status":"success"}')
        if self.path.endswith("/system/version"):
            status, reply = 200, b'{"version":"2.0.7"}'
        elif "/bulk" in self.path:
            count = body.count(b'"sourceHash"')
            reply = json.dumps({"status": "success", "numberOfRowsPassed": count, "failedRequest": []}).encode()
        return status, reply

    def log_request(self, code: int | str = "-", size: int | str = "-") -> None:
        """Say nothing."""


for verb in ("GET", "PUT", "POST", "DELETE"):
    setattr(FastApi, f"do_{verb}", FastApi.answer)


@contextlib.contextmanager
def fast_api(seconds: float = 0.0) -> Generator[str]:
    """The address of one that runs; it answers each request after so long."""
    handler = type("Answering", (FastApi,), {"seconds": seconds})
    with answering(handler) as address:
        yield f"{address}/api"


@contextlib.contextmanager
def fast_api_apart(seconds: float = 0.0) -> Generator[str]:
    """The same in a process of its own, whose work holds up nothing that is measured in this one."""
    command = [sys.executable, "-m", "benchmarks.fast_api", str(seconds)]
    with subprocess.Popen(
        command, cwd=ROOT, env=environment(), stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as server:
        yield server.stdout.readline().strip() if server.stdout else ""


def main() -> None:
    """One until nobody writes to its input any more."""
    parser = argparse.ArgumentParser("python -m benchmarks.fast_api", description=__doc__)
    parser.add_argument("seconds", type=float, nargs="?", default=0.0, help="how long each answer takes (default: 0)")
    with fast_api(parser.parse_args().seconds) as address:
        print(address, flush=True)
        sys.stdin.read()


if __name__ == "__main__":
    main()
