"""`authType` of databases that are logged in to with a password."""

from collections.abc import Mapping
from typing import cast

from pydantic import SecretStr, model_validator

from connectors.definition import Model

CLOUD_LOGINS = {"awsConfig": "AWS IAM", "azureConfig": "Azure", "gcpConfig": "Google Cloud SQL"}
IAM_SWITCH = "enableIamAuth"


class PasswordAuth(Model):
    """The user's password; without one the server has to trust the user or their certificate."""

    password: SecretStr | None = None

    @model_validator(mode="before")
    @classmethod
    def _only_passwords(cls, value: object) -> object:
        """OpenMetadata writes the keys of other logins, too, as null or false."""
        if not isinstance(value, Mapping):
            return value
        given = cast("Mapping[str, object]", value)
        for key, system in CLOUD_LOGINS.items():
            if given.get(key) is not None:
                msg = f"{key} is not supported: {system} tokens are not fetched here; give a password instead"
                raise ValueError(msg)
        if given.get(IAM_SWITCH):
            msg = f"{IAM_SWITCH} is not supported: tokens are not fetched here; give a password instead"
            raise ValueError(msg)
        return {key: item for key, item in given.items() if key not in (*CLOUD_LOGINS, IAM_SWITCH)}
