"""What a run's observers do with what they hear: metrics for operators, the journal for the store."""

from collections.abc import Mapping

import msgspec

from connectors.report import Failure, Outcome
from service.execution.journal import RunJournal
from service.metrics import Metrics


class RunObserver(msgspec.Struct, frozen=True):
    """Hears one run."""

    connector: str
    sink: str
    metrics: Metrics
    journal: RunJournal

    def expected(self, entity: str, count: int) -> None:
        """Kept in the report."""

    def processed(self, entity: str, count: int = 1) -> None:
        """Kept in the report."""

    def counted(self, entity: str, outcome: Outcome, count: int = 1) -> None:
        """Count it for Prometheus."""
        self.metrics.record(self.connector, entity, outcome, count)

    def failed(self, failure: Failure) -> None:
        """Keep it as a row."""
        self.journal.failed(failure)

    def scope_done(self, fqn: str, records: Mapping[str, int]) -> None:
        """Keep it as a checkpoint."""
        self.journal.scope_done(fqn, records)

    def queried(self, seconds: float) -> None:
        """Time it for Prometheus."""
        self.metrics.source_queried(self.connector, seconds)

    def requested(self, operation: str, status: str, seconds: float) -> None:
        """Time it for Prometheus."""
        self.metrics.sink_requested(self.sink, operation, status, seconds)

    def retried(self) -> None:
        """Count it for Prometheus."""
        self.metrics.sink_retried()

    def timed(self, entity: str, stage: str, seconds: float) -> None:
        """Add it up for Prometheus."""
        self.metrics.stage_took(self.connector, entity, stage, seconds)
