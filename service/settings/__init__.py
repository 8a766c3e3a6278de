"""The one tree of settings."""

import base64
import binascii
import ipaddress
import os
import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Annotated, Literal

from pydantic import BeforeValidator, Field, SecretStr, ValidationInfo, field_validator
from pydantic_settings import (
    BaseSettings,
    NoDecode,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
)

from service.references import NAME, OPENMETADATA_SECRETS, REFERENCE_PREFIX

PREFIX = "HEADWATER_"
Role = Literal["api", "timer", "worker"]
LogLevel = Literal["DEBUG", "INFO", "WARNING", "ERROR"]
Auth = Literal["keys", "none"]
ADMIN_KEY_RULE = (
    "every key must be 32 to 256 visible ASCII characters without a comma; make one with `openssl rand -hex 32`, "
    "or name one as secret:<name>"
)

_POOL = re.compile(NAME)
_SECRETS = re.compile(rf"-|\*|{NAME}\*?")
_ADMIN_KEY = re.compile(r"[!-+\--~]{32,256}")
_FERNET_KEY_BYTES = 32
_DATABASE_URL = re.compile(r"(postgres|postgresql)(\+psycopg)?://")


def _split_list(value: object) -> object:
    return [part.strip() for part in value.split(",") if part.strip()] if isinstance(value, str) else value


def _split_limits(value: object) -> object:
    if not isinstance(value, str):
        return value
    pairs = [part.partition("=") for part in value.split(",") if part.strip()]
    if not all(equals for _, equals, _ in pairs):
        message = "write it as pool=limit,pool=limit"
        raise ValueError(message)
    return {pool.strip(): limit.strip() for pool, _, limit in pairs}


def _upper(value: object) -> object:
    return value.upper() if isinstance(value, str) else value


def default_data_dir() -> Path:
    """`/var/lib/headwater` for root or where it is writable, else the user's own data folder."""
    system = Path("/var/lib/headwater")
    if os.geteuid() == 0 or os.access(system, os.W_OK | os.X_OK):
        return system
    base = os.environ.get("XDG_DATA_HOME")
    return (Path(base) if base else Path.home() / ".local" / "share") / "headwater"


def _default_auth(data: Mapping[str, object]) -> Auth:
    host = data.get("host")
    loopback = isinstance(host, str) and is_loopback(host)
    return "none" if loopback and data.get("admin_key") is None else "keys"


def _default_heartbeat(data: Mapping[str, object]) -> float:
    lease = data.get("lease_seconds")
    return lease / 6 if isinstance(lease, float) else 5.0


_Names = Annotated[tuple[str, ...], Field(min_length=1), NoDecode, BeforeValidator(_split_list)]
_Folders = Annotated[tuple[Path, ...], NoDecode, BeforeValidator(_split_list)]
_Roles = Annotated[tuple[Role, ...], Field(min_length=1), NoDecode, BeforeValidator(_split_list)]
_Addresses = Annotated[tuple[str, ...], NoDecode, BeforeValidator(_split_list)]
_Limits = Annotated[dict[str, Annotated[int, Field(ge=0, le=1_000_000)]], NoDecode, BeforeValidator(_split_limits)]


