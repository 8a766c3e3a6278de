"""The processes that claim runs, for people to see; leases alone decide who is alive."""

from collections.abc import Sequence
from datetime import timedelta

import msgspec
from sqlalchemy import delete, func, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session
from sqlmodel import col

from service.runs.tables import WorkerRow


class WorkerIdentity(msgspec.Struct, frozen=True):
    """What a worker says of itself; its id is new at every start."""

    id: str
    host: str
    pid: int
    pools: Sequence[str]
    slots: int


def beat(session: Session, worker: WorkerIdentity) -> None:
    """Note that the worker is there."""
    values = {"host": worker.host, "pid": worker.pid, "pools": list(worker.pools), "slots": worker.slots}
    statement = insert(WorkerRow).values(id=worker.id, **values)
    seen = values | {"seen_at": func.now()}
    session.execute(statement.on_conflict_do_update(index_elements=["id"], set_=seen))


def leave(session: Session, worker_id: str) -> None:
    """Forget a worker that shuts down."""
    session.execute(delete(WorkerRow).where(col(WorkerRow.id) == worker_id))


def forget_workers(session: Session, unseen_for: timedelta) -> int:
    """Forget the workers that were not seen for so long; how many."""
    statement = delete(WorkerRow).where(col(WorkerRow.seen_at) < func.now() - unseen_for)
    return len(session.scalars(statement.returning(col(WorkerRow.id))).all())


def list_workers(session: Session) -> list[WorkerRow]:
    """The workers that are known, the longest running first."""
    statement = select(WorkerRow).order_by(col(WorkerRow.started_at), col(WorkerRow.id))
    return list(session.scalars(statement, execution_options={"populate_existing": True}))
