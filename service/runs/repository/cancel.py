"""Asking runs to stop."""

from collections.abc import Sequence
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.orm import Session

from service.errors import Conflict
from service.runs.repository import history
from service.runs.status import is_terminal
from service.runs.tables import RunRow
from service.workflows.documents import storable
from service.workflows.repository import notify

CHANNEL = "headwater_cancel"

# The error of a run that is cancelled; without a reason of its own, it is that its workflow was deleted.
ERROR = "jsonb_build_object('title', 'Cancelled', 'detail', coalesce(cancel_reason, 'the workflow was deleted'))"

# A queued run ends at once; the worker of a running one is told, and finds the flag when it renews its lease.
_CANCEL = text(
    """
    with held as (
        select id from runs
        where state in ('queued', 'running') and id <> all(:spared)
        and (id = any(:runs) or workflow_id = any(:workflows))
        order by id for update
    )
    update runs r set
        state = case r.state when 'queued' then 'cancelled' else r.state end,
        finished_at = case r.state when 'queued' then now() end,
        cancel_requested_at = coalesce(cancel_requested_at, now()),
        cancel_reason = coalesce(cancel_reason, :reason),
        report_at = case r.state when 'queued' then now() else r.report_at end,
        error = case r.state when 'queued'
            then $cancelled else r.error end
    from held where r.id = held.id
    returning r.id, r.state""".replace("$cancelled", ERROR.replace("'the workflow was deleted'", ":reason"))
)


def request_cancel(session: Session, run_id: UUID, reason: str) -> RunRow:
    """Cancel a run that waits, tell the worker of one that runs. Raises NotFound, or Conflict for one that ended."""
    asked = _cancel(session, reason, runs=[run_id])
    run = history.get(session, run_id)
    if run_id not in asked and is_terminal(run.state):
        message = f"run {run_id} cannot be cancelled: it is already {run.state}"
        raise Conflict(message)
    return run


def cancel_active(
    session: Session, workflow_ids: Sequence[UUID], reason: str, *, spared: Sequence[UUID] = ()
) -> list[UUID]:
    """Cancel whatever waits or runs of these workflows, but for the spared runs."""
    return _cancel(session, reason, workflows=workflow_ids, spared=spared)


def _cancel(
    session: Session,
    reason: str,
    *,
    runs: Sequence[UUID] = (),
    workflows: Sequence[UUID] = (),
    spared: Sequence[UUID] = (),
) -> list[UUID]:
    values = {"reason": storable(reason), "runs": list(runs), "workflows": list(workflows), "spared": list(spared)}
    asked = session.execute(_CANCEL, values).all()
    for run_id, state in asked:
        if state == "running":
            notify(session, CHANNEL, str(run_id))
    return [run_id for run_id, _ in asked]
