"""How to reach an Airflow, with OpenMetadata's keys."""

from collections.abc import Mapping
from typing import Literal, cast

from pydantic import Field, SecretStr, field_validator, model_validator

from connectors.definition import Model
from connectors.families.pipeline_options import PipelineConnection
from connectors.families.web_addresses import web_address


class BasicAuth(Model):
    """A user of Airflow's."""

    username: str = Field(min_length=1)
    password: SecretStr


class AccessToken(Model):
    """A token of Airflow's API, sent as it is."""

    token: SecretStr


class RestApi(Model):
    """Airflow's REST API; `auto` finds out which of its versions answers."""

    type: Literal["RestAPI"] = "RestAPI"
    auth_config: BasicAuth | AccessToken
    api_version: Literal["auto", "v1", "v2"] = "auto"
    verify_ssl: bool = Field(default=True, alias="verifySSL")

    @field_validator("auth_config", mode="before")
    @classmethod
    def _one_we_know(cls, value: object) -> object:
        if {"credentials", "mwaaConfig"} & _keys(value).keys():
            msg = "the managed services' credentials are not supported; give username and password, or token"
            raise ValueError(msg)
        return value


class AirflowConfig(PipelineConnection):
    """An Airflow's REST API; of each pipeline the latest `numberOfStatus` runs are told."""

    type: Literal["Airflow"] = "Airflow"
    host_port: str
    connection: RestApi
    number_of_status: int = Field(default=10, ge=1, le=100)

    @model_validator(mode="before")
    @classmethod
    def _by_rest_only(cls, value: object) -> object:
        kind = _keys(_keys(value).get("connection")).get("type")
        if kind not in (None, "RestAPI"):
            msg = f"connection.type {kind!r} is not supported: Airflow's database is not read; use RestAPI"
            raise ValueError(msg)
        return value

    @field_validator("host_port")
    @classmethod
    def _is_an_address(cls, value: str) -> str:
        return web_address(value, "Airflow", "http://airflow:8080")


def _keys(value: object) -> Mapping[str, object]:
    return cast("Mapping[str, object]", value) if isinstance(value, Mapping) else {}
