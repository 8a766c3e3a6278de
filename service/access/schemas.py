"""Keys and changes as people send and read them."""

from datetime import datetime
from typing import Annotated, Literal, TypeAlias

from pydantic import Field, StringConstraints

from service.access.roles import Role
from service.access.tables import ApiKeyRow, AuditRow
from service.workflows.documents import Json
from service.workflows.wire import Input, Instant, Output

Via: TypeAlias = Literal["api", "openmetadata", "command-line"]
KeyName = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9 ._@/-]*$", max_length=128)]


class KeyCreate(Input):
    """A key to be made."""

    name: KeyName = Field(description="Whom or what it is for; it stands beside each change made with the key.")
    role: Role
    expires_at: Instant | None = Field(default=None, description="When it ends by itself; null: never.")


class KeyChange(Input):
    """When a key is to end by itself; null: never."""

    expires_at: Instant | None


class KeyRead(Output):
    """A key without its secret."""

    prefix: str
    name: str
    role: Role
    created_by: str
    created_at: datetime
    expires_at: datetime | None
    revoked_at: datetime | None
    last_used_at: datetime | None = Field(description="To a minute or so.")

    @classmethod
    def of(cls, row: ApiKeyRow) -> "KeyRead":
        """The row as answered."""
        return cls(**row.model_dump(exclude={"id", "digest", "role"}), role=Role(row.role))


class KeyCreated(KeyRead):
    """A new key. `key` is shown this once and kept nowhere."""

    key: str

    @classmethod
    def with_text(cls, row: ApiKeyRow, text: str) -> "KeyCreated":
        """The row and what its owner has to keep."""
        return cls(**dict(KeyRead.of(row)), key=text)


class AuditRead(Output):
    """One change. `before` and `after` hold what differs; null where there was nothing."""

    id: int
    at: datetime
    actor: str = Field(description="The name of the key, the user of the OpenMetadata server, or user@host.")
    key_prefix: str | None
    via: Via
    address: str | None
    request_id: str | None
    action: str
    resource: str
    before: Json | None
    after: Json | None

    @classmethod
    def of(cls, row: AuditRow) -> "AuditRead":
        """The row as answered."""
        return cls(**row.model_dump())
