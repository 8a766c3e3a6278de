"""The door: a definition from source to sink, and how its run is judged."""

import dataclasses
import json
from importlib.metadata import EntryPoint
from pathlib import Path
from typing import Any

import msgspec
import pytest

from connectors import ingestion, registry
from connectors.cancellation import Cancellation
from connectors.errors import ConfigurationError, ConnectorError, FatalError, RunCancelled, SourceUnavailable
from connectors.ingestion import Beginning, Folders, Result, ingest, judge
from connectors.models.database import CreateDatabaseServiceRequest
from connectors.report import Failure, Outcome, Report
from tests.fake_openmetadata import FakeOpenMetadata
from tests.in_memory import MemorySource, RecordingSink, connector, memory, schema, table
from tests.unit.connectors.test_definition import SERVER

pytestmark = pytest.mark.usefixtures("threads_end")


class Point(EntryPoint):
    """An entry point to a connector made by the test."""

    def load(self) -> Any:
        """The connector to the source at hand."""
        return connector(MADE[0])


MADE: list[MemorySource] = []


@pytest.fixture
def source(monkeypatch: pytest.MonkeyPatch) -> MemorySource:
    """A source that definitions of the type `memory` read."""
    points = {"memory": Point("memory", "tests:made", registry.ENTRY_POINTS)}
    monkeypatch.setattr(registry, "third_parties", lambda: points)
    MADE[:] = [memory(schema("sales", *(table(f"t{number}") for number in range(9))))]
    return MADE[0]


def definition(path: Path, threshold: int = 90, **options: object) -> dict[str, Any]:
    """A run of the source into a file."""
    return {
        "source": {
            "type": "memory",
            "serviceName": "svc",
            "serviceConnection": {"config": {}},
            "sourceConfig": {"config": options},
        },
        "sink": {"type": "file", "config": {"filename": path.name}},
        "workflowConfig": {"successThreshold": threshold},
    }


def run(path: Path, report: Report, raw: dict[str, Any], cancellation: Cancellation | None = None) -> Result:
    """Run a definition into the folder of `path`."""
    folders = Folders(path.parent, path.with_name("dead.jsonl"))
    return ingest(raw, report, cancellation or Cancellation(), folders)


@pytest.mark.usefixtures("source")
@pytest.mark.parametrize("threads", [1, 4])
def test_a_run_into_a_file(tmp_path: Path, threads: int) -> None:
    path, report = tmp_path / "out.jsonl", Report()
    assert run(path, report, definition(path, threads=threads)) is Result.SUCCEEDED
    lines = [json.loads(line) for line in path.read_text().splitlines()]
    assert sum(line["entity"] == "table" for line in lines) == 9
    assert report.snapshot_counts()["table"] == {"written": 9}


@pytest.mark.parametrize(("threshold", "result"), [(0, Result.PARTIAL), (92, Result.PARTIAL), (93, Result.FAILED)])
def test_failures_are_weighed_against_the_threshold(
    source: MemorySource, tmp_path: Path, threshold: int, result: Result
) -> None:
    source.broken = {("tables", "shop", "sales"): ConnectorError("bad row")}
    path, report = tmp_path / "out.jsonl", Report()
    assert run(path, report, definition(path, threshold)) is result
    assert (report.total("written"), report.total("failed")) == (12, 1)


def test_a_fatal_error_leaves_no_file_and_closes_the_source(source: MemorySource, tmp_path: Path) -> None:
    source.broken = {("tables", "shop", "sales"): FatalError("no more")}
    path = tmp_path / "out.jsonl"
    with pytest.raises(FatalError, match="no more"):
        run(path, Report(), definition(path))
    assert not path.exists()
    assert (source.opened, source.closed) == (1, 1)


def test_a_cancelled_run_leaves_no_file(source: MemorySource, tmp_path: Path) -> None:
    path, cancellation = tmp_path / "out.jsonl", Cancellation()
    cancellation.cancel("never mind")
    with pytest.raises(RunCancelled, match="never mind"):
        run(path, Report(), definition(path), cancellation)
    assert not path.exists()
    assert source.opened == source.closed


def test_a_wrong_definition_opens_nothing(source: MemorySource, tmp_path: Path) -> None:
    path = tmp_path / "out.jsonl"
    with pytest.raises(ConfigurationError, match=r"source\.sourceConfig\.config\.bogus"):
        run(path, Report(), definition(path, bogus=1))
    assert source.opened == 0
    assert list(tmp_path.iterdir()) == []


@pytest.mark.usefixtures("source")
def test_finished_scopes_are_left_out(tmp_path: Path) -> None:
    path, report = tmp_path / "out.jsonl", Report()
    folders = Folders(tmp_path, tmp_path / "dead.jsonl")
    ingest(definition(path), report, Cancellation(), folders, Beginning(frozenset({"svc.shop.sales"})))
    assert "table" not in report.snapshot_counts()


@dataclasses.dataclass
class Catalogue(RecordingSink):
    """A sink in place of the server, which tells how it was ended."""

    ended: list[str] = dataclasses.field(default_factory=list[str])

    def close(self) -> None:
        """See Sink."""
        self.ended.append("closed")

    def abort(self) -> None:
        """See Sink."""
        self.ended.append("aborted")


