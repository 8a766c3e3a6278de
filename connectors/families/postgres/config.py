"""How users say which Postgres server to read, in OpenMetadata's words."""

from collections.abc import Mapping
from typing import Annotated, Any, ClassVar, Literal, cast

from pydantic import Field, ValidationInfo, field_validator, model_validator

from connectors.definition import FilterPattern, TlsConfig, Unused
from connectors.families.addresses import split_address
from connectors.families.database_options import DatabaseConnection
from connectors.families.password_auth import PasswordAuth
from connectors.families.postgres.dialect import POSTGRES, Dialect
from connectors.source_files import SourceFiles, allowed_files

SslMode = Literal["disable", "allow", "prefer", "require", "verify-ca", "verify-full"]
SSL_MODES: tuple[SslMode, ...] = ("disable", "allow", "prefer", "require", "verify-ca", "verify-full")
Keyword = str | int | float | bool
DEFAULT_PORT = 5432
KEYWORDS = frozenset(
    {
        "application_name", "channel_binding", "client_encoding", "connect_timeout", "fallback_application_name",
        "gssdelegation", "gssencmode", "gsslib", "keepalives", "keepalives_count", "keepalives_idle",
        "keepalives_interval", "krbsrvname", "load_balance_hosts", "max_protocol_version", "min_protocol_version",
        "options", "require_auth", "requirepeer", "ssl_max_protocol_version", "ssl_min_protocol_version", "sslcert",
        "sslcertmode", "sslcompression", "sslcrl", "sslcrldir", "sslkey", "sslmode", "sslnegotiation", "sslpassword",
        "sslrootcert", "sslsni", "target_session_attrs", "tcp_user_timeout",
    }
)  # fmt: skip
# Files and folders, which are to lie where the service may read.
PATHS = frozenset({"sslcert", "sslcrl", "sslcrldir", "sslkey", "sslrootcert"})
SYSTEM = "system"  # for `sslrootcert`: whom the operating system trusts
NUMBERS = frozenset(
    {"connect_timeout", "keepalives", "keepalives_count", "keepalives_idle", "keepalives_interval", "tcp_user_timeout"}
)
OWN_KEYS = {
    "host": "hostPort", "hostaddr": "hostPort", "port": "hostPort", "user": "username", "username": "username",
    "password": "authType.password", "dbname": "database", "database": "database",
}  # fmt: skip


class ServerConfig(DatabaseConnection):
    """A server that speaks Postgres's protocol, and which of its databases to read.

    `connectionOptions` and `connectionArguments` hold keywords of libpq.
    """

    dialect: ClassVar[Dialect] = POSTGRES

    username: str = Field(min_length=1)
    auth_type: PasswordAuth = Field(default_factory=PasswordAuth)
    host_port: str
    database: str = Field(min_length=1)
    ingest_all_databases: bool = False
    ssl_mode: SslMode = Field(default="disable", alias="sslMode")
    ssl_config: TlsConfig | None = None
    connection_options: dict[str, Keyword] = Field(default_factory=dict[str, Keyword])
    connection_arguments: dict[str, Keyword] = Field(default_factory=dict[str, Keyword])
    supports_metadata_extraction: Annotated[bool, Unused()] = True
    supports_profiler: Annotated[bool, Unused()] = True

    @model_validator(mode="before")
    @classmethod
    def _null_means_default(cls, value: object) -> object:
        if not isinstance(value, Mapping):
            return value
        return without_nulls(cast("Mapping[str, object]", value))

    @field_validator("host_port")
    @classmethod
    def _is_an_address(cls, value: str) -> str:
        split_address(value, DEFAULT_PORT)
        return value

    @field_validator("connection_options", "connection_arguments")
    @classmethod
    def _are_keywords(cls, value: dict[str, Keyword], info: ValidationInfo) -> dict[str, Keyword]:
        for key, item in value.items():
            check_keyword(key, item)
        return {key: _placed(key, item, allowed_files(info)) for key, item in value.items()}

    @property
    def address(self) -> tuple[str, int]:
        """Host or socket folder, and port."""
        return split_address(self.host_port, DEFAULT_PORT)

    def keywords(self) -> dict[str, str]:
        """What libpq is told, but for the database, the role's password and the files of `sslConfig`.

        Of two SSL modes the stricter one holds: OpenMetadata stores the mode a second time among the arguments.
        """
        host, port = self.address
        given = {key: _text(item) for key, item in {**self.connection_options, **self.connection_arguments}.items()}
        modes = [mode for mode in (self.ssl_mode, given.get("sslmode")) if mode]
        own = {"host": host, "port": str(port), "user": self.username}
        return {**given, **own, "sslmode": max(modes, key=[*SSL_MODES].index), "client_encoding": "utf8"}


