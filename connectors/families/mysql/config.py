"""How users say which MySQL or MariaDB server to read, in OpenMetadata's words."""

from typing import Annotated, Any, Literal

from pydantic import Field, SecretStr, field_validator

from connectors.definition import FilterPattern, TlsConfig, Unused
from connectors.families.addresses import over_tcp, split_address
from connectors.families.database_options import DatabaseConnection
from connectors.families.driver_options import DriverOptions, require_seconds
from connectors.families.password_auth import PasswordAuth

DEFAULT_PORT = 3306
TIMEOUTS = frozenset({"connect_timeout", "read_timeout", "write_timeout"})
UTF8 = frozenset({"utf8", "utf8mb3", "utf8mb4"})
OWN_KEYS = {
    "host": "hostPort", "port": "hostPort", "user": "username", "password": "the password's own key",
    "passwd": "the password's own key", "database": "databaseSchema", "db": "databaseSchema", "ssl": "sslConfig",
    "ssl_ca": "sslConfig", "ssl_cert": "sslConfig", "ssl_key": "sslConfig",
    "ssl_disabled": "sslConfig", "ssl_verify_cert": "sslConfig.caCertificate",
    "ssl_verify_identity": "sslConfig.caCertificate",
}  # fmt: skip


class InformationSchemaConfig(DatabaseConnection, DriverOptions):
    """A server of the MySQL kind, and which of its schemas to read.

    `databaseName` is what the one database above the schemas is called. `connectionOptions` and `connectionArguments`
    may hold `connect_timeout`, `read_timeout` and `write_timeout`, in seconds, and a `charset` of UTF-8.
    """

    scheme: Literal["mysql+pymysql"] = "mysql+pymysql"
    username: str = Field(min_length=1)
    host_port: str
    database_name: str = Field(default="default", min_length=1, max_length=256)
    database_schema: str | None = None
    sample_data_storage_config: Annotated[dict[str, Any] | None, Unused()] = None
    supports_metadata_extraction: Annotated[bool, Unused()] = True
    supports_dbt_extraction: Annotated[bool, Unused()] = Field(default=True, alias="supportsDBTExtraction")
    supports_profiler: Annotated[bool, Unused()] = True
    supports_query_comment: Annotated[bool, Unused()] = True

    @field_validator("host_port")
    @classmethod
    def _is_an_address(cls, value: str) -> str:
        return over_tcp(value, DEFAULT_PORT)

    @field_validator("connection_options", "connection_arguments")
    @classmethod
    def _are_known(cls, value: dict[str, int | str]) -> dict[str, int | str]:
        for key, item in value.items():
            _check_option(key, item)
        return value

    @property
    def address(self) -> tuple[str, int]:
        """Host and port."""
        return split_address(self.host_port, DEFAULT_PORT)

    @property
    def secret(self) -> str:
        """The password, empty without one."""
        return ""

    @property
    def certificates(self) -> TlsConfig | None:
        """What TLS is to be spoken with; None for a plain connection."""
        return None

    def seconds(self, timeout: str, default: int) -> int:
        """One of the timeouts."""
        return int(self.driver_options.get(timeout, default))


class MysqlConfig(InformationSchemaConfig):
    """A MySQL server, and which of its schemas to read."""

    type: Literal["Mysql"] = "Mysql"
    auth_type: PasswordAuth = Field(default_factory=PasswordAuth)
    ssl_config: TlsConfig | None = None
    schema_filter_pattern: FilterPattern = FilterPattern.all_but("^information_schema$", "^performance_schema$")
    use_slow_logs: Annotated[bool, Unused()] = False
    query_history_table: Annotated[str | None, Unused()] = None
    supports_usage_extraction: Annotated[bool, Unused()] = True
    supports_lineage_extraction: Annotated[bool, Unused()] = True
    supports_data_diff: Annotated[bool, Unused()] = True

    @property
    def secret(self) -> str:
        """See InformationSchemaConfig."""
        password = self.auth_type.password
        return password.get_secret_value() if password else ""

    @property
    def certificates(self) -> TlsConfig | None:
        """See InformationSchemaConfig."""
        return self.ssl_config


class MariaDBConfig(InformationSchemaConfig):
    """A MariaDB server, and which of its schemas to read."""

    type: Literal["MariaDB"] = "MariaDB"
    password: SecretStr | None = None
    supports_view_lineage_extraction: Annotated[bool, Unused()] = True

    @property
    def secret(self) -> str:
        """See InformationSchemaConfig."""
        return self.password.get_secret_value() if self.password else ""


def _check_option(key: str, value: int | str) -> None:
    """Refuse what is not known and what has a key of its own. Raises ValueError, which tells what to do."""
    if key in OWN_KEYS:
        msg = f"{key} is not taken here; set {OWN_KEYS[key]}"
        raise ValueError(msg)
    if key == "charset":
        if value not in UTF8:
            msg = f"charset {value!r} cannot be used: names are read as utf8mb4; remove it"
            raise ValueError(msg)
        return
    if key not in TIMEOUTS:
        msg = f"{key} is not supported; only {', '.join(sorted(TIMEOUTS))} and charset are; remove it"
        raise ValueError(msg)
    require_seconds(key, value)
