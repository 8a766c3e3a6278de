"""How to reach an MLflow, with OpenMetadata's keys."""

import re
from typing import Annotated, Literal
from urllib.parse import unquote, urlsplit

from pydantic import Field, SecretStr, WithJsonSchema, field_validator

from connectors.families.mlmodel import MlModelConnection
from connectors.families.web_addresses import require_possible

ADDRESS = re.compile(r"https?://([^/@\s]+@)?[^/@\s]+(/[^\s?#]*)?")
REFERENCE = "secret:"
# For forms, either may hold a password.
SHOWN = WithJsonSchema({"type": "string", "format": "password", "writeOnly": True})


class MlflowConfig(MlModelConnection):
    """MLflow's server with runs and its server with registered models, mostly the same.

    The addresses may hold user and password, for which OpenMetadata has no keys; only then they are kept as secrets, as
    else every message would hide them.
    """

    type: Literal["Mlflow"] = "Mlflow"
    tracking_uri: Annotated[SecretStr | str, SHOWN] = Field(
        description="http(s)://[user:password@]host:port of the server with the runs"
    )
    registry_uri: Annotated[SecretStr | str, SHOWN] = Field(
        description="the same of the server with the registered models"
    )

    @field_validator("tracking_uri", "registry_uri")
    @classmethod
    def _is_an_address(cls, value: SecretStr | str) -> SecretStr | str:
        text = _plain(value)
        if not (text.startswith(REFERENCE) or ADDRESS.fullmatch(text)):
            msg = (
                "is not the address of an MLflow server, which alone is read: no database, folder or Databricks; "
                "write it like http://mlflow:5000, with user:password@ before the host where it asks for them"
            )
            raise ValueError(msg)
        if not text.startswith(REFERENCE):
            require_possible(text)
        return SecretStr(text) if "@" in text or text.startswith(REFERENCE) else text


def _plain(uri: SecretStr | str) -> str:
    return uri.get_secret_value() if isinstance(uri, SecretStr) else uri


def without_login(uri: SecretStr | str) -> tuple[str, tuple[str, str] | None]:
    """The address by itself, and user and password if there are any."""
    parts = urlsplit(_plain(uri).rstrip("/"))
    login, _, host = parts.netloc.rpartition("@")
    user, _, password = login.partition(":")
    address = parts._replace(netloc=host).geturl()
    return address, (unquote(user), unquote(password)) if login else None
