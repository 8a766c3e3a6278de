"""What stays on a terminal and what is redrawn."""

import io
import logging
import os
import pty

import pytest

from service.cli.screen import LineFormatter, Screen
from tests.unit.service.cli.terminals import Terminal


def test_what_is_drawn_is_drawn_over() -> None:
    terminal = Terminal()
    screen = Screen(terminal)
    screen.draw(["table 1", "schema 1"])
    screen.draw(["table 2", "schema 1", "routine 1"])
    assert terminal.seen() == ["table 2", "schema 1", "routine 1"]
    screen.draw(["table 3"])
    assert terminal.seen() == ["table 3"]


def test_log_lines_stay_above() -> None:
    terminal = Terminal()
    screen = Screen(terminal)
    screen.write("before\n")
    screen.draw(["table 1", "schema 1"])
    screen.write("warning: one\n")
    screen.write("warning: two\n")
    screen.draw(["table 2", "schema 1"])
    screen.flush()
    assert terminal.seen() == ["before", "warning: one", "warning: two", "table 2", "schema 1"]


def test_what_was_released_stays() -> None:
    terminal = Terminal()
    screen = Screen(terminal)
    screen.draw(["table 2"])
    screen.release()
    screen.write("after\n")
    screen.draw(["another"])
    assert terminal.seen() == ["table 2", "after", "another"]


def test_lines_are_cut_so_that_none_wraps() -> None:
    terminal = Terminal()
    Screen(terminal).draw(["x" * 200, *map(str, range(40))])
    assert terminal.seen() == [str(number) for number in range(17, 40)]
    Screen(terminal).draw(["x" * 200])
    assert terminal.seen()[-1] == "x" * 79


def test_the_size_of_a_real_terminal_counts() -> None:
    leader, follower = pty.openpty()
    try:
        with os.fdopen(follower, "w") as stream:
            assert Screen(stream).live
            Screen(stream).draw(["x" * 200])
            assert os.read(leader, 1000) == b"x" * 79 + b"\r\n"
    finally:
        os.close(leader)


@pytest.mark.parametrize("stream", [io.StringIO(), Terminal()])
def test_elsewhere_nothing_is_drawn_over(stream: io.StringIO, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", "dumb")
    screen = Screen(stream)
    screen.draw(["table 1" + " " * 100])
    screen.write("warning: one\n")
    screen.draw(["table 2"])
    assert stream.getvalue() == "table 1" + " " * 100 + "\nwarning: one\ntable 2\n"
    assert screen.isatty() == stream.isatty()


@pytest.mark.parametrize(("tracebacks", "shown"), [(False, 1), (True, 4)])
def test_a_line(tracebacks: bool, shown: int) -> None:
    with pytest.raises(KeyError) as caught:
        {}["gone"]
    info = (KeyError, caught.value, caught.tb)
    record = logging.LogRecord("x", logging.WARNING, __file__, 1, "%s is lost", ("t",), info)
    lines = LineFormatter(tracebacks=tracebacks).format(record).splitlines()
    assert lines[0] == "warning: t is lost"
    assert len(lines) >= shown
    assert (lines[-1] == "KeyError: 'gone'") is tracebacks


def test_a_line_without_an_error() -> None:
    record = logging.LogRecord("x", logging.INFO, __file__, 1, "sent again", (), None)
    assert LineFormatter(tracebacks=True).format(record) == "info: sent again"
