import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import pytest

from connectors.report import MAX_FAILURES_KEPT, Failure, Outcome, Report

FAILURE = Failure("table", "svc.shop.public.orders", "table", "no right", "grant it")


@dataclass
class Listener:
    """Remembers what it hears."""

    heard: list[tuple[object, ...]] = field(default_factory=list[tuple[object, ...]])

    def expected(self, entity: str, count: int) -> None:
        """See Observer."""
        self.heard.append(("expected", entity, count))

    def processed(self, entity: str, count: int = 1) -> None:
        """See Observer."""
        self.heard.append(("processed", entity, count))

    def counted(self, entity: str, outcome: Outcome, count: int = 1) -> None:
        """See Observer."""
        self.heard.append(("counted", entity, outcome, count))

    def failed(self, failure: Failure) -> None:
        """See Observer."""
        self.heard.append(("failed", failure))

    def scope_done(self, fqn: str, records: Mapping[str, int]) -> None:
        """See Observer."""
        self.heard.append(("scope_done", fqn, dict(records)))

    def queried(self, seconds: float) -> None:
        """See Observer."""
        self.heard.append(("queried", seconds))

    def requested(self, operation: str, status: str, seconds: float) -> None:
        """See Observer."""
        self.heard.append(("requested", operation, status, seconds))

    def retried(self) -> None:
        """See Observer."""
        self.heard.append(("retried",))

    def timed(self, entity: str, stage: str, seconds: float) -> None:
        """See Observer."""
        self.heard.append(("timed", entity, stage, seconds))


EVENTS: list[tuple[Callable[[Report], None], list[tuple[object, ...]]]] = [
    (lambda report: report.expected("table", 3), [("expected", "table", 3)]),
    (lambda report: report.processed("table"), [("processed", "table", 1)]),
    (lambda report: report.counted("table", "written", 2), [("counted", "table", "written", 2)]),
    (lambda report: report.failed(FAILURE), [("counted", "table", "failed", 1), ("failed", FAILURE)]),
    (lambda report: report.scope_done("svc.shop", {"table": 4}), [("scope_done", "svc.shop", {"table": 4})]),
    (lambda report: report.queried(0.5), [("queried", 0.5)]),
    (lambda report: report.requested("bulk", "200", 0.5), [("requested", "bulk", "200", 0.5)]),
    (lambda report: report.retried(), [("retried",)]),
    (lambda report: report.timed("table", "produce", 0.5), [("timed", "table", "produce", 0.5)]),
]


@pytest.mark.parametrize(("happen", "heard"), EVENTS)
def test_the_listener_hears_everything_once(happen: Callable[[Report], None], heard: list[tuple[object, ...]]) -> None:
    listener = Listener()
    happen(Report(listener))
    assert listener.heard == heard
    happen(Report())


def test_counts_by_type_and_in_total() -> None:
    report = Report()
    report.counted("table", "written", 3)
    report.counted("table", "unchanged")
    report.counted("databaseSchema", "written")
    report.failed(FAILURE)
    assert report.snapshot_counts() == {
        "table": {"written": 3, "unchanged": 1, "failed": 1},
        "databaseSchema": {"written": 1},
    }
    assert report.total("written") == 4
    assert report.total("deleted") == 0


def test_snapshots_do_not_change_later() -> None:
    report = Report()
    report.counted("table", "written")
    report.processed("table")
    counts, progress = report.snapshot_counts(), report.snapshot_progress()
    report.counted("table", "written")
    report.processed("table")
    assert counts == {"table": {"written": 1}}
    assert progress == {"table": (1, None)}


def test_progress_is_unknown_until_something_is_expected() -> None:
    report = Report()
    report.processed("table", 2)
    assert report.snapshot_progress() == {"table": (2, None)}
    report.expected("table", 0)
    assert report.snapshot_progress() == {"table": (2, 0)}
    report.expected("table", 5)
    report.expected("storedProcedure", 1)
    assert report.snapshot_progress() == {"table": (2, 5), "storedProcedure": (0, 1)}


def test_failures_are_all_counted_and_the_latest_kept() -> None:
    report = Report()
    for number in range(MAX_FAILURES_KEPT + 50):
        report.failed(Failure("table", str(number), "table", "why"))
    assert report.total("failed") == MAX_FAILURES_KEPT + 50
    assert [failure.name for failure in report.failures] == [
        str(number) for number in range(50, MAX_FAILURES_KEPT + 50)
    ]


@pytest.mark.parametrize(
    ("outcomes", "percent"),
    [
        ({}, 100.0),
        ({"filtered": 5}, 100.0),
        ({"deleted": 5}, 100.0),
        ({"written": 9, "failed": 1}, 90.0),
        ({"written": 4, "unchanged": 5, "failed": 1, "filtered": 90}, 90.0),
        ({"failed": 1}, 0.0),
        ({"failed": 1, "deleted": 9}, 0.0),
    ],
)
def test_the_share_of_successes(outcomes: Mapping[Outcome, int], percent: float) -> None:
    report = Report()
    for outcome, count in outcomes.items():
        report.counted("table", outcome, count)
    assert report.success_percent() == percent


def test_time_adds_up_by_stage() -> None:
    report = Report()
    report.timed("table", "table", 0.25)
    report.timed("table", "table", 0.5)
    report.timed("table", "produce", 1.0)
    assert report.stage_seconds == {("table", "table"): 0.75, ("table", "produce"): 1.0}


@pytest.mark.usefixtures("threads_end")
def test_nothing_is_lost_between_threads() -> None:
    report, together = Report(), threading.Barrier(8)

    def count() -> None:
        together.wait(30)
        for _ in range(500):
            report.counted("table", "written")
            report.processed("table")
            report.expected("table", 1)
            report.timed("table", "table", 1.0)
            report.failed(FAILURE)
            report.snapshot_counts()

    threads = [threading.Thread(target=count) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert report.snapshot_counts() == {"table": {"written": 4000, "failed": 4000}}
    assert report.snapshot_progress() == {"table": (4000, 4000)}
    assert report.stage_seconds == {("table", "table"): 4000.0}
