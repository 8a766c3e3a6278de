"""Topics of messaging services, as OpenMetadata's create requests name them."""

from typing import ClassVar, Literal

from connectors.models.base import CreateRequest, Wire
from connectors.models.services import CreateServiceRequest

FieldType = Literal[
    "RECORD", "NULL", "BOOLEAN", "INT", "LONG", "BYTES", "FLOAT", "DOUBLE", "TIMESTAMP", "TIMESTAMPZ", "TIME", "DATE",
    "STRING", "ARRAY", "MAP", "ENUM", "UNION", "FIXED", "ERROR", "UNKNOWN",
]  # fmt: skip
SchemaType = Literal["Avro", "Protobuf", "JSON", "Other", "None"]
CleanupPolicy = Literal["delete", "compact"]


class SchemaField(Wire, frozen=True):
    """One field of a message, with those that lie in it."""

    name: str
    data_type: FieldType
    data_type_display: str | None = None
    description: str | None = None
    children: tuple["SchemaField", ...] | None = None


class MessageSchema(Wire, frozen=True, kw_only=True, omit_defaults=False):
    """What the messages of a topic look like: the schema's own text, and its fields."""

    schema_text: str
    schema_type: SchemaType
    schema_fields: tuple[SchemaField, ...]


class CreateMessagingServiceRequest(CreateServiceRequest, frozen=True, kw_only=True):
    """A messaging service."""

    entity: ClassVar[str] = "messagingService"
    collection: ClassVar[str] = "services/messagingServices"


class CreateTopicRequest(CreateRequest, frozen=True, kw_only=True):
    """A topic of a service; `retention_time` in milliseconds, `retention_size` and `maximum_message_size` in bytes."""

    entity: ClassVar[str] = "topic"
    collection: ClassVar[str] = "topics"
    rank: ClassVar[int] = 1
    leaf: ClassVar[bool] = True
    listed_by: ClassVar[str] = "service"

    service: str
    partitions: int
    replication_factor: int | None = None
    minimum_in_sync_replicas: int | None = None
    retention_time: int | None = None
    retention_size: int | None = None
    maximum_message_size: int | None = None
    cleanup_policies: tuple[CleanupPolicy, ...] = ()
    topic_config: dict[str, str] | None = None
    message_schema: MessageSchema | None = None
    source_url: str | None = None

    @property
    def parent(self) -> str:
        """The service."""
        return self.service
