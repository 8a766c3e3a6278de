from pathlib import Path
from typing import Any

import pytest

from connectors.cancellation import Cancellation
from connectors.definition import SourceOptions, WorkflowDefinition
from connectors.errors import ConfigurationError
from connectors.report import Report
from connectors.sinks.file import FileSink
from connectors.sinks.opening import Folders, destination, open_sink, replay_file
from tests.fake_openmetadata import FakeOpenMetadata


def definition(
    kind: str, config: dict[str, Any], host_port: str = "http://om/api", override: bool = False
) -> WorkflowDefinition:
    options = {"overrideMetadata": override}
    raw: dict[str, Any] = {
        "source": {
            "type": "postgres",
            "serviceName": "s",
            "serviceConnection": {"config": {}},
            "sourceConfig": {"config": options},
        },
        "sink": {"type": kind, "config": config},
        "workflowConfig": {
            "openMetadataServerConfig": {"hostPort": host_port, "securityConfig": {"jwtToken": "token"}}
        },
    }
    return WorkflowDefinition.model_validate(raw)


@pytest.mark.parametrize(
    "config",
    [
        {},
        {"api_endpoint": "http://om/api", "bulk_sink_batch_size": 50},
        {"enable_async_pipeline": True, "async_pipeline_workers": 2},
        {"inFlight": 8, "batchBytes": 65536, "maxDeletedPercent": 100, "dryRunDeletions": True},
        {"bulk_sink_batch_size": None, "readTimeoutSeconds": 600},
    ],
)
def test_takes_the_keys_of_openmetadata_and_its_own(config: dict[str, Any]) -> None:
    destination(definition("metadata-rest", config), confined=False)


@pytest.mark.parametrize(
    ("kind", "config", "path"),
    [
        ("metadata-rest", {"inflight": 8}, "sink.config.inflight"),
        ("metadata-rest", {"bulkSinkBatchSize": 8}, "sink.config.bulkSinkBatchSize"),
        ("metadata-rest", {"bulk_sink_batch_size": 0}, "sink.config.bulk_sink_batch_size"),
        ("metadata-rest", {"inFlight": "many"}, "sink.config.inFlight"),
        ("metadata-rest", {"maxDeletedPercent": 101}, "sink.config.maxDeletedPercent"),
        ("file", {}, "sink.config.filename"),
        ("file", {"filename": ""}, "sink.config.filename"),
        ("file", {"filename": "a/../../b"}, "sink.config.filename"),
        ("file", {"filename": "a", "format": "csv"}, "sink.config.format"),
    ],
)
def test_names_the_key_that_is_wrong(kind: str, config: dict[str, Any], path: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        destination(definition(kind, config), confined=False)
    assert [problem.path for problem in caught.value.problems] == [path]


def test_opens_a_file_below_the_folder(tmp_path: Path) -> None:
    report, cancellation = Report(), Cancellation()
    folders = Folders(tmp_path, tmp_path / "dead")
    here, elsewhere = (
        destination(definition("file", {"filename": name}), confined=False) for name in ("a.jsonl", "/etc/a")
    )
    sink = open_sink(here, SourceOptions(), report, cancellation, folders)
    sink.close()
    assert isinstance(sink, FileSink)
    assert [each.name for each in tmp_path.iterdir()] == ["a.jsonl"]
    with pytest.raises(ConfigurationError, match="filename"):
        open_sink(elsewhere, SourceOptions(), report, cancellation, folders)


def test_a_confined_file_is_named_relative_to_the_folder() -> None:
    destination(definition("file", {"filename": "below/a.jsonl"}), confined=True)
    with pytest.raises(ConfigurationError, match="filename: must be relative"):
        destination(definition("file", {"filename": "/a.jsonl"}), confined=True)


@pytest.mark.parametrize("override", [False, True])
def test_calls_a_server_when_there_is_something_for_it_and_leaves_nothing_behind(
    tmp_path: Path, override: bool, caplog: pytest.LogCaptureFixture
) -> None:
    with FakeOpenMetadata() as fake:
        asked = definition("metadata-rest", {"api_endpoint": "http://other/api"}, fake.host_port, override)
        folders = Folders(tmp_path, tmp_path / "dead.jsonl")
        options = SourceOptions.model_validate({"overrideMetadata": override})
        sink = open_sink(destination(asked, confined=False), options, Report(), Cancellation(), folders)
        assert fake.requests == []
        sink.close()
        assert [request.path.rpartition("/")[2] for request in fake.requests] == ["version"]
    assert list(tmp_path.iterdir()) == []
    assert "api_endpoint is not used" in caplog.text


def test_needs_a_server_to_replay_to(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="openMetadataServerConfig: is required"):
        replay_file(tmp_path / "a", {}, Report(), Cancellation(), tmp_path / "dead")
