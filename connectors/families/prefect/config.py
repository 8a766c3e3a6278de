"""How to reach a Prefect, with OpenMetadata's keys."""

from collections.abc import Mapping
from typing import Literal, cast
from urllib.parse import quote

from pydantic import Field, SecretStr, field_validator

from connectors.definition import Model, TlsConfig, VerifySsl
from connectors.families.pipeline_options import PipelineConnection
from connectors.families.web_addresses import web_address

KEYS = frozenset({"authString", "apiKey", "accountId", "workspaceId"})


class PrefectCloudAuthentication(Model):
    """A key of Prefect Cloud's, and the workspace to read."""

    api_key: SecretStr
    account_id: str = Field(min_length=1)
    workspace_id: str = Field(min_length=1)

    @property
    def base(self) -> str:
        """The path of the API."""
        return f"/api/accounts/{quote(self.account_id, safe='')}/workspaces/{quote(self.workspace_id, safe='')}"


class PrefectServerAuthentication(Model):
    """A server's own login, user:password; empty where it asks for none."""

    auth_string: SecretStr = SecretStr("")

    @property
    def base(self) -> str:
        """The path of the API."""
        return "/api"


class PrefectConfig(PipelineConnection):
    """Prefect's API, of a server or of Prefect Cloud; of each flow the latest `numberOfStatus` runs are told."""

    type: Literal["Prefect"] = "Prefect"
    host_port: str
    auth_type: PrefectCloudAuthentication | PrefectServerAuthentication
    number_of_status: int = Field(default=10, ge=1, le=100)
    verify_ssl: VerifySsl = Field(default="no-ssl", alias="verifySSL")
    ssl_config: TlsConfig | None = None

    @field_validator("auth_type", mode="before")
    @classmethod
    def _is_a_login(cls, value: object) -> object:
        given = frozenset(cast("Mapping[str, object]", value)) if isinstance(value, Mapping) else KEYS
        if given and not given & KEYS:
            msg = (
                "has none of the keys of a login: give authString, user:password, for a server, "
                "or apiKey, accountId and workspaceId for Prefect Cloud"
            )
            raise ValueError(msg)
        return cast("object", value)

    @field_validator("host_port")
    @classmethod
    def _is_an_address(cls, value: str) -> str:
        address = web_address(value, "Prefect", "http://prefect:4200 or https://api.prefect.cloud")
        return address.removesuffix("/api")
