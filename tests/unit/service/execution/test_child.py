"""What the process of a run does, inside this one."""

import logging
import socket
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from connectors.cancellation import Cancellation
from connectors.report import Failure, Report
from service.execution.child import Teller, TellingHandler, work
from service.execution.messages import Assignment, Ended, Events, decode
from tests.eventually import eventually


@pytest.fixture
def ends() -> Iterator[tuple[socket.socket, socket.socket]]:
    """Both ends of the socket."""
    here, there = socket.socketpair()
    with here, there:
        yield here, there


def heard(end: socket.socket) -> list[list[Any]]:
    """All calls until the end, which must come."""
    calls: list[list[Any]] = []
    with end.makefile("rb") as lines:
        for line in lines:
            message = decode(line)
            if isinstance(message, Ended):
                return [*calls, ["ended", message.result]]
            assert isinstance(message, Events)
            calls += [[call.method, *call.arguments] for call in message.calls]
    raise AssertionError


def test_all_that_a_report_hears_is_told(ends: tuple[socket.socket, socket.socket]) -> None:
    here, there = ends
    teller = Teller(there)
    report = Report(teller)
    report.expected("table", 2)
    report.processed("table")
    report.counted("table", "written", 3)
    report.failed(Failure("table", "t\ud800", "stage", "why", None))
    report.scope_done("a.b", {"table": 1})
    report.queried(0.5)
    report.requested("put", "200", 0.25)
    report.retried()
    report.timed("table", "produce", 0.75)
    TellingHandler(teller).emit(logging.makeLogRecord({"name": "x", "levelno": 20, "msg": "hello %d", "args": (1,)}))
    teller.close(Ended(result="succeeded"))
    assert heard(here) == [
        ["expected", "table", 2],
        ["processed", "table", 1],
        ["counted", "table", "written", 3],
        ["failed", "table", "t?", "stage", "why", None, True],
        ["scope_done", "a.b", {"table": 1}],
        ["queried", 0.5],
        ["requested", "put", "200", 0.25],
        ["retried"],
        ["timed", "table", "produce", 0.75],
        ["log", "x", 20, "hello 1"],
        ["ended", "succeeded"],
    ]


def test_who_tells_more_than_is_taken_has_to_wait(ends: tuple[socket.socket, socket.socket]) -> None:
    here, there = ends
    teller, told = Teller(there), list[int]()

    def tell() -> None:
        for number in range(50_000):
            teller.tell("log", "x", 20, str(number))
            told.append(number)
        teller.close(Ended())

    thread = threading.Thread(target=tell)
    thread.start()
    eventually(lambda: bool(told))
    seen = -1
    while seen != len(told):
        seen = len(told)
        thread.join(0.2)
    assert seen < 50_000
    assert len(heard(here)) == 50_001
    thread.join()


def test_few_words_are_told_soon(ends: tuple[socket.socket, socket.socket]) -> None:
    here, there = ends
    teller = Teller(there)
    teller.retried()
    assert b"retried" in here.recv(1000)
    teller.close(Ended())


def test_whatever_happens_is_an_end(tmp_path: Path, ends: tuple[socket.socket, socket.socket]) -> None:
    _, there = ends
    assignment = Assignment(
        config={"source": {}},
        files=str(tmp_path),
        dead_letters=str(tmp_path / "dead"),
        tokens=str(tmp_path),
        sources=None,
        finished=[],
        log_level=20,
        timeout_seconds=None,
        deadline=None,
    )
    teller = Teller(there)
    ended = work(assignment, teller, Cancellation())
    assert (ended.result, ended.lapsed) == (None, False)
    assert ended.broken is not None
    assert ended.broken.kind == "ConfigurationError"
    teller.close(ended)