class Settings(BaseSettings):
    """Everything an operator can choose. `Settings(...)` never reads the environment; `load_settings` does."""

    model_config = SettingsConfigDict(
        env_prefix=PREFIX, env_ignore_empty=True, frozen=True, extra="forbid", validate_default=True
    )

    host: str = Field(default="127.0.0.1", min_length=1, description="Address the API binds.")
    port: int = Field(
        default=8080, ge=0, le=65535, description="TCP port of the API, 0 to 65535; 0 takes any free port."
    )
    admin_key: SecretStr | None = Field(
        default=None,
        description=(
            "Keys with the role admin, to make others with, comma separated: each 32 characters or more, or "
            "secret:<name>, which is a file of the secrets folder or HEADWATER_SECRET_<NAME>."
        ),
    )
    auth: Auth = Field(
        default_factory=_default_auth,
        description=(
            "keys: callers show an API key; none: nobody does, on loopback only. Unset: none on loopback without an "
            "admin_key, else keys."
        ),
    )
    metrics_auth: Auth = Field(
        default="none", description="keys: a scrape of /metrics shows an API key as well; none: it is open."
    )
    rate_limit: float = Field(
        default=100,
        ge=0,
        le=1_000_000,
        description="Requests a second by one key, by one address without; twice as many at once. 0: no limit.",
    )
    max_connections: int = Field(
        default=500,
        ge=10,
        le=100_000,
        description=(
            "Connections to the API, 10 to 100000: beyond it idle ones are closed, and without any 503 is answered."
        ),
    )
    failed_logins_per_minute: int = Field(
        default=20,
        ge=1,
        le=100_000,
        description="Wrong credentials by one address until it has to wait, 1 to 100000 a minute.",
    )
    trusted_proxies: _Addresses = Field(
        default=(),
        description="Proxies whose X-Forwarded-For is believed: a comma list of addresses and networks.",
    )
    roles: _Roles = Field(
        default=("api", "timer", "worker"), description="What this replica does: a comma list of api, timer, worker."
    )
    log_level: Annotated[LogLevel, BeforeValidator(_upper)] = Field(
        default="INFO", description="Least severe log line written: DEBUG, INFO, WARNING or ERROR."
    )

    database_url: SecretStr | None = Field(
        default=None, description="postgresql:// URL of the store. Unset: an embedded Postgres in the data folder."
    )
    database_pool_size: int = Field(
        default=10, ge=1, le=500, description="Connections kept to the store, 1 to 500; twice as many at most."
    )
    data_dir: Path = Field(
        default_factory=default_data_dir,
        description="Folder for the embedded Postgres and local files; /var/lib/headwater or ~/.local/share/headwater.",
    )
    pg_bindir: Path | None = Field(
        default=None, description="Folder with the initdb and postgres programs for the embedded store. Unset: found."
    )

    worker_slots: int = Field(default=4, ge=1, le=1000, description="Runs at a time in this replica, 1 to 1000.")
    worker_pools: _Names = Field(default=("default",), description="Pools whose runs this replica takes: a comma list.")
    pool_limits: _Limits = Field(
        default={},
        description=(
            "Most runs at a time over all replicas, 0 to 1000000, by pool: pool=limit,pool=limit. Unnamed: no limit."
        ),
    )
    lease_seconds: float = Field(
        default=30, ge=1, le=3600, description="Seconds without a heartbeat until a run counts as lost, 1 to 3600."
    )
    heartbeat_seconds: float = Field(
        default_factory=_default_heartbeat,
        ge=0.1,
        le=1200,
        description="Seconds between heartbeats, 0.1 to 1200, at most a third of the lease. Unset: a sixth of it.",
    )
    poll_seconds: float = Field(
        default=5, ge=0.1, le=300, description="Seconds between safety looks into the queue, 0.1 to 300."
    )
    reconcile_seconds: float = Field(
        default=60, ge=1, le=3600, description="Seconds between full readings of the schedules, 1 to 3600."
    )
    shutdown_grace_seconds: float = Field(
        default=20, ge=0, le=86400, description="Seconds that runs may go on after SIGTERM, 0 to 86400."
    )

    retention_runs_days: float = Field(
        default=30, gt=0, le=36500, description="Days a finished run is kept, up to 36500."
    )
    retention_runs_per_workflow: int = Field(
        default=1000, ge=1, le=1_000_000, description="Finished runs kept of one workflow, 1 to 1000000."
    )
    retention_audit_days: float = Field(
        default=365, gt=0, le=36500, description="Days the record of a change is kept, up to 36500."
    )
    log_lines_per_run: int = Field(
        default=10_000,
        ge=0,
        le=1_000_000,
        description="Log lines stored of one run, 0 to 1000000: of more the first and the last.",
    )

    secret_key: SecretStr | None = Field(
        default=None,
        description="Fernet keys (32 bytes, urlsafe base64), comma separated: the first encrypts, all decrypt.",
    )
    source_dirs: _Folders = Field(
        default=(),
        description="Folders of files that connectors may read: a comma list. Unset: sources in the data folder.",
    )
    secrets_dir: Path | None = Field(default=None, description="Folder with one file per secret, named as the secret.")

    openmetadata_username: str | None = Field(
        default=None, min_length=1, description="User name by which an OpenMetadata server calls. Unset: none may."
    )
    openmetadata_password: SecretStr | None = Field(
        default=None, min_length=1, description="Password by which an OpenMetadata server calls. Unset: none may."
    )
    openmetadata_secrets: _Names = Field(
        default=OPENMETADATA_SECRETS,
        description=(
            "Secrets that connections kept or sent by an OpenMetadata server may name: a comma list of names and of "
            "beginnings with * after them; - for none."
        ),
    )
    openmetadata_version: str = Field(
        default="2.0.7.0",
        pattern=r"^\d+\.\d+\.\d+(\.\d+)?$",
        description="Version told to an OpenMetadata server, x.y.z; x.y must be the server's own.",
    )

    @property
    def admin_keys(self) -> tuple[str, ...]:
        """The keys of administrators, references among them."""
        return _keys(self.admin_key)

    @property
    def secret_keys(self) -> tuple[str, ...]:
        """The Fernet keys, the encrypting one first; empty when none is set."""
        return _keys(self.secret_key)

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Constructor arguments only: what the process inherited must not leak into a test or a tool."""
        del settings_cls, env_settings, dotenv_settings, file_secret_settings
        return (init_settings,)

    @field_validator("admin_key")
    @classmethod
    def _check_admin_key(cls, value: SecretStr | None) -> SecretStr | None:
        if not all(key.startswith(REFERENCE_PREFIX) or is_admin_key(key) for key in _keys(value)):
            raise ValueError(ADMIN_KEY_RULE)
        return value

    @field_validator("auth")
    @classmethod
    def _guard_open_address(cls, value: Auth, info: ValidationInfo) -> Auth:
        host = info.data.get("host")
        if isinstance(host, str) and value == "none" and not is_loopback(host):
            message = (
                f"HEADWATER_HOST={host} would offer an API without authentication to the network; set this to keys and "
                "HEADWATER_ADMIN_KEY to the first key, or bind 127.0.0.1"
            )
            raise ValueError(message)
        return value

    @field_validator("trusted_proxies")
    @classmethod
    def _check_addresses(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        for address in value:
            try:
                ipaddress.ip_network(address, strict=False)
            except ValueError as error:
                message = f"{address!r} is neither an address nor a network such as 10.0.0.0/8"
                raise ValueError(message) from error
        return value

    @field_validator("openmetadata_secrets")
    @classmethod
    def _check_secrets(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        for name in value:
            if not _SECRETS.fullmatch(name):
                message = f"{name!r} is neither the name of a secret nor the beginning of names with * after it"
                raise ValueError(message)
        return value

    @field_validator("database_url")
    @classmethod
    def _check_database_url(cls, value: SecretStr | None) -> SecretStr | None:
        if value is not None and not _DATABASE_URL.match(value.get_secret_value()):
            message = "write it as postgresql://user:password@host:port/database; no other database is supported"
            raise ValueError(message)
        return value

    @field_validator("worker_pools", "pool_limits")
    @classmethod
    def _check_pools(cls, value: Iterable[str]) -> Iterable[str]:
        """Of a pool that no workflow can name no run would ever come."""
        for pool in value:
            if not _POOL.fullmatch(pool):
                message = (
                    f"{pool!r} is not the name of a pool: up to 128 letters, digits, '.', '_' and '-', the first a "
                    "letter or digit; put commas between several"
                )
                raise ValueError(message)
        return value

    @field_validator("roles", "worker_pools")
    @classmethod
    def _check_distinct(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        if len(set(value)) != len(value):
            message = "must name each one only once"
            raise ValueError(message)
        return value

    @field_validator("source_dirs")
    @classmethod
    def _check_full_paths(cls, value: tuple[Path, ...]) -> tuple[Path, ...]:
        for folder in value:
            if not folder.is_absolute():
                message = f"{folder} is not a full path; begin it with /"
                raise ValueError(message)
        return value

    @field_validator("heartbeat_seconds")
    @classmethod
    def _check_heartbeat(cls, value: float, info: ValidationInfo) -> float:
        lease = info.data.get("lease_seconds")
        if isinstance(lease, float) and value * 3 > lease:
            message = (
                f"must be at most a third of HEADWATER_LEASE_SECONDS ({lease:g}), so that one late beat loses no run"
            )
            raise ValueError(message)
        return value

    @field_validator("secret_key")
    @classmethod
    def _check_secret_key(cls, value: SecretStr | None) -> SecretStr | None:
        if not all(is_fernet_key(key) for key in _keys(value)):
            message = (
                "every key must be 32 bytes in urlsafe base64; make one with "
                '`python -c "import base64, os; print(base64.urlsafe_b64encode(os.urandom(32)).decode())"`'
            )
            raise ValueError(message)
        return value


def _keys(value: SecretStr | None) -> tuple[str, ...]:
    text = value.get_secret_value() if value is not None else ""
    return tuple(key.strip() for key in text.split(",") if key.strip())


def is_admin_key(key: str) -> bool:
    """Whether this will do as a key of an administrator: nobody guesses it, and a header can carry it."""
    return _ADMIN_KEY.fullmatch(key) is not None


def is_fernet_key(key: str) -> bool:
    """Whether secrets can be sealed with it."""
    try:
        return len(base64.b64decode(key, altchars=b"-_", validate=True)) == _FERNET_KEY_BYTES
    except (binascii.Error, ValueError):
        return False


def is_loopback(host: str) -> bool:
    """Whether only this machine reaches, and is reached by, this name or address."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False
