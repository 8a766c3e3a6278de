"""How to reach a cluster, with OpenMetadata's keys."""

from collections.abc import Mapping
from typing import Annotated, Any, cast

from pydantic import Field, SecretStr, field_validator, model_validator

from connectors.definition import Model, TlsConfig, Unused
from connectors.families.search import SearchConnection
from connectors.http.tls import TlsKeys
from connectors.pem import PemTexts


class Certificates(PemTexts, Model):
    """PEM files that the service may read (`...Path`), or their texts (`...Value`)."""

    ca_cert_path: SecretStr | None = None
    client_cert_path: SecretStr | None = None
    private_key_path: SecretStr | None = None
    ca_cert_value: SecretStr | None = None
    client_cert_value: SecretStr | None = None
    private_key_value: SecretStr | None = None
    staging_dir: Annotated[str | None, Unused()] = None

    @model_validator(mode="after")
    def _is_one_kind(self) -> "Certificates":
        paths, values = self._paths(), self._values()
        if any(paths) and any(values):
            msg = "give paths of files or their texts, not both"
            raise ValueError(msg)
        for certificate, key, kind in ((paths[1], paths[2], "Path"), (values[1], values[2], "Value")):
            if key is not None and certificate is None:
                msg = f"privateKey{kind} needs clientCert{kind}"
                raise ValueError(msg)
        return self

    def _paths(self) -> tuple[SecretStr | None, ...]:
        return self.ca_cert_path, self.client_cert_path, self.private_key_path

    def _values(self) -> tuple[SecretStr | None, ...]:
        return self.ca_cert_value, self.client_cert_value, self.private_key_value

    @property
    def tls(self) -> TlsConfig:
        """The same by the names that all connections have in common."""
        given = self._paths() if any(self._paths()) else self._values()
        names = ("caCertificate", "sslCertificate", "sslKey")
        return TlsConfig.model_validate(dict(zip(names, given, strict=True)), context=self.files)

    @property
    def tls_keys(self) -> TlsKeys:
        """What users call them."""
        kind = "Path" if any(self._paths()) else "Value"
        names = (f"sslConfig.certificates.{name}{kind}" for name in ("caCert", "clientCert", "privateKey"))
        return TlsKeys("", *names)


class SslConfig(Model):
    """How the cluster's certificate is checked, and ours is shown."""

    certificates: Certificates = Field(default_factory=Certificates)


class ClusterConnection(SearchConnection):
    """The address of any node or of what stands before them; `connectionTimeoutSecs` is how long an answer may take."""

    host_port: str
    ssl_config: SslConfig = Field(default_factory=SslConfig)
    connection_timeout_secs: int = Field(default=30, ge=1, le=3600)
    connection_arguments: dict[str, Any] = Field(default_factory=dict[str, Any])

    @field_validator("connection_arguments")
    @classmethod
    def _takes_none(cls, value: dict[str, Any]) -> dict[str, Any]:
        if value:
            key = next(iter(value))
            msg = f"{key} is not supported: these are arguments of a client that is not used here; remove them"
            raise ValueError(msg)
        return value


class PasswordLogin(Model):
    """A user of the cluster's; without one it has to let everybody in."""

    username: str | None = None
    password: SecretStr | None = None

    @model_validator(mode="before")
    @classmethod
    def _is_whole(cls, value: object) -> object:
        if not isinstance(value, Mapping):
            return value
        given = cast("Mapping[str, object]", value)
        if (given.get("username") is None) != (given.get("password") is None):
            msg = "username and password belong together; give both or neither"
            raise ValueError(msg)
        return given

    @property
    def basic(self) -> tuple[str, str] | None:
        """User and password."""
        if self.username is None or self.password is None:
            return None
        return self.username, self.password.get_secret_value()