@pytest.fixture
def catalogue(monkeypatch: pytest.MonkeyPatch) -> Catalogue:
    """What every definition's sink is, whatever it says."""
    sink = Catalogue()

    def open_sink(*_given: object) -> Catalogue:
        return sink

    monkeypatch.setattr(ingestion, "open_sink", open_sink)
    return sink


def to_catalogue(path: Path, **server: object) -> dict[str, Any]:
    """A run of the source into a catalogue."""
    raw = definition(path)
    raw["source"]["serviceConnection"]["config"] = {"tableFilterPattern": {"includes": ["t1"]}}
    return {**raw, "sink": {}, "workflowConfig": {"openMetadataServerConfig": {**SERVER, **server}}}


def reached(server: FakeOpenMetadata) -> dict[str, Any]:
    """How a definition reaches it."""
    return {"hostPort": server.host_port, "securityConfig": {"jwtToken": server.token}}


@pytest.mark.usefixtures("source")
@pytest.mark.parametrize("stored", [True, False])
def test_the_service_keeps_its_connection_where_that_is_wanted(
    tmp_path: Path, catalogue: Catalogue, stored: bool
) -> None:
    raw = to_catalogue(tmp_path / "x", storeServiceConnection=stored)
    assert run(tmp_path / "x", Report(), raw) is Result.SUCCEEDED
    [service] = catalogue.only(CreateDatabaseServiceRequest)
    kept = {"config": {"type": "CustomDatabase", "tableFilterPattern": {"includes": ["t1"]}}}
    assert service.connection == (kept if stored else None)
    assert catalogue.ended == ["closed"]


@pytest.mark.usefixtures("source")
def test_a_file_keeps_no_connection(tmp_path: Path, catalogue: Catalogue) -> None:
    run(tmp_path / "x", Report(), definition(tmp_path / "x"))
    assert [service.connection for service in catalogue.only(CreateDatabaseServiceRequest)] == [None]


@pytest.mark.parametrize("kind", [FatalError, SourceUnavailable, RunCancelled])
def test_a_sink_is_aborted_when_the_run_ends_early(
    source: MemorySource, tmp_path: Path, catalogue: Catalogue, kind: type[ConnectorError]
) -> None:
    source.broken = {("schemas", "shop"): kind("gone")}
    with pytest.raises(kind, match="gone"):
        run(tmp_path / "x", Report(), to_catalogue(tmp_path / "x"))
    assert catalogue.ended == ["aborted"]


@pytest.mark.parametrize("threads", [1, 4])
def test_a_sink_that_cannot_be_opened_is_told_as_wrong_as_its_definition_is(
    source: MemorySource, tmp_path: Path, threads: int
) -> None:
    raw = to_catalogue(tmp_path / "x", securityConfig={"jwtToken": "tökén"})
    raw["source"]["sourceConfig"]["config"] = {"threads": threads}
    with pytest.raises(ConfigurationError, match=r"securityConfig\.jwtToken: is not a token"):
        run(tmp_path / "x", Report(), raw)
    assert (source.opened, source.closed) == (1, 1)


def test_a_server_is_not_called_for_a_source_that_does_not_answer(source: MemorySource, tmp_path: Path) -> None:
    source.stored, source.broken = (), {("databases",): FatalError("gone")}
    with FakeOpenMetadata() as server:
        with pytest.raises(FatalError, match="gone"):
            run(tmp_path / "x", Report(), to_catalogue(tmp_path / "x", **reached(server)))
        assert server.requests == []


@pytest.mark.usefixtures("source")
def test_a_server_is_called_also_when_all_is_filtered(tmp_path: Path) -> None:
    with FakeOpenMetadata() as server:
        raw = to_catalogue(tmp_path / "x", **reached(server))
        raw["source"]["serviceConnection"]["config"] = {"databaseFilterPattern": {"includes": ["nothing"]}}
        assert run(tmp_path / "x", Report(), raw) is Result.SUCCEEDED
        assert any(request.path.endswith("/version") for request in server.requests)


@pytest.mark.parametrize(
    ("counts", "failures", "threshold", "result"),
    [
        ({}, 0, 100, Result.SUCCEEDED),
        ({"written": 1}, 0, 100, Result.SUCCEEDED),
        ({"written": 9}, 1, 90, Result.PARTIAL),
        ({"written": 9}, 1, 91, Result.FAILED),
        ({"unchanged": 99}, 1, 99, Result.PARTIAL),
        ({"written": 1000}, 1, 100, Result.FAILED),
        ({}, 1, 90, Result.FAILED),
        ({}, 1, 0, Result.PARTIAL),
        ({"filtered": 99}, 1, 90, Result.FAILED),
    ],
)
def test_the_judgement(counts: dict[Outcome, int], failures: int, threshold: int, result: Result) -> None:
    report = Report()
    for outcome, count in counts.items():
        report.counted("table", outcome, count)
    for number in range(failures):
        report.failed(msgspec.structs.replace(Failure("table", "x", "table", "why"), name=str(number)))
    assert judge(report, threshold) is result


def test_a_deletion_that_is_not_done_makes_a_run_partial_and_no_more() -> None:
    report = Report()
    report.counted("table", "written", 1)
    for _ in range(5):
        report.failed(Failure("table", "s.d.x", "delete", "too many are gone", lost=False))
    assert report.total("failed") == 5
    assert judge(report, 100) is Result.PARTIAL
