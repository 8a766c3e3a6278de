import subprocess
import threading

from benchmarks.parts import attempt, reason_of
from benchmarks.results import Table

LOG = """INFO: it begins
requests.HTTPError: 404 for http://catalogue/a|b
INFO: it ends
"""


def test_a_part_that_goes_wrong_leaves_a_row_and_the_others_alone() -> None:
    table = Table()

    def fail() -> None:
        message = "no tables came out\nand more of it"
        raise SystemExit(message)

    attempt(table, "runs", 60, fail)
    attempt(table, "starts", 60, lambda: table.line("starts", "1 s"))
    assert table.rows == [("  runs: not measured", "no tables came out", ""), ("starts", "1 s", "")]


def test_a_part_that_takes_too_long_is_broken_off() -> None:
    table = Table()

    def wait() -> None:
        threading.Event().wait(60)

    attempt(table, "runs", 0.05, wait)
    assert table.rows == [("  runs: not measured", "it took longer than 0.05 s", "")]


def test_the_reason_of_a_command_is_the_last_error_that_it_wrote() -> None:
    failed = subprocess.CalledProcessError(1, "metadata", output="", stderr=LOG)
    assert reason_of(failed) == "requests.HTTPError: 404 for http://catalogue/a/b"


def test_the_reason_of_a_command_that_names_no_error_is_its_last_line() -> None:
    failed = subprocess.CalledProcessError(1, "metadata", output="it stops here\n", stderr="")
    assert reason_of(failed) == "it stops here"


def test_an_error_without_words_is_named() -> None:
    assert reason_of(TimeoutError()) == "TimeoutError"
