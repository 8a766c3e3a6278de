"""How a run looks on a terminal."""

import io

import pytest

from connectors.report import Failure, Report
from service.cli import progress
from tests.eventually import eventually


class Terminal(io.StringIO):
    """A stream that is one."""

    def isatty(self) -> bool:
        """Yes."""
        return True


@pytest.fixture
def report() -> Report:
    """Of a run that is half done."""
    report = Report()
    report.expected("table", 10)
    report.processed("table", 5)
    report.processed("schema")
    report.counted("table", "written", 4)
    report.failed(Failure("table", "shop.t", "table", "why", "mend it"))
    return report


def test_a_line_of_progress(report: Report) -> None:
    assert progress.progress_line(report) == "table 5/10  schema 1"
    assert progress.progress_line(Report()) == "connecting ..."


def test_a_terminal_is_rewritten_in_place(report: Report) -> None:
    terminal = Terminal()
    with progress.shown(report, terminal):
        eventually(lambda: "table 5/10" in terminal.getvalue())
    assert terminal.getvalue().startswith("\r\x1b[Ktable 5/10  schema 1")
    assert terminal.getvalue().count("\n") == 1


def test_elsewhere_lines_come_now_and_then(report: Report) -> None:
    stream = io.StringIO()
    with progress.shown(report, stream):
        pass
    assert stream.getvalue() == "table 5/10  schema 1\n"


def test_the_summary(report: Report) -> None:
    lines = progress.summary_table(report, 1.5).splitlines()
    assert lines[0].split() == ["entity", "written", "unchanged", "filtered", "failed", "deleted"]
    assert lines[1].split() == ["table", "4", "0", "0", "1", "0"]
    assert lines[2].startswith("1.50 s, ")
    assert lines[3:] == ["failed: table shop.t at table: why", "        mend it"]
