"""How users say who asks Google's services, in OpenMetadata's words."""

import re
from collections.abc import Mapping
from typing import Annotated, Any, Literal, cast

from pydantic import Field, PrivateAttr, SecretStr, ValidationInfo, field_validator, model_validator

from connectors.definition import Model, Unused
from connectors.families.web_addresses import web_address
from connectors.source_files import SourceFiles, allowed_files

Kind = Literal["service_account", "gcp_credential_path", "external_account", "gcp_adc"]
OAUTH_ADDRESS = "https://oauth2.googleapis.com/token"
OF_GOOGLE = re.compile(r"https://(?:[a-z0-9-]+\.)+googleapis\.com(?::443)?(?:/.*)?", re.IGNORECASE)
# A domain may stand before a project's own id.
PROJECT = re.compile(r"(?:[\w.-]+:)?[\w-]+", re.ASCII)
REFERENCE = "secret:"
NEEDED: dict[Kind, dict[str, str]] = {
    "service_account": {"private_key": "privateKey", "client_email": "clientEmail"},
    "gcp_credential_path": {"path": "path"},
    "external_account": {
        "audience": "audience",
        "subject_token_type": "subjectTokenType",
        "token_url": "tokenURL",
        "credential_source": "credentialSource",
    },
    "gcp_adc": {},
}
OF_KEY_FILES = frozenset({
    "private_key", "private_key_id", "client_email", "client_id", "auth_uri", "token_uri", "client_x509_cert_url",
    "auth_provider_x509_cert_url",
})  # fmt: skip
OWN: dict[Kind, frozenset[str]] = {
    "service_account": OF_KEY_FILES,
    "gcp_credential_path": frozenset(NEEDED["gcp_credential_path"]),
    "external_account": frozenset({*NEEDED["external_account"], "external_type"}),
    "gcp_adc": frozenset(),
}
OF_ALL = frozenset({"type", "project_id"})
FEDERATED = frozenset({"file", "url", "format", "headers", "environment_id", "region_url", "imdsv2_session_token_url",
                       "regional_cred_verification_url"})  # fmt: skip


