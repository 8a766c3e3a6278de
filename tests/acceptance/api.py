"""What people do with the service, over HTTP."""

import json
from collections.abc import Iterator
from types import TracebackType
from typing import Any

import httpx

from tests.acceptance.catalogues import TOKEN, Catalogue
from tests.acceptance.sources import SERVICE
from tests.eventually import eventually
from tests.plain_http import NO_TLS

Json = dict[str, Any]
ENDED = ("succeeded", "partial", "failed", "cancelled", "skipped")


def config_of(
    connection: Json, catalogue: Catalogue | None = None, *, sink: Json | None = None, options: Json | None = None
) -> Json:
    """A workflow config; without a catalogue it writes to the file that `sink` names. The options are of the source."""
    workflow: Json = {}
    if catalogue is not None:
        server = {"hostPort": catalogue.host_port, "securityConfig": {"jwtToken": TOKEN}}
        workflow = {"openMetadataServerConfig": server}
    return {
        "source": {
            "type": "postgres",
            "serviceName": SERVICE,
            "serviceConnection": {"config": connection},
            "sourceConfig": {"config": {"type": "DatabaseMetadata", **(options or {})}},
        },
        "sink": sink or {"type": "metadata-rest", "config": {}},
        "workflowConfig": workflow,
    }


class Api:
    """A client of one replica; use it in a `with` block."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.http = httpx.Client(base_url=url, timeout=30, trust_env=False, verify=NO_TLS)
        self._created: list[str] = []

    def __enter__(self) -> "Api":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.http.close()

    def forget(self) -> None:
        """Delete the workflows that were created here, so that nothing of one test runs on in the next."""
        for name in self._created:
            self.http.delete(f"/api/v1/workflows/{name}")

    def get(self, path: str, **query: Any) -> Json:
        """Read a document."""
        return self._document(self.http.get(f"/api/v1{path}", params=query))

    def post(self, path: str, body: Json | None = None, **headers: str) -> Json:
        """Do something; the answer must be a success."""
        return self._document(self.http.post(f"/api/v1{path}", json=body or {}, headers=headers))

    def create(self, name: str, config: Json, **fields: Any) -> Json:
        """POST a workflow."""
        self._created.append(name)
        return self.post("/workflows", {"name": name, "config": config, **fields})

    def start(self, name: str, **fields: Any) -> str:
        """Run a workflow now; the id of the run."""
        return str(self.post(f"/workflows/{name}/runs", fields)["id"])

    def run(self, run: str) -> Json:
        """A run as it is now."""
        return self.get(f"/runs/{run}")

    def runs(self, name: str) -> list[Json]:
        """The runs of a workflow, the first one first."""
        return list(reversed(self.get("/runs", workflow=name, limit=500)["data"]))

    def until(self, run: str, *states: str) -> Json:
        """The run once it is in one of these states; if it ends in another, the test fails."""

        def look() -> Json | None:
            found = self.run(run)
            if found["state"] in states:
                return found
            assert found["state"] not in ENDED, (
                f"{found['state']}: {found['error']} {self.failures(run)} {self.log(run)}"
            )
            return None

        return eventually(look, f"run {run} is {' or '.join(states)}")

    def ended(self, run: str) -> Json:
        """The run once it has ended, whatever way."""
        return self.until(run, *ENDED)

    def some_runs(self, name: str, count: int = 1) -> list[Json]:
        """The runs of a workflow once there are so many."""
        eventually(lambda: len(self.runs(name)) >= count, f"{name} has {count} runs")
        return self.runs(name)

    def failures(self, run: str) -> list[Json]:
        """What a run lost."""
        return list(self.get(f"/runs/{run}/failures")["data"])

    def attempts(self, run: str) -> list[Json]:
        """Each claim of a run by a worker."""
        return list(self.get(f"/runs/{run}/attempts")["data"])

    def log(self, run: str) -> str:
        """What a run logged."""
        return "\n".join(line["message"] for line in self.get(f"/runs/{run}/logs", limit=2000)["data"])

    def events(self, run: str) -> Iterator[tuple[str, Json]]:
        """What the stream of a run tells until it ends: the kind and the data of each event."""
        kind = ""
        with self.http.stream("GET", f"/api/v1/runs/{run}/events") as response:
            assert response.headers["content-type"].startswith("text/event-stream")
            for line in response.iter_lines():
                if line.startswith("event: "):
                    kind = line.removeprefix("event: ")
                elif line.startswith("data: "):
                    yield kind, json.loads(line.removeprefix("data: "))

    def metrics(self) -> dict[str, float]:
        """What Prometheus would scrape, by the name of a series with its labels."""
        lines = self.http.get("/metrics").text.splitlines()
        pairs = [line.rpartition(" ") for line in lines if not line.startswith("#")]
        return {series: float(value) for series, _, value in pairs}

    def _document(self, response: httpx.Response) -> Json:
        assert response.is_success, f"{response.request.method} {response.request.url}: {response.text}"
        return response.json()
