"""Runs in a process of their own."""

import json
import time
from pathlib import Path
from typing import Any

import pytest

from service.runs.status import RunState
from tests.eventually import eventually
from tests.integration.service.execution.replicas import Site, working

PROCESS = {"isolation": "process"}


def alive(pid: int) -> bool:
    """Whether the process is there and no zombie."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


def detail(site: Site, behaviour: str, **fields: Any) -> str:
    """What becomes of such a run, which fails."""
    policy = {**PROCESS, **fields.pop("policy", {})}
    run = site.ended(site.queue(behaviour, policy=policy, **fields))
    assert run.state is RunState.FAILED
    assert run.error is not None
    return run.error.detail


def test_a_run_tells_all_that_it_would_tell_in_a_thread(site: Site) -> None:
    with working(site):
        run = site.ended(run_id := site.queue("talk", count=5, policy=PROCESS))
        failed = site.ended(failed_id := site.queue("fail", "f", count=2, policy=PROCESS))
    assert (run.state, run.counts.written) == (RunState.SUCCEEDED, 1)
    assert run.progress["databaseService"] == {"processed": 1, "expected": None}
    assert [line for line in site.lines(run_id) if line.startswith("line")] == [f"line {n}" for n in range(5)]
    assert (failed.state, failed.counts.failed, site.causes(failed_id)) == (
        RunState.FAILED,
        2,
        ["no item0", "no item1"],
    )


def test_errors_keep_their_consequence(site: Site) -> None:
    with working(site):
        policy = {**PROCESS, "maxAttempts": 2, "retryDelaySeconds": 0}
        away, wrong = site.queue("unavailable", "a", policy=policy), site.queue("wrong", "b", policy=policy)
        assert site.ended(away).error == site.ended(away).error
        assert site.outcomes(away) == ["retrying", "failed"]
        assert site.ended(wrong).state is RunState.FAILED
        assert site.outcomes(wrong) == ["failed"]


def test_a_crash_ends_the_run_and_nothing_else(site: Site) -> None:
    with working(site):
        run_id = site.queue("crash", policy={**PROCESS, "maxAttempts": 2, "retryDelaySeconds": 0})
        run = site.ended(run_id)
        assert run.error is not None
        assert run.error.detail == "the run's own process was killed by SIGSEGV"
        assert site.outcomes(run_id) == ["retrying", "failed"]
        assert any("Segmentation fault" in line for line in site.lines(run_id))
        assert site.ended(site.queue(name="next")).state is RunState.SUCCEEDED


def test_an_exit_ends_the_run(site: Site) -> None:
    with working(site):
        assert detail(site, "exit") == "SystemExit: 3"


def test_what_is_printed_is_logged(site: Site) -> None:
    with working(site):
        run = site.ended(run_id := site.queue("print", policy=PROCESS))
    assert run.state is RunState.SUCCEEDED
    assert site.lines(run_id).count("words where they do not belong") == 2


@pytest.mark.parametrize("behaviour", ["stubborn", "fruitful"])
def test_a_cancel_kills_what_is_deaf_with_all_it_started(site: Site, behaviour: str) -> None:
    with working(site) as worker:
        run_id = site.queue(behaviour, policy=PROCESS)
        eventually(lambda: site.ready)
        began = time.monotonic()
        site.cancel(run_id, worker)
        assert site.ended(run_id).state is RunState.CANCELLED
        assert time.monotonic() - began < 30
    grandchild = site.folder / "grandchild"
    assert not grandchild.exists() or not alive(int(grandchild.read_text()))


def test_a_grandchild_that_escapes_holds_nothing_up(site: Site) -> None:
    with working(site):
        assert "SIGSEGV" in detail(site, "orphaning")
    assert alive(int((site.folder / "grandchild").read_text()))


def test_too_much_memory_fails_the_run_with_advice(site: Site) -> None:
    with working(site):
        run_id = site.queue("eat", policy={**PROCESS, "memoryLimitMb": 128, "maxAttempts": 3, "retryDelaySeconds": 0})
        run = site.ended(run_id)
        assert run.error is not None
        assert run.error.detail == "the run needed more memory than the 128 MiB of policy.memoryLimitMb"
        assert run.error.advice is not None
        assert "raise that limit" in run.error.advice
        assert site.outcomes(run_id) == ["failed"]
        assert site.ended(site.queue(name="next")).state is RunState.SUCCEEDED


def test_a_limit_leaves_room_for_what_is_ordinary(site: Site) -> None:
    with working(site):
        run = site.ended(site.queue("list", count=5000, policy={**PROCESS, "memoryLimitMb": 128}))
    assert (run.state, run.counts.written) == (RunState.SUCCEEDED, 5000)


def test_a_flood_of_failures_and_lines_is_told_to_the_last(site: Site) -> None:
    with working(site, log_lines_per_run=100):
        run = site.ended(run_id := site.queue("fail", count=300, policy=PROCESS))
        talk = site.ended(talk_id := site.queue("talk", "t", count=6000, policy=PROCESS))
    assert (run.state, run.counts.failed, len(site.causes(run_id))) == (RunState.FAILED, 300, 300)
    assert talk.state is RunState.SUCCEEDED
    lines = site.lines(talk_id)
    assert len(lines) == 100
    assert lines[:2] == ["Attempt 1 of workflow t begins", "line 0"]
    assert "line 5999" in lines


def test_a_process_inherits_no_settings_and_no_files(site: Site) -> None:
    environ = {**site.environ, "HEADWATER_SECRET_KEY": "k", "HEADWATER_SECRET_X": "x", "HEADWATER_DATABASE_URL": "u"}
    with (site.folder / "private").open("w"), working(Site(site.database, site.folder, environ)):
        told = json.loads(detail(site, "curious"))
    assert told["variables"] == []
    assert [file for file in told["files"] if "private" in file] == []
    assert len([file for file in told["files"] if file.startswith("socket")]) <= 3


def test_a_process_cannot_be_started(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.executable", "/no/such/python")
    with working(site):
        assert "cannot be started: No such file" in detail(site, "list")
