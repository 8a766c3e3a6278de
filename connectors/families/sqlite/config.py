"""Which file is read, with OpenMetadata's keys."""

from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field, PrivateAttr, SecretStr, ValidationInfo, field_validator, model_validator

from connectors.definition import Unused
from connectors.families.database_options import DatabaseConnection
from connectors.families.driver_options import NoDriverOptions
from connectors.source_files import SourceFiles, allowed_files

DATABASE = "default"
MEMORY = ":memory:"


class SQLiteConfig(DatabaseConnection, NoDriverOptions):
    """A file that the service can read: its path as `databaseMode`, what its database is called as `database`.

    Without `databaseMode` the path may be written as `database`. `:memory:` is refused, as nobody else's memory can
    be read, and so is a file that does not lie where the service may read; a relative path begins there.
    """

    type: Literal["SQLite"] = "SQLite"
    scheme: Literal["sqlite+pysqlite"] = "sqlite+pysqlite"
    database_mode: str = Field(default=MEMORY, min_length=1)
    database: str | None = None
    username: Annotated[str | None, Unused()] = None
    password: Annotated[SecretStr | None, Unused()] = None
    host_port: Annotated[str | None, Unused()] = None
    sample_data_storage_config: Annotated[dict[str, Any] | None, Unused()] = None
    supports_metadata_extraction: Annotated[bool, Unused()] = True
    supports_view_lineage_extraction: Annotated[bool, Unused()] = True
    supports_dbt_extraction: Annotated[bool, Unused()] = Field(default=True, alias="supportsDBTExtraction")
    supports_profiler: Annotated[bool, Unused()] = True
    supports_query_comment: Annotated[bool, Unused()] = True
    _files: SourceFiles = PrivateAttr(default_factory=SourceFiles)

    @field_validator("database_mode", "database")
    @classmethod
    def _may_be_read(cls, value: str | None, info: ValidationInfo) -> str | None:
        """Of the two keys the one that says where the file lies."""
        is_path = info.field_name == "database_mode" or info.data.get("database_mode") == MEMORY
        if is_path and value not in {None, MEMORY}:
            allowed_files(info).check(str(value))
        return value

    @model_validator(mode="after")
    def _is_a_file(self, info: ValidationInfo) -> "SQLiteConfig":
        if self.path == MEMORY:
            msg = "databaseMode :memory: holds nothing; write the path of a file as databaseMode or database"
            raise ValueError(msg)
        self._files = allowed_files(info)
        return self

    @property
    def path(self) -> str:
        """The file to read, as it is written."""
        return self.database_mode if self.database_mode != MEMORY else self.database or MEMORY

    def place(self) -> Path:
        """Where the file lies. Raises ValueError where it may not be read."""
        key = "databaseMode" if self.database_mode != MEMORY else "database"
        try:
            return self._files.place(self.path)
        except ValueError as error:
            msg = f"{key} {error}"
            raise ValueError(msg) from None

    @property
    def database_name(self) -> str:
        """What the one database is called."""
        return DATABASE if self.database_mode == MEMORY else self.database or DATABASE
