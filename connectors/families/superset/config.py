"""How to reach a Superset, with OpenMetadata's keys."""

from collections.abc import Mapping
from typing import Literal, cast

from pydantic import Field, SecretStr, field_validator, model_validator

from connectors.definition import Model, TlsConfig, VerifySsl
from connectors.families.dashboard_options import DashboardConnection
from connectors.families.web_addresses import web_address

# Keys that only the connections to Superset's own database have.
OF_DATABASES = frozenset({"type", "hostPort", "scheme"})


class SupersetApi(Model):
    """A user of Superset's, known to itself (`db`) or to the directory that it asks (`ldap`)."""

    provider: Literal["db", "ldap"] = "db"
    username: str = Field(min_length=1)
    password: SecretStr
    verify_ssl: VerifySsl = Field(default="no-ssl", alias="verifySSL")
    ssl_config: TlsConfig | None = None


class SupersetConfig(DashboardConnection):
    """A Superset's REST API."""

    type: Literal["Superset"] = "Superset"
    host_port: str
    connection: SupersetApi

    @model_validator(mode="before")
    @classmethod
    def _by_rest_only(cls, value: object) -> object:
        if not isinstance(value, Mapping):
            return value
        given = cast("Mapping[str, object]", value)
        connection = given.get("connection")
        if isinstance(connection, Mapping) and OF_DATABASES & cast("Mapping[str, object]", connection).keys():
            msg = "connection is that of a database, which is not read; give Superset's provider, username and password"
            raise ValueError(msg)
        return given

    @field_validator("host_port")
    @classmethod
    def _is_an_address(cls, value: str) -> str:
        return web_address(value, "Superset", "http://superset:8088")
