"""The sink that a definition asks for."""

import logging
from pathlib import Path

from connectors.cancellation import Cancellation
from connectors.definition import WorkflowDefinition, parse
from connectors.errors import ConfigurationError
from connectors.report import Observer
from connectors.sinks.base import Sink
from connectors.sinks.file import FileConfig, FileSink, file_path
from connectors.sinks.metadata_rest import MetadataRestConfig, MetadataRestSink, Target

CONFIG = "sink.config"
SERVER = "workflowConfig.openMetadataServerConfig"
logger = logging.getLogger(__name__)


def check_sink_config(definition: WorkflowDefinition) -> None:
    """Whether the sink can be opened, as far as that can be told without opening it.

    Raises:
        ConfigurationError: Names the path of every offending key.
    """
    model = FileConfig if definition.sink.type == "file" else MetadataRestConfig
    parse(model, definition.sink.config, CONFIG)


def open_sink(
    definition: WorkflowDefinition,
    report: Observer,
    cancellation: Cancellation,
    folder: Path | None,
    dead_letters: Path,
) -> Sink:
    """The sink of a run; files may be written below `folder` only, when one is given.

    Raises:
        ConfigurationError: It cannot be opened as configured.
        SinkUnavailable, FatalError: The server does not answer, or is none that we can use.
    """
    if definition.sink.type == "file":
        return FileSink(file_path(parse(FileConfig, definition.sink.config, CONFIG), folder), report)
    connection = definition.workflow_config.open_metadata_server_config
    if connection is None:
        raise ConfigurationError.at(SERVER, "is required by the sink metadata-rest")
    config = parse(MetadataRestConfig, definition.sink.config, CONFIG)
    if config.api_endpoint:
        logger.warning("sink.config.api_endpoint is not used: the server is the one of openMetadataServerConfig")
    override = definition.source.source_config.config.get("overrideMetadata") is True
    return MetadataRestSink(Target(connection, config, dead_letters, override), report, cancellation)
