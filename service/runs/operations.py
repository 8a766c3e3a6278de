"""What people do with runs, and with workflows that have runs."""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

import msgspec
from sqlalchemy.orm import Session

from service.errors import WHOLE, Conflict, Invalid
from service.runs import repository
from service.runs.repository import NewRun, TickRun, automations, reports
from service.runs.schemas import RunCreate
from service.runs.status import Trigger, is_terminal
from service.runs.tables import RunRow
from service.workflows import operations as definitions
from service.workflows import repository as workflows
from service.workflows.documents import Json, merge_patch, value_at
from service.workflows.operations import Rules, problems_under
from service.workflows.schemas import Overlap
from service.workflows.vault import Vault, merge_masked

# They are part of each list of runs.
MAX_OVERRIDES_BYTES = 64 * 1024


def run_now(session: Session, name: str, wanted: RunCreate, rules: Rules, idempotency_key: str | None = None) -> RunRow:
    """Queue a run by hand, whether or not the schedule is on. What it overrides is checked like a definition.

    Raises NotFound, Invalid, or Conflict when the policy skips and another run is active, or the key is another run's.
    """
    workflow = workflows.get(session, name)
    overrides, connector = _checked(wanted.overrides, workflow.config, rules)
    run = repository.enqueue(
        session,
        NewRun(
            workflow=name,
            trigger=Trigger.MANUAL,
            overrides=overrides,
            connector=connector,
            priority=wanted.priority,
            idempotency_key=idempotency_key,
        ),
    )
    if idempotency_key is not None and not _asks_for(wanted, run, rules):
        message = f"the Idempotency-Key was used before, for run {run.id}, which was asked for in other words"
        raise Conflict(message)
    return run


def retry(session: Session, run_id: UUID) -> RunRow:
    """Queue a run of the newest revision with the overrides of one that ended. Raises NotFound or Conflict."""
    old = repository.get(session, run_id)
    if not is_terminal(old.state):
        message = f"run {run_id} cannot be retried: it is still {old.state}"
        raise Conflict(message)
    if old.workflow_id is None:
        message = f"run {run_id} cannot be retried: workflow {old.workflow!r} was deleted"
        raise Conflict(message)
    overridden = value_at(old.overrides, ("source", "type")) is not None
    new = NewRun(
        workflow=old.workflow,
        trigger=Trigger.RETRY,
        overrides=old.overrides,
        connector=old.connector if overridden else None,
        priority=old.priority,
    )
    return repository.enqueue(session, new)


def backfill(session: Session, name: str, instants: Sequence[datetime]) -> list[UUID]:
    """Queue a run for each of these past ticks that has none; they run one after another. Raises NotFound."""
    workflow = workflows.get(session, name)
    ticks = [TickRun(workflow.id, instant, Overlap.QUEUE) for instant in instants]
    return repository.enqueue_ticks(session, ticks, Trigger.BACKFILL)


def delete_workflow(session: Session, name: str) -> None:
    """Cancel the active runs of a workflow and delete it; its runs stay as history. Raises NotFound."""
    workflow = workflows.lock(session, name)
    repository.cancel_active(session, [workflow.id], "the workflow was deleted")
    reports.keep_config(session, workflow.id)
    definitions.delete(session, name)


def reseal(session: Session, vault: Vault) -> int:
    """Put every stored secret, those of runs and automations too, under the first key; how many documents had some.

    Raises Invalid for what none of the keys opens.
    """
    count = definitions.reseal(session, vault)
    rows = repository.sealed_runs(session)
    for row in rows:
        row.overrides = vault.reseal(row.overrides)
        row.last_config = None if row.last_config is None else vault.reseal(row.last_config)
    orders = automations.hold_all(session)
    for order in orders:
        order.document = vault.reseal(order.document)
    session.flush()
    return count + len(rows) + len(orders)


def _asks_for(wanted: RunCreate, run: RunRow, rules: Rules) -> bool:
    """Whether the run is what is wanted; one whose overrides no key opens any more cannot be told to be."""
    try:
        overrides = rules.vault.open(run.overrides)
    except Invalid:
        return False
    return overrides == wanted.overrides and wanted.priority in (None, run.priority)


def _checked(overrides: Json, stored: Json, rules: Rules) -> tuple[Json, str | None]:
    """The overrides as they are stored, and the connector they lead to."""
    if not overrides:
        return {}, None
    with problems_under("overrides"):
        size = len(msgspec.json.encode(overrides))
        if size > MAX_OVERRIDES_BYTES:
            message = f"is {size:,} bytes as JSON, of {MAX_OVERRIDES_BYTES:,} at most; change the workflow for more"
            raise Invalid.at(WHOLE, message)
        merge_masked(overrides, {})
        checked = rules.checker.check(merge_patch(rules.vault.open(stored), overrides))
        own = [path for path in checked.secret_paths if value_at(overrides, path) is not None]
        return rules.vault.seal(overrides, own), checked.connector
