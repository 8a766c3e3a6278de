"""Runs that lose or tell very much: what is kept of them, in the store and in memory, is bounded."""

from uuid import UUID

import pytest

from connectors.report import MAX_FAILURES_KEPT, Failure
from service.database.engine import Database
from service.execution import journal as journals
from service.execution.journal import Journal
from service.runs.repository.journal import MAX_FAILURES, Lease
from service.runs.status import RunState
from tests.integration.service.execution.replicas import Site, working

LOST = MAX_FAILURES + 500


@pytest.mark.timeout(120)
def test_of_very_many_failures_the_first_are_kept_and_the_run_says_so(site: Site) -> None:
    with working(site, log_lines_per_run=100):
        run = site.ended(run_id := site.queue("fail", count=LOST), 100)
    assert (run.state, run.counts.failed) == (RunState.FAILED, LOST)
    assert run.error is not None
    assert run.error.detail == f"{LOST} entities failed; the first {MAX_FAILURES} are listed under /failures"
    causes = site.causes(run_id)
    assert len(causes) == MAX_FAILURES
    assert {f"no item{number}" for number in (0, MAX_FAILURES // 2)} <= set(causes)
    assert len(lines := site.lines(run_id)) <= 101
    assert any("is counted and not logged" in line for line in lines)


def test_while_the_store_is_away_memory_holds_a_bounded_number_of_failures(database: Database) -> None:
    journal = Journal(database, keep_lines=100)  # never started: nothing is written
    told = journal.open(Lease(UUID(int=1), 1))
    for number in range(journals.KEPT_FAILURES + 500):
        failure = Failure("table", f"t{number}", "read", "no access")
        told.report.failed(failure)
        told.failed(failure)
    first, last, dropped = told.failures.take()
    assert (len(first), last, dropped) == (journals.KEPT_FAILURES, [], 500)
    assert first[0].name == "t0"
    assert len(told.report.failures) == MAX_FAILURES_KEPT
    assert told.report.total("failed") == journals.KEPT_FAILURES + 500
