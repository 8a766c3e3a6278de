"""The OpenMetadata workflow definition as typed models (its JSON Schemas are the source of the names).

Only the envelope: the connection belongs to the connector, the source options to its family.
"""

import re
from collections.abc import Iterator, Mapping
from typing import Annotated, Any, Literal, NamedTuple, TypeVar, cast
from uuid import UUID

from pydantic import (
    AliasGenerator,
    BaseModel,
    ConfigDict,
    Field,
    SecretStr,
    ValidationError,
    field_validator,
    model_validator,
)
from pydantic.alias_generators import to_camel

from connectors.errors import ConfigurationError
from connectors.expression_size import require_bounded
from connectors.expressions import matcher
from connectors.models.names import split_fqn
from connectors.other_workflows import STEPS, elsewhere
from connectors.pem import PemTexts
from connectors.ports import check_host_and_port, shown
from connectors.problems import problems_of
from connectors.source_files import EVERY_FILE, SourceFiles

FORBIDDEN_IN_SERVICES = re.compile(r'::|["\r\n]')
VERSION_OF_API = re.compile(r"/api/v\d+$")
HEADER_NAME = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]+")
FRAMING = frozenset({"content-length", "transfer-encoding"})
VerifySsl = Literal["no-ssl", "ignore", "validate"]
SERVICE_CONNECTION = ("source", "serviceConnection", "config")
CONNECTION_CONFIG = ".".join(SERVICE_CONNECTION)


def possible_headers(headers: dict[str, SecretStr]) -> dict[str, SecretStr]:
    """The same, if they can be sent.

    Raises:
        ValueError: Names the one that cannot.
    """
    for name, value in headers.items():
        text = value.get_secret_value()
        if not (HEADER_NAME.fullmatch(name) and text.isascii() and text.isprintable()):
            msg = f"{name!r} is not a possible header: a name of letters, digits and -, a value of printable ASCII"
            raise ValueError(msg)
        if name.lower() in FRAMING:
            msg = f"{name!r} says where a request ends, which only its sender knows: remove it"
            raise ValueError(msg)
    return headers


class Unused:
    """Marks a key that definitions carry for other workflows of OpenMetadata's; here it changes nothing."""


class Model(BaseModel):
    """Base of everything users write: camelCase, unknown keys refused, unchangeable."""

    model_config = ConfigDict(
        alias_generator=AliasGenerator(alias=to_camel),
        defer_build=True,  # parts of others and bases are never asked by themselves
        extra="forbid",
        frozen=True,
        hide_input_in_errors=True,
    )

    @model_validator(mode="before")
    @classmethod
    def _null_means_default(cls, value: object) -> object:
        """OpenMetadata writes null for what is left at its default."""
        if not isinstance(value, Mapping):
            return value
        given = cast("Mapping[str, object]", value)
        if None not in given.values():
            return given
        optional = {info.alias or name for name, info in cls.model_fields.items() if not info.is_required()}
        return {key: item for key, item in given.items() if item is not None or key not in optional}

    def notes(self) -> Iterator[str]:
        """Keys that change nothing beside the others, each as the rest of a sentence that begins with its path."""
        yield from ()


class Incoming(Model):
    """What an OpenMetadata server sends; what it has beside what is used here is passed over."""

    # FastAPI cannot read bodies by models that are built later.
    model_config = ConfigDict(defer_build=False, extra="ignore")


ModelT = TypeVar("ModelT", bound=BaseModel)


class FilterPattern(Model):
    """Regular expressions for names to keep and names to leave out."""

    includes: tuple[str, ...] = ()
    excludes: tuple[str, ...] = ()

    @field_validator("includes", "excludes")
    @classmethod
    def _patterns_compile(cls, patterns: tuple[str, ...]) -> tuple[str, ...]:
        require_bounded(patterns)
        for text in patterns:
            matcher(text)
        return patterns

    @classmethod
    def all_but(cls, *excludes: str) -> "FilterPattern":
        """What a connector takes by itself; not validated, so that the engine is loaded with the first name."""
        return cls.model_construct(excludes=excludes)


class Lookback(NamedTuple):
    """In days: how far back a run that succeeded is looked for, and how long before its start the next one begins."""

    days: int
    margin_days: int


class SourceOptions(Model):
    """What the options of every family say.

    `threads` > 1 chooses the multithread flow; `override_metadata` overwrites what people edited in the catalogue.
    """

    threads: int = Field(default=1, ge=1, le=64)
    override_metadata: bool = False

    def lookback(self) -> Lookback | None:
        """For runs that take only what has changed; None for those that take everything."""
        return None


class ServiceConnection(Model):
    """How to reach the source; the connector knows the shape of `config`, which holds secrets and is never shown."""

    config: dict[str, Any] = Field(repr=False)


class SourceConfig(Model):
    """What to take from the source; the connector's family knows the shape of `config`, which may hold secrets."""

    config: dict[str, Any] = Field(default_factory=dict[str, Any], repr=False)


