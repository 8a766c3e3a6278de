"""What the fake server is told of the runs of ingestion pipelines, by the real one's rules."""

import threading
import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field

import msgspec

from connectors.models.names import child_fqn
from tests.fake_openmetadata.catalogue import Body, Catalogue, Refused
from tests.fake_openmetadata.schemas import checker

PIPELINES = "services/ingestionPipelines"
LOG_KEYS = {"logs", "timestamp", "connectorId", "compressed", "lineCount"}
CREATE = checker("CreateIngestionPipelineRequest")
STATUS, PROGRESS = checker("PipelineStatus", "status"), checker("ProgressUpdate", "status")


@dataclass(slots=True)
class Told:
    """What came in of one run, in order; `logs_closed` when no more lines are to come."""

    statuses: list[Body] = field(default_factory=list[Body])
    progress: list[Body] = field(default_factory=list[Body])
    logs: list[str] = field(default_factory=list[str])
    logs_closed: bool = False

    @property
    def states(self) -> list[str]:
        """The states that it was in, each once for as long as it stayed the same."""
        states = [str(status["pipelineState"]) for status in self.statuses]
        return [state for at, state in enumerate(states) if at == 0 or states[at - 1] != state]

    @property
    def begun(self) -> list[str]:
        """The states since it began: how long it waited before that is a matter of luck."""
        return [state for state in self.states if state != "queued"]


class Pipelines:
    """Thread-safe. An `old` server knows statuses only."""

    def __init__(self, catalogue: Catalogue, *, old: bool = False) -> None:
        self._catalogue = catalogue
        self._old = old
        self._lock = threading.Lock()
        self.made: dict[str, Body] = {}
        self.told: dict[tuple[str, str], Told] = {}

    def add(self, name: str) -> None:
        """Make a pipeline, as the server's user interface does."""
        self.made[name] = {}

    def of(self, pipeline: str, run: str) -> Told:
        """What was told of a run."""
        with self._lock:
            return self.told.setdefault((pipeline, run), Told())

    def answer(self, method: str, rest: str, raw: bytes, query: Mapping[str, str]) -> Body:
        """Take what is told, or tell of the runs in a window of time.

        Raises:
            Refused: It is not what the server takes.
        """
        body = msgspec.json.decode(raw or b"{}", type=Body)
        if method == "PUT" and rest == "":
            return self._make(body)
        if method == "GET" and rest.endswith("/pipelineStatus"):
            return self._runs(rest.removesuffix("/pipelineStatus"), int(query["startTs"]), int(query["endTs"]))
        if method == "PUT" and rest.endswith("/pipelineStatus"):
            return self._status(rest.removesuffix("/pipelineStatus"), body)
        kind, _, about = rest.partition("/")
        pipeline, _, run = about.removesuffix("/close").rpartition("/")
        if self._old or kind not in ("progress", "logs") or not run:
            raise Refused(404, "HTTP 404 Not Found")
        self._require(pipeline)
        if kind == "progress" and method == "PUT":
            _check(PROGRESS(body), body, run)
            self.of(pipeline, run).progress.append(body)
        elif method == "POST" and about.endswith("/close"):
            self.of(pipeline, run).logs_closed = True
        elif method == "POST":
            self._logs(self.of(pipeline, run), body)
        else:
            raise Refused(405, "HTTP 405 Method Not Allowed")
        return {}

    def _make(self, body: Body) -> Body:
        if error := CREATE(body):
            raise Refused(400, error)
        kind = body["service"]["type"]
        services = self._catalogue.entities.get(f"services/{kind}s", {}).values()
        [service] = [each for each in services if each.id == body["service"]["id"]] or [None]
        if service is None:
            raise Refused(404, f"{kind} instance not found")
        self.made[child_fqn(service.fqn, body["name"])] = body
        return {"id": str(uuid.uuid4()), **body}

    def _status(self, pipeline: str, body: Body) -> Body:
        self._require(pipeline)
        _check(STATUS(body), body, body["runId"])
        self.of(pipeline, body["runId"]).statuses.append(body)
        return body

    def _runs(self, pipeline: str, start: int, end: int) -> Body:
        self._require(pipeline)
        with self._lock:
            last = [told.statuses[-1] for (of, _), told in self.told.items() if of == pipeline and told.statuses]
        found = [status for status in last if start <= status["timestamp"] <= end]
        return {"data": found, "paging": {"total": len(found)}}

    def _logs(self, told: Told, body: Body) -> None:
        lines = body["logs"].splitlines()
        if set(body) != LOG_KEYS or told.logs_closed or not lines:
            raise Refused(400, "these are no logs")
        told.logs += lines

    def _require(self, pipeline: str) -> None:
        if pipeline not in self.made:
            raise Refused(404, f"ingestionPipeline instance for {pipeline} not found")


def _check(error: str | None, body: Body, run: str) -> None:
    if error is None and body["runId"] != run:
        error = f"this is run {run}"
    if error is not None:
        raise Refused(400, error)
