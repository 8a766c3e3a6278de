"""What the server has already, by its own word: an entity whose hash it shows is not sent again."""

import logging
import threading
from collections import OrderedDict
from collections.abc import Iterable
from dataclasses import dataclass, field

from connectors.errors import FatalError, SinkUnavailable
from connectors.http.answers import UnreadableAnswer
from connectors.models.base import CreateRequest
from connectors.models.names import fqn, parent_fqn, split_fqn
from connectors.openmetadata.client import OpenMetadataClient
from connectors.sinks.entries import Entry, Kind, source_hash
from connectors.sinks.listings import NotListed, listed

MOST_NAMES = 200_000  # of about 250 bytes each; what is in a scope beyond them is sent
logger = logging.getLogger(__name__)
Key = tuple[str, str]


@dataclass(slots=True)
class Scope:
    """What the server listed of one scope: a name's hash, None once it was asked for. `names` is None when unknown."""

    lock: threading.Lock = field(default_factory=threading.Lock)
    asked: bool = False
    names: dict[str, bytes | None] | None = None


class Known:
    """Thread-safe. A scope is listed when the first entity in it is about to be sent, and not kept beyond the run.

    So nothing has to be remembered between runs, and what was deleted or changed on the server is sent again.
    """

    def __init__(self, client: OpenMetadataClient, *, off: bool) -> None:
        self._client = client
        self._off = off
        self._lock = threading.Lock()
        self._scopes: OrderedDict[Key, Scope] = OrderedDict()
        self._kept = 0
        self._new: set[str] = set()
        self._unlisted: set[str] = set()

    def new(self, name: str) -> None:
        """The server does not have this entity yet, and so nothing below it."""
        with self._lock:
            self._new.add(name)

    def unchanged(self, entry: Entry) -> bool:
        """Whether the server has this very entity; true once at most, so that a second form of it is sent."""
        digest = source_hash(entry.body)
        if self._off or digest is None or not entry.kind.listed_by:
            return False
        parent = entry.record.parent if isinstance(entry.record, CreateRequest) else parent_fqn(entry.fqn)
        with self._lock:
            if parent in self._new:
                if not entry.kind.leaf:
                    self._new.add(entry.fqn)
                return False
        names = self._names(entry, fqn(split_fqn(parent)[0]) if entry.kind.nests else parent)
        if names is None:
            return False
        if entry.fqn not in names:
            if not entry.kind.leaf:
                self.new(entry.fqn)
            return False
        with self._lock:
            before, names[entry.fqn] = names[entry.fqn], None
        return before == digest

    def listed(self, collection: str, scope: str) -> Iterable[str] | None:
        """The names that the server had in a scope before this run sent anything there; None when that is not known."""
        with self._lock:
            found = self._scopes.get((collection, scope))
            # A scope that was empty may have been deleted, and have come back with what lies in it.
            return (found.names or None) if found else None

    def forget(self, collection: str, scope: str) -> None:
        """Nothing more is sent there."""
        with self._lock:
            found = self._scopes.pop((collection, scope), None)
            self._kept -= len(found.names or ()) if found else 0

    def _names(self, entry: Entry, scope_fqn: str) -> dict[str, bytes | None] | None:
        key = (entry.kind.collection, scope_fqn)
        with self._lock:
            scope = self._scopes.setdefault(key, Scope())
            self._scopes.move_to_end(key)
        with scope.lock:
            if not scope.asked:
                names = self._ask(entry.kind, scope_fqn)
                with self._lock:
                    scope.asked, scope.names = True, names
                    self._make_room(key, len(names or ()))
        return scope.names

    def _ask(self, kind: Kind, scope: str) -> dict[str, bytes | None] | None:
        """Without an answer everything is sent, and this collection is not asked for again."""
        collection = kind.collection
        names: dict[str, bytes | None] = {}
        if collection in self._unlisted:
            return None
        try:
            for each in listed(self._client, collection, kind.listed_by, scope, nested=kind.nests):
                names[each.fully_qualified_name] = each.source_hash.encode() if each.source_hash else None
                if len(names) > MOST_NAMES:
                    logger.info("all %s of %s are sent: there are too many to compare", collection, scope)
                    return None
        except (NotListed, UnreadableAnswer, ValueError, SinkUnavailable, FatalError) as error:
            logger.warning("unchanged %s are sent too, as it cannot be told which they are: %s", collection, error)
            self._unlisted.add(collection)
            return None
        return names

    def _make_room(self, key: Key, count: int) -> None:
        """Give up what was not used for long."""
        if key in self._scopes:
            self._kept += count
        for scope in self._scopes.values():
            if self._kept <= MOST_NAMES:
                return
            if scope is not self._scopes.get(key):
                self._kept -= len(scope.names or ())
                scope.names = None
