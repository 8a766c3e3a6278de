"""Workflows, firings and what came of them, for tests of the timer."""

import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from datetime import datetime
from threading import Event
from uuid import UUID

from service.database.engine import Database
from service.scheduling.firing import Look, fire, look
from service.workflows import operations
from service.workflows.schemas import WorkflowPatch
from tests.integration.service.workflows.makers import RULES, ask, make_workflow

HOURLY = {"intervalSeconds": 3600}
PATIENCE = 60.0


def make(database: Database, name: str = "shop", **fields: object) -> UUID:
    """A workflow that is due every hour, unless told otherwise."""
    with database.session() as session:
        return make_workflow(session, name, **({"schedule": HOURLY} | fields)).row.id


def edit(database: Database, name: str = "shop", **fields: object) -> None:
    with database.session() as session:
        operations.patch(session, name, WorkflowPatch.model_validate(fields), RULES)


def pause(database: Database, name: str = "shop") -> None:
    with database.session() as session:
        operations.pause(session, name)


def resume(database: Database, name: str = "shop") -> None:
    with database.session() as session:
        operations.resume(session, name)


def see(database: Database) -> Look:
    """What a replica finds due."""
    with database.session() as session:
        return look(session)


def store(database: Database, found: Look) -> list[str]:
    """The workflows whose ticks the replica then fires."""
    fired: list[str] = []
    for batch in found.batches():
        with database.session() as session:
            fired += [firing.name for firing in fire(session, batch)]
    return fired


def fire_due(database: Database) -> list[str]:
    return store(database, see(database))


def ticks(database: Database, name: str = "shop") -> Sequence[datetime]:
    """The ticks that have a run."""
    rows = ask(database, "select scheduled_for from runs where workflow = :name order by 1", name=name)
    return [tick for (tick,) in rows]


def crash(database: Database, found: Look) -> None:
    """The replica dies when it has stored everything and committed nothing."""
    with suppress(InterruptedError), database.session() as session:
        fire(session, found.firings)
        raise InterruptedError


def eventually(holds: Callable[[], object]) -> float:
    """Wait until it holds; how many seconds that took."""
    began, pause = time.monotonic(), Event()
    while not holds():
        assert time.monotonic() - began < PATIENCE
        pause.wait(0.02)
    return time.monotonic() - began