class Source(Model):
    """The system to ingest from; without a connection of its own it is reached by the one that the server has."""

    type: str
    service_name: str = Field(min_length=1, max_length=256)
    service_connection: ServiceConnection | None = None
    source_config: SourceConfig = SourceConfig()

    @field_validator("service_name")
    @classmethod
    def _is_a_service_name(cls, value: str) -> str:
        if found := FORBIDDEN_IN_SERVICES.search(value):
            msg = f"must not hold {found[0]!r}: OpenMetadata does not take it in the name of a service"
            raise ValueError(msg)
        return value


class Sink(Model):
    """Where the records go."""

    type: Literal["metadata-rest", "file"] = "metadata-rest"
    config: dict[str, Any] = Field(default_factory=dict[str, Any])


# How people log in at the server. A bot shows a token, whichever it is.
AuthProvider = Literal[
    "openmetadata",
    "no-auth",
    "basic",
    "google",
    "okta",
    "auth0",
    "azure",
    "custom-oidc",
    "aws-cognito",
    "ldap",
    "saml",
]
WITHOUT_TOKEN = frozenset({"no-auth", "basic"})


class SecurityConfig(Model):
    """The bot's token: the text itself, `secret:<name>`, or the path of a file that holds it."""

    jwt_token: SecretStr

    @field_validator("jwt_token")
    @classmethod
    def _is_given(cls, value: SecretStr) -> SecretStr:
        if not value.get_secret_value().strip():
            msg = "is empty; give the bot's token from OpenMetadata (Settings, Bots)"
            raise ValueError(msg)
        return value


class TlsConfig(PemTexts, Model):
    """Certificates and key, each as PEM text or as the path of a PEM file."""

    ca_certificate: SecretStr | None = None
    ssl_certificate: SecretStr | None = None
    ssl_key: SecretStr | None = None


class OtherWorkflows(Model):
    """Keys of a server's connection by which OpenMetadata indexes and counts what it holds itself."""

    include_topics: Annotated[bool, Unused()] = True
    include_tables: Annotated[bool, Unused()] = True
    include_dashboards: Annotated[bool, Unused()] = True
    include_pipelines: Annotated[bool, Unused()] = True
    include_ml_models: Annotated[bool, Unused()] = True
    include_users: Annotated[bool, Unused()] = True
    include_teams: Annotated[bool, Unused()] = True
    include_glossary_terms: Annotated[bool, Unused()] = True
    include_tags: Annotated[bool, Unused()] = True
    include_policy: Annotated[bool, Unused()] = True
    include_messaging_services: Annotated[bool, Unused()] = True
    include_database_services: Annotated[bool, Unused()] = True
    include_pipeline_services: Annotated[bool, Unused()] = True
    limit_records: Annotated[int, Unused()] = 1000
    elastics_search: Annotated[dict[str, Any] | None, Unused()] = Field(default=None, repr=False)
    database_filter_pattern: Annotated[FilterPattern, Unused()] = FilterPattern()
    schema_filter_pattern: Annotated[FilterPattern, Unused()] = FilterPattern()
    table_filter_pattern: Annotated[FilterPattern, Unused()] = FilterPattern()
    supports_data_insight_extraction: Annotated[bool, Unused()] = True
    supports_elastic_search_reindexing_extraction: Annotated[bool, Unused()] = True


class OpenMetadataConnection(OtherWorkflows):
    """The OpenMetadata server that takes the metadata."""

    host_port: str
    auth_provider: AuthProvider = "openmetadata"
    security_config: SecurityConfig | None = None
    api_version: Literal["v1"] = "v1"
    cluster_name: Annotated[str, Unused()] = "openmetadata"
    extra_headers: dict[str, SecretStr] = Field(default_factory=dict[str, SecretStr])
    verify_ssl: VerifySsl = Field(default="no-ssl", alias="verifySSL")
    ssl_config: TlsConfig | None = None
    enable_version_validation: bool = True
    store_service_connection: bool = True
    force_entity_overwriting: bool = False
    type: Literal["OpenMetadata"] = "OpenMetadata"
    secrets_manager_provider: str = "db"
    secrets_manager_loader: Annotated[str, Unused()] = "noop"

    @field_validator("host_port")
    @classmethod
    def _is_the_api(cls, value: str) -> str:
        trimmed = value.rstrip("/")
        if re.match(r"https?://[^/]*@", trimmed):
            msg = "must not hold a user or a password; give the bot's token as securityConfig.jwtToken"
            raise ValueError(msg)
        if not re.fullmatch(r"https?://[^/\s]+(/\S*)?", trimmed):
            msg = f"{shown(value)} is not an http or https address; write it like http://openmetadata:8585/api"
            raise ValueError(msg)
        check_host_and_port(trimmed)
        if not trimmed.endswith("/api"):
            msg = f"{value!r} does not end in /api; write {re.sub(VERSION_OF_API, '', trimmed)}/api"
            raise ValueError(msg)
        return trimmed

    @field_validator("extra_headers")
    @classmethod
    def _can_be_sent(cls, headers: dict[str, SecretStr]) -> dict[str, SecretStr]:
        return possible_headers(headers)

    @field_validator("secrets_manager_provider")
    @classmethod
    def _only_the_database(cls, value: str) -> str:
        if value not in {"db", "noop"}:
            msg = f"{value!r} is not supported; write secrets as secret:<name> and leave this key out"
            raise ValueError(msg)
        return value

    @model_validator(mode="after")
    def _token_is_given(self) -> "OpenMetadataConnection":
        if self.auth_provider not in WITHOUT_TOKEN and self.security_config is None:
            msg = f"authProvider {self.auth_provider} needs securityConfig.jwtToken (or set authProvider to no-auth)"
            raise ValueError(msg)
        return self


