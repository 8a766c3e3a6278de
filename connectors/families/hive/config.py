"""How users say which Hive to read, in OpenMetadata's words."""

from collections.abc import Mapping
from typing import Annotated, Any, Literal, cast

from pydantic import Field, SecretStr, field_validator, model_validator

from connectors.definition import TlsConfig, Unused
from connectors.families.addresses import over_tcp, split_address
from connectors.families.database_options import DatabaseConnection
from connectors.families.driver_options import DriverOptions, require_seconds
from connectors.families.mysql.config import MysqlConfig
from connectors.families.postgres.config import PostgresConfig

DEFAULT_PORT = 10000
Auth = Literal["NONE", "LDAP", "KERBEROS", "CUSTOM", "NOSASL", "BASIC", "GSSAPI", "JWT", "PLAIN"]
# What the driver calls them; SASL PLAIN with any text for a password is Hive's NONE.
MECHANISMS: dict[Auth, str] = {
    "NONE": "PLAIN", "LDAP": "LDAP", "CUSTOM": "LDAP", "BASIC": "LDAP", "PLAIN": "LDAP", "NOSASL": "NOSASL",
    "KERBEROS": "GSSAPI", "GSSAPI": "GSSAPI",
}  # fmt: skip
WITH_PASSWORD = frozenset({"LDAP"})
KNOWN = frozenset({"timeout", "http_path"})
OWN_KEYS = {"host": "hostPort", "port": "hostPort", "user": "username", "password": "password", "auth": "auth"}


class HiveConfig(DatabaseConnection, DriverOptions):
    """HiveServer2, and which of its databases to read: they are schemas here.

    `databaseName` is what the one database above them is called. With `metastoreConnection`, to the Postgres or the
    MySQL that the metastore lies in, that alone is read: all tables of a schema at once, where HiveServer2 is asked for
    one table at a time. KERBEROS and GSSAPI need the package `kerberos` as well. `connectionOptions` and
    `connectionArguments` may hold `timeout`, in seconds, and `http_path`.
    """

    type: Literal["Hive"] = "Hive"
    scheme: Literal["hive", "hive+http", "hive+https"] = "hive"
    username: str | None = Field(default=None, min_length=1)
    password: SecretStr | None = None
    auth: Auth = "NONE"
    kerberos_service_name: str | None = None
    host_port: str
    database_name: str = Field(default="default", min_length=1, max_length=256)
    database_schema: str | None = None
    use_ssl: bool = Field(default=False, alias="useSSL")
    ssl_config: TlsConfig | None = None
    auth_options: str | None = None
    metastore_connection: Annotated[PostgresConfig | MysqlConfig, Field(discriminator="type")] | None = None
    sample_data_storage_config: Annotated[dict[str, Any] | None, Unused()] = None
    supports_metadata_extraction: Annotated[bool, Unused()] = True
    supports_dbt_extraction: Annotated[bool, Unused()] = Field(default=True, alias="supportsDBTExtraction")
    supports_profiler: Annotated[bool, Unused()] = True
    supports_view_lineage_extraction: Annotated[bool, Unused()] = True

    @field_validator("host_port")
    @classmethod
    def _is_an_address(cls, value: str) -> str:
        return over_tcp(value, DEFAULT_PORT)

    @field_validator("auth")
    @classmethod
    def _is_spoken(cls, value: Auth) -> Auth:
        if value not in MECHANISMS:
            msg = f"{value} is not supported; only {', '.join(sorted(MECHANISMS))} are"
            raise ValueError(msg)
        return value

    @field_validator("auth_options")
    @classmethod
    def _takes_none(cls, value: str | None) -> str | None:
        if value:
            msg = "is not supported; remove it"
            raise ValueError(msg)
        return value

    @field_validator("ssl_config")
    @classmethod
    def _takes_no_key(cls, value: TlsConfig | None) -> TlsConfig | None:
        if value is not None and (value.ssl_certificate is not None or value.ssl_key is not None):
            msg = "sslCertificate and sslKey are not supported: certificates of clients are not sent; remove them"
            raise ValueError(msg)
        return value

    @field_validator("connection_options", "connection_arguments")
    @classmethod
    def _are_known(cls, value: dict[str, int | str]) -> dict[str, int | str]:
        for key, item in value.items():
            if key in OWN_KEYS:
                msg = f"{key} is not taken here; set {OWN_KEYS[key]}"
                raise ValueError(msg)
            if key not in KNOWN:
                msg = f"{key} is not supported; only {' and '.join(sorted(KNOWN))} are"
                raise ValueError(msg)
            if key == "timeout":
                require_seconds(key, item)
        return value

    @field_validator("metastore_connection", mode="before")
    @classmethod
    def _is_a_known_store(cls, value: object) -> object:
        if not isinstance(value, Mapping):
            return value
        given = cast("Mapping[str, object]", value)
        if not given:
            return None
        if given.get("type") not in ("Postgres", "Mysql"):
            msg = "type must be Postgres or Mysql"
            raise ValueError(msg)
        return given

    @field_validator("metastore_connection")
    @classmethod
    def _names_its_schema(cls, value: PostgresConfig | MysqlConfig | None) -> PostgresConfig | MysqlConfig | None:
        if isinstance(value, MysqlConfig) and not value.database_schema:
            msg = "databaseSchema is required: what the metastore's own database is called, such as metastore"
            raise ValueError(msg)
        return value

    @model_validator(mode="after")
    def _has_what_its_login_needs(self) -> "HiveConfig":
        if MECHANISMS[self.auth] in WITH_PASSWORD and (self.username is None or self.password is None):
            msg = f"auth {self.auth} needs username and password"
            raise ValueError(msg)
        if self.ssl_config is not None and not self.secure:
            msg = "sslConfig needs useSSL, or scheme hive+https"
            raise ValueError(msg)
        return self

    @property
    def address(self) -> tuple[str, int]:
        """Host and port."""
        return split_address(self.host_port, DEFAULT_PORT)

    @property
    def secure(self) -> bool:
        """Whether TLS is spoken."""
        return self.use_ssl or self.scheme == "hive+https"

    def argument(self, key: str) -> int | str | None:
        """One of the options or arguments."""
        return self.driver_options.get(key)
