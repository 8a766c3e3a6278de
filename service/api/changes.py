"""Notes what requests change, in the transaction of the change."""

from collections.abc import Generator
from contextlib import contextmanager
from typing import Final, cast
from uuid import UUID

from sqlalchemy.orm import Session

from service.access.audit import Trail
from service.api.preconditions import Expected, tag_of
from service.runs.schemas import RunRead
from service.workflows import repository as workflows
from service.workflows.documents import Json
from service.workflows.schemas import WorkflowRead

APPLY = "apply"
UNCONDITIONAL: Final = Expected()


@contextmanager
def workflow_change(
    session: Session, trail: Trail, action: str, name: str, expected: Expected = UNCONDITIONAL
) -> Generator[None]:
    """Note what becomes of a workflow inside, if anything does; it is held, so that nobody else changes it.

    Raises Outdated if it is not what is `expected`. Of one that is not there the change itself says so, unless it is
    one that creates.
    """
    before = _workflow(session, name, lock=True)
    if before is not None:
        expected.check(name, tag_of(UUID(cast("str", before["id"])), cast("int", before["revision"])))
    elif action == APPLY:
        expected.check(name, None)
    yield
    after = _workflow(session, name)
    if before != after:
        trail.record(f"workflow.{action}", f"workflows/{name}", before, after)


def run_state(run: RunRead) -> Json:
    """What the record of changes keeps of a run."""
    kept = {"workflow", "state", "trigger", "priority", "overrides", "cancel_requested_at", "cancel_reason"}
    shown: Json = run.model_dump(mode="json", include=kept)
    return shown


def _workflow(session: Session, name: str, *, lock: bool = False) -> Json | None:
    row = workflows.find_locked(session, name) if lock else workflows.find(session, name)
    shown: Json | None = None if row is None else WorkflowRead.of(row).model_dump(mode="json")
    return shown
