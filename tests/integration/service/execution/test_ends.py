"""One thread stores the ends of a worker's runs: whose end is stored has its slot back, and none holds up others."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from threading import Event, Thread
from typing import LiteralString

import pytest
from pydantic import JsonValue

from connectors.report import Report
from service.database.engine import Database
from service.execution import ends, finishing
from service.execution.ends import Ends
from service.execution.outcome import Disowned, GivenBack
from service.execution.progress import counts_document
from service.execution.pulse import Pulse
from service.execution.reporting import Reporting
from service.execution.slots import Slot, Slots
from service.execution.threads import Threads
from service.runs.repository.workers import WorkerIdentity
from service.settings import Settings
from tests.eventually import eventually
from tests.integration.service.execution.ending import (
    BLOCKED,
    FAILED,
    LOCKS,
    REFUSE,
    SUCCEEDED,
    failures,
    finisher_of,
    holding,
    started,
    states,
    tell,
)
from tests.integration.service.execution.replicas import outage
from tests.integration.service.workflows.makers import ask
from tests.postgres import Server

# Longer than any test may take.
PATIENCE_SECONDS = 600.0


@dataclass
class Site:
    """The ends of the runs in these slots."""

    ends: Ends
    slots: Slots
    begun: list[Slot]
    freed: Event

    def put(self, *slots: Slot) -> None:
        """Let the runs in these slots succeed."""
        for slot in slots:
            self.ends.put(slot, SUCCEEDED)


@pytest.fixture
def ending(database: Database) -> Iterator[Callable[..., Site]]:
    """Makes them, with a running run of a new workflow of each name; `store` is where the ends go."""
    with ExitStack() as stack:

        def make(*names: str, store: Database = database) -> Site:
            finisher = finisher_of(store)
            slots, threads, freed = Slots(4, ("default",), finisher.metrics), Threads("idle"), Event()
            stack.callback(threads.close)
            myself = WorkerIdentity(id="w1", host="here", pid=1, pools=("default",), slots=4)
            pulse = Pulse(Settings(), store, myself, slots, finisher.metrics)
            made = Ends(finisher, slots, pulse, threads, freed.set)
            taken = [Slot(attempt) for attempt in started(finisher, database, *names)]
            for slot in taken:
                slots.put(slot)
            made.start()
            stack.callback(made.stop)
            return Site(made, slots, taken, freed)

        yield make


def test_those_that_come_while_one_is_stored_share_a_transaction_and_keep_their_slots(
    database: Database, ending: Callable[..., Site]
) -> None:
    here = ending("a", "b", "c", "d")
    first, *others = here.begun
    with holding(database, "lock table run_attempts in share mode"):
        here.put(first)
        eventually(lambda: ask(database, BLOCKED) == [(1,)])
        here.put(*others)
        assert here.slots.free == 0
        assert not here.freed.is_set()
    assert here.slots.wait_until_idle(30)
    assert here.freed.is_set()
    assert set(states(database).values()) == {"succeeded"}
    assert ask(database, "select count(distinct finished_at), count(distinct xmin::text) from runs") == [(2, 2)]


def test_half_of_the_runs_in_hand_are_waited_for(
    database: Database, ending: Callable[..., Site], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ends, "GATHER_SECONDS", PATIENCE_SECONDS)
    here = ending("a", "b", "c", "d")
    here.put(*here.begun[:2])
    eventually(lambda: here.slots.taken() == here.begun[2:])
    ended = "select count(*), count(distinct xmin::text) from runs where state = 'succeeded'"
    assert ask(database, ended) == [(2, 1)]


def test_runs_that_go_on_hold_up_no_end(database: Database, ending: Callable[..., Site]) -> None:
    here = ending("a", "b", "c", "d")
    here.put(here.begun[0])
    eventually(lambda: here.slots.taken() == here.begun[1:])
    assert states(database) == {"a": "succeeded", "b": "running", "c": "running", "d": "running"}


@pytest.mark.parametrize("lock", LOCKS)
def test_one_that_is_locked_holds_up_no_other(
    database: Database, ending: Callable[..., Site], lock: LiteralString
) -> None:
    here = ending("a", "b", "c")
    tell(here.begun[0].attempt, "last words")
    with holding(database, lock):
        for slot in here.begun:
            here.ends.put(slot, FAILED)
        eventually(lambda: here.slots.taken() == here.begun[:1])
        eventually(lambda: ask(database, BLOCKED) == [(1,)])
    assert here.slots.wait_until_idle(30)
    assert failures(database) == {"a": 1, "b": 1, "c": 1}
    assert ask(database, "select message from run_logs") == [("last words",)]


def test_one_that_cannot_be_stored_is_left_and_the_others_end(
    database: Database, ending: Callable[..., Site], caplog: pytest.LogCaptureFixture
) -> None:
    here = ending("a", "b", "c")
    ask(database, REFUSE)
    here.put(*here.begun)
    assert here.slots.wait_until_idle(30)
    assert states(database) == {"a": "succeeded", "b": "running", "c": "succeeded"}
    assert f"Run {here.begun[1].run_id} is left to be taken back" in caplog.text


@pytest.mark.parametrize("error", [RuntimeError("can't start new thread"), MemoryError()])
def test_without_a_thread_to_be_had_they_end_one_after_another(
    database: Database, ending: Callable[..., Site], monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    here = ending("a", "b", "c")
    ask(database, REFUSE)

    def refuse(_: Thread) -> None:
        raise error

    monkeypatch.setattr(Thread, "start", refuse)
    here.put(*here.begun)
    assert here.slots.wait_until_idle(30)
    assert states(database) == {"a": "succeeded", "b": "running", "c": "succeeded"}


def test_one_that_the_store_always_puts_off_holds_up_no_other(
    database: Database, ending: Callable[..., Site], caplog: pytest.LogCaptureFixture
) -> None:
    here = ending("a", "b", "c", "d")
    ask(database, REFUSE.replace("'not %', new.workflow", "'not now' using errcode = 'query_canceled'"))
    here.put(*here.begun)
    eventually(lambda: here.slots.taken() == here.begun[1:2])
    eventually(lambda: "could not be stored yet" in caplog.text)
    ask(database, "drop trigger refuse on runs")
    assert here.slots.wait_until_idle(30)
    assert set(states(database).values()) == {"succeeded"}


def test_one_whose_end_cannot_be_told_fails_and_gives_its_slot_back(
    database: Database, ending: Callable[..., Site], monkeypatch: pytest.MonkeyPatch
) -> None:
    here = ending("a", "b")
    broken = here.begun[0].attempt

    def counts(report: Report) -> dict[str, JsonValue]:
        if report is broken.report:
            raise LookupError
        return counts_document(report)

    monkeypatch.setattr(finishing, "counts_document", counts)
    here.put(*here.begun)
    assert here.slots.wait_until_idle(30)
    assert states(database) == {"a": "failed", "b": "succeeded"}


def test_what_is_told_of_an_end_is_no_part_of_it(
    database: Database, ending: Callable[..., Site], monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    here = ending("a", "b")

    def refuse(*_: object) -> None:
        raise LookupError

    monkeypatch.setattr(Reporting, "end", refuse)
    here.put(*here.begun)
    assert here.slots.wait_until_idle(30)
    assert set(states(database).values()) == {"succeeded"}
    assert [slot.lost for slot in here.begun] == [False, False]
    assert f"That run {here.begun[0].run_id} ended could not be told" in caplog.text


def test_a_run_that_is_somebody_elses_is_lost(database: Database, ending: Callable[..., Site]) -> None:
    here = ending("a", "b")
    ask(database, "update runs set token = token + 1 where workflow = 'a'")
    here.put(*here.begun)
    assert here.slots.wait_until_idle(30)
    assert [slot.lost for slot in here.begun] == [True, False]
    assert states(database) == {"a": "running", "b": "succeeded"}


def test_other_ends_are_stored_when_they_are_told(database: Database, ending: Callable[..., Site]) -> None:
    here = ending("a", "b")
    disowned, given_back = here.begun
    here.ends.put(disowned, Disowned())
    here.ends.put(given_back, GivenBack())
    assert here.slots.taken() == []
    assert states(database) == {"a": "running", "b": "queued"}


def test_a_run_ends_once(database: Database, ending: Callable[..., Site]) -> None:
    here = ending("a")
    [slot] = here.begun
    here.ends.put(slot, FAILED)
    here.put(slot)
    assert here.slots.wait_until_idle(30)
    assert states(database) == {"a": "failed"}


def test_while_the_store_is_away_the_slot_stays_taken(
    database: Database, postgres_server: Server, ending: Callable[..., Site], caplog: pytest.LogCaptureFixture
) -> None:
    here = ending("a", "b")
    with outage(postgres_server, database):
        here.put(*here.begun)
        eventually(lambda: "could not be stored yet" in caplog.text)
        assert here.slots.taken() == here.begun
    assert here.slots.wait_until_idle(30)
    assert states(database) == {"a": "succeeded", "b": "succeeded"}


def test_what_the_store_does_not_take_is_given_up_at_the_end(
    database: Database, ending: Callable[..., Site], caplog: pytest.LogCaptureFixture
) -> None:
    here = ending("a", store=Database("postgresql://headwater@127.0.0.1:1/headwater"))
    [slot] = here.begun
    tell(slot.attempt, "last words")
    here.put(slot)
    eventually(lambda: "could not be stored yet" in caplog.text)
    here.ends.stop()
    assert here.slots.wait_until_idle(30)
    assert [line.message for line in slot.attempt.journal.lines.take()[0]] == ["last words"]
    assert states(database) == {"a": "running"}


def test_an_end_that_comes_late_is_stored_still(database: Database, ending: Callable[..., Site]) -> None:
    here = ending("a")
    here.ends.stop()
    here.put(*here.begun)
    assert here.slots.wait_until_idle(30)
    assert states(database) == {"a": "succeeded"}
