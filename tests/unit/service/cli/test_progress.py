"""How a run looks on a terminal."""

import io
import logging
from collections.abc import Generator

import pytest

from connectors.report import Failure, Report
from service import logs
from service.cli import progress
from service.cli.screen import Screen
from tests.eventually import eventually
from tests.unit.service.cli.terminals import Terminal

LOGGER = logging.getLogger("connectors.sinks.test")


@pytest.fixture
def handlers() -> Generator[None]:
    """The root logger as it was, at the end."""
    root = logging.getLogger()
    before, level = list(root.handlers), root.level
    yield
    root.handlers[:] = before
    root.setLevel(level)
    logging.captureWarnings(capture=False)


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
    report.expected("routine", 0)
    report.processed("view", 3)
    report.expected("view", 2)
    assert progress.progress_lines(report) == [
        "table    [############------------]  5/10",
        "schema                               1",
        "routine                              0",
        "view     [########################]  3/2",
    ]
    assert progress.progress_lines(Report()) == ["connecting ..."]


def test_a_terminal_is_redrawn(report: Report) -> None:
    terminal = Terminal()
    with progress.shown(report, Screen(terminal)):
        eventually(lambda: "5/10" in terminal.getvalue())
        report.processed("table", 5)
        eventually(lambda: "10/10" in terminal.getvalue())
        report.processed("schema")
    assert terminal.seen() == ["table   [########################]  10/10", "schema                              2"]


def test_elsewhere_lines_come_now_and_then(report: Report) -> None:
    stream = io.StringIO()
    with progress.shown(report, Screen(stream)):
        pass
    assert stream.getvalue() == "table 5/10  schema 1\n"


@pytest.mark.usefixtures("handlers")
@pytest.mark.parametrize(
    ("level", "told"),
    [
        ("ERROR", ["error: lost"]),
        ("WARN", ["warning: nothing is deleted", "error: lost"]),
        ("INFO", ["info: sent again", "warning: nothing is deleted", "error: lost"]),
        ("DEBUG", ["debug: odd", "info: sent again", "warning: nothing is deleted", "error: lost", "info: request"]),
    ],
)
def test_log_lines_of_the_level_asked_for(
    report: Report, monkeypatch: pytest.MonkeyPatch, level: str, told: list[str]
) -> None:
    terminal = Terminal()
    monkeypatch.setattr("sys.stderr", terminal)
    with logs.bind_run("local", "shop", 1, level), progress.shown(report, progress.talking(level)):
        eventually(lambda: "5/10" in terminal.getvalue())
        LOGGER.debug("odd")
        LOGGER.info("sent again")
        LOGGER.warning("nothing is deleted")
        LOGGER.error("lost")
        logging.getLogger("elsewhere").info("request")
    assert terminal.seen() == [*told, *progress.progress_lines(report)]


def test_the_summary(report: Report) -> None:
    lines = progress.summary_table(report, 1.5).splitlines()
    assert lines[0].split() == ["entity", "written", "unchanged", "filtered", "failed", "deleted"]
    assert lines[1].split() == ["table", "4", "0", "0", "1", "0"]
    assert lines[2].startswith("1.50 s, ")
    assert lines[3:] == ["failed: table shop.t at table: why", "        mend it"]
