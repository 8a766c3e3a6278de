"""What has been delivered, so that it is known when a scope is complete."""

import logging
import threading
from collections import deque

from connectors.models.names import parent_fqn
from connectors.models.records import DeletionScope, ScopeEnd
from connectors.report import Observer

logger = logging.getLogger(__name__)


class Ledger:
    """Thread-safe. What the sink is given is numbered; a scope's end counts when all smaller numbers are settled."""

    def __init__(self, report: Observer) -> None:
        self._report = report
        self._lock = threading.Lock()
        self._open: list[int] = []
        self._ends: deque[tuple[int, ScopeEnd]] = deque()
        self._deletions: deque[tuple[int, DeletionScope]] = deque()
        self._deleting: set[int] = set()
        self._failed_below: set[str] = set()
        self._unfinished: set[str] = set()
        self._undeleted: set[str] = set()
        self._withheld: list[ScopeEnd] = []

    def opened(self, number: int) -> None:
        """A batch whose oldest entry has this number is under way."""
        with self._lock:
            self._open.append(number)

    def settled(self, number: int) -> None:
        """That batch is settled."""
        with self._lock:
            self._open.remove(number)

    def failed(self, fqn: str, *, leaf: bool = False) -> None:
        """The entity was refused: no scope it lies in is complete, and nothing is deleted there.

        Of a leaf, in which nothing lies, the own name is not kept: there may be a million of them.
        """
        if leaf:
            fqn = parent_fqn(fqn)
        with self._lock:
            while fqn:
                self._failed_below.add(fqn)
                fqn = parent_fqn(fqn)

    def set_aside(self, fqn: str) -> None:
        """The entity lacks its references for now: its scope is withheld until it was completed."""
        with self._lock:
            self._unfinished.add(parent_fqn(fqn))

    def completed(self) -> None:
        """What was set aside is delivered: report the scopes withheld for it."""
        with self._lock:
            withheld, self._withheld = self._withheld, []
            broken = self._failed_below | self._undeleted if withheld else set[str]()
            complete = [scope for scope in withheld if scope.fqn not in broken]
        for scope in complete:
            self._report.scope_done(scope.fqn, scope.records)

    def undeleted(self, fqn: str) -> None:
        """Something of the scope could not be deleted: a later attempt has to come back to it."""
        with self._lock:
            self._undeleted.add(fqn)

    def failed_below(self, fqn: str) -> bool:
        """Whether the entity, or one below it, was refused."""
        with self._lock:
            return fqn in self._failed_below

    def end(self, number: int, scope: ScopeEnd) -> None:
        """A scope was handed over completely."""
        with self._lock:
            self._ends.append((number, scope))

    def deletion(self, number: int, scope: DeletionScope) -> None:
        """A scope may be cleaned up when all that came before is delivered."""
        with self._lock:
            self._deletions.append((number, scope))

    def deleted(self, number: int) -> None:
        """The cleaning of that scope is over."""
        with self._lock:
            self._deleting.remove(number)

    def ripe(self) -> list[tuple[int, DeletionScope]]:
        """Report the scopes that have become complete; the deletions whose turn it is are the caller's to do."""
        with self._lock:
            records = min(self._open, default=None)
            deletions: list[tuple[int, DeletionScope]] = []
            while self._deletions and (records is None or self._deletions[0][0] < records):
                deletions.append(self._deletions.popleft())
                self._deleting.add(deletions[-1][0])
            waiting = min(self._deleting, default=None)
            ends: list[ScopeEnd] = []
            while self._ends and all(limit is None or self._ends[0][0] < limit for limit in (records, waiting)):
                ends.append(self._ends.popleft()[1])
            self._withheld += [scope for scope in ends if scope.fqn in self._unfinished]
            broken = (self._failed_below, self._unfinished, self._undeleted)
            complete = [scope for scope in ends if not any(scope.fqn in names for names in broken)]
        for scope in complete:
            self._report.scope_done(scope.fqn, scope.records)
        return deletions
