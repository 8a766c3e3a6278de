"""Where dbt's artefacts lie, and what to take of them, as OpenMetadata writes it."""

from collections.abc import Iterator, Mapping
from typing import Any, Literal, cast

from pydantic import Field, PrivateAttr, SecretStr, ValidationInfo, field_validator, model_validator

from connectors.definition import (
    FilterPattern,
    Model,
    SourceOptions,
    TlsConfig,
    VerifySsl,
    possible_headers,
)
from connectors.families.aws import AwsCredentials, require_boto3
from connectors.families.whole_files import HttpFile, LocalFile, S3File, WholeFile, http_address
from connectors.source_files import SourceFiles, allowed_files

CONFIG_SOURCE = "dbtConfigSource"
CONNECTION_PATH = ("source", "sourceConfig", "config", CONFIG_SOURCE)
ELSEWHERE = frozenset({"cloud", "gcs", "azure"})
Artefact = Literal["manifest", "catalog", "run_results", "sources"]
ARTEFACTS: tuple[Artefact, ...] = ("manifest", "catalog", "run_results", "sources")
# The keys of each way to reach the artefacts begin or end so.
KEYS: Mapping[str, tuple[str, ...]] = {
    "local": ("FilePath",),
    "http": ("HttpPath", "dbtHttpHeaders", "dbtVerifySSL", "dbtSSLConfig"),
    "s3": ("dbtSecurityConfig", "dbtPrefixConfig"),
}
REQUIRED: Mapping[str, str] = {
    "local": "dbtManifestFilePath",
    "http": "dbtManifestHttpPath",
    "s3": "dbtSecurityConfig",
}


class PrefixConfig(Model):
    """Where in S3 the artefacts lie, by the names that dbt gives them."""

    dbt_bucket_name: str = Field(min_length=3)
    dbt_object_prefix: str = ""


class DbtArtefacts(Model):
    """Where the artefacts are: files that the service may read, addresses, or objects of S3. The manifest has to be."""

    dbt_config_type: Literal["local", "http", "s3"]
    dbt_manifest_file_path: str | None = Field(default=None, min_length=1)
    dbt_catalog_file_path: str | None = Field(default=None, min_length=1)
    dbt_run_results_file_path: str | None = Field(default=None, min_length=1)
    dbt_sources_file_path: str | None = Field(default=None, min_length=1)
    dbt_manifest_http_path: str | None = None
    dbt_catalog_http_path: str | None = None
    dbt_run_results_http_path: str | None = None
    dbt_sources_http_path: str | None = None
    dbt_http_headers: dict[str, SecretStr] = Field(default_factory=dict[str, SecretStr])
    dbt_verify_ssl: VerifySsl = Field(default="no-ssl", alias="dbtVerifySSL")
    dbt_ssl_config: TlsConfig | None = Field(default=None, alias="dbtSSLConfig")
    dbt_security_config: AwsCredentials | None = None
    dbt_prefix_config: PrefixConfig | None = None
    _files: SourceFiles = PrivateAttr(default_factory=SourceFiles)

    @model_validator(mode="before")
    @classmethod
    def _is_of_one_kind(cls, value: object) -> object:
        given: Mapping[str, object] = cast("Mapping[str, object]", value) if isinstance(value, Mapping) else {}
        kind = str(given.get("dbtConfigType"))
        if kind in ELSEWHERE:
            msg = f"dbtConfigType {kind} is not supported: have the artefacts copied, and give local, http or s3"
            raise ValueError(msg)
        for key in (key for key, item in given.items() if item is not None):
            owners = [owner for owner, parts in KEYS.items() if any(key.endswith(part) for part in parts)]
            if owners and kind in KEYS and kind not in owners:
                msg = f"{key} belongs to dbtConfigType {owners[0]}, not {kind}; remove it"
                raise ValueError(msg)
        required = REQUIRED.get(kind)
        if required is not None and given.get(required) is None:
            msg = f"dbtConfigType {kind} needs {required}"
            raise ValueError(msg)
        if kind == "s3" and given.get("dbtPrefixConfig") is None:
            msg = "dbtConfigType s3 needs dbtPrefixConfig with dbtBucketName: buckets are not searched"
            raise ValueError(msg)
        return given

    @field_validator(
        "dbt_manifest_http_path", "dbt_catalog_http_path", "dbt_run_results_http_path", "dbt_sources_http_path"
    )
    @classmethod
    def _is_an_address(cls, value: str | None) -> str | None:
        return None if value is None else http_address(value)

    @field_validator("dbt_http_headers")
    @classmethod
    def _can_be_sent(cls, headers: dict[str, SecretStr]) -> dict[str, SecretStr]:
        return possible_headers(headers)

    @field_validator("dbt_security_config")
    @classmethod
    def _has_its_driver(cls, value: AwsCredentials | None) -> AwsCredentials | None:
        if value is not None:
            require_boto3("dbt")
        return value

    @model_validator(mode="after")
    def _may_be_read(self, info: ValidationInfo) -> "DbtArtefacts":
        self._files = allowed_files(info)
        for artefact, path in self._paths("file").items():
            try:
                self._files.check(path)
            except ValueError as error:
                msg = f"dbt{_in_keys(artefact)}FilePath: {error}"
                raise ValueError(msg) from None
        return self

    def file(self, artefact: Artefact) -> WholeFile | None:
        """The file of one of them; None where the user named none."""
        key = _in_keys(artefact)
        if self.dbt_config_type == "s3":
            return self._object(artefact)
        if self.dbt_config_type == "local":
            path = self._paths("file").get(artefact)
            return None if path is None else LocalFile(self._files, path, f"{CONFIG_SOURCE}.dbt{key}FilePath")
        url = self._paths("http").get(artefact)
        if url is None:
            return None
        headers = {name: value.get_secret_value() for name, value in self.dbt_http_headers.items()}
        return HttpFile(
            url,
            f"{CONFIG_SOURCE}.dbt{key}HttpPath",
            headers=headers,
            secrets=tuple(headers.values()),
            verify_ssl=self.dbt_verify_ssl,
            certificates=self.dbt_ssl_config,
            credentials="dbtHttpHeaders",
        )

    @property
    def named(self) -> bool:
        """Whether the user named each file: then all that are named have to be there."""
        return self.dbt_config_type != "s3"

    def _paths(self, kind: Literal["file", "http"]) -> dict[Artefact, str]:
        """Those that were given."""
        values = dict(self)
        paths: dict[Artefact, str] = {}
        for artefact in ARTEFACTS:
            path: object = values[f"dbt_{artefact}_{kind}_path"]
            if isinstance(path, str):
                paths[artefact] = path
        return paths

    def _object(self, artefact: Artefact) -> WholeFile | None:
        place, credentials = self.dbt_prefix_config, self.dbt_security_config
        if place is None or credentials is None:
            return None
        folder = place.dbt_object_prefix.strip("/")
        name = f"{folder}/{artefact}.json" if folder else f"{artefact}.json"
        return S3File(credentials, place.dbt_bucket_name, name, f"{CONFIG_SOURCE}.dbtPrefixConfig")


