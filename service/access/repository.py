"""Every query on keys and on the record of changes. Nothing here commits."""

from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta
from uuid import uuid4

import msgspec
from sqlalchemy import ColumnElement, func, select, update
from sqlalchemy import delete as delete_from
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session
from sqlmodel import col

from service.access.schemas import AuditRead, KeyRead
from service.access.tables import ApiKeyRow, AuditRow
from service.errors import Invalid, NotFound
from service.workflows.documents import UNSTORABLE, is_storable
from service.workflows.repository import database_now
from service.workflows.wire import Page, decode_cursor_as, encode_cursor, page_of, read_integer

CHANNEL = "headwater_keys"
USE_NOTED = timedelta(minutes=1)


class AuditFilter(msgspec.Struct, frozen=True):
    """Which changes to list; all conditions hold together. `resource` takes in what lies below it."""

    actor: str | None = None
    key_prefix: str | None = None
    action: str | None = None
    resource: str | None = None
    request_id: str | None = None
    since: datetime | None = None
    until: datetime | None = None


def insert_key(session: Session, columns: Mapping[str, object]) -> ApiKeyRow:
    """Store a new key."""
    return session.scalars(insert(ApiKeyRow).values(id=uuid4(), **columns).returning(ApiKeyRow)).one()


def find_usable(session: Session, prefix: str) -> ApiKeyRow | None:
    """The key of this prefix, if it is neither revoked nor expired."""
    expires = col(ApiKeyRow.expires_at)
    statement = select(ApiKeyRow).where(
        col(ApiKeyRow.prefix) == prefix,
        col(ApiKeyRow.revoked_at).is_(None),
        expires.is_(None) | (expires > func.now()),
    )
    return session.scalars(statement).one_or_none()


def note_use(session: Session, row: ApiKeyRow) -> None:
    """Keep when a key was used, at most once a minute, by whichever replica."""
    last = col(ApiKeyRow.last_used_at)
    stale = last.is_(None) | (last < func.now() - USE_NOTED)
    if row.last_used_at is None or database_now(session) - row.last_used_at > USE_NOTED:
        statement = update(ApiKeyRow).where(col(ApiKeyRow.id) == row.id, stale).values(last_used_at=func.now())
        session.execute(statement, execution_options={"synchronize_session": False})


def get_key(session: Session, prefix: str, *, lock: bool = False) -> ApiKeyRow:
    """The key of this prefix, held until the transaction ends if asked for. Raises NotFound."""
    statement = select(ApiKeyRow).where(col(ApiKeyRow.prefix) == prefix)
    row = session.scalars(statement.with_for_update() if lock else statement).one_or_none()
    if row is None:
        message = f"there is no key {prefix!r}"
        raise NotFound(message)
    return row


def list_keys(session: Session, cursor: str | None, limit: int) -> Page[KeyRead]:
    """All keys, revoked ones too, by prefix."""
    statement = select(ApiKeyRow).order_by(col(ApiKeyRow.prefix)).limit(limit + 1)
    if cursor is not None:
        (after,) = decode_cursor_as(cursor, str)
        statement = statement.where(col(ApiKeyRow.prefix) > after)
    return page_of(session.scalars(statement).all(), limit, KeyRead.of, lambda row: encode_cursor(row.prefix))


def has_keys(session: Session) -> bool:
    """Whether any key can be used."""
    expires = col(ApiKeyRow.expires_at)
    usable = select(col(ApiKeyRow.id)).where(
        col(ApiKeyRow.revoked_at).is_(None), expires.is_(None) | (expires > func.now())
    )
    return session.scalars(usable.limit(1)).one_or_none() is not None


def insert_audit(session: Session, columns: Mapping[str, object]) -> None:
    """Note a change."""
    session.execute(insert(AuditRow).values(**columns))


def list_audit(session: Session, which: AuditFilter, cursor: str | None, limit: int) -> Page[AuditRead]:
    """The changes that match, the newest first."""
    statement = select(AuditRow).where(*_conditions(which)).order_by(col(AuditRow.id).desc()).limit(limit + 1)
    if cursor is not None:
        (before,) = decode_cursor_as(cursor, read_integer)
        statement = statement.where(col(AuditRow.id) < before)
    return page_of(session.scalars(statement).all(), limit, AuditRead.of, lambda row: encode_cursor(str(row.id)))


def prune_audit(session: Session, age: timedelta, limit: int) -> int:
    """Forget at most `limit` changes older than `age`; how many that were."""
    old = select(col(AuditRow.id)).where(col(AuditRow.at) < func.now() - age).order_by(col(AuditRow.at)).limit(limit)
    statement = delete_from(AuditRow).where(col(AuditRow.id).in_(old.with_for_update(skip_locked=True)))
    return len(session.scalars(statement.returning(col(AuditRow.id))).all())


def _conditions(which: AuditFilter) -> Iterator[ColumnElement[bool]]:
    words = {
        "actor": (which.actor, col(AuditRow.actor)),
        "keyPrefix": (which.key_prefix, col(AuditRow.key_prefix)),
        "action": (which.action, col(AuditRow.action)),
        "resource": (which.resource, col(AuditRow.resource)),
        "requestId": (which.request_id, col(AuditRow.request_id)),
    }
    for name, (word, column) in words.items():
        if word is None:
            continue
        if not is_storable(word):
            raise Invalid.at(name, f"is a text {UNSTORABLE}")
        below = column.startswith(f"{word}/", autoescape=True) if name == "resource" else None
        yield column == word if below is None else (column == word) | below
    if which.since is not None:
        yield col(AuditRow.at) >= which.since
    if which.until is not None:
        yield col(AuditRow.at) < which.until
