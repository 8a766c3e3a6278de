"""The rows that hold definitions, their history and stored secrets."""

from datetime import datetime
from typing import Any, ClassVar
from uuid import UUID, uuid4

from sqlalchemy import CheckConstraint, ForeignKey, Index, LargeBinary, Text, UniqueConstraint, func, text
from sqlmodel import Field, SQLModel

from service.workflows.columns import Document, Timestamp
from service.workflows.documents import Json


class WorkflowRow(SQLModel, table=True):
    """A definition as it stands now; literal secrets in `config` are sealed."""

    __tablename__: ClassVar[Any] = "workflows"
    __table_args__ = (
        UniqueConstraint("name", name="uq_workflows_name"),
        CheckConstraint("revision >= 1", name="ck_workflows_revision"),
        CheckConstraint("consecutive_failures >= 0", name="ck_workflows_consecutive_failures"),
        Index("ix_workflows_labels", "labels", postgresql_using="gin", postgresql_ops={"labels": "jsonb_path_ops"}),
    )

    id: UUID = Field(default_factory=uuid4, primary_key=True)
    name: str = Field(sa_type=Text)
    description: str = Field(default="", sa_type=Text)
    labels: Json = Field(default_factory=dict, sa_type=Document, nullable=False)
    enabled: bool = True
    schedule: Json | None = Field(default=None, sa_type=Document)
    policy: Json = Field(sa_type=Document, nullable=False)
    config: Json = Field(sa_type=Document, nullable=False)
    connector: str = Field(sa_type=Text)
    revision: int = 1
    consecutive_failures: int = Field(default=0, sa_column_kwargs={"server_default": text("0")})
    paused_reason: str | None = Field(default=None, sa_type=Text)
    tick_cursor: datetime = Field(sa_type=Timestamp, sa_column_kwargs={"server_default": func.now()})
    created_at: datetime = Field(sa_type=Timestamp, sa_column_kwargs={"server_default": func.now()})
    updated_at: datetime = Field(sa_type=Timestamp, sa_column_kwargs={"server_default": func.now()})


class RevisionRow(SQLModel, table=True):
    """What a definition was after its n-th change; never changed itself."""

    __tablename__: ClassVar[Any] = "workflow_revisions"

    workflow_id: UUID = Field(
        primary_key=True,
        sa_column_args=(ForeignKey("workflows.id", name="fk_workflow_revisions_workflow_id", ondelete="CASCADE"),),
    )
    revision: int = Field(primary_key=True)
    snapshot: Json = Field(sa_type=Document, nullable=False)
    created_at: datetime = Field(sa_type=Timestamp, sa_column_kwargs={"server_default": func.now()})


class SecretRow(SQLModel, table=True):
    """A secret that definitions refer to as `secret:<name>`."""

    __tablename__: ClassVar[Any] = "secrets"

    name: str = Field(primary_key=True, sa_type=Text)
    ciphertext: bytes = Field(sa_type=LargeBinary)
    updated_at: datetime = Field(sa_type=Timestamp, sa_column_kwargs={"server_default": func.now()})
