"""Attempts that are about to end, on a store of the test's own."""

from collections.abc import Generator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import LiteralString

import psycopg

from connectors.report import Report
from service import clock
from service.database.engine import Database
from service.execution.attempt import Attempt
from service.execution.finishing import Finisher
from service.execution.journal import Journal
from service.execution.outcome import Finished
from service.execution.reporting import Reporting
from service.execution.stopping import StopSwitch
from service.metrics import Metrics
from service.runs.repository import LogLine
from service.runs.schemas import RunError
from service.runs.status import RunState
from tests.integration.service.runs.makers import claim, make, queue
from tests.integration.service.workflows.makers import ask

NOW = datetime(2026, 11, 22, 1, tzinfo=UTC)
SUCCEEDED = Finished(RunState.SUCCEEDED)
FAILED = Finished(RunState.FAILED, RunError(title="bad"))
BLOCKED = "select count(*) from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'"
REFUSE = """
    create function refuse() returns trigger language plpgsql as
        $$ begin raise exception 'not %', new.workflow; end $$;
    create trigger refuse before update on runs for each row when (new.workflow = 'b') execute function refuse()"""
LOCKS: tuple[LiteralString, ...] = (
    "select from runs where workflow = 'a' for update",
    "select from workflows where name = 'a' for no key update",
)


def finisher_of(database: Database) -> Finisher:
    """What stores their ends."""
    return Finisher(database, Journal(database, 100), Reporting(database), Metrics())


def started(finisher: Finisher, store: Database, *names: str) -> list[Attempt]:
    """A running run of a new workflow of each name, in the order of the names."""
    for name in names:
        make(store, name)
        queue(store, name)
    claims = sorted(claim(store), key=lambda claimed: claimed.workflow)
    now = clock.monotonic()
    return [
        Attempt(
            claimed,
            claimed.read_policy(),
            StopSwitch(None, now + 600),
            Report(),
            finisher.journal.open(claimed.lease),
            now,
        )
        for claimed in claims
    ]


def tell(attempt: Attempt, *told: str) -> None:
    """Have an attempt log these lines and finish scopes that are called so."""
    for words in told:
        attempt.journal.logged(LogLine(NOW, "INFO", "of.a.test", words))
        attempt.journal.scope_done(words, {})


@contextmanager
def holding(database: Database, lock: LiteralString) -> Generator[None]:
    """While inside, what this statement locks is locked."""
    with psycopg.connect(database.url.replace("+psycopg", "")) as connection:
        connection.execute(lock)
        yield


def states(database: Database) -> dict[str, str]:
    """The state of the run of each workflow."""
    return dict(ask(database, "select workflow, state from runs"))


def failures(database: Database) -> dict[str, int]:
    """How many runs of each workflow failed in a row."""
    return dict(ask(database, "select name, consecutive_failures from workflows"))
