from datetime import UTC, datetime, timedelta, timezone
from uuid import uuid4

import pytest

from service.database.engine import Database
from service.errors import Conflict, NotFound
from service.runs import repository
from service.runs.repository import CANCEL_CHANNEL, RUNS_CHANNEL, NewRun, TickRun
from service.runs.status import RunState, Trigger
from service.workflows.schemas import Overlap
from tests.integration.service.runs.makers import HOUR, QUEUE, TICK, claim, end, make, queue, read, start, states
from tests.integration.service.workflows.makers import ask, hearing

CANCEL = {"overlap": "cancelRunning"}


def tick(database: Database, *ticks: TickRun, trigger: Trigger = Trigger.SCHEDULE) -> list[str]:
    """The states of the runs that were made."""
    with database.session() as session:
        made = repository.enqueue_ticks(session, ticks, trigger)
    return [read(database, run_id).state.value for run_id in made]


class TestEnqueue:
    def test_a_run_is_made_of_the_newest_revision_and_its_policy(self, database: Database) -> None:
        make(database, policy={"priority": 3, "pool": "big"})
        with hearing(database, RUNS_CHANNEL) as heard:
            run = read(database, queue(database, overrides={"threads": 2}))
        assert heard == [(RUNS_CHANNEL, "")]
        assert (run.workflow, run.connector, run.revision, run.trigger) == ("shop", "postgres", 1, Trigger.MANUAL)
        assert (run.state, run.attempt, run.priority, run.pool) == (RunState.QUEUED, 0, 3, "big")
        assert run.overrides == {"threads": 2}
        assert run.queued_at == run.available_at
        assert run.counts.model_dump() == {
            "written": 0, "unchanged": 0, "filtered": 0, "failed": 0, "deleted": 0, "byType": {},
        }  # fmt: skip

    def test_what_is_given_stands_before_the_policy(self, database: Database) -> None:
        make(database)
        run = read(database, queue(database, priority=-4, connector="mysql", trigger=Trigger.RETRY))
        assert (run.priority, run.connector, run.trigger) == (-4, "mysql", Trigger.RETRY)

    def test_a_second_run_is_a_conflict_that_names_the_first(self, database: Database) -> None:
        make(database)
        first = queue(database)
        with pytest.raises(Conflict, match=f"run {first} of workflow 'shop' is still queued"):
            queue(database)
        [claimed] = claim(database)
        with pytest.raises(Conflict, match="is still running"):
            queue(database)
        end(database, claimed.lease)
        queue(database)

    def test_it_is_one_under_an_earlier_policy_too(self, database: Database) -> None:
        make(database)
        queue(database, overlap=Overlap.QUEUE)
        with pytest.raises(Conflict):
            queue(database)

    def test_the_policy_may_let_runs_wait(self, database: Database) -> None:
        make(database, policy=QUEUE)
        queue(database)
        queue(database)
        assert states(database) == ["queued", "queued"]

    def test_the_policy_may_let_the_newest_win(self, database: Database) -> None:
        make(database, policy=CANCEL)
        running = start(database)
        waiting = queue(database)
        with hearing(database, CANCEL_CHANNEL) as heard:
            newest = queue(database)
        assert heard == [(CANCEL_CHANNEL, str(running.run_id))]
        assert read(database, running.run_id).cancel_requested_at is not None
        assert read(database, waiting).state is RunState.CANCELLED
        assert read(database, newest).state is RunState.QUEUED

    def test_an_idempotency_key_gives_the_same_run_again(self, database: Database) -> None:
        make(database)
        make(database, "other")
        first = queue(database, idempotency_key="k")
        assert queue(database, idempotency_key="k") == first
        [claimed] = claim(database)
        end(database, claimed.lease)
        assert queue(database, idempotency_key="k") == first
        assert queue(database, "other", idempotency_key="k") != first

    def test_a_workflow_that_is_not_there_is_named(self, database: Database) -> None:
        with pytest.raises(NotFound, match="no workflow 'nope'"):
            queue(database, "nope")

    def test_one_that_is_paused_runs_by_hand(self, database: Database) -> None:
        make(database, enabled=False)
        queue(database)


