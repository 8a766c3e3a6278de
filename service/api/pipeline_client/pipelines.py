"""An ingestion pipeline as the server sends it, and the workflow that it becomes."""

import hashlib
import re
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Annotated, Any

from pydantic import AfterValidator, Field, JsonValue

from connectors.definition import Incoming, known_only
from service.errors import Conflict, Invalid, Problem
from service.workflows.documents import Json
from service.workflows.schemas import WorkflowCreate
from service.workflows.tables import WorkflowRow
from service.workflows.vault import refers_to_secrets
from service.workflows.wire import validated

# As the names of Airflow's DAGs are made: the server itself goes on to call a pipeline by its own name.
UNFIT = re.compile(r"[^0-9A-Za-z_-]")
LONGEST_NAME = 128
PIPELINE = "ingestionPipelineFQN"
# By the types of pipelines that are run; None: that of the service.
CONNECTORS: Mapping[str, str | None] = {"metadata": None, "dbt": "dbt"}
TYPES = " and ".join(map(repr, CONNECTORS))
LABELS: Json = {"deployed-by": "openmetadata"}


def _aware(instant: datetime) -> datetime:
    return instant if instant.tzinfo else instant.replace(tzinfo=UTC)


Instant = Annotated[datetime, AfterValidator(_aware)]


class AirflowConfig(Incoming):
    """When and how a pipeline runs. `retry_delay` and `workflow_timeout` are in seconds."""

    schedule_interval: str | None = None
    start_date: Instant | None = None
    end_date: Instant | None = None
    pipeline_timezone: str = "UTC"
    pause_pipeline: bool = False
    pipeline_catchup: bool = False
    retries: int = Field(default=0, ge=0, le=99)
    retry_delay: float = Field(default=300, ge=0, le=24 * 3600)
    workflow_timeout: int | None = Field(default=None, ge=1, le=31 * 24 * 3600)

    def schedule(self) -> Json | None:
        """The schedule of the workflow; None for one on demand."""
        if not (self.schedule_interval or "").strip():
            return None
        bounds = {"start": self.start_date, "end": self.end_date}
        given = {key: instant.isoformat() for key, instant in bounds.items() if instant is not None}
        return {"cron": self.schedule_interval, "timezone": self.pipeline_timezone, **given}

    def policy(self) -> Json:
        """As Airflow would do it: runs wait for each other, and a missed one is made up for once or for each tick."""
        return {
            "overlap": "queue",
            "misfire": "all" if self.pipeline_catchup else "latest",
            "maxAttempts": self.retries + 1,
            "retryDelaySeconds": self.retry_delay,
            "retryBackoff": 1,
            "timeoutSeconds": self.workflow_timeout,
        }


class Service(Incoming):
    """The service that a pipeline ingests; `type` is that of its entity, such as `databaseService`."""

    name: str = Field(min_length=1)
    type: str = Field(pattern=r"^[A-Za-z]+$")


class SourceConfig(Incoming):
    """What to take from the source."""

    config: dict[str, JsonValue] = Field(default_factory=dict[str, JsonValue])


class IngestionPipeline(Incoming):
    """The body of a deployment."""

    name: str = Field(min_length=1)
    fully_qualified_name: str = Field(min_length=1)
    pipeline_type: str
    description: str = ""
    service: Service
    source_config: SourceConfig = SourceConfig()
    open_metadata_server_connection: dict[str, Any]
    airflow_config: AirflowConfig = AirflowConfig()
    logger_level: str = "INFO"
    raise_on_error: bool = True
    enabled: bool = True
    enable_streamable_logs: bool = False

    @property
    def server(self) -> Json:
        """How to reach the server, without the keys that only its own ingestion knows."""
        return known_only(self.open_metadata_server_connection)

    def definition(self, connector: str) -> WorkflowCreate:
        """The workflow; the connection of its source is fetched from the server by each run.

        Raises Invalid with every field that cannot be taken over.
        """
        config: Json = {
            "source": {
                "type": connector,
                "serviceName": self.service.name,
                "sourceConfig": {"config": self.source_config.config},
            },
            "sink": {"type": "metadata-rest", "config": {}},
            "workflowConfig": {
                "loggerLevel": self.logger_level,
                "raiseOnError": self.raise_on_error,
                "openMetadataServerConfig": self.server,
            },
            PIPELINE: self.fully_qualified_name,
            "enableStreamableLogs": self.enable_streamable_logs,
        }
        document: Json = {
            "name": workflow_name(self.name),
            "description": self.description[:1024],
            "labels": LABELS,
            "enabled": self.enabled and not self.airflow_config.pause_pipeline,
            "schedule": self.airflow_config.schedule(),
            "policy": self.airflow_config.policy(),
            "config": config,
        }
        return validated(WorkflowCreate, document)


def workflow_name(dag_id: str) -> str:
    """The name of the workflow that a pipeline of this name becomes; long ones end in a digest."""
    name = UNFIT.sub("_", dag_id)
    if not name[:1].isalnum():
        name = f"p{name}"
    if len(name) <= LONGEST_NAME:
        return name
    digest = hashlib.blake2b(dag_id.encode("utf-8", "replace"), digest_size=6).hexdigest()
    return f"{name[: LONGEST_NAME - len(digest) - 1]}-{digest}"


def require_supported(pipeline: IngestionPipeline) -> None:
    """Raises Invalid for the types of pipelines that are not run here, and for secrets that a server may not name.

    Those of a service's connection are bounded when a run asks the server for it; dbt's stand in its own options.
    """
    if pipeline.pipeline_type not in CONNECTORS:
        message = f"{pipeline.pipeline_type!r} is not supported: Headwater runs pipelines of the types {TYPES}"
        raise Invalid([Problem("pipelineType", message)])
    require_no_references(pipeline.source_config.config)


def require_no_references(options: Mapping[str, JsonValue]) -> None:
    """Raises Invalid where options that a server sends refer to secrets of this service."""
    if refers_to_secrets(dict(options)):
        message = "may not refer to a secret with secret:<name>; give the value itself, which the server keeps"
        raise Invalid([Problem("sourceConfig.config", message)])


def connector_of(pipeline: IngestionPipeline, service_type: str) -> str:
    """The connector of a pipeline: that of its service's kind, unless it reads something else."""
    return CONNECTORS[pipeline.pipeline_type] or service_type.lower()


def require_same(row: WorkflowRow, pipeline: IngestionPipeline) -> None:
    """Raises Conflict when the name is another pipeline's: the server calls both by their bare name."""
    holder = row.config.get(PIPELINE)
    if holder != pipeline.fully_qualified_name:
        owner = f"of the pipeline {holder}" if holder else "not deployed by OpenMetadata"
        message = f"there is a workflow {row.name!r} already, {owner}; give the pipeline another name"
        raise Conflict(message)
