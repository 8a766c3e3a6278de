"""Tells callers by their keys, and asks the store only now and then."""

import hmac
import threading
from collections.abc import Callable, Sequence
from datetime import datetime

import msgspec

from service import clock
from service.access import repository
from service.access.keys import digest_of, prefix_of
from service.access.roles import Role
from service.access.schemas import Via
from service.database.engine import Database

# Revocations are heard of at once; this bounds what a connection that died in silence can hide.
TRUSTED_SECONDS = 30.0
MOST_KNOWN = 10_000
ADMIN_KEY = "HEADWATER_ADMIN_KEY"


class Caller(msgspec.Struct, frozen=True):
    """Who calls, and what they may do."""

    name: str
    role: Role
    via: Via = "api"
    key_prefix: str | None = None
    expires_at: datetime | None = None


ANYBODY = Caller("anybody", Role.ADMIN)


class _Known(msgspec.Struct, frozen=True):
    caller: Caller
    until: float


class KeyRing:
    """Knows the keys of the settings and those of the store; safe to share between threads.

    `listening` tells whether revocations are heard at this moment; while they are not, every key is looked up anew.
    """

    def __init__(self, database: Database, admin_keys: Sequence[str], listening: Callable[[], bool]) -> None:
        self._database = database
        self._admin = tuple(digest_of(key) for key in admin_keys)
        self._listening = listening
        self._lock = threading.Lock()
        self._known: dict[bytes, _Known] = {}
        self._changes = 0

    def recognise(self, key: str) -> Caller | None:
        """Whose key this is, as far as can be told without asking the store."""
        digest = digest_of(key)
        if self._is_admin(digest):
            return Caller(ADMIN_KEY, Role.ADMIN, key_prefix=prefix_of(key))
        with self._lock:
            known = self._known.get(digest)
        if known is None or not self._listening() or clock.monotonic() >= known.until:
            return None
        expires = known.caller.expires_at
        return None if expires is not None and expires <= clock.now() else known.caller

    def look_up(self, key: str) -> Caller | None:
        """Whose key this is, None for one that is unknown, revoked or expired. Raises Unavailable."""
        prefix = prefix_of(key)
        if prefix is None:
            return None
        with self._lock:
            changes = self._changes
        digest = digest_of(key)
        with self._database.session() as session:
            row = repository.find_usable(session, prefix)
            same = hmac.compare_digest(bytes(len(digest)) if row is None else row.digest, digest)
            if row is None or not same:
                return None
            repository.note_use(session, row)
            caller = Caller(row.name, Role(row.role), key_prefix=prefix, expires_at=row.expires_at)
        self._remember(digest, caller, changes)
        return caller

    def forget(self) -> None:
        """Look every key up anew: some key was changed, or may have been."""
        with self._lock:
            self._changes += 1
            self._known.clear()

    def _is_admin(self, digest: bytes) -> bool:
        # All of them, so that the time does not tell which one it was.
        return sum(hmac.compare_digest(digest, admin) for admin in self._admin) > 0

    def _remember(self, digest: bytes, caller: Caller, changes: int) -> None:
        with self._lock:
            # What was read before a change that was heard of meanwhile may be wrong by now.
            if changes == self._changes:
                if len(self._known) >= MOST_KNOWN:
                    self._known.clear()
                self._known[digest] = _Known(caller, clock.monotonic() + TRUSTED_SECONDS)