class WorkflowConfig(Model):
    """How the run as a whole behaves; `success_threshold` is in per cent of the entities tried."""

    logger_level: Literal["DEBUG", "INFO", "WARN", "ERROR"] = "INFO"
    raise_on_error: bool = True
    success_threshold: int = Field(default=90, ge=0, le=100)
    config: Annotated[dict[str, Any] | None, Unused()] = Field(default=None, repr=False)
    open_metadata_server_config: OpenMetadataConnection | None = None


class WorkflowDefinition(Model):
    """One ingestion job, as `metadata ingest -c` takes it.

    `pipeline_run_id` holds for runs of the command line; the service reports its own run's id.
    """

    source: Source
    sink: Sink = Sink()
    workflow_config: WorkflowConfig = WorkflowConfig()
    ingestion_pipeline_fqn: str | None = Field(
        default=None, alias="ingestionPipelineFQN", min_length=1, max_length=3072
    )
    pipeline_run_id: UUID | None = None
    ingestion_runner_name: Annotated[str | None, Unused()] = None
    enable_streamable_logs: bool = False

    @model_validator(mode="before")
    @classmethod
    def _without_steps_of_others(cls, value: object) -> object:
        """OpenMetadata writes null for the steps that only its other workflows have."""
        if not isinstance(value, Mapping):
            return value
        given = cast("Mapping[str, object]", value)
        return {key: item for key, item in given.items() if item is not None or key not in STEPS}

    @model_validator(mode="before")
    @classmethod
    def _service_is_the_pipelines(cls, value: object) -> object:
        """A pipeline belongs to a service, whose name its own begins with."""
        if not isinstance(value, Mapping):
            return value
        given = cast("Mapping[str, object]", value)
        source, pipeline = given.get("source"), given.get("ingestionPipelineFQN")
        if not (isinstance(source, Mapping) and isinstance(pipeline, str) and pipeline):
            return given
        source = cast("Mapping[str, object]", source)
        if source.get("serviceName") is not None:
            return given
        try:
            service = split_fqn(pipeline)[0]
        except ValueError:  # which is told of the pipeline itself
            return given
        return {**given, "source": {**source, "serviceName": service}}

    @model_validator(mode="after")
    def _server_is_named(self) -> "WorkflowDefinition":
        if self.sink.type == "metadata-rest" and self.workflow_config.open_metadata_server_config is None:
            msg = "sink metadata-rest needs workflowConfig.openMetadataServerConfig"
            raise ValueError(msg)
        return self

    def notes(self) -> Iterator[str]:
        """See Model."""
        if self.enable_streamable_logs and self.ingestion_pipeline_fqn is None:
            yield "enableStreamableLogs has no effect without ingestionPipelineFQN"
        if self.ingestion_pipeline_fqn and self.workflow_config.open_metadata_server_config is None:
            yield "ingestionPipelineFQN has no effect without workflowConfig.openMetadataServerConfig"
        given: object = self.source.source_config.config.get("incremental")
        incremental = isinstance(given, Mapping) and cast("Mapping[str, object]", given).get("enabled") is True
        if incremental and self.ingestion_pipeline_fqn is None:
            yield "source.sourceConfig.config.incremental has no effect without ingestionPipelineFQN"

    @field_validator("ingestion_pipeline_fqn")
    @classmethod
    def _is_a_name(cls, value: str | None) -> str | None:
        if value is not None:
            try:
                parts = split_fqn(value)
            except ValueError as error:
                msg = f"{value!r} is not a fully qualified name: {error}"
                raise ValueError(msg) from error
            if len(parts) == 1 or not all(parts):
                msg = f"{value!r} is not a fully qualified name; write <service>.<pipeline>"
                raise ValueError(msg)
        return value


def known_only(server: Mapping[str, Any]) -> dict[str, Any]:
    """How to reach a server as that one wrote it, without the keys that only its own ingestion knows."""
    fields = OpenMetadataConnection.model_fields.items()
    known = {info.alias or name for name, info in fields if name not in OtherWorkflows.model_fields}
    return {key: value for key, value in server.items() if key in known}


def parse(model: type[ModelT], raw: object, prefix: str = "", files: SourceFiles = EVERY_FILE) -> ModelT:
    """Validate `raw`, which may name no other `files`; the paths of the problems are below `prefix`.

    Raises:
        ConfigurationError: Names the path of every offending field.
    """
    try:
        return model.model_validate(raw, context=files)
    except ValidationError as error:
        raise ConfigurationError(problems_of(error, raw, prefix, elsewhere(model.model_fields))) from None
