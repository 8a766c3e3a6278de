"""The rows that hold keys, and the record of changes."""

from datetime import datetime
from typing import Any, ClassVar
from uuid import UUID, uuid4

from sqlalchemy import BigInteger, CheckConstraint, Identity, Index, LargeBinary, Text, UniqueConstraint, func, text
from sqlmodel import Field, SQLModel

from service.workflows.columns import Document, Timestamp
from service.workflows.documents import Json


class ApiKeyRow(SQLModel, table=True):
    """A key; of the key itself only `digest` is kept, its SHA-256."""

    __tablename__: ClassVar[Any] = "api_keys"
    __table_args__ = (
        UniqueConstraint("prefix", name="uq_api_keys_prefix"),
        CheckConstraint("role in ('viewer', 'operator', 'admin')", name="ck_api_keys_role"),
        CheckConstraint("octet_length(digest) = 32", name="ck_api_keys_digest"),
    )

    id: UUID = Field(default_factory=uuid4, primary_key=True)
    prefix: str = Field(sa_type=Text)
    digest: bytes = Field(sa_type=LargeBinary)
    name: str = Field(sa_type=Text)
    role: str = Field(sa_type=Text)
    created_by: str = Field(sa_type=Text)
    created_at: datetime = Field(sa_type=Timestamp, sa_column_kwargs={"server_default": func.now()})
    expires_at: datetime | None = Field(default=None, sa_type=Timestamp)
    revoked_at: datetime | None = Field(default=None, sa_type=Timestamp)
    last_used_at: datetime | None = Field(default=None, sa_type=Timestamp)


class AuditRow(SQLModel, table=True):
    """One change: who made it, when, and what was there before and after, without secrets. Never changed itself."""

    __tablename__: ClassVar[Any] = "audit_log"
    __table_args__ = (
        CheckConstraint("via in ('api', 'openmetadata', 'command-line')", name="ck_audit_log_via"),
        Index("ix_audit_log_at", "at"),
        Index("ix_audit_log_resource", "resource", text("id desc")),
        Index("ix_audit_log_actor", "actor", text("id desc")),
    )

    id: int = Field(primary_key=True, sa_type=BigInteger, sa_column_args=(Identity(always=True),))
    at: datetime = Field(sa_type=Timestamp, sa_column_kwargs={"server_default": func.now()})
    actor: str = Field(sa_type=Text)
    key_prefix: str | None = Field(default=None, sa_type=Text)
    via: str = Field(sa_type=Text)
    address: str | None = Field(default=None, sa_type=Text)
    request_id: str | None = Field(default=None, sa_type=Text)
    action: str = Field(sa_type=Text)
    resource: str = Field(sa_type=Text)
    before: Json | None = Field(default=None, sa_type=Document)
    after: Json | None = Field(default=None, sa_type=Document)
