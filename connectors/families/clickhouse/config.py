"""How users say which ClickHouse to read, in OpenMetadata's words."""

from typing import Annotated, Any, Literal

from pydantic import Field, SecretStr, field_validator

from connectors.definition import FilterPattern, Unused
from connectors.families.addresses import over_tcp, split_address
from connectors.families.database_options import DatabaseConnection
from connectors.families.driver_options import DriverOptions, require_seconds

HTTP_PORT, HTTPS_PORT = 8123, 8443
TIMEOUTS = frozenset({"connect_timeout", "read_timeout"})


class ClickhouseConfig(DatabaseConnection, DriverOptions):
    """A ClickHouse server's HTTP interface, and which of its databases to read: they are schemas here.

    `databaseName` is what the one database above them is called. `https` or `secure` speaks TLS. `connectionOptions`
    and `connectionArguments` may hold `connect_timeout` and `read_timeout`, in seconds.
    """

    type: Literal["Clickhouse"] = "Clickhouse"
    scheme: Literal["clickhouse+http", "clickhouse+native"] = "clickhouse+http"
    username: str | None = Field(default=None, min_length=1)
    password: SecretStr | None = None
    host_port: str
    database_name: str | None = Field(default=None, min_length=1, max_length=256)
    database_schema: str | None = None
    https: bool = False
    secure: bool = False
    keyfile: str | None = None
    schema_filter_pattern: FilterPattern = FilterPattern()
    duration: Annotated[int | None, Unused()] = None
    sample_data_storage_config: Annotated[dict[str, Any] | None, Unused()] = None
    supports_metadata_extraction: Annotated[bool, Unused()] = True
    supports_usage_extraction: Annotated[bool, Unused()] = True
    supports_lineage_extraction: Annotated[bool, Unused()] = True
    supports_dbt_extraction: Annotated[bool, Unused()] = Field(default=True, alias="supportsDBTExtraction")
    supports_profiler: Annotated[bool, Unused()] = True
    supports_query_comment: Annotated[bool, Unused()] = True

    @field_validator("scheme")
    @classmethod
    def _speaks_http(cls, value: str) -> str:
        if value != "clickhouse+http":
            msg = f"{value} is not supported; write clickhouse+http, and in hostPort the HTTP port (8123, 8443 for TLS)"
            raise ValueError(msg)
        return value

    @field_validator("keyfile")
    @classmethod
    def _takes_no_key(cls, value: str | None) -> str | None:
        if value is not None:
            msg = "is not supported: certificates of clients are not sent; remove it"
            raise ValueError(msg)
        return value

    @field_validator("host_port")
    @classmethod
    def _is_an_address(cls, value: str) -> str:
        return over_tcp(value, HTTP_PORT)

    @field_validator("connection_options", "connection_arguments")
    @classmethod
    def _are_timeouts(cls, value: dict[str, int | str]) -> dict[str, int | str]:
        for key, item in value.items():
            if key not in TIMEOUTS:
                msg = f"{key} is not supported; only {' and '.join(sorted(TIMEOUTS))} are"
                raise ValueError(msg)
            require_seconds(key, item)
        return value

    @property
    def url(self) -> str:
        """See Address."""
        secure = self.https or self.secure
        host, port = split_address(self.host_port, HTTPS_PORT if secure else HTTP_PORT)
        return f"{'https' if secure else 'http'}://{f'[{host}]' if ':' in host else host}:{port}"

    @property
    def login(self) -> tuple[str, str]:
        """See Address."""
        return self.username or "default", self.password.get_secret_value() if self.password else ""

    def seconds(self, timeout: str, default: float) -> float:
        """See Address."""
        return float(self.driver_options.get(timeout, default))
