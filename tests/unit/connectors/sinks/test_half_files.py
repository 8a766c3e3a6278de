"""What a killed process leaves of a file goes with the next one that writes the file, and nobody else's does."""

import errno
import fcntl
import os
import signal
import subprocess
import sys
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from threading import Thread
from typing import BinaryIO

import pytest

from connectors.report import Report
from connectors.sinks.file import FileSink
from tests.sharing import REPOSITORY
from tests.unit.connectors.sinks.test_file import written

WRITER = """
import sys
from pathlib import Path
from tests.unit.connectors.sinks.test_file import written
sink = written(Path(sys.argv[1]))
print("writes", flush=True)
sys.stdin.read()
sink.close()
"""


@contextmanager
def writer(path: Path) -> Generator[subprocess.Popen[str]]:
    """A process that has begun to write the file; it ends when it is killed, or when its input is closed."""
    command = [sys.executable, "-c", WRITER, str(path)]
    pipe = subprocess.PIPE
    with subprocess.Popen(command, stdin=pipe, stdout=pipe, text=True, cwd=REPOSITORY) as process:
        try:
            assert process.stdout is not None
            assert process.stdout.readline() == "writes\n"
            yield process
        finally:
            process.kill()


def names(folder: Path) -> set[str]:
    return {each.name for each in folder.iterdir()}


@pytest.mark.parametrize("name", ["a.jsonl", "a.jsonl.gz"])
def test_what_a_killed_process_left_goes_with_the_next_file_of_that_name(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    with writer(path) as killed:
        killed.send_signal(signal.SIGKILL)
        killed.wait()
    [left] = names(tmp_path)
    written(tmp_path / "b.jsonl").close()
    assert names(tmp_path) == {left, "b.jsonl"}
    sink = written(path)
    assert left not in names(tmp_path)
    sink.close()
    assert names(tmp_path) == {name, "b.jsonl"}


def test_what_another_process_writes_is_left_to_it(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    with writer(path) as other:
        [theirs] = names(tmp_path)
        written(path).close()
        assert names(tmp_path) == {theirs, "a.jsonl"}
        other.communicate("")
        assert other.returncode == 0
    assert names(tmp_path) == {"a.jsonl"}
    assert len(path.read_bytes().splitlines()) == 3


def test_many_that_write_the_same_file_at_the_same_time_all_end_well(tmp_path: Path) -> None:
    path, ended = tmp_path / "a.jsonl", list[int]()

    def write() -> None:
        for _ in range(20):
            written(path).close()
            ended.append(1)

    threads = [Thread(target=write) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(ended) == 160
    assert names(tmp_path) == {"a.jsonl"}


def test_what_was_taken_for_left_behind_is_written_under_another_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Between opening a file and locking it another may have removed it, or be about to."""
    path, lock, met = tmp_path / "a.jsonl", fcntl.flock, list[str]()

    def late(file: int, operation: int) -> None:
        if len(met) < 2:
            [place] = [each for each in tmp_path.iterdir() if each.name not in met]
            met.append(place.name)
            if len(met) == 1:
                place.unlink()
            else:
                raise BlockingIOError(errno.EAGAIN, "held")
        lock(file, operation)

    monkeypatch.setattr(fcntl, "flock", late)
    written(path).close()
    assert len(set(met)) == 2
    assert names(tmp_path) == {"a.jsonl"}


def test_without_locks_nothing_is_removed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def none(_file: int, _operation: int) -> None:
        raise OSError(errno.ENOLCK, os.strerror(errno.ENOLCK))

    monkeypatch.setattr(fcntl, "flock", none)
    left = tmp_path / "a.jsonl.01234567.writing.partial"
    left.touch()
    written(tmp_path / "a.jsonl").close()
    assert names(tmp_path) == {left.name, "a.jsonl"}


def test_what_is_no_half_file_of_this_name_is_left(tmp_path: Path) -> None:
    kept = {"a.jsonl.partial", "b.jsonl.01234567.writing.partial", "a.jsonl.0123456.writing.partial",
            "a.jsonl.2.01234567.writing.partial", "a.jsonl.01234567.partial"}  # fmt: skip
    for name in kept:
        (tmp_path / name).touch()
    os.mkfifo(tmp_path / "a.jsonl.76543210.writing.partial")
    (tmp_path / "elsewhere").touch()
    (tmp_path / "a.jsonl.abcdef01.writing.partial").symlink_to(tmp_path / "elsewhere")
    (tmp_path / "a.jsonl.abcdef02.writing.partial").mkdir()
    FileSink(tmp_path / "a.jsonl", Report()).close()
    assert names(tmp_path) >= {*kept, "elsewhere", "a.jsonl.abcdef01.writing.partial", "a.jsonl"}


def test_one_that_is_whole_before_it_is_looked_at_is_no_news(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    lock, left = fcntl.flock, tmp_path / "a.jsonl.01234567.writing.partial"
    left.touch()

    def late(file: int | BinaryIO, operation: int) -> None:
        if isinstance(file, int):  # that of another's, whose writer ends in this moment
            left.unlink()
        lock(file, operation)

    monkeypatch.setattr(fcntl, "flock", late)
    written(tmp_path / "a.jsonl").close()
    assert names(tmp_path) == {"a.jsonl"}
    assert "is left" not in caplog.text