class GcpConfig(Model):
    """Whose rights are used, by `type`.

    `service_account`: a service account's key, as its file has it. `gcp_credential_path`: such a file, or one of
    workload identity federation, at a `path` where the service may read. `external_account`: that federation written
    out. `gcp_adc`: what the service itself is to Google, by its environment. `projectId` is the project to read, or a
    list of them.
    """

    type: Kind = "service_account"
    project_id: str | tuple[str, ...] | None = None
    private_key: SecretStr | None = None
    private_key_id: SecretStr | None = None
    client_email: str | None = None
    token_uri: SecretStr = SecretStr(OAUTH_ADDRESS)
    path: str | None = Field(default=None, min_length=1)
    external_type: Literal["external_account"] = "external_account"
    audience: str | None = None
    subject_token_type: SecretStr | None = None
    token_url: SecretStr | None = Field(default=None, alias="tokenURL")
    credential_source: dict[str, str | dict[str, str]] | None = None
    client_id: Annotated[str | None, Unused()] = None
    auth_uri: Annotated[str | None, Unused()] = None
    auth_provider_x509_cert_url: Annotated[str | None, Unused()] = None
    client_x509_cert_url: Annotated[str | None, Unused()] = None
    _files: SourceFiles = PrivateAttr(default_factory=SourceFiles)

    @model_validator(mode="before")
    @classmethod
    def _is_of_a_type(cls, value: object) -> object:
        """What has no type is what its keys say, as in OpenMetadata."""
        if not isinstance(value, Mapping):
            return value
        given = cast("Mapping[str, Any]", value)
        if given.get("type") is not None:
            return given
        federated = any(given.get(key) is not None for key in ("externalType", "audience", "credentialSource"))
        kind = "gcp_credential_path" if given.get("path") else "external_account" if federated else "service_account"
        return {**given, "type": kind}

    @field_validator("project_id")
    @classmethod
    def _are_projects(cls, value: str | tuple[str, ...] | None) -> str | tuple[str, ...] | None:
        for each in (value,) if isinstance(value, str) else value or ():
            if not PROJECT.fullmatch(each):
                msg = f"{each!r} is not a project's id; write it as Google's console shows it"
                raise ValueError(msg)
        return value

    @field_validator("token_uri")
    @classmethod
    def _is_an_address(cls, value: SecretStr) -> SecretStr:
        text = value.get_secret_value()
        if not text.startswith(REFERENCE):
            web_address(text, "what gives tokens", OAUTH_ADDRESS)
        return value

    @field_validator("token_url")
    @classmethod
    def _is_of_google(cls, value: SecretStr | None) -> SecretStr | None:
        text = value.get_secret_value() if value is not None else REFERENCE
        if not (text.startswith(REFERENCE) or OF_GOOGLE.fullmatch(text)):
            msg = "must be an address of Google's, such as https://sts.googleapis.com/v1/token: a token is sent there"
            raise ValueError(msg)
        return value

    @field_validator("credential_source")
    @classmethod
    def _is_read_here(cls, value: dict[str, str | dict[str, str]] | None) -> dict[str, str | dict[str, str]] | None:
        for key in value or {}:
            if key not in FEDERATED:
                msg = f"{key} is not supported: no program is started and no certificate shown; name a file or a url"
                raise ValueError(msg)
        if value is not None and not {"file", "url", "environment_id"} & value.keys():
            msg = "needs file, url or environment_id"
            raise ValueError(msg)
        return value

    @model_validator(mode="after")
    def _fits_its_type(self, info: ValidationInfo) -> "GcpConfig":
        given = {name for name in self.model_fields_set if getattr(self, name) not in (None, "")} - OF_ALL
        for name in sorted(given - OWN[self.type]):
            key = type(self).model_fields[name].alias or name
            msg = f"{key} has no meaning with type {self.type}; remove it, or correct type"
            raise ValueError(msg)
        missing = [key for name, key in NEEDED[self.type].items() if name not in given]
        if missing:
            msg = f"type {self.type} needs {' and '.join(missing)}"
            raise ValueError(msg)
        self._files = allowed_files(info)
        for key, path in self._named_files():
            try:
                self._files.check(path)
            except ValueError as error:
                msg = f"{key} {error}"
                raise ValueError(msg) from None
        return self

    def _named_files(self) -> list[tuple[str, str]]:
        source = (self.credential_source or {}).get("file")
        named = (("path", self.path), ("credentialSource.file", source))
        return [(key, path) for key, path in named if isinstance(path, str)]

    def text_of(self, path: str) -> str:
        """What a file says that is named here.

        Raises:
            OSError, ValueError: It cannot be read, or not by definitions.
        """
        return self._files.place(path).read_text(encoding="utf-8")

    def place(self, path: str) -> str:
        """Where a file lies; raises ValueError where it may not be read."""
        return str(self._files.place(path))

    @property
    def projects(self) -> tuple[str, ...]:
        """The projects to read, each once; none where the credentials are to tell."""
        given = self.project_id
        return tuple(dict.fromkeys((given,) if isinstance(given, str) else given or ()))


class Impersonation(Model):
    """The service account to act as, for so many seconds with each token."""

    impersonate_service_account: str | None = Field(default=None, min_length=1)
    lifetime: int = Field(default=3600, ge=1, le=43200)


class GcpCredentials(Model):
    """Who asks: `gcpConfig`, or a service account which that one may act as."""

    gcp_config: GcpConfig
    gcp_impersonate_service_account: Impersonation = Impersonation()

    def of_the_service(self) -> bool:
        """Whether the rights are not the definition's own: no address of its choice may learn their tokens."""
        return self.gcp_config.type != "service_account"
