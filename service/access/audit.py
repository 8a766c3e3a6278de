"""Writes down who changed what, in the transaction of the change itself."""

import msgspec
from sqlalchemy.orm import Session

from service.access import repository
from service.access.schemas import Via
from service.workflows.documents import Json, storable


class Actor(msgspec.Struct, frozen=True):
    """Who makes changes, and on which way."""

    name: str
    via: Via
    key_prefix: str | None = None
    address: str | None = None
    request_id: str | None = None


class Trail:
    """Notes the changes that one actor makes in one transaction."""

    def __init__(self, session: Session, actor: Actor) -> None:
        self._session = session
        self.actor = actor

    def record(self, action: str, resource: str, before: Json | None = None, after: Json | None = None) -> None:
        """Note a change; of two states only what differs is kept. They hold no secrets."""
        if before is not None and after is not None:
            before, after = difference(before, after)
        actor = self.actor
        columns = {
            "actor": storable(actor.name),
            "via": actor.via,
            "key_prefix": actor.key_prefix,
            "address": actor.address,
            "request_id": actor.request_id,
            "action": action,
            "resource": storable(resource),
            "before": before,
            "after": after,
        }
        repository.insert_audit(self._session, columns)


def difference(before: Json, after: Json) -> tuple[Json, Json]:
    """Of two documents what one has and the other has not, or has with another value."""
    old: Json = {}
    new: Json = {}
    for key in {**before, **after}:
        was, became = before.get(key), after.get(key)
        if key in before and key in after and was == became:
            continue
        if isinstance(was, dict) and isinstance(became, dict):
            old[key], new[key] = difference(was, became)
            continue
        _keep(old, before, key)
        _keep(new, after, key)
    return old, new


def _keep(kept: Json, document: Json, key: str) -> None:
    if key in document:
        kept[key] = document[key]