class MainstreamConfig(ServerConfig):
    """What OpenMetadata does more with such a server than read its metadata.

    `connectionOptions` and `connectionArguments` hold keywords of libpq.
    """

    sample_data_storage_config: Annotated[dict[str, Any] | None, Unused()] = None
    supports_usage_extraction: Annotated[bool, Unused()] = True
    supports_lineage_extraction: Annotated[bool, Unused()] = True
    supports_dbt_extraction: Annotated[bool, Unused()] = Field(default=True, alias="supportsDBTExtraction")
    supports_database: Annotated[bool, Unused()] = True
    supports_query_comment: Annotated[bool, Unused()] = True
    supports_data_diff: Annotated[bool, Unused()] = True


class CatalogueConfig(MainstreamConfig):
    """A server with Postgres's catalogue, and which of its databases to read.

    `connectionOptions` and `connectionArguments` hold keywords of libpq.
    """

    classification_name: str = Field(default="PostgresPolicyTags", min_length=1, max_length=256)
    database_filter_pattern: FilterPattern = FilterPattern.all_but("^template1$", "^template0$")
    schema_filter_pattern: FilterPattern = FilterPattern.all_but("^information_schema$")
    query_statement_source: Annotated[str, Unused()] = "pg_stat_statements"


class PostgresConfig(CatalogueConfig):
    """A Postgres server, and which of its databases to read.

    `connectionOptions` and `connectionArguments` hold keywords of libpq.
    """

    type: Literal["Postgres"] = "Postgres"
    scheme: Literal["postgresql+psycopg2", "pgspider+psycopg2"] = "postgresql+psycopg2"


def without_nulls(given: Mapping[str, object]) -> dict[str, object]:
    """The keys that say something: OpenMetadata writes null for what is left at its default."""
    return {key: item for key, item in given.items() if item is not None}


def check_keyword(key: str, value: Keyword) -> None:
    """Refuse what libpq does not know and what has a key of its own.

    Raises:
        ValueError: Names the keyword and what to do.
    """
    if key in OWN_KEYS:
        msg = f"{key} is not taken here; set {OWN_KEYS[key]}"
        raise ValueError(msg)
    if key not in KEYWORDS:
        msg = f"{key} is not a connection keyword of libpq that can be used here; remove it"
        raise ValueError(msg)
    if key == "sslmode" and value not in SSL_MODES:
        msg = f"sslmode {value!r} is not known; write one of {', '.join(SSL_MODES)}"
        raise ValueError(msg)
    if key in NUMBERS and not _text(value).isdecimal():
        msg = f"{key} {value!r} is not a whole number"
        raise ValueError(msg)
    if key == "client_encoding" and str(value).lower().replace("-", "") not in {"utf8", "unicode", "auto"}:
        msg = f"client_encoding {value!r} cannot be used: names are read as utf8; remove it"
        raise ValueError(msg)


def _placed(key: str, value: Keyword, files: SourceFiles) -> Keyword:
    """The same; where it is a path, without a link that could be turned elsewhere. Raises ValueError."""
    if key not in PATHS or value in {"", SYSTEM}:
        return value
    try:
        return str(files.place(_text(value)))
    except ValueError as error:
        msg = f"{key} {error}"
        raise ValueError(msg) from None


def _text(value: Keyword) -> str:
    return str(int(value)) if isinstance(value, bool) else str(value)