class TestTicks:
    def test_a_tick_makes_one_run(self, database: Database) -> None:
        shop = make(database, policy={"priority": 3, "pool": "big"})
        with hearing(database, RUNS_CHANNEL) as heard, database.session() as session:
            [run_id] = repository.enqueue_ticks(session, [TickRun(shop, TICK)])
        run = read(database, run_id)
        assert (run.scheduled_for, run.trigger, run.state) == (TICK, Trigger.SCHEDULE, RunState.QUEUED)
        assert (run.workflow, run.connector, run.revision, run.priority, run.pool) == ("shop", "postgres", 1, 3, "big")
        assert heard == [(RUNS_CHANNEL, "")]
        with hearing(database, RUNS_CHANNEL) as heard:
            assert tick(database, TickRun(shop, TICK)) == []
        assert heard == []

    def test_nothing_is_due(self, database: Database) -> None:
        assert tick(database) == []

    def test_one_tick_given_twice_makes_one_run(self, database: Database) -> None:
        shop = make(database)
        again = TickRun(shop, TICK.astimezone(timezone(HOUR)))
        assert tick(database, TickRun(shop, TICK), again, TickRun(shop, TICK)) == ["queued"]

    def test_the_runs_of_one_workflow_start_in_the_order_of_their_ticks(self, database: Database) -> None:
        shop = make(database, policy=QUEUE)
        tick(database, *(TickRun(shop, TICK + HOUR * number) for number in (3, 0, 2, 1)))
        started: list[datetime | None] = []
        while claimed := claim(database):
            started += [run.scheduled_for for run in claimed]
            end(database, claimed[0].lease)
        assert started == [TICK + HOUR * number for number in range(4)]

    def test_while_another_run_is_active_it_is_skipped_visibly(self, database: Database) -> None:
        shop = make(database)
        running = start(database)
        assert tick(database, TickRun(shop, TICK)) == ["skipped"]
        [(skipped,)] = ask(database, "select id from runs where state = 'skipped'")
        run = read(database, skipped)
        assert run.error is not None
        assert str(running.run_id) in run.error.detail
        assert "policy.overlap" in str(run.error.advice)
        assert run.finished_at is not None
        end(database, running)
        assert tick(database, TickRun(shop, TICK)) == []
        assert tick(database, TickRun(shop, TICK + HOUR)) == ["queued"]

    def test_of_several_at_once_the_first_runs_and_the_others_name_it(self, database: Database) -> None:
        shop = make(database)
        ticks = [TickRun(shop, TICK + HOUR * number) for number in (2, 0, 1)]
        assert tick(database, *ticks) == ["queued", "skipped", "skipped"]
        [(first,)] = ask(database, "select id from runs where state = 'queued'")
        assert read(database, first).scheduled_for == TICK
        details = ask(database, "select distinct error ->> 'detail' from runs where state = 'skipped'")
        assert details == [(f"run {first} had not ended",)]

    def test_ticks_made_up_for_may_wait_whatever_the_policy(self, database: Database) -> None:
        shop = make(database)
        ticks = [TickRun(shop, TICK + HOUR * number, Overlap.QUEUE) for number in range(3)]
        assert tick(database, *ticks) == ["queued"] * 3

    def test_the_newest_wins(self, database: Database) -> None:
        shop = make(database, policy=CANCEL)
        running = start(database)
        assert sorted(tick(database, *(TickRun(shop, TICK + HOUR * number) for number in range(3)))) == [
            "cancelled",
            "cancelled",
            "queued",
        ]
        [(newest,)] = ask(database, "select scheduled_for from runs where state = 'queued'")
        assert newest == TICK + 2 * HOUR
        assert read(database, running.run_id).cancel_reason == "superseded by a newer run of the workflow"

    def test_workflows_that_are_off_or_gone_make_no_run(self, database: Database) -> None:
        off = make(database, enabled=False)
        ticks = [TickRun(off, TICK), TickRun(uuid4(), TICK)]
        assert tick(database, *ticks) == []
        assert tick(database, *ticks, trigger=Trigger.BACKFILL) == ["queued"]

    def test_many_workflows_in_pieces(self, database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("service.runs.repository.queue.CHUNK", 4)
        ids = [make(database, f"w{number}", policy=QUEUE) for number in range(5)]
        ticks = [TickRun(workflow_id, TICK + HOUR * number) for number in range(3) for workflow_id in ids]
        assert tick(database, *ticks) == ["queued"] * 15

    def test_an_instant_is_the_same_in_every_zone(self, database: Database) -> None:
        shop = make(database)
        elsewhere = datetime.fromisoformat("2026-11-22T02:00:00+01:00")
        assert tick(database, TickRun(shop, TICK)) == ["queued"]
        assert tick(database, TickRun(shop, elsewhere)) == []
        assert elsewhere.astimezone(UTC) - TICK == timedelta(0)


def test_the_database_itself_refuses_a_second_active_run(database: Database) -> None:
    make(database)
    queue(database)
    copy = (
        "insert into runs select (jsonb_populate_record(r, jsonb_build_object('id', gen_random_uuid()))).* from runs r"
    )
    with pytest.raises(Exception, match="uq_runs_active"):
        ask(database, copy)
    claim(database)
    ask(database, "update runs set overlap = 'queue'")
    with pytest.raises(Exception, match="uq_runs_running"):
        ask(database, copy)


def test_a_run_without_a_workflow_row_is_not_made(database: Database) -> None:
    with pytest.raises(NotFound), database.session() as session:
        repository.enqueue(session, NewRun("gone"))
