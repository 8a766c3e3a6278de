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


def test_a_line_for_each_type(report: Report) -> None:
    half, whole = "█" * 12 + "░" * 12, "█" * 24
    assert progress.progress_lines(report) == [f"table   {half}  5/10", f"schema  {whole}  1"]
    report.processed("table", 20)
    assert progress.progress_lines(report)[0] == f"table   {whole}  25/10"
    assert progress.progress_lines(Report()) == ["connecting ..."]


def test_a_terminal_is_drawn_anew_in_place() -> None:
    terminal, report = Terminal(), Report()
    with progress.shown(report, terminal):
        eventually(lambda: "connecting ..." in terminal.getvalue())
        report.processed("table", 5)
        report.processed("schema")
        eventually(lambda: "schema" in terminal.getvalue())
        report.processed("table", 5)
    first, second = terminal.getvalue().partition("\x1b[1A")[::2]
    assert first.startswith("\r\x1b[Kconnecting ...\n")
    assert second.count("\n") > 1
    assert "\x1b[2A\r\x1b[Ktable" in second
    assert second.rstrip().split("\n")[-2].endswith("10")


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
