"""What one request carries, and how records are gathered for it."""

from collections import defaultdict
from collections.abc import Callable, Iterator

import msgspec

from connectors.sinks.entries import Entry, Kind


class Batch(msgspec.Struct, eq=False):
    """Entries of one kind that are sent together.

    `tries` counts how often they were refused for a passing reason, `slow` how often a larger batch took too
    long; `late` marks entities that are delivered already, and are sent again only to complete them.
    """

    kind: Kind
    entries: list[Entry] = msgspec.field(default_factory=list[Entry])
    size: int = 0
    opened: float = 0.0
    tries: int = 0
    slow: int = 0
    late: bool = False

    @property
    def rank(self) -> int:
        """Parents have a lower one than their children."""
        return self.kind.rank

    @property
    def first(self) -> int:
        """The number of the oldest entry."""
        return self.entries[0].number

    def add(self, entry: Entry) -> None:
        """Take one more entry."""
        self.entries.append(entry)
        self.size += len(entry.body) + 1

    def part(self, entries: list[Entry], tries: int = 0) -> "Batch":
        """Some of these entries, or other forms of them, as a batch of their own."""
        batch = Batch(self.kind, opened=self.opened, tries=tries, late=self.late)
        for entry in entries:
            batch.add(entry)
        return batch

    def halves(self, slow: int = 0) -> "list[Batch]":
        """The same entries in two batches."""
        middle = len(self.entries) // 2
        parts = [self.part(entries, self.tries) for entries in (self.entries[:middle], self.entries[middle:])]
        for part in parts:
            part.slow = slow
        return parts

    def body(self) -> bytes:
        """A JSON array of the entries."""
        bodies = [entry.body for entry in self.entries]  # joined with the brackets on, or all would be copied twice
        bodies[0] = b"[" + bodies[0]
        bodies[-1] += b"]"
        return b",".join(bodies)


class Buffers:
    """The batches that are not sent yet, one per collection that takes more, and full ones; for use in one thread.

    Up to `most` full ones gather before any is sent, as long as what their entries lie in is not sent either: that
    then goes in one request, where it would be one for each.
    """

    def __init__(self, count: int, size: int, age_seconds: float, most: int = 1) -> None:
        self._count = count
        self._size = size
        self._age_seconds = age_seconds
        self._most = most
        self._open: dict[str, Batch] = {}
        self._full: list[Batch] = []
        self._names = defaultdict[str, set[str]](set)
        self._none_due_before = 0.0

    def fits(self, entry: Entry) -> bool:
        """Whether the open batch of its collection has room for the entry."""
        batch = self._open.get(entry.kind.collection)
        return batch is None or batch.size + len(entry.body) < self._size

    def repeated(self, entry: Entry) -> bool:
        """Whether a batch holds this very entity, of which each holds one form."""
        return entry.fqn in self._names[entry.kind.collection]

    def add(self, entry: Entry, now: float) -> Batch:
        """Put the entry in its batch."""
        batch = self._open.get(entry.kind.collection)
        if batch is None:
            batch = self._open[entry.kind.collection] = Batch(entry.kind, opened=now)
        batch.add(entry)
        self._names[entry.kind.collection].add(entry.fqn)
        return batch

    def full(self, batch: Batch) -> bool:
        """Whether the batch takes no more."""
        return len(batch.entries) >= self._count or batch.size >= self._size

    def waits(self, collection: str) -> bool:
        """Let the open batch of a collection wait for others; tell whether it does, or is to be sent."""
        batch = self._open[collection]
        parents = any(each.rank < batch.rank for each in self._open.values())
        if not parents or not batch.kind.leaf or len(self._full) + 1 >= self._most:
            return False
        self._full.append(self._open.pop(collection))
        return True

    def due(self, now: float) -> list[str]:
        """The collections of which a batch has waited long enough.

        Only what is written asks for them: while the source is silent, nothing is sent.
        """
        if now <= self._none_due_before:  # asked for each record
            return []
        batches = self._all()
        self._none_due_before = min([now, *(batch.opened for batch in batches)]) + self._age_seconds
        return [batch.kind.collection for batch in batches if now - batch.opened > self._age_seconds]

    def take(self, collection: str) -> Iterator[Batch]:
        """The batches of a collection, and first those its entries may depend on; all are then gone from here."""
        rank = next((batch.rank for batch in self._all() if batch.kind.collection == collection), None)
        if rank is not None:
            yield from self._taken(lambda batch: batch.rank < rank or batch.kind.collection == collection)

    def take_all(self) -> Iterator[Batch]:
        """All batches, parents first."""
        yield from self._taken(lambda _: True)

    def _all(self) -> list[Batch]:
        return [*self._full, *self._open.values()]

    def _taken(self, wanted: Callable[[Batch], bool]) -> Iterator[Batch]:
        """Lowest rank first; one that is not asked for any more stays here."""
        for batch in sorted(filter(wanted, self._all()), key=lambda each: each.rank):
            if batch in self._full:
                self._full.remove(batch)
            else:
                del self._open[batch.kind.collection]
            self._names[batch.kind.collection].difference_update([entry.fqn for entry in batch.entries])
            yield batch
