"""A report in the words of the REST contract."""

import pytest

from connectors.report import Failure, Report, eta_seconds
from service.execution.progress import counts_document, progress_document


def test_counts_and_progress() -> None:
    report = Report()
    report.expected("table", 10)
    report.processed("table", 4)
    report.processed("schema")
    report.counted("table", "written", 3)
    report.failed(Failure("table", "t", "table", "why"))
    assert counts_document(report) == {
        "written": 3,
        "unchanged": 0,
        "filtered": 0,
        "failed": 1,
        "deleted": 0,
        "byType": {"table": {"written": 3, "failed": 1}},
    }
    assert progress_document(report, 8.0) == {
        "table": {"processed": 4, "expected": 10},
        "schema": {"processed": 1, "expected": None},
        "etaSeconds": 12,
    }


@pytest.mark.parametrize(
    ("states", "eta"),
    [({}, None), ({"a": (5, None)}, None), ({"a": (0, 5)}, None), ({"a": (5, 0)}, None), ({"a": (9, 5)}, 0)],
)
def test_what_cannot_be_told_is_not(states: dict[str, tuple[int, int | None]], eta: int | None) -> None:
    assert eta_seconds(states, 10.0) == eta
