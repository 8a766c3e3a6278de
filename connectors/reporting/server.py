"""The server's endpoints for the runs of an ingestion pipeline."""

import os
import socket
from collections.abc import Mapping
from datetime import datetime
from http import HTTPStatus
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import msgspec

from connectors.errors import ConnectorError
from connectors.http.answers import UnreadableAnswer
from connectors.http.retry import RetryPolicy
from connectors.models.kinds import SERVICES
from connectors.models.names import split_fqn
from connectors.openmetadata.instants import milliseconds
from connectors.openmetadata.limits import Limits
from connectors.openmetadata.past_runs import PIPELINES
from connectors.openmetadata.paths import by_name
from connectors.reporting.documents import Subject

if TYPE_CHECKING:
    from connectors.openmetadata.client import OpenMetadataClient

# A try is cut short: the next report, or the next try of whoever insists, is not far.
LIMITS = Limits(connect_seconds=5.0, read_seconds=15.0, connections=1, retry=RetryPolicy(tries=1, few_tries=1))
MISSING = frozenset({HTTPStatus.NOT_FOUND, HTTPStatus.METHOD_NOT_ALLOWED, HTTPStatus.NOT_IMPLEMENTED})


class NotReported(ConnectorError):
    """The server did not take what it was told."""


class NoSuchEndpoint(NotReported):
    """The server does not know the endpoint, or not the pipeline."""


class PipelineServer:
    """Tells the server of one run; `source_config` is what a missing pipeline is made with."""

    def __init__(self, client: "OpenMetadataClient", subject: Subject, source_config: Mapping[str, Any]) -> None:
        self._client = client
        self._subject = subject
        self._source_config = source_config
        self._pipeline = quote(subject.pipeline, safe="")
        self._run = f"{self._pipeline}/{subject.run_id}"
        self._connector = f"{socket.gethostname()}-{os.getpid()}"

    def status(self, document: Mapping[str, Any]) -> None:
        """Send the state of the run; a pipeline that the server lacks is made first.

        Raises:
            NotReported: It was not taken.
        """
        path = f"{PIPELINES}/{self._pipeline}/pipelineStatus"
        try:
            self._send("PUT", path, document)
        except NoSuchEndpoint:
            self._make_pipeline()
            self._send("PUT", path, document)

    def progress(self, document: Mapping[str, Any]) -> None:
        """Send how far the run is. Raises NotReported."""
        self._send("PUT", f"{PIPELINES}/progress/{self._run}", document)

    def logs(self, lines: list[str], now: datetime) -> None:
        """Send log lines. Raises NotReported."""
        document = {
            "logs": "".join(f"{line}\n" for line in lines),
            "timestamp": milliseconds(now),
            "connectorId": self._connector,
            "compressed": False,
            "lineCount": len(lines),
        }
        self._send("POST", f"{PIPELINES}/logs/{self._run}", document)

    def close_logs(self) -> None:
        """Say that no more lines come. Raises NotReported."""
        self._send("POST", f"{PIPELINES}/logs/{self._run}/close", {})

    def _make_pipeline(self) -> None:
        service, *rest = split_fqn(self._subject.pipeline)
        # What a dbt pipeline is made of says how its artefacts are reached, secrets and all: it is not passed on.
        secret = "dbtConfigSource" in self._source_config
        kind = None if secret else SERVICES.get(str(self._source_config.get("type")))
        if service != self._subject.service or len(rest) != 1 or kind is None:
            msg = f"there is no ingestion pipeline {self._subject.pipeline!r}"
            raise NoSuchEndpoint(msg, "make it in OpenMetadata, or correct ingestionPipelineFQN")
        # The service itself is made by the sink of a first run: until then this is tried again.
        answer = self._client.request("report", "GET", by_name(kind.collection, service))
        if not answer.ok:
            raise NotReported(answer.message())
        try:
            found = answer.decoded(dict[str, Any])["id"]
        except (UnreadableAnswer, KeyError) as error:
            msg = f"the service {service!r} cannot be read"
            raise NotReported(msg) from error
        document = {
            "name": rest[0],
            "pipelineType": "metadata",
            "service": {"id": found, "type": kind.entity},
            "sourceConfig": {"config": dict(self._source_config)},
            "airflowConfig": {},
        }
        self._send("PUT", PIPELINES, document)

    def _send(self, method: str, path: str, document: Mapping[str, Any]) -> None:
        answer = self._client.request("report", method, path, body=msgspec.json.encode(document))
        if not answer.ok:
            raise (NoSuchEndpoint if answer.status in MISSING else NotReported)(answer.message())
