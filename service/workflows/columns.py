"""Column types that Postgres and Python agree on."""

from datetime import UTC, datetime

from sqlalchemy import DateTime, Dialect
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.types import TypeDecorator
from typing_extensions import override


class Timestamp(TypeDecorator[datetime]):
    """`timestamptz` that takes aware instants only and gives them back in UTC, whatever the session's zone."""

    impl = DateTime(timezone=True)
    cache_ok = True

    @override
    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """Refuse an instant whose zone is unknown."""
        if value is not None and value.tzinfo is None:
            message = f"{value!r} has no time zone"
            raise ValueError(message)
        return value

    @override
    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """Shift to UTC."""
        return None if value is None else value.astimezone(UTC)


class Document(JSONB):
    """`jsonb` in which None is SQL's NULL and not JSON's null."""

    def __init__(self) -> None:
        super().__init__(none_as_null=True)
