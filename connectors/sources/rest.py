"""APIs that describe themselves by OpenAPI 3 or Swagger 2, in JSON or YAML: at an address, in a file, in S3."""

from collections.abc import Generator, Mapping
from contextlib import contextmanager
from typing import Literal, cast

from pydantic import Field, PrivateAttr, SecretStr, ValidationInfo, field_validator, model_validator

from connectors.cancellation import Cancellation
from connectors.connector import Capability, Check, Connector, RunContext
from connectors.definition import Model, TlsConfig, VerifySsl
from connectors.families.api import ApiConnection, ApiMetadata, api_topology
from connectors.families.aws import AwsCredentials, require_boto3
from connectors.families.openapi.document import Description
from connectors.families.openapi.text import parse
from connectors.families.rest import RestLimits
from connectors.families.whole_files import HttpFile, LocalFile, S3File, WholeFile, http_address, s3_address
from connectors.http.retry import RetryPolicy
from connectors.report import Report
from connectors.source_files import SourceFiles, allowed_files

STEP_SECONDS = 30.0
# Large ones have 10 to 20 MB; as values a document can take twenty times its bytes.
MOST_BYTES = 32 * 1024**2
LIMITS = RestLimits(connections=1, answer_bytes=MOST_BYTES)
# Who waits for a test wants to hear of a server that is away at once.
AT_ONCE = RestLimits(connections=1, answer_bytes=MOST_BYTES, retry=RetryPolicy(tries=1, few_tries=1))
PLACE = "openAPISchemaConnection"
URL, PATH, OBJECT = "openAPISchemaURL", "openAPISchemaFilePath", "openAPISchemaS3URL"


class SchemaPlace(Model):
    """Where the description lies: one of an address, a file that the service may read, an object of S3."""

    open_api_schema_url: str | None = Field(default=None, alias=URL)
    open_api_schema_file_path: str | None = Field(default=None, alias=PATH, min_length=1)
    open_api_schema_s3_url: str | None = Field(default=None, alias=OBJECT)
    aws_credentials: AwsCredentials | None = None
    _files: SourceFiles = PrivateAttr(default_factory=SourceFiles)

    @field_validator("open_api_schema_url")
    @classmethod
    def _is_an_address(cls, value: str | None) -> str | None:
        return None if value is None else http_address(value)

    @field_validator("open_api_schema_s3_url")
    @classmethod
    def _is_an_object(cls, value: str | None) -> str | None:
        if value is not None:
            s3_address(value)
            require_boto3("rest")
        return value

    @model_validator(mode="before")
    @classmethod
    def _is_one_place(cls, value: object) -> object:
        given: Mapping[str, object] = cast("Mapping[str, object]", value) if isinstance(value, Mapping) else {}
        if sum(given.get(key) is not None for key in (URL, PATH, OBJECT)) != 1:
            msg = f"give one of {URL}, {PATH} and {OBJECT}"
            raise ValueError(msg)
        if (given.get(OBJECT) is None) != (given.get("awsCredentials") is None):
            msg = f"{OBJECT} and awsCredentials belong together"
            raise ValueError(msg)
        return given

    @field_validator("open_api_schema_file_path")
    @classmethod
    def _may_be_read(cls, value: str | None, info: ValidationInfo) -> str | None:
        if value is not None:
            allowed_files(info).check(value)
        return value

    @model_validator(mode="after")
    def _knows_its_files(self, info: ValidationInfo) -> "SchemaPlace":
        self._files = allowed_files(info)
        return self

    def file(self, config: "RestConfig") -> WholeFile:
        """The file to read."""
        if self.open_api_schema_file_path is not None:
            return LocalFile(self._files, self.open_api_schema_file_path, f"{PLACE}.{PATH}")
        if self.open_api_schema_s3_url is not None and self.aws_credentials is not None:
            return S3File(self.aws_credentials, *s3_address(self.open_api_schema_s3_url), f"{PLACE}.{OBJECT}")
        token = config.token.get_secret_value() if config.token else ""
        return HttpFile(
            self.open_api_schema_url or "",
            f"{PLACE}.{URL}",
            headers={"Authorization": f"Bearer {token}"} if token else {},
            secrets=(token,) if token else (),
            verify_ssl=config.verify_ssl,
            certificates=config.ssl_config,
            credentials="token",
        )


class RestConfig(ApiConnection):
    """A description by OpenAPI; `token` is sent as a bearer's to its address, `docURL` is where people read it.

    Links to the endpoints in `docURL` are made as Swagger UI has them.
    """

    type: Literal["Rest"] = "Rest"
    open_api_schema_connection: SchemaPlace = Field(alias=PLACE)
    token: SecretStr | None = None
    doc_url: str | None = Field(default=None, alias="docURL")
    verify_ssl: VerifySsl = Field(default="no-ssl", alias="verifySSL")
    ssl_config: TlsConfig | None = None

    @field_validator("doc_url")
    @classmethod
    def _is_a_page(cls, value: str | None) -> str | None:
        return None if value is None else http_address(value)

    @field_validator("token")
    @classmethod
    def _can_be_sent(cls, value: SecretStr | None) -> SecretStr | None:
        if value is not None and not (value.get_secret_value().isascii() and value.get_secret_value().isprintable()):
            msg = "must be of printable ASCII: it is sent in a header"
            raise ValueError(msg)
        return value


def read(config: RestConfig, report: Report, cancellation: Cancellation, limits: RestLimits) -> Description:
    """The description, whole.

    Raises:
        ConnectorError, FatalError, SourceUnavailable: It cannot be read, or is none.
    """
    place = config.open_api_schema_connection
    file = place.file(config)
    raw = file.read(report, cancellation, limits)
    return Description(parse(raw, file.shown), file.shown, place.open_api_schema_url or "", config.doc_url)


@contextmanager
def open_source(context: RunContext[RestConfig, ApiMetadata]) -> Generator[Description]:
    """The description that one run walks through."""
    yield read(context.connection, context.report, context.cancellation, LIMITS)


def _read_for_check(config: RestConfig) -> Description:
    return read(config, Report(), Cancellation(STEP_SECONDS), AT_ONCE)


def check_access(config: RestConfig) -> str:
    """Read the description."""
    found = _read_for_check(config)
    return f"{found.title}, described by {'Swagger' if found.swagger else 'OpenAPI'} {found.version}"


def check_collections(config: RestConfig) -> str:
    """Count the collections."""
    return f"{_read_for_check(config).count_collections()} collections"


def check_endpoints(config: RestConfig) -> str:
    """Count the endpoints."""
    found = _read_for_check(config)
    return f"{sum(found.count(collection.name) for collection in found.collections())} endpoints"


CONNECTOR = Connector(
    name="rest",
    service_type="Rest",
    config=RestConfig,
    options=ApiMetadata,
    capabilities=frozenset({Capability.API_COLLECTIONS, Capability.API_ENDPOINTS, Capability.DELETIONS}),
    checks=tuple(
        Check(name, description, run, gate=gate, mandatory=True, timeout_seconds=STEP_SECONDS)
        for name, description, run, gate in (
            ("CheckAccess", "The description can be read", check_access, True),
            ("GetCollections", "It has collections", check_collections, False),
            ("GetEndpoints", "They have endpoints", check_endpoints, False),
        )
    ),
    topology=api_topology(open_source),
    grants="# to GET the one document, or for S3: s3:GetObject on it",
    tested="FastAPI's own documents (OpenAPI 3.1), Headwater's; documents by OpenAPI 3.0 and Swagger 2; S3 by moto",
)
