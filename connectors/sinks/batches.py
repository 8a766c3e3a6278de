"""What one request carries, and how records are gathered for it."""

from collections.abc import Iterator

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
    names: set[str] = msgspec.field(default_factory=set[str])

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
        self.names.add(entry.fqn)
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
        return b"[%b]" % b",".join([entry.body for entry in self.entries])


class Buffers:
    """The batches that are not full yet, one per collection; for use in one thread."""

    def __init__(self, count: int, size: int, age_seconds: float) -> None:
        self._count = count
        self._size = size
        self._age_seconds = age_seconds
        self._open: dict[str, Batch] = {}

    def fits(self, entry: Entry) -> bool:
        """Whether the entry may join the batch of its collection, which holds a name once."""
        batch = self._open.get(entry.kind.collection)
        return batch is None or (batch.size + len(entry.body) < self._size and entry.fqn not in batch.names)

    def repeated(self, entry: Entry) -> bool:
        """Whether the batch of its collection holds this very entity."""
        batch = self._open.get(entry.kind.collection)
        return batch is not None and entry.fqn in batch.names

    def add(self, entry: Entry, now: float) -> Batch:
        """Put the entry in its batch."""
        batch = self._open.get(entry.kind.collection)
        if batch is None:
            batch = self._open[entry.kind.collection] = Batch(entry.kind, opened=now)
        batch.add(entry)
        return batch

    def full(self, batch: Batch, *, single: bool) -> bool:
        """Whether it is time to send the batch."""
        return single or len(batch.entries) >= self._count or batch.size >= self._size

    def due(self, now: float) -> list[str]:
        """The collections whose batch has waited long enough."""
        return [name for name, batch in self._open.items() if now - batch.opened > self._age_seconds]

    def take(self, collection: str) -> Iterator[Batch]:
        """The batch of a collection, and first those its entries may depend on; all are then gone from here."""
        batch = self._open.get(collection)
        if batch is not None:
            yield from self.take_below(batch.rank)
            yield self._open.pop(collection)

    def take_below(self, rank: int) -> Iterator[Batch]:
        """The batches of lower rank, lowest first."""
        for batch in sorted(self._open.values(), key=lambda each: each.rank):
            if batch.rank < rank:
                yield self._open.pop(batch.kind.collection)

    def take_all(self) -> Iterator[Batch]:
        """All batches, parents first."""
        for batch in sorted(self._open.values(), key=lambda each: each.rank):
            yield self._open.pop(batch.kind.collection)
