"""Every query on definitions. Nothing here commits."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from datetime import datetime
from typing import NamedTuple
from uuid import UUID

import msgspec
from sqlalchemy import ColumnElement, Text, cast, func, select, text
from sqlalchemy import delete as delete_from
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session
from sqlmodel import col

from service.errors import Invalid, NotFound
from service.workflows.documents import UNSTORABLE, Json, is_storable
from service.workflows.schemas import RevisionRead, WorkflowRead
from service.workflows.tables import RevisionRow, SecretRow, WorkflowRow
from service.workflows.vault import SEALED
from service.workflows.wire import Page, decode_cursor, decode_cursor_as, encode_cursor, page_of, read_integer

CHANNEL = "headwater_workflows"
SCAN_ROWS = 1000
_NOTIFY = text("select pg_notify(:channel, :payload)")


class ScheduledWorkflow(NamedTuple):
    """What the timer needs of an enabled workflow with a schedule; `schedule` and `policy` as stored."""

    id: UUID
    name: str
    schedule: Json
    policy: Json
    tick_cursor: datetime
    revision: int


class WorkflowFilter(msgspec.Struct, frozen=True):
    """Which workflows to list; all conditions hold together."""

    enabled: bool | None = None
    labels: Mapping[str, str] = msgspec.field(default_factory=dict[str, str])
    text: str | None = None


def notify(session: Session, channel: str, payload: str = "") -> None:
    """Tell the listeners of a channel when, and only if, this transaction commits."""
    session.execute(_NOTIFY, {"channel": channel, "payload": payload})


def database_now(session: Session) -> datetime:
    """When this transaction began, on the database's clock."""
    return session.execute(select(func.now())).scalar_one()


def get(session: Session, name: str) -> WorkflowRow:
    """The workflow of this name. Raises NotFound."""
    return _found(name, find(session, name))


def find(session: Session, name: str) -> WorkflowRow | None:
    """The workflow of this name, if there is one."""
    if not is_storable(name):
        return None
    return session.scalars(select(WorkflowRow).where(col(WorkflowRow.name) == name)).one_or_none()


def lock(session: Session, name: str) -> WorkflowRow:
    """The workflow of this name as it is now, held until the transaction ends. Raises NotFound.

    Whoever locks runs as well locks their workflows first, so that nobody waits in a circle.
    """
    return _found(name, find_locked(session, name))


def find_locked(session: Session, name: str) -> WorkflowRow | None:
    """The same without raising."""
    if not is_storable(name):
        return None
    statement = select(WorkflowRow).where(col(WorkflowRow.name) == name).with_for_update(key_share=True)
    return session.scalars(statement, execution_options={"populate_existing": True}).one_or_none()


def lock_all(session: Session, workflow_ids: Sequence[UUID]) -> None:
    """Hold these workflows until the transaction ends, always in the same order."""
    statement = (
        select(col(WorkflowRow.id))
        .where(col(WorkflowRow.id) == func.any(sorted(workflow_ids)))
        .order_by(col(WorkflowRow.id))
        .with_for_update(key_share=True)
    )
    session.execute(statement).all()


def insert_new(session: Session, row: WorkflowRow) -> WorkflowRow | None:
    """Store a new workflow; None if its name is taken."""
    values = row.model_dump(exclude_unset=True)
    statement = insert(WorkflowRow).values(**values).on_conflict_do_nothing(constraint="uq_workflows_name")
    return session.scalars(statement.returning(WorkflowRow)).one_or_none()


def delete(session: Session, row: WorkflowRow) -> None:
    """Remove a workflow and its revisions; its runs stay as history."""
    session.delete(row)
    session.flush()


def list_workflows(session: Session, which: WorkflowFilter, cursor: str | None, limit: int) -> Page[WorkflowRead]:
    """The workflows that match, by name."""
    statement = select(WorkflowRow).where(*_conditions(which)).order_by(col(WorkflowRow.name)).limit(limit + 1)
    if cursor is not None:
        (after,) = decode_cursor(cursor, 1)
        statement = statement.where(col(WorkflowRow.name) > after)
    rows = session.scalars(statement).all()
    return page_of(rows, limit, WorkflowRead.of, lambda row: encode_cursor(row.name))


def get_revision(session: Session, workflow: WorkflowRow, revision: int) -> RevisionRow:
    """One revision of a workflow. Raises NotFound."""
    row = session.get(RevisionRow, (workflow.id, revision))
    if row is None:
        message = f"workflow {workflow.name!r} has no revision {revision}; its last is {workflow.revision}"
        raise NotFound(message)
    return row


def list_revisions(session: Session, workflow: WorkflowRow, cursor: str | None, limit: int) -> Page[RevisionRead]:
    """The revisions of a workflow, newest first."""
    statement = (
        select(RevisionRow)
        .where(col(RevisionRow.workflow_id) == workflow.id)
        .order_by(col(RevisionRow.revision).desc())
        .limit(limit + 1)
    )
    if cursor is not None:
        (before,) = decode_cursor_as(cursor, read_integer)
        statement = statement.where(col(RevisionRow.revision) < before)
    rows = session.scalars(statement).all()
    return page_of(rows, limit, RevisionRead.of, lambda row: encode_cursor(str(row.revision)))


