"""A registry of schemas that speaks Confluent's API (https://docs.confluent.io/platform/current/schema-registry)."""

from collections import OrderedDict
from threading import Lock
from urllib.parse import quote

import httpx
import msgspec

from connectors.cancellation import Cancellation
from connectors.errors import ConnectorError
from connectors.families.kafka.config import KafkaProtocolConfig
from connectors.families.message_schemas import avro, json_schema, protobuf
from connectors.families.message_schemas.fields import Unreadable
from connectors.families.messaging import FoundSchema
from connectors.families.partial_failures import Vanished
from connectors.families.rest import Endpoint, RestClient, RestLimits
from connectors.models.messaging import MessageSchema, SchemaField, SchemaType
from connectors.report import Observer

MOST_KEPT = 1000
MOST_REFERRED = 500
TYPES: dict[str, SchemaType] = {"AVRO": "Avro", "JSON": "JSON", "PROTOBUF": "Protobuf"}


class Reference(msgspec.Struct, frozen=True):
    """Another schema, by the name that this one calls it."""

    name: str
    subject: str
    version: int


class Registered(msgspec.Struct, frozen=True, rename="camel"):
    """One version of a subject; what has no type is Avro."""

    schema: str
    schema_type: str = "AVRO"
    references: tuple[Reference, ...] = ()


class Registry:
    """Thread-safe. Asks once for the subjects, then for the schema of each topic that has one."""

    def __init__(self, client: RestClient, suffix: str) -> None:
        self._client = client
        self._suffix = suffix
        self._lock = Lock()
        self._subjects: frozenset[str] | None = None
        self._kept: OrderedDict[tuple[str, int], Registered] = OrderedDict()

    def subjects(self) -> frozenset[str]:
        """All subjects; raises what RestClient.get does."""
        with self._lock:
            if self._subjects is None:
                self._subjects = frozenset(self._client.get("/subjects", list[str]))
            return self._subjects

    def schema(self, topic: str) -> FoundSchema | None:
        """The newest schema of a topic's messages; raises what RestClient.get does."""
        subject = f"{topic}{self._suffix}"
        if subject not in self.subjects():
            return None
        try:
            found = self._client.get(f"/subjects/{quote(subject, safe='')}/versions/latest", Registered)
        except Vanished:  # deleted since the subjects were listed
            return None
        kind = TYPES.get(found.schema_type.upper(), "Other")
        problem = None
        try:
            fields = self._fields(found, kind)
        except Unreadable as error:
            fields = ()
            problem = ConnectorError(f"the fields of {subject} are not known: {error.message}", error.advice)
        return FoundSchema(MessageSchema(schema_text=found.schema, schema_type=kind, schema_fields=fields), problem)

    def _fields(self, found: Registered, kind: SchemaType) -> tuple[SchemaField, ...]:
        if kind == "Other":
            return ()
        referred = self._referred(found)
        if kind == "JSON":
            return json_schema.fields_of(found.schema, referred)
        read = avro.fields_of if kind == "Avro" else protobuf.fields_of
        return read(found.schema, tuple(referred.values()))

    def _referred(self, found: Registered) -> dict[str, str]:
        """The texts of all schemas that one refers to, and that these refer to, by name."""
        texts: dict[str, str] = {}
        waiting = list(found.references)
        seen: set[tuple[str, int]] = set()
        while waiting:
            reference = waiting.pop()
            key = (reference.subject, reference.version)
            if key in seen:
                continue
            seen.add(key)
            if len(seen) > MOST_REFERRED:
                msg = f"it refers to more than {MOST_REFERRED} other schemas"
                raise Unreadable(msg, "let it refer to fewer")
            other = self._version(*key)
            texts[reference.name] = other.schema
            waiting.extend(other.references)
        return texts

    def _version(self, subject: str, version: int) -> Registered:
        key = (subject, version)
        with self._lock:
            if key in self._kept:
                self._kept.move_to_end(key)
                return self._kept[key]
        try:
            found = self._client.get(f"/subjects/{quote(subject, safe='')}/versions/{version}", Registered)
        except Vanished as error:
            msg = f"the registry has no version {version} of {subject}, which it refers to"
            raise Unreadable(msg, "register that version again, or correct the reference") from error
        with self._lock:
            self._kept[key] = found
            if len(self._kept) > MOST_KEPT:
                self._kept.popitem(last=False)
        return found


def client_of(
    config: KafkaProtocolConfig, address: str, report: Observer, cancellation: Cancellation, limits: RestLimits
) -> RestClient:
    """The way to the registry at `address`, which is `schemaRegistryURL`."""
    login = config.basic_auth_user_info.get_secret_value() if config.basic_auth_user_info else ""
    user, _, password = login.partition(":")
    endpoint = Endpoint(
        system="the schema registry",
        address=address,
        key="schemaRegistryURL",
        prefix="schemaRegistrySSL.",
        verify_ssl="validate" if config.registry_certificates else "no-ssl",
        certificates=config.registry_certificates,
        auth=httpx.BasicAuth(user, password) if login else None,
        credentials="basicAuthUserInfo",
        secrets=(login, password),
    )
    return RestClient(endpoint, report, cancellation, limits)
