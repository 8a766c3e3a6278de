"""How users say which Snowflake account to read, in OpenMetadata's words."""

import re
from typing import Annotated, Any, Literal

from pydantic import Field, SecretStr, field_validator, model_validator

from connectors.definition import FilterPattern, Unused
from connectors.families.addresses import over_tcp, split_address
from connectors.families.database_options import WarehouseConnection
from connectors.families.driver_options import DriverOptions, require_seconds
from connectors.ports import shown

HTTPS_PORT = 443
DOMAIN = "snowflakecomputing.com"
TIMEOUTS = frozenset({"login_timeout", "network_timeout"})
PLACE = frozenset({"host", "port", "protocol"})
OWN_KEYS = {
    "account": "account", "user": "username", "password": "password", "private_key": "privateKey",
    "warehouse": "warehouse", "database": "database", "role": "role", "session_parameters": "queryTag",
    "client_session_keep_alive": "clientSessionKeepAlive",
}  # fmt: skip
ACCOUNT = re.compile(r"[A-Za-z0-9][\w.-]*")
QUALIFIED = re.compile(r'([\w$]+|"(?:[^"]|"")+")\.([\w$]+|"(?:[^"]|"")+")')


class SnowflakeConfig(WarehouseConnection, DriverOptions):
    """A Snowflake account, and which of its databases to read: `database`, or all that the role may use.

    The user logs in by key pair, if there is a `privateKey` (PEM text, with its passphrase), else by `password`.
    `connectionOptions` and `connectionArguments` may hold `host`, `port` and `protocol` where the account is reached at
    another address than `<account>.snowflakecomputing.com`, and `login_timeout` and `network_timeout` in seconds.
    """

    type: Literal["Snowflake"] = "Snowflake"
    scheme: Literal["snowflake"] = "snowflake"
    username: str = Field(min_length=1)
    password: SecretStr | None = None
    private_key: SecretStr | None = None
    snowflake_privatekey_passphrase: SecretStr | None = None
    account: str
    warehouse: str = Field(min_length=1)
    role: str | None = None
    database: str | None = None
    query_tag: str | None = None
    account_usage_schema: str = "SNOWFLAKE.ACCOUNT_USAGE"
    client_session_keep_alive: bool = False
    include_transient_tables: bool = True
    include_streams: bool = False
    include_stages: bool = False
    include_semantic_views: bool = False
    database_filter_pattern: FilterPattern = FilterPattern.all_but("^snowflake$")
    schema_filter_pattern: FilterPattern = FilterPattern.all_but("^information_schema$")
    snowflake_source_host: Annotated[str, Unused()] = "app.snowflake.com"
    use_access_history: Annotated[bool, Unused()] = True
    access_history_chunk_size: Annotated[int, Unused()] = 2
    credit_cost: Annotated[float, Unused()] = 3.3
    policy_agent_config: Annotated[dict[str, Any] | None, Unused()] = None

    @field_validator("account")
    @classmethod
    def _is_an_account(cls, value: str) -> str:
        if "://" in value or value.lower().rstrip("/").endswith(DOMAIN) or not ACCOUNT.fullmatch(value):
            msg = f"{shown(value)} is not an account's identifier; write what stands before .{DOMAIN} in its address"
            raise ValueError(msg)
        return value

    @field_validator("include_semantic_views")
    @classmethod
    def _not_supported(cls, value: bool) -> bool:
        if value:
            msg = "is not supported; remove it or set it to false"
            raise ValueError(msg)
        return value

    @field_validator("account_usage_schema")
    @classmethod
    def _is_qualified(cls, value: str) -> str:
        if not QUALIFIED.fullmatch(value):
            msg = f"{value!r} is not a schema with its database; write it like SNOWFLAKE.ACCOUNT_USAGE"
            raise ValueError(msg)
        return value

    @field_validator("connection_options", "connection_arguments")
    @classmethod
    def _are_known(cls, value: dict[str, int | str]) -> dict[str, int | str]:
        for key, item in value.items():
            if key in OWN_KEYS:
                msg = f"{key} is not taken here; set {OWN_KEYS[key]}"
                raise ValueError(msg)
            if key not in TIMEOUTS | PLACE:
                msg = f"{key} is not supported; only {', '.join(sorted(TIMEOUTS | PLACE))} are"
                raise ValueError(msg)
            if key in TIMEOUTS:
                require_seconds(key, item)
            if key == "protocol" and item not in ("http", "https"):
                msg = "protocol must be https or http"
                raise ValueError(msg)
        if PLACE & value.keys():
            over_tcp(f"{value.get('host', 'host')}:{value.get('port', HTTPS_PORT)}", HTTPS_PORT)
        return value

    @model_validator(mode="after")
    def _logs_in_one_way(self) -> "SnowflakeConfig":
        if self.password is None and self.private_key is None:
            msg = "give password or privateKey"
            raise ValueError(msg)
        if self.snowflake_privatekey_passphrase is not None and self.private_key is None:
            msg = "snowflakePrivatekeyPassphrase has a meaning beside privateKey only; give that, or remove it"
            raise ValueError(msg)
        return self

    @property
    def address(self) -> tuple[str, int]:
        """Host and port."""
        given = self.driver_options
        host, port = given.get("host", f"{self.account}.{DOMAIN}"), given.get("port", HTTPS_PORT)
        return split_address(f"{host}:{port}", HTTPS_PORT)

    @property
    def protocol(self) -> str:
        """How the address is spoken with."""
        return str(self.driver_options.get("protocol", "https"))

    def seconds(self, timeout: str, default: int) -> int:
        """One of the timeouts."""
        return int(self.driver_options.get(timeout, default))
