"""How to reach a Dagster, with OpenMetadata's keys."""

from typing import Literal

from pydantic import Field, SecretStr, field_validator

from connectors.families.pipeline_options import PipelineConnection
from connectors.families.web_addresses import web_address


class DagsterConfig(PipelineConnection):
    """A Dagster's web server, or a deployment of Dagster+ with a user's token. `timeout` is in seconds, for an answer.

    `strip_asset_key_prefix_length` is how many parts of an asset's key stand before its database, schema and table.
    """

    type: Literal["Dagster"] = "Dagster"
    host: str
    token: SecretStr | None = None
    timeout: int | None = Field(default=None, ge=1, le=3600)
    strip_asset_key_prefix_length: int = Field(default=0, ge=0)

    @field_validator("host")
    @classmethod
    def _is_an_address(cls, value: str) -> str:
        return web_address(value, "Dagster", "http://dagster:3000 or https://org.dagster.cloud/prod")
