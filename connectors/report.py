"""What a run tells about itself while it goes on, and what is left of it at the end."""

import threading
from collections import Counter, defaultdict, deque
from collections.abc import Mapping
from typing import Literal, Protocol

import msgspec

MAX_FAILURES_KEPT = 100

Outcome = Literal["written", "unchanged", "filtered", "failed", "deleted"]


class Failure(msgspec.Struct, frozen=True):
    """One entity that was lost: what, at which stage, why, and how to mend it.

    What is not `lost` is in the catalogue and stays there, though it ought to be deleted.
    """

    entity: str
    name: str
    stage: str
    cause: str
    advice: str | None = None
    lost: bool = True


class Observer(Protocol):
    """Hears of everything that happens in a run; called from several threads."""

    def expected(self, entity: str, count: int) -> None:
        """`count` more items of this type are to come."""
        ...

    def processed(self, entity: str, count: int = 1) -> None:
        """`count` items of this type are done, whatever became of them."""
        ...

    def counted(self, entity: str, outcome: Outcome, count: int = 1) -> None:
        """`count` entities of this type came to this outcome."""
        ...

    def failed(self, failure: Failure) -> None:
        """One entity was lost."""
        ...

    def scope_done(self, fqn: str, records: Mapping[str, int]) -> None:
        """Everything below `fqn` is delivered; a later attempt may leave it out."""
        ...

    def queried(self, seconds: float) -> None:
        """One query or call to the source took this long."""
        ...

    def requested(self, operation: str, status: str, seconds: float) -> None:
        """One request of the sink took this long; `status` is the HTTP code or the error's name."""
        ...

    def retried(self) -> None:
        """One request of the sink is sent again."""
        ...

    def timed(self, entity: str, stage: str, seconds: float) -> None:
        """So much more time went into one stage of this entity type: told for some items at once."""
        ...


class Progress(msgspec.Struct):
    """Items done and, where the source could tell, items to come."""

    processed: int = 0
    expected: int | None = None


class Report:
    """Counts of one run, safe to update and read from any thread; memory does not grow with the run.

    Everything is passed on to `listener`, so that metrics and stores need no counters of their own.
    """

    def __init__(self, listener: Observer | None = None) -> None:
        self.listener = listener
        self.by_type = defaultdict[str, Counter[str]](Counter)
        self.progress: dict[str, Progress] = {}
        self.stage_seconds: dict[tuple[str, str], float] = {}
        self.failures = deque[Failure](maxlen=MAX_FAILURES_KEPT)
        self.undeleted = 0
        self.failed_by_stage = Counter[str]()
        self._lock = threading.Lock()

    def expected(self, entity: str, count: int) -> None:
        """See Observer."""
        with self._lock:
            state = self.progress.setdefault(entity, Progress())
            state.expected = (state.expected or 0) + count
        if self.listener:
            self.listener.expected(entity, count)

    def processed(self, entity: str, count: int = 1) -> None:
        """See Observer."""
        with self._lock:
            state = self.progress.get(entity)
            if state is None:
                state = self.progress[entity] = Progress()
            state.processed += count
        if self.listener:
            self.listener.processed(entity, count)

    def counted(self, entity: str, outcome: Outcome, count: int = 1) -> None:
        """See Observer."""
        with self._lock:
            self.by_type[entity][outcome] += count
        if self.listener:
            self.listener.counted(entity, outcome, count)

    def failed(self, failure: Failure) -> None:
        """Count the failure and keep it among the latest."""
        with self._lock:
            self.failures.append(failure)
            self.by_type[failure.entity]["failed"] += 1
            self.undeleted += not failure.lost
            self.failed_by_stage[failure.stage] += 1
        if self.listener:
            self.listener.counted(failure.entity, "failed", 1)
            self.listener.failed(failure)

    def scope_done(self, fqn: str, records: Mapping[str, int]) -> None:
        """See Observer."""
        if self.listener:
            self.listener.scope_done(fqn, records)

    def queried(self, seconds: float) -> None:
        """See Observer."""
        if self.listener:
            self.listener.queried(seconds)

    def requested(self, operation: str, status: str, seconds: float) -> None:
        """See Observer."""
        if self.listener:
            self.listener.requested(operation, status, seconds)

    def retried(self) -> None:
        """See Observer."""
        if self.listener:
            self.listener.retried()

    def timed(self, entity: str, stage: str, seconds: float) -> None:
        """See Observer."""
        with self._lock:
            self.stage_seconds[entity, stage] = self.stage_seconds.get((entity, stage), 0.0) + seconds
        if self.listener:
            self.listener.timed(entity, stage, seconds)

    def snapshot_counts(self) -> dict[str, dict[str, int]]:
        """The counts of each entity type by outcome, as they are at one moment."""
        with self._lock:
            return {entity: dict(counts) for entity, counts in self.by_type.items()}

    def snapshot_progress(self) -> dict[str, tuple[int, int | None]]:
        """Processed and expected items of each entity type, as they are at one moment."""
        with self._lock:
            return {entity: (state.processed, state.expected) for entity, state in self.progress.items()}

    def snapshot_failures(self) -> tuple[dict[str, int], list[Failure]]:
        """How many failures each stage had, and the latest of them, as they are at one moment."""
        with self._lock:
            return dict(self.failed_by_stage), list(self.failures)

    def total(self, outcome: Outcome) -> int:
        """How many entities of all types came to this outcome."""
        with self._lock:
            return sum(counts[outcome] for counts in self.by_type.values())

    def success_percent(self) -> float:
        """Delivered entities as a share of all that were to be delivered; 100 when none was."""
        delivered = self.total("written") + self.total("unchanged")
        tried = delivered + self.total("failed") - self.undeleted
        return 100.0 if tried == 0 else 100.0 * delivered / tried


def eta_seconds(states: Mapping[str, tuple[int, int | None]], seconds: float) -> int | None:
    """Seconds to go if the rest takes as long as what is done did; None while that cannot be told."""
    known = [(processed, expected) for processed, expected in states.values() if expected is not None]
    processed = sum(done for done, _ in known)
    expected = sum(total for _, total in known)
    if processed == 0 or expected == 0:
        return None
    return round(seconds * max(0, expected - processed) / processed)
