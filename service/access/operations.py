"""What can be done with keys. Every change is announced to all replicas, and noted."""

from sqlalchemy.orm import Session

from service.access import repository
from service.access.audit import Trail
from service.access.keys import make_key
from service.access.schemas import KeyChange, KeyCreate, KeyCreated, KeyRead
from service.access.tables import ApiKeyRow
from service.errors import Conflict, Invalid, Problem
from service.workflows.documents import Json
from service.workflows.repository import database_now, notify


def create(session: Session, wanted: KeyCreate, trail: Trail) -> KeyCreated:
    """Make a key; its text is in the answer and nowhere else. Raises Invalid for an end that is past."""
    if wanted.expires_at is not None and wanted.expires_at <= database_now(session):
        raise Invalid([Problem("expiresAt", "must be in the future")])
    new = make_key()
    row = repository.insert_key(
        session,
        {
            "prefix": new.prefix,
            "digest": new.digest,
            "name": wanted.name,
            "role": wanted.role.value,
            "created_by": trail.actor.name,
            "expires_at": wanted.expires_at,
        },
    )
    trail.record("key.create", _resource(row), after=_shown(row))
    return KeyCreated.with_text(row, new.text)


def change(session: Session, prefix: str, wanted: KeyChange, trail: Trail) -> KeyRead:
    """Let a key end at another time, one in the past included. Raises NotFound, or Conflict for a revoked key."""
    row = repository.get_key(session, prefix, lock=True)
    if row.revoked_at is not None:
        message = f"key {prefix} was revoked, which cannot be undone; make another"
        raise Conflict(message)
    before = _shown(row)
    row.expires_at = wanted.expires_at
    return _changed(session, row, trail, "key.change", before)


def revoke(session: Session, prefix: str, trail: Trail) -> KeyRead:
    """End a key at once and for good; one that was revoked stays so. Raises NotFound."""
    row = repository.get_key(session, prefix, lock=True)
    if row.revoked_at is not None:
        return KeyRead.of(row)
    before = _shown(row)
    row.revoked_at = database_now(session)
    return _changed(session, row, trail, "key.revoke", before)


def _changed(session: Session, row: ApiKeyRow, trail: Trail, action: str, before: Json) -> KeyRead:
    session.flush()
    notify(session, repository.CHANNEL, row.prefix)
    after = _shown(row)
    if before != after:
        trail.record(action, _resource(row), before, after)
    return KeyRead.of(row)


def _resource(row: ApiKeyRow) -> str:
    return f"keys/{row.prefix}"


def _shown(row: ApiKeyRow) -> Json:
    shown: Json = KeyRead.of(row).model_dump(mode="json", exclude={"last_used_at"})
    return shown
