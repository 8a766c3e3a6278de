"""How users say where the tables of Delta Lake lie, in OpenMetadata's words."""

from os.path import realpath
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field, PrivateAttr, SecretStr, ValidationInfo, field_validator, model_validator

from connectors.definition import Model, Unused
from connectors.families.aws import AwsCredentials
from connectors.families.database_options import DatabaseConnection
from connectors.families.driver_options import NoArguments
from connectors.source_files import SourceFiles, allowed_files

PLACE = "configSource.connection"


class DeltaConnection(Model):
    """Either `metastoreFilePath`, the folder of a warehouse that the service can read, or `securityConfig` for S3."""

    metastore_file_path: str | None = Field(default=None, min_length=1)
    metastore_host_port: str | None = None
    metastore_db: str | None = None
    driver_name: str | None = None
    jdbc_driver_class_path: str | None = None
    username: str | None = None
    password: SecretStr | None = None
    security_config: AwsCredentials | None = None

    @field_validator(
        "metastore_host_port", "metastore_db", "driver_name", "jdbc_driver_class_path", "username", "password"
    )
    @classmethod
    def _not_supported(cls, value: str | SecretStr | None) -> str | SecretStr | None:
        if value:
            msg = "is not supported: no Spark is started here; give metastoreFilePath or securityConfig, or use hive"
            raise ValueError(msg)
        return value

    @model_validator(mode="after")
    def _is_one_place(self) -> "DeltaConnection":
        if (self.metastore_file_path is None) == (self.security_config is None):
            msg = "give either metastoreFilePath, for a folder, or securityConfig, for S3"
            raise ValueError(msg)
        return self


class ConfigSource(Model):
    """Where the tables lie; of S3 in one bucket or in all, in names that begin with a prefix."""

    connection: DeltaConnection
    bucket_name: str = ""
    prefix: str = ""
    app_name: Annotated[str | None, Unused()] = None

    @model_validator(mode="after")
    def _goes_together(self) -> "ConfigSource":
        if self.connection.metastore_file_path is not None and (self.bucket_name or self.prefix):
            msg = "bucketName and prefix belong to securityConfig; remove them beside metastoreFilePath"
            raise ValueError(msg)
        if self.prefix and not self.bucket_name:
            msg = "prefix needs bucketName"
            raise ValueError(msg)
        return self


class DeltaLakeConfig(DatabaseConnection):
    """Where tables of Delta Lake lie. `databaseName` is what the one database above the schemas is called.

    In a folder, each folder below it is a schema (`sales.db` is `sales`), and what lies in it directly belongs to
    the schema `default`; it has to lie where the service may read. In S3 a bucket is a schema, and a table is named
    by its path below the prefix; with one, tables are never deleted, as what others call so may lie below another.
    """

    type: Literal["DeltaLake"] = "DeltaLake"
    config_source: ConfigSource
    database_name: str = Field(default="default", min_length=1, max_length=256)
    connection_arguments: NoArguments = Field(default_factory=dict[str, Any])
    supports_metadata_extraction: Annotated[bool, Unused()] = True
    supports_dbt_extraction: Annotated[bool, Unused()] = Field(default=True, alias="supportsDBTExtraction")
    _files: SourceFiles = PrivateAttr(default_factory=SourceFiles)

    @model_validator(mode="after")
    def _may_be_read(self, info: ValidationInfo) -> "DeltaLakeConfig":
        self._files = allowed_files(info)
        if self.credentials is None:
            self.folder()
        return self

    @property
    def credentials(self) -> AwsCredentials | None:
        """Who asks S3; None for a folder."""
        return self.config_source.connection.security_config

    def folder(self) -> Path:
        """Where the warehouse really lies: its tables' locations begin with it. Raises ValueError as `place` does."""
        return Path(realpath(self.place("")))

    def place(self, below: str) -> Path:
        """Where something below the warehouse lies. Raises ValueError where it may not be read."""
        path = Path(self.config_source.connection.metastore_file_path or "") / below
        try:
            return self._files.place(str(path))
        except ValueError as error:
            msg = f"metastoreFilePath {error}"
            raise ValueError(msg) from None