def _in_keys(artefact: Artefact) -> str:
    """How keys write it."""
    return "".join(map(str.capitalize, artefact.split("_")))


class DbtMetadata(SourceOptions):
    """What to take. Without `dbtUpdateDescriptions` and `dbtUpdateOwners` they are put only where there are none.

    `override_metadata` means both. `parsing_timeout_limit` is in seconds, for the SQL of one table.
    """

    type: Literal["DBT"] = "DBT"
    dbt_config_source: dict[str, Any] = Field(repr=False)
    dbt_update_descriptions: bool = False
    dbt_update_owners: bool = False
    include_tags: bool = True
    dbt_classification_name: str = Field(default="dbtTags", min_length=1, max_length=256)
    database_filter_pattern: FilterPattern = FilterPattern()
    schema_filter_pattern: FilterPattern = FilterPattern()
    table_filter_pattern: FilterPattern = FilterPattern()
    tag_filter_pattern: FilterPattern = FilterPattern()
    override_lineage: bool = False
    search_across_databases: bool = False
    include_metrics: bool = False
    catalog_mapping: dict[str, str] = Field(default_factory=dict[str, str])
    parsing_timeout_limit: int = Field(default=300, ge=1, le=86_400)

    def notes(self) -> Iterator[str]:
        """See Model."""
        if not self.include_tags and (self.tag_filter_pattern.includes or self.tag_filter_pattern.excludes):
            yield "tagFilterPattern has no effect unless includeTags is true"

    @field_validator("override_lineage", "search_across_databases", "include_metrics", "catalog_mapping")
    @classmethod
    def _not_supported(cls, value: object, info: ValidationInfo) -> object:
        if value:
            raise ValueError(REFUSED[str(info.field_name)])
        return value


REFUSED: Mapping[str, str] = {
    "override_lineage": "is not supported: edges are added and none is deleted; remove it or set it to false",
    "search_across_databases": (
        "is not supported: a table is looked for in the database that dbt says it is in; remove it or set it to false"
    ),
    "include_metrics": "is not supported: no metrics are read; remove it or set it to false",
    "catalog_mapping": "is not supported: databases have the names that dbt gives them; remove it",
}
