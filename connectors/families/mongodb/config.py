"""What a definition says of a MongoDB server."""

import re
from typing import Annotated, Literal

from pydantic import Field, SecretStr, field_validator, model_validator

from connectors.definition import TlsConfig, Unused
from connectors.families.database_options import DatabaseConnection
from connectors.ports import shown

HOSTS = re.compile(r"[\w.:\[\]-]+(,[\w.:\[\]-]+)*")
OPTIONS = frozenset({
    "authMechanism", "authMechanismProperties", "authSource", "compressors", "connectTimeoutMS", "directConnection",
    "heartbeatFrequencyMS", "loadBalanced", "localThresholdMS", "maxPoolSize", "maxStalenessSeconds",
    "readConcernLevel", "readPreference", "readPreferenceTags", "replicaSet", "retryReads",
    "serverSelectionTimeoutMS", "socketTimeoutMS", "srvServiceName", "zlibCompressionLevel",
})  # fmt: skip
SslMode = Literal["disable", "allow", "prefer", "require", "verify-ca", "verify-full"]


class MongoDBConfig(DatabaseConnection):
    """How to reach a server or a replica set: `hostPort` may list several addresses with commas.

    `databaseSchema` reads one of its databases only; `databaseName` is what the one database above them is called.
    `connectionOptions` are those of MongoDB's connection strings.
    """

    type: Literal["MongoDB"] = "MongoDB"
    scheme: Literal["mongodb", "mongodb+srv"] = "mongodb"
    host_port: str
    username: str | None = None
    password: SecretStr | None = None
    database_name: str = Field(default="default", min_length=1)
    database_schema: str | None = Field(default=None, min_length=1)
    ssl_mode: SslMode = "disable"
    ssl_config: TlsConfig | None = None
    connection_options: dict[str, str] = Field(default_factory=dict[str, str])
    supports_metadata_extraction: Annotated[bool, Unused()] = True
    supports_profiler: Annotated[bool, Unused()] = True

    @field_validator("host_port")
    @classmethod
    def _are_addresses(cls, value: str) -> str:
        if not HOSTS.fullmatch(value):
            msg = f"{shown(value)} is not an address; write host:port, or several with commas, without scheme and user"
            raise ValueError(msg)
        return value

    @field_validator("ssl_mode")
    @classmethod
    def _is_decided(cls, value: SslMode) -> SslMode:
        if value in ("allow", "prefer"):
            msg = f"{value} is not supported, as MongoDB has none; write disable, require, verify-ca or verify-full"
            raise ValueError(msg)
        return value

    @field_validator("connection_options")
    @classmethod
    def _are_known(cls, value: dict[str, str]) -> dict[str, str]:
        if unknown := sorted(set(value) - OPTIONS):
            msg = f"{unknown[0]} is not supported; there are: {', '.join(sorted(OPTIONS))}"
            raise ValueError(msg)
        return value

    @model_validator(mode="after")
    def _belongs_together(self) -> "MongoDBConfig":
        if self.password and not self.username:
            msg = "password needs username"
            raise ValueError(msg)
        if self.ssl_mode == "disable" and self.ssl_config is not None:
            msg = "sslConfig needs sslMode; set it to require, verify-ca or verify-full"
            raise ValueError(msg)
        return self
