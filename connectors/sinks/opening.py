"""The sink that a definition asks for."""

import logging
from collections.abc import Callable, Mapping
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from connectors.cancellation import Cancellation
from connectors.definition import OpenMetadataConnection, SourceOptions, WorkflowConfig, WorkflowDefinition, parse
from connectors.definition import Sink as SinkDefinition
from connectors.errors import ConfigurationError
from connectors.report import Observer
from connectors.secret_texts import Path as SecretPath
from connectors.secret_texts import secret_paths
from connectors.sinks.base import Sink
from connectors.sinks.file import FILENAME, FileConfig, FileSink, file_path
from connectors.sinks.late import LateSink
from connectors.sinks.rest_config import MetadataRestConfig, Target
from connectors.source_files import EVERY_FILE, SourceFiles

if TYPE_CHECKING:
    from connectors.sinks import metadata_rest

CONFIG = "sink.config"
SERVER = "workflowConfig.openMetadataServerConfig"
logger = logging.getLogger(__name__)


class Folders(msgspec.Struct, frozen=True):
    """What a run may touch of this machine's files.

    `files` bounds what the file sink writes and `tokens` what a token is read from (None: anywhere), `sources` what
    a connector reads; `dead_letters` is one file.
    """

    files: Path | None
    dead_letters: Path
    tokens: Path | None = None
    sources: SourceFiles = EVERY_FILE


class Destination(msgspec.Struct, frozen=True):
    """Where the records of a definition go: to a file, or to the `server`."""

    config: FileConfig | MetadataRestConfig
    server: OpenMetadataConnection | None


def destination(definition: WorkflowDefinition, *, confined: bool) -> Destination:
    """What a definition says of its sink, which can be opened, as far as that can be told without opening it.

    A `confined` run writes its files below a folder that is not known yet.

    Raises:
        ConfigurationError: Names the path of every offending key.
    """
    sink = definition.sink
    config = parse(MetadataRestConfig if sink.type == "metadata-rest" else FileConfig, sink.config, CONFIG)
    if confined and isinstance(config, FileConfig) and Path(config.filename).is_absolute():
        raise ConfigurationError.at(FILENAME, "must be relative: it is taken below the service's folder for files")
    return Destination(config, definition.workflow_config.open_metadata_server_config)


def open_sink(
    where: Destination, options: SourceOptions, report: Observer, cancellation: Cancellation, folders: Folders
) -> Sink:
    """The sink of a run. A server is called when the source has answered, with the first record.

    Raises:
        ConfigurationError: It cannot be opened as configured.
    """
    config, server = where.config, where.server
    if isinstance(config, FileConfig):
        return FileSink(file_path(config, folders.files), report)
    if server is None:
        raise ConfigurationError.at(SERVER, "is required by the sink metadata-rest")
    if config.api_endpoint:
        logger.warning("sink.config.api_endpoint is not used: the server is the one of openMetadataServerConfig")
    target = Target(server, config, folders.dead_letters, options.override_metadata, tokens=folders.tokens)
    return LateSink(lambda: _to_server(target, report, cancellation))


def _to_server(target: Target, report: Observer, cancellation: Cancellation) -> Sink:
    """Loaded when it is opened, as all that sends takes long to load."""
    made: type[metadata_rest.MetadataRestSink] = import_module("connectors.sinks.metadata_rest").MetadataRestSink
    return made(target, report, cancellation)


def server_secrets(raw: Mapping[str, Any]) -> tuple[SecretPath, ...]:
    """Where the secret texts stand that `replay_file` uses of a definition."""
    workflow = parse(WorkflowConfig, raw.get("workflowConfig") or {}, "workflowConfig")
    return tuple(("workflowConfig", *path) for path in secret_paths(workflow))


def replay_file(
    path: Path, raw: Mapping[str, Any], report: Observer, cancellation: Cancellation, dead_letters: Path
) -> None:
    """Send a file of records to the server that a definition names; of the definition only that and the sink matter."""
    workflow = parse(WorkflowConfig, raw.get("workflowConfig") or {}, "workflowConfig")
    if workflow.open_metadata_server_config is None:
        raise ConfigurationError.at(SERVER, "is required: it names the server to send to")
    sink = parse(SinkDefinition, raw.get("sink") or {}, "sink")
    config = parse(MetadataRestConfig, sink.config if sink.type == "metadata-rest" else {}, CONFIG)
    send: Callable[[Path, Target, Observer, Cancellation], None] = import_module("connectors.sinks.replay").replay
    send(path, Target(workflow.open_metadata_server_config, config, dead_letters), report, cancellation)
