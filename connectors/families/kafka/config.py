"""How Kafka and the systems that speak its protocol are reached, as OpenMetadata writes it."""

from typing import Annotated, Any, Literal

from pydantic import Field, SecretStr, field_validator, model_validator

from connectors.definition import FilterPattern, TlsConfig, Unused
from connectors.families.addresses import split_address
from connectors.families.messaging import MessagingConnection
from connectors.ports import shown

DEFAULT_PORT = 9092
SASL = frozenset({"SASL_PLAINTEXT", "SASL_SSL"})
MECHANISMS = ("PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512")
# librdkafka also has settings that load libraries and start programs: only what is harmless is taken.
TAKEN = frozenset({
    "allow.auto.create.topics", "auto.offset.reset", "broker.address.family", "client.dns.lookup", "client.id",
    "connections.max.idle.ms", "enable.auto.commit", "enable.ssl.certificate.verification", "group.id",
    "reconnect.backoff.max.ms", "reconnect.backoff.ms", "receive.message.max.bytes", "session.timeout.ms",
    "socket.connection.setup.timeout.ms", "socket.keepalive.enable", "socket.timeout.ms", "ssl.cipher.suites",
    "ssl.curves.list", "ssl.endpoint.identification.algorithm", "ssl.sigalgs.list",
})  # fmt: skip
OWN_KEYS = {
    "bootstrap.servers": "bootstrapServers",
    "metadata.broker.list": "bootstrapServers",
    "sasl.mechanism": "saslMechanism",
    "sasl.mechanisms": "saslMechanism",
    "sasl.password": "saslPassword",
    "sasl.username": "saslUsername",
    "security.protocol": "securityProtocol",
    "ssl.ca.location": "consumerConfigSSL.caCertificate",
    "ssl.certificate.location": "consumerConfigSSL.sslCertificate",
    "ssl.key.location": "consumerConfigSSL.sslKey",
}


class KafkaProtocolConfig(MessagingConnection):
    """What every connection of this kind has."""

    bootstrap_servers: str
    security_protocol: Literal["PLAINTEXT", "SASL_PLAINTEXT", "SASL_SSL", "SSL"] = "PLAINTEXT"
    sasl_mechanism: str = "PLAIN"
    sasl_username: str | None = None
    sasl_password: SecretStr | None = None
    schema_registry_url: str | None = Field(default=None, alias="schemaRegistryURL")
    schema_registry_topic_suffix_name: str = "-value"
    basic_auth_user_info: SecretStr | None = None
    consumer_config: dict[str, str | int | float | bool] = Field(default_factory=dict[str, str | int | float | bool])
    schema_registry_config: dict[str, Any] = Field(default_factory=dict[str, Any])
    topic_filter_pattern: FilterPattern = FilterPattern.all_but("^__.*", "^_schemas$", "^_confluent.*")
    supports_metadata_extraction: Annotated[bool, Unused()] = True
    supports_profiler: Annotated[bool, Unused()] = True

    @property
    def broker_certificates(self) -> TlsConfig | None:
        """What TLS to the brokers is spoken with."""
        return None

    @property
    def registry_certificates(self) -> TlsConfig | None:
        """What TLS to the registry is spoken with."""
        return None

    @field_validator("bootstrap_servers")
    @classmethod
    def _are_addresses(cls, value: str) -> str:
        for address in value.split(","):
            split_address(address.strip(), DEFAULT_PORT)
        return value

    @field_validator("schema_registry_url")
    @classmethod
    def _is_an_address(cls, value: str | None) -> str | None:
        if value and not value.startswith(("http://", "https://")):
            msg = f"{shown(value)} is not an http or https address; write it like http://registry:8081"
            raise ValueError(msg)
        if value and "@" in value:
            msg = "must not hold a user or a password; give them as basicAuthUserInfo"
            raise ValueError(msg)
        return value.rstrip("/") if value else None

    @field_validator("sasl_mechanism")
    @classmethod
    def _is_supported(cls, value: str) -> str:
        if value not in MECHANISMS:
            msg = f"{value!r} is not supported; use {', '.join(MECHANISMS)}"
            raise ValueError(msg)
        return value

    @field_validator("basic_auth_user_info")
    @classmethod
    def _is_user_and_password(cls, value: SecretStr | None) -> SecretStr | None:
        text = value.get_secret_value() if value else ""
        if text and ":" not in text:
            msg = "must be written as user:password"
            raise ValueError(msg)
        return value if text else None

    @field_validator("consumer_config")
    @classmethod
    def _are_harmless(cls, value: dict[str, Any]) -> dict[str, Any]:
        for key in value:
            if key in OWN_KEYS:
                msg = f"{key} is not taken here; set {OWN_KEYS[key]}"
                raise ValueError(msg)
            if key not in TAKEN:
                msg = f"{key} is not supported; the keys that are: {', '.join(sorted(TAKEN))}"
                raise ValueError(msg)
        return value

    @field_validator("schema_registry_config")
    @classmethod
    def _nothing_is_taken(cls, value: dict[str, Any]) -> dict[str, Any]:
        if value:
            msg = f"{next(iter(value))} is not supported; remove it, and set basicAuthUserInfo to log in"
            raise ValueError(msg)
        return value

    @model_validator(mode="after")
    def _login_is_whole(self) -> "KafkaProtocolConfig":
        if self.security_protocol in SASL and not (self.sasl_username and self.sasl_password):
            msg = f"securityProtocol {self.security_protocol} needs saslUsername and saslPassword"
            raise ValueError(msg)
        if self.security_protocol not in SASL and (self.sasl_username or self.sasl_password):
            msg = "saslUsername and saslPassword need securityProtocol SASL_SSL or SASL_PLAINTEXT"
            raise ValueError(msg)
        return self


class KafkaConfig(KafkaProtocolConfig):
    """Kafka's brokers, and the registry of its messages' schemas."""

    type: Literal["Kafka"] = "Kafka"
    consumer_config_ssl: TlsConfig | None = Field(default=None, alias="consumerConfigSSL")
    schema_registry_ssl: TlsConfig | None = Field(default=None, alias="schemaRegistrySSL")

    @property
    def broker_certificates(self) -> TlsConfig | None:
        """See KafkaProtocolConfig."""
        return self.consumer_config_ssl

    @property
    def registry_certificates(self) -> TlsConfig | None:
        """See KafkaProtocolConfig."""
        return self.schema_registry_ssl


class RedpandaConfig(KafkaProtocolConfig):
    """Redpanda's brokers, and its registry of schemas."""

    type: Literal["Redpanda"] = "Redpanda"
