"""What the server has already, by its own word: an entity whose hash it shows is not sent again."""

import logging
import threading
from collections import OrderedDict
from collections.abc import Iterable, Iterator, Sequence
from itertools import groupby

import msgspec

from connectors.errors import FatalError, SinkUnavailable
from connectors.http.answers import UnreadableAnswer
from connectors.models.names import fqn, split_fqn
from connectors.openmetadata.client import OpenMetadataClient
from connectors.sinks.entries import Entry, Kind, source_hash
from connectors.sinks.listings import NotListed, listed

MOST_NAMES = 200_000  # of about 250 bytes each; what is in a scope beyond them is sent
logger = logging.getLogger(__name__)
Key = tuple[str, str]


class Scope(msgspec.Struct, eq=False):
    """What the server listed of one scope: a name's hash, None once it was asked for. `names` is None when unknown."""

    lock: threading.Lock = msgspec.field(default_factory=threading.Lock)
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
        self._first: set[str] = set()
        self._unlisted: set[str] = set()

    def new(self, name: str) -> None:
        """The server does not have this entity yet, and so nothing below it."""
        with self._lock:
            self._new.add(name)

    def first(self, service: str) -> None:
        """The server does not have this service, and no deleted one that would come back with what lay in it."""
        with self._lock:
            self._new.add(service)
            self._first.add(service)

    def first_seen(self, scope: str) -> bool:
        """Whether all that lies in this scope comes from this run."""
        with self._lock:
            return bool(self._first) and fqn(split_fqn(scope)[0]) in self._first

    def changed(self, entries: Sequence[Entry]) -> list[Entry]:
        """Those that the server does not have like this; each is left out once at most, so that its next form is sent.

        `entries` are of one kind.
        """
        if self._off or not entries[0].kind.listed_by:
            return list(entries)
        return [entry for parent, group in groupby(entries, _parent) for entry in self._changed_in(parent, list(group))]

    def _changed_in(self, parent: str, entries: list[Entry]) -> Iterable[Entry]:
        leaf = entries[0].kind.leaf
        with self._lock:
            new = parent in self._new
            if new and not leaf:
                self._new.update(entry.fqn for entry in entries)
        return entries if new else self._compared(parent, entries)

    def _compared(self, parent: str, entries: list[Entry]) -> Iterator[Entry]:
        kind = entries[0].kind
        scope = fqn(split_fqn(parent)[0]) if kind.nests else parent
        for entry in entries:
            digest = source_hash(entry.body)
            names = None if digest is None else self._names(kind, scope)
            if names is None:
                yield entry
            elif entry.fqn not in names:
                if not kind.leaf:
                    self.new(entry.fqn)
                yield entry
            else:
                with self._lock:
                    before, names[entry.fqn] = names[entry.fqn], None
                if before != digest:
                    yield entry

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

    def _names(self, kind: Kind, scope_fqn: str) -> dict[str, bytes | None] | None:
        key = (kind.collection, scope_fqn)
        with self._lock:
            scope = self._scopes.setdefault(key, Scope())
            self._scopes.move_to_end(key)
        with scope.lock:
            if not scope.asked:
                names = self._ask(kind, scope_fqn)
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


def _parent(entry: Entry) -> str:
    return entry.parent or entry.kind.parent_of(entry.fqn)