def scan_scheduled(session: Session, names: Collection[str] | None = None) -> Iterator[ScheduledWorkflow]:
    """Every enabled workflow with a schedule, streamed in the order of their ids; or only those of these names."""
    statement = (
        select(
            col(WorkflowRow.id),
            col(WorkflowRow.name),
            col(WorkflowRow.schedule),
            col(WorkflowRow.policy),
            col(WorkflowRow.tick_cursor),
            col(WorkflowRow.revision),
        )
        .where(col(WorkflowRow.enabled), col(WorkflowRow.schedule).is_not(None))
        .order_by(col(WorkflowRow.id))
        .execution_options(yield_per=SCAN_ROWS)
    )
    if names is not None:
        statement = statement.where(col(WorkflowRow.name) == func.any(list(names)))
    for identity, called, schedule, policy, cursor, revision in session.execute(statement):
        yield ScheduledWorkflow(identity, called, schedule or {}, policy, cursor, revision)


def lock_unmoved(session: Session, cursors: Mapping[UUID, datetime]) -> set[UUID]:
    """Hold these workflows until the transaction ends, always in the same order; which of them are as they were read.

    They are if they are still enabled and their cursor is still this one: it moves when ticks are considered, when the
    schedule is changed and when it is switched on again.
    """
    statement = (
        select(col(WorkflowRow.id), col(WorkflowRow.enabled), col(WorkflowRow.tick_cursor))
        .where(col(WorkflowRow.id) == func.any(sorted(cursors)))
        .order_by(col(WorkflowRow.id))
        .with_for_update(key_share=True)
    )
    return {one for one, enabled, cursor in session.execute(statement).all() if enabled and cursor == cursors[one]}


def move_cursors(session: Session, instants: Mapping[UUID, datetime]) -> None:
    """Note that all ticks of each workflow up to its instant were considered. They are locked."""
    statement = text(
        "update workflows w set tick_cursor = t.instant"
        " from unnest(cast(:ids as uuid[]), cast(:instants as timestamptz[])) as t(id, instant)"
        " where w.id = t.id"
    )
    if instants:
        session.execute(statement, {"ids": list(instants), "instants": list(instants.values())})


def store_secret(session: Session, name: str, ciphertext: bytes) -> None:
    """Keep a secret, in place of the one of that name."""
    values = {"ciphertext": ciphertext, "updated_at": func.now()}
    statement = insert(SecretRow).values(name=name, **values)
    session.execute(statement.on_conflict_do_update(index_elements=["name"], set_=values))


def find_secret(session: Session, name: str) -> bytes | None:
    """The ciphertext of a secret, if there is one of this name."""
    if not is_storable(name):
        return None
    return session.scalars(select(col(SecretRow.ciphertext)).where(col(SecretRow.name) == name)).one_or_none()


def list_secrets(session: Session) -> list[str]:
    """The names of the secrets kept here."""
    return list(session.scalars(select(col(SecretRow.name)).order_by(col(SecretRow.name))))


def delete_secret(session: Session, name: str) -> bool:
    """Forget a secret; whether there was one."""
    statement = delete_from(SecretRow).where(col(SecretRow.name) == name).returning(col(SecretRow.name))
    return is_storable(name) and session.scalars(statement).one_or_none() is not None


def sealed_workflows(session: Session) -> Sequence[WorkflowRow]:
    """The workflows with sealed secrets, held until the transaction ends."""
    sealed = cast(WorkflowRow.config, Text).contains(SEALED)
    statement = select(WorkflowRow).where(sealed).order_by(col(WorkflowRow.id)).with_for_update(key_share=True)
    return session.scalars(statement, execution_options={"populate_existing": True}).all()


def sealed_revisions(session: Session) -> Sequence[RevisionRow]:
    """The revisions with sealed secrets."""
    return session.scalars(select(RevisionRow).where(cast(RevisionRow.snapshot, Text).contains(SEALED))).all()


def secret_rows(session: Session) -> Sequence[SecretRow]:
    """The secrets kept here, held until the transaction ends."""
    return session.scalars(select(SecretRow).order_by(col(SecretRow.name)).with_for_update()).all()


def _found(name: str, row: WorkflowRow | None) -> WorkflowRow:
    if row is None:
        message = f"there is no workflow {name!r}"
        raise NotFound(message)
    return row


def _conditions(which: WorkflowFilter) -> Iterator[ColumnElement[bool]]:
    for name, value in (("q", which.text), *(("label", f"{key}:{value}") for key, value in which.labels.items())):
        if value is not None and not is_storable(value):
            raise Invalid.at(name, f"is a text {UNSTORABLE}")
    if which.enabled is not None:
        yield col(WorkflowRow.enabled).is_(which.enabled)
    if which.labels:
        yield col(WorkflowRow.labels).op("@>", is_comparison=True)(dict(which.labels))
    if which.text:
        name, description = col(WorkflowRow.name), col(WorkflowRow.description)
        yield name.icontains(which.text, autoescape=True) | description.icontains(which.text, autoescape=True)
