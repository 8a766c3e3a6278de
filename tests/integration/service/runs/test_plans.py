"""Every query on runs finds its rows by an index, whatever the number of runs that are stored."""

import json
from collections.abc import Callable, Generator, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any, ClassVar, Self
from uuid import UUID, uuid4

import psycopg
import pytest
from sqlalchemy.orm import Session
from typing_extensions import override

from service.database.engine import Database, answer, driver_of
from service.runs import repository
from service.runs.repository import (
    Answers,
    ClaimRequest,
    Ending,
    Lease,
    LogLine,
    LostEntity,
    NewRun,
    RunFilter,
    TickRun,
)
from service.runs.schemas import RunError
from service.runs.status import ACTIVE, RunState
from service.workflows.wire import encode_cursor
from tests.integration.service.api.keyed import migrated
from tests.integration.service.runs.makers import QUEUE, make
from tests.integration.service.workflows.makers import ask
from tests.postgres import Server

GROWING = {"runs", "run_attempts", "run_failures", "run_logs", "run_checkpoints"}
OF_RUNNING = {"uq_runs_running", "ix_runs_state"}
FILL = (
    """insert into workflows (id, name, description, labels, policy, config, connector, enabled, revision)
       select gen_random_uuid(), 'w' || n, '', '{}', policy, config, connector, true, 1
       from workflows cross join generate_series(1, 199) n""",
    """insert into workflow_revisions (workflow_id, revision, snapshot)
       select w.id, 1, v.snapshot from workflows w cross join workflow_revisions v where w.name <> 'shop'""",
    """insert into runs (id, workflow_id, workflow, connector, revision, trigger, state, overlap, priority, pool,
                         policy, queued_at, started_at, finished_at, worker, attempt, token, lease_until)
       select gen_random_uuid(), w.id, w.name, w.connector, 1, 'manual', s.state, 'queue', 0, 'default', w.policy,
           now() - n * interval '1 minute', now(), case when s.state in ('failed', 'succeeded') then now() end,
           'bench', 1, 1, case s.state when 'running' then now() + interval '1 hour' end
       from workflows w cross join generate_series(1, 100) n cross join lateral (select case
           when n = 1 and w.name < 'w12' then 'running' when n = 2 and w.name < 'w12' then 'queued'
           when n % 50 = 0 then 'failed' else 'succeeded' end as state) s""",
    "insert into run_attempts (run_id, token, attempt, worker, outcome) select id, 1, 1, 'bench', 'running' from runs",
    """insert into run_failures (run_id, attempt, entity, name, stage, cause)
       select id, 1, 'table', 'a', 'sink', 'no' from runs""",
    """insert into run_logs (run_id, attempt, at, level, logger, message)
       select id, 1, now(), 'INFO', 'a', 'b' from runs cross join generate_series(1, 2)""",
    "insert into run_checkpoints (run_id, scope, records) select id, 's', '{}' from runs",
    "analyze",
)


@pytest.fixture(scope="module")
def large(postgres_server: Server, migrated_template: str) -> Iterator[Database]:
    """20,000 runs with what belongs to them; nothing is committed there."""
    with migrated(postgres_server, migrated_template) as store:
        make(store, policy=QUEUE)
        for statement in FILL:
            ask(store, statement)
        yield store


class Explaining(psycopg.Cursor[Any]):
    """Notes the plan that a statement has at the moment it is executed."""

    plans: ClassVar[list[tuple[str, Any]]]

    @override
    def execute(self, query: Any, params: Any = None, **options: Any) -> Self:
        """Explained first, then for real."""
        statement = query.decode() if isinstance(query, bytes) else query
        with psycopg.Cursor(self.connection) as own:
            own.execute(f"explain (format json) {statement}".encode(), params)
            [(plan,)] = own.fetchall()
        self.plans.append((statement, plan))
        return super().execute(query, params, **options)


@contextmanager
def explained(session: Session) -> Generator[list[tuple[str, Any]]]:
    """Fills the list with each statement that is executed, and its plan."""
    plans: list[tuple[str, Any]] = []
    driver = driver_of(session)
    usual = driver.cursor_factory
    driver.cursor_factory = type("Noting", (Explaining,), {"plans": plans})
    try:
        yield plans
    finally:
        driver.cursor_factory = usual


def nodes(plan: Any) -> Iterator[dict[str, Any]]:
    """All nodes of a plan."""
    for part in json.loads(plan) if isinstance(plan, str) else plan:
        yield from below(part["Plan"])


def below(node: dict[str, Any]) -> Iterator[dict[str, Any]]:
    yield node
    for child in node.get("Plans", ()):
        yield from below(child)


def read_as_a_whole(plan: Any) -> list[str]:
    """The growing tables that a plan reads from one end to the other, in the heap or in an index."""
    wholes = [node for node in nodes(plan) if node["Node Type"] == "Seq Scan"]
    return [node["Relation Name"] for node in wholes if node.get("Relation Name") in GROWING]


def some_running(database: Database) -> Lease:
    [(run_id, token)] = ask(database, "select id, token from runs where state = 'running' order by id limit 1")
    return Lease(UUID(str(run_id)), token)


