"""Runs in every state, for tests of the queue."""

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from threading import Barrier
from typing import Any, TypeVar
from uuid import UUID

import msgspec

from service.database.engine import Database
from service.runs import repository
from service.runs.repository import ClaimedRun, ClaimRequest, Ending, Lease, NewRun
from service.runs.schemas import RunError, RunRead
from service.runs.status import RunState
from tests.integration.service.workflows.makers import ask, make_workflow

T = TypeVar("T")
TICK = datetime(2026, 11, 22, 1, tzinfo=UTC)
HOUR = timedelta(hours=1)
QUEUE = {"overlap": "queue"}


def make(database: Database, name: str = "shop", **fields: object) -> UUID:
    """A workflow."""
    with database.session() as session:
        return make_workflow(session, name, **fields).row.id


def queue(database: Database, name: str = "shop", **fields: Any) -> UUID:
    """A queued run."""
    with database.session() as session:
        return repository.enqueue(session, msgspec.structs.replace(NewRun(name), **fields)).id


def claim(
    database: Database,
    worker: str = "w1",
    pools: Sequence[str] = ("default",),
    limit: int = 10,
    **limits: int,
) -> list[ClaimedRun]:
    """What a worker gets."""
    with database.session() as session:
        return repository.claim(session, ClaimRequest(worker, pools, limit, 30, limits))


def start(database: Database, name: str = "shop", **fields: object) -> Lease:
    """A running run, the only one there is to claim."""
    queue(database, name, **fields)
    [claimed] = claim(database)
    return claimed.lease


def end(database: Database, lease: Lease, state: RunState = RunState.SUCCEEDED) -> bool:
    """Finish a run."""
    error = RunError(title="bad") if state is RunState.FAILED else None
    with database.session() as session:
        return repository.finish(session, lease, Ending(state, {"written": 1}, error=error))


def read(database: Database, run_id: UUID) -> RunRead:
    """A run as people see it."""
    with database.session() as session:
        return RunRead.of(repository.get(session, run_id))


def states(database: Database) -> list[str]:
    """The states of all runs, the first queued first."""
    return [state for (state,) in ask(database, "select state from runs order by queued_at, scheduled_for, id")]


def expire(database: Database) -> None:
    """Let the lease of every running run end a minute ago."""
    held = "select id from runs where state = 'running' order by id for update"
    ask(database, f"update runs r set lease_until = now() - interval '1 minute' from ({held}) h where r.id = h.id")


def together(count: int, act: Callable[[int], T]) -> list[T]:
    """What `act` gives in so many threads that begin at one moment."""
    barrier = Barrier(count)

    def one(number: int) -> T:
        barrier.wait(timeout=30)
        return act(number)

    with ThreadPoolExecutor(count) as threads:
        return list(threads.map(one, range(count)))
