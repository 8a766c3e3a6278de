"""One look at the table, and making the runs that it found due.

Between the two other replicas may fire the same ticks, and people may pause, edit or delete. So what was found holds
only for workflows whose cursor is still the one that was read: whoever comes first moves it, all others do nothing.
"""

import logging
from collections.abc import Collection, Iterator, Sequence
from datetime import datetime
from uuid import UUID

import msgspec
from sqlalchemy.orm import Session

from service import clock
from service.runs.repository import TickRun, enqueue_ticks
from service.scheduling.catch_up import Due, due_ticks
from service.workflows import repository as workflows
from service.workflows.repository import ScheduledWorkflow
from service.workflows.schedule import read_schedule
from service.workflows.schemas import Overlap, read_policy

BATCH_TICKS = 1000

logger = logging.getLogger(__name__)


class Firing(msgspec.Struct, frozen=True):
    """Ticks of one workflow that are due, as found with this cursor."""

    workflow_id: UUID
    name: str
    read_cursor: datetime
    due: Due

    def tick_runs(self) -> Iterator[TickRun]:
        """The runs to make. Several that are made up for at once all get theirs, one after the other."""
        overlap = Overlap.QUEUE if len(self.due.ticks) > 1 else None
        for tick in self.due.ticks:
            yield TickRun(self.workflow_id, tick.at, overlap)


class Look(msgspec.Struct, frozen=True):
    """What one look at the table found: what to fire, and when each workflow is to be looked at next.

    `now` is the database's, `asked_at` the same moment (or one soon after it) on the clock of this process.
    """

    now: datetime
    asked_at: float
    firings: list[Firing] = msgspec.field(default_factory=list[Firing])
    alarms: dict[str, datetime] = msgspec.field(default_factory=dict[str, datetime])

    def add(self, workflow: ScheduledWorkflow) -> None:
        """Take in one workflow."""
        schedule = read_schedule(workflow.schedule)
        if schedule is None:
            return
        due = due_ticks(schedule, read_policy(workflow.policy), workflow.id, workflow.tick_cursor, self.now)
        if due.cursor != workflow.tick_cursor:
            self.firings.append(Firing(workflow.id, workflow.name, workflow.tick_cursor, due))
        if due.next_firing is not None:
            self.alarms[workflow.name] = due.next_firing

    def batches(self) -> Iterator[Sequence[Firing]]:
        """The firings in pieces that are quick to store, so that nobody waits long for a lock."""
        batch: list[Firing] = []
        ticks = 0
        for firing in self.firings:
            batch.append(firing)
            ticks += max(1, len(firing.due.ticks))
            if ticks >= BATCH_TICKS:
                yield batch
                batch, ticks = [], 0
        if batch:
            yield batch


def look(session: Session, names: Collection[str] | None = None) -> Look:
    """See what is due, of all workflows or of these, by the database's clock: all replicas have the same.

    A workflow that cannot be read is left out and logged, and holds up no other.
    """
    found = Look(workflows.database_now(session), clock.monotonic())
    for workflow in workflows.scan_scheduled(session, names):
        try:
            found.add(workflow)
        except Exception:
            logger.exception("Workflow %s cannot be scheduled", workflow.name)
    return found


def fire(session: Session, firings: Sequence[Firing]) -> list[Firing]:
    """Make the runs and move the cursors of those workflows that are still as they were read; which they are."""
    unmoved = workflows.lock_unmoved(session, {firing.workflow_id: firing.read_cursor for firing in firings})
    own = [firing for firing in firings if firing.workflow_id in unmoved]
    enqueue_ticks(session, [run for firing in own for run in firing.tick_runs()])
    workflows.move_cursors(session, {firing.workflow_id: firing.due.cursor for firing in own})
    for firing in own:
        if firing.due.passed_over is not None:
            logger.warning("Workflow %s: ticks missed since %s are passed over", firing.name, firing.due.passed_over)
    return own