NOW = datetime.now(UTC)
FAILED = RunError(title="bad")
LINE = LogLine(NOW, "INFO", "a", "b")
LOST = LostEntity("table", "a", "sink", "no")
CURSOR = encode_cursor(NOW.isoformat(), str(uuid4()))
Query = Callable[[Session, Lease], object]
QUERIES: dict[str, Query] = {
    "get": lambda session, run: repository.get(session, run.run_id),
    "read": lambda session, run: answer(session, repository.read(run.run_id)),
    "list": lambda session, _: page(session, RunFilter()),
    "list on": lambda session, _: page(session, RunFilter(), CURSOR),
    "list workflow": lambda session, _: page(session, RunFilter(workflow="w7"), CURSOR),
    "list begun": lambda session, _: page(session, RunFilter("w7", begun=True)),
    "list state": lambda session, _: page(session, RunFilter(states=[RunState.FAILED])),
    "list active": lambda session, _: page(session, RunFilter(states=ACTIVE)),
    "list since": lambda session, _: page(session, RunFilter(since=NOW - timedelta(hours=1))),
    "list both": lambda session, _: page(session, RunFilter(workflow="w7", states=[RunState.FAILED], until=NOW)),
    "logs": lambda session, run: repository.list_logs(session, run.run_id, 5, 50),
    "failures": lambda session, run: repository.list_failures(session, run.run_id, None, 50),
    "attempts": lambda session, run: repository.list_attempts(session, run.run_id),
    "checkpoints": lambda session, run: repository.checkpoints(session, [run.run_id]),
    "count": lambda session, _: repository.count_by_state(session, ACTIVE),
    "count by pool": lambda session, _: repository.count_by_pool(session),
    "last successes": lambda session, _: repository.last_successes(session),
    "first successes awaited": lambda session, _: repository.first_successes_awaited(session),
    "prune": lambda session, _: repository.prune(session, timedelta(days=30), 1000, 500),
    "enqueue": lambda session, _: repository.enqueue(session, NewRun("w7", idempotency_key="once")),
    "ticks": lambda session, _: repository.enqueue_ticks(session, [TickRun(workflow(session), NOW)]),
    "claim": lambda session, _: repository.claim(session, ClaimRequest("w", ["default"], 4, 30, {"default": 500})),
    "renew": lambda session, run: repository.renew(session, "bench", {run.run_id: run.token}, 30),
    "reap": lambda session, _: repository.reap(session),
    "cancel": lambda session, run: repository.request_cancel(session, run.run_id, "no"),
    "cancel all": lambda session, _: repository.cancel_active(session, [workflow(session)], "no"),
    "progress": lambda session, run: repository.update_progress(session, run, {}, {}),
    "add logs": lambda session, run: repository.add_logs(session, {run: [LINE]}, 100),
    "add failures": lambda session, run: repository.add_failures(session, run, [LOST]),
    "checkpoint": lambda session, run: repository.checkpoint(session, run, {"s": {"table": 1}}),
    "succeed": lambda session, run: repository.finish(session, run, Ending(RunState.SUCCEEDED)),
    "fail": lambda session, run: repository.finish(session, run, Ending(RunState.FAILED, error=FAILED)),
    "end free": lambda session, run: repository.finish_free(session, {run: Ending(RunState.FAILED, error=FAILED)}),
    "retry": lambda session, run: repository.retry_later(session, run, FAILED, 5, {}),
    "release": repository.release,
}
# Only `headwater reseal` reads all runs, by its nature; the others are about workers, of which there are few.
LEFT_OUT = {"sealed_runs", "beat", "forget_workers", "leave", "list_workers"}


def page(session: Session, which: RunFilter, cursor: str | None = None) -> Answers:
    return answer(session, repository.list_runs(which, cursor, 50))


def workflow(session: Session) -> UUID:
    return repository.get(session, some_run(session)).workflow_id or uuid4()


def some_run(session: Session) -> UUID:
    return page(session, RunFilter(workflow="w7")).data[0]["id"]


def test_no_query_reads_a_growing_table_as_a_whole(large: Database) -> None:
    running = some_running(large)
    wrong: list[str] = []
    for name, query in QUERIES.items():
        with large.session() as session:
            with explained(session) as plans:
                query(session, running)
            assert plans, name
            for statement, plan in plans:
                wrong += [f"{name}: {table} in {statement}" for table in read_as_a_whole(plan)]
            session.rollback()
    assert wrong == []


def test_a_claim_looks_through_the_queue_once_whatever_is_known_of_it(database: Database) -> None:
    make(database, policy=QUEUE)
    for statement in FILL[:3]:  # nothing is analysed: so it is when many ticks are due at once
        ask(database, statement)
    ask(database, "delete from runs where state <> 'queued'")
    request = ClaimRequest("w", ["default"], 16, 30)
    with database.session() as session, explained(session) as plans:
        assert len(repository.claim(session, request)) == 16
    used = [node.get("Index Name") for _, plan in plans for node in nodes(plan)]
    assert (used.count("ix_runs_claim"), used.count("ix_runs_waiting")) == (1, 1)


@pytest.mark.parametrize("name", ["claim", "succeed", "fail", "end free"])
def test_a_claim_and_an_end_do_not_read_all_that_run(large: Database, name: str) -> None:
    """Until a vacuum comes, those that have ended are read with them."""
    running = some_running(large)
    with large.session() as session:
        with explained(session) as plans:
            QUERIES[name](session, running)
        session.rollback()
    scans = [node for _, plan in plans for node in nodes(plan) if node.get("Index Name") in OF_RUNNING]
    whole = {scan.get("Alias") for scan in scans if "workflow_id" not in scan.get("Index Cond", "")}
    assert whole <= {"busy"}  # those of a pool that has a limit are counted


def test_a_plan_that_reads_all_is_seen(large: Database) -> None:
    with large.session() as session, explained(session) as plans:
        repository.sealed_runs(session)
    assert [read_as_a_whole(plan) for _, plan in plans] == [["runs"]]


def test_every_query_is_looked_at() -> None:
    functions = {name for name in repository.__all__ if name[0].islower()} - LEFT_OUT
    used = {name for query in (*QUERIES.values(), page) for name in (query.__name__, *query.__code__.co_names)}
    assert functions - used == set()
