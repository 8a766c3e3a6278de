"""Reading the next schema while one is worked off, on a real server."""

import uuid
from collections.abc import Generator
from contextlib import contextmanager

import psycopg
import pytest
from psycopg import sql

from connectors.errors import RunCancelled
from connectors.families.postgres import tables
from connectors.models.base import CreateRequest
from connectors.models.records import Record
from connectors.runner import TopologyRunner
from connectors.sources.postgres import CONNECTOR
from tests.eventually import eventually
from tests.integration.connectors.sources.postgres_runs import Sent, as_role, context, ingest
from tests.postgres import SourceServer

SCHEMAS = """
DO $$ BEGIN
    FOR s IN 1 .. 4 LOOP
        EXECUTE format('CREATE SCHEMA s%s; GRANT USAGE ON SCHEMA s%1$s TO PUBLIC', s);
        EXECUTE format('CREATE VIEW s%s.v AS SELECT 1 AS a', s);
        FOR t IN 1 .. 7 LOOP
            EXECUTE format('CREATE TABLE s%s.t%s (a int NOT NULL DEFAULT 1, b text)', s, t);
        END LOOP;
        EXECUTE format('CREATE FUNCTION s%s.f() RETURNS int LANGUAGE sql AS ''SELECT 1''', s);
    END LOOP;
END $$;
"""
ACTIVITY = "SELECT count(*) FROM pg_stat_activity WHERE usename = %s"
WAITING = f"{ACTIVITY} AND wait_event_type = 'Lock'"


@pytest.fixture(autouse=True)
def small_pieces(monkeypatch: pytest.MonkeyPatch) -> None:
    """So that a schema has several."""
    monkeypatch.setattr(tables, "PIECE_TABLES", 3)


@contextmanager
def reader(source_server: SourceServer, limit: int) -> Generator[str]:
    """A role that may have so many sessions at once."""
    name = f"reader_{uuid.uuid4().hex[:8]}"
    with source_server.server.admin() as connection:
        role = sql.Identifier(name)
        connection.execute(sql.SQL("CREATE ROLE {} LOGIN PASSWORD 'pw' CONNECTION LIMIT {}").format(role, limit))
        yield name
        eventually(lambda: connection.execute(ACTIVITY, (name,)).fetchone() == (0,))
        connection.execute(sql.SQL("DROP ROLE {}").format(role))


def test_ahead_or_in_turn_the_same_is_sent_in_the_same_order(source_server: SourceServer) -> None:
    url = source_server.make_database("ahead", SCHEMAS)
    sent: list[Sent] = []
    for limit in (1, 2):
        with reader(source_server, limit) as role:
            sent.append(ingest(as_role(url, role), {"includeDDL": True}))
    in_turn, ahead = sent
    assert not in_turn.report.failures
    assert not ahead.report.failures
    assert ahead.records == in_turn.records
    schemas = [name.rpartition(".")[2] for name in ahead.requests("databaseSchemas")]
    assert schemas == ["public", "s1", "s2", "s3", "s4"]
    assert len(ahead.requests("tables")) == 4 * 8


def test_the_next_schema_is_read_while_one_is_worked_off_and_a_cancel_ends_that(source_server: SourceServer) -> None:
    url = source_server.make_database("ahead_cancel", SCHEMAS)
    with reader(source_server, 2) as role, psycopg.connect(url) as locking, source_server.server.admin() as watching:
        locking.execute("LOCK TABLE s2.v IN ACCESS EXCLUSIVE MODE")  # the listing of s2 waits, and only that
        given = context(as_role(url, role))

        def write(record: Record) -> None:
            if isinstance(record, CreateRequest) and record.fqn.endswith(".s1.t1"):
                eventually(lambda: watching.execute(WAITING, (role,)).fetchone() == (1,))
                given.cancellation.cancel("enough")

        with CONNECTOR.topology(given) as root, pytest.raises(RunCancelled, match="enough"):
            TopologyRunner(given.report, given.cancellation).run(root, write)
        eventually(lambda: watching.execute(ACTIVITY, (role,)).fetchone() == (0,))


def test_a_schema_that_was_dropped_meanwhile_is_a_failure_of_its_own(source_server: SourceServer) -> None:
    url = source_server.make_database("ahead_dropped", SCHEMAS)
    given = context(url)
    sent = Sent(given.report)

    def write(record: Record) -> None:
        sent.records.append(record)
        if isinstance(record, CreateRequest) and record.fqn.endswith(".s1"):
            with psycopg.connect(url) as dropping:
                dropping.execute("DROP SCHEMA s4 CASCADE")

    with CONNECTOR.topology(given) as root:
        TopologyRunner(given.report, given.cancellation).run(root, write)
    assert {name.split(".")[2] for name in sent.requests("tables")} == {"s1", "s2", "s3"}
    assert {failure.name.rpartition(".")[2] for failure in given.report.failures} == {"s4"}
    assert all("dropped during the run" in failure.cause for failure in given.report.failures)
    assert {scope.fqn.rpartition(".")[2] for scope in sent.deletions() if scope.entity == "table"} == {
        *("public", "s1", "s2", "s3")
    }
