import logging
import stat
import threading
from pathlib import Path

import pytest

from connectors.sinks.dead_letters import DeadLetters
from connectors.sinks.entries import Entry, Kind
from connectors.sinks.lines import read_lines

ENTRY = Entry(1, Kind("table", "tables", 3, bulk=True), "s.d.x.t", b'{"name":"t"}')


def test_the_file_is_made_when_it_is_needed_for_its_owner_alone(tmp_path: Path) -> None:
    path = tmp_path / "deep" / "dead.jsonl"
    letters = DeadLetters(path)
    assert not path.exists()
    letters.add(ENTRY, "why")
    letters.close()
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    (line,) = read_lines(path)
    assert (line.fqn, line.reason, letters.written) == ("s.d.x.t", "why", 1)


def test_a_later_attempt_appends(tmp_path: Path) -> None:
    for _ in range(2):
        letters = DeadLetters(tmp_path / "dead.jsonl")
        letters.add(ENTRY, "why")
        letters.close()
        letters.close()
    assert len(list(read_lines(tmp_path / "dead.jsonl"))) == 2


def test_threads_do_not_mix_their_lines(tmp_path: Path) -> None:
    letters = DeadLetters(tmp_path / "dead.jsonl")
    threads = [threading.Thread(target=lambda: [letters.add(ENTRY, "why " * 500) for _ in range(50)]) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    letters.close()
    assert len(list(read_lines(tmp_path / "dead.jsonl"))) == 200


def test_a_file_that_cannot_be_written_is_reported_once(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    letters = DeadLetters(tmp_path)
    with caplog.at_level(logging.ERROR):
        letters.add(ENTRY, "why")
        letters.add(ENTRY, "why")
    assert [record.levelname for record in caplog.records] == ["ERROR"]
    assert letters.written == 0
    letters.close()
