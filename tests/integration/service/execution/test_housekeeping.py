"""What is old is forgotten."""

import os
import threading
from datetime import timedelta
from pathlib import Path

import pytest

from service.access.repository import AuditFilter, insert_audit, list_audit
from service.clock import now
from service.database.engine import Database
from service.execution import housekeeping
from service.execution.housekeeping import Housekeeper
from service.settings import Settings
from tests.eventually import eventually
from tests.integration.service.execution.replicas import outage
from tests.integration.service.runs.makers import end, make, start, states
from tests.integration.service.workflows.makers import ask
from tests.postgres import Server


@pytest.fixture
def housekeeper(database: Database, tmp_path: Path) -> Housekeeper:
    """One that keeps runs for a day, two of each workflow."""
    settings = Settings(data_dir=tmp_path, retention_runs_days=1, retention_runs_per_workflow=2)
    return Housekeeper(settings, database)


def runs(database: Database, count: int) -> None:
    make(database)
    for _ in range(count):
        end(database, start(database))


def dead_letters(folder: Path, name: str, days: float) -> Path:
    return aged(folder / "dead-letters" / f"{name}.jsonl", days)


def aged(file: Path, days: float) -> Path:
    """A file that was last written so long ago."""
    file.parent.mkdir(exist_ok=True, parents=True)
    file.touch()
    then = file.stat().st_mtime - days * 86400
    os.utime(file, (then, then))
    return file


def test_runs_are_forgotten_by_count_and_by_age(
    database: Database, housekeeper: Housekeeper, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(housekeeping, "BATCH", 1)
    monkeypatch.setattr(housekeeping, "PAUSE_SECONDS", 0.0)
    runs(database, 5)
    assert housekeeper.tidy() == 3
    assert len(states(database)) == 2
    ask(database, "update runs set finished_at = finished_at - interval '2 days'")
    assert housekeeper.tidy() == 1  # the last success stays
    assert housekeeper.tidy() == 0


def test_a_stop_ends_it_after_the_batch_at_hand(
    database: Database, housekeeper: Housekeeper, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(housekeeping, "BATCH", 1)
    runs(database, 5)
    housekeeper.start()
    housekeeper.stop()
    assert housekeeper.tidy() == 1


def test_old_workers_and_old_dead_letters_are_forgotten(
    database: Database, housekeeper: Housekeeper, tmp_path: Path
) -> None:
    old, new = dead_letters(tmp_path, "old", 1.1), dead_letters(tmp_path, "new", 0.9)
    seen = "now() - interval '25 hours'"
    columns = "insert into workers (id, host, pid, pools, slots, seen_at) values"
    ask(database, f"{columns} ('a', 'h', 1, '[]', 1, {seen}), ('b', 'h', 1, '[]', 1, now())")
    housekeeper.tidy()
    assert (old.exists(), new.exists()) == (False, True)
    assert ask(database, "select id from workers") == [("b",)]


def test_what_killed_runs_left_of_their_files_is_forgotten(housekeeper: Housekeeper, tmp_path: Path) -> None:
    folder = tmp_path / "files/a"
    old, new = aged(folder / "x.jsonl.0123.partial", 1.1), aged(folder / "x.jsonl.4567.partial", 0.9)
    whole = aged(folder / "x.jsonl", 30)
    housekeeper.tidy()
    assert (old.exists(), new.exists(), whole.exists()) == (False, True, True)


def test_a_file_that_cannot_be_removed_is_told(
    housekeeper: Housekeeper, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    folder = dead_letters(tmp_path, "x", 0).with_name("folder.jsonl")
    folder.mkdir()
    then = folder.stat().st_mtime - 2 * 86400
    os.utime(folder, (then, then))
    (folder.parent / "dangling.jsonl").symlink_to(tmp_path / "nowhere")
    housekeeper.tidy()
    assert "cannot be removed" in caplog.text


def test_it_lives_through_outages_and_errors(
    database: Database,
    housekeeper: Housekeeper,
    postgres_server: Server,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level("INFO")
    monkeypatch.setattr(housekeeping, "INTERVAL_SECONDS", 0.02)
    runs(database, 3)
    with outage(postgres_server, database):
        housekeeper.start()
        eventually(lambda: "Could not tidy up, next try" in caplog.text)
    eventually(lambda: "Forgot 1 ended runs" in caplog.text)
    caplog.clear()
    ask(database, "alter table workers rename to elsewhere")
    eventually(lambda: caplog.text.count("UndefinedTable") > 1)
    housekeeper.stop()
    assert "headwater-housekeeping" not in {thread.name for thread in threading.enumerate()}


def test_changes_are_forgotten_by_age(database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(housekeeping, "BATCH", 2)
    monkeypatch.setattr(housekeeping, "PAUSE_SECONDS", 0.0)
    with database.session() as session:
        for number, days in enumerate((0, 1, 3, 4, 5, 6, 7)):
            columns = {"actor": "x", "via": "api", "action": "x", "resource": f"x/{number}"}
            insert_audit(session, {**columns, "at": now() - timedelta(days=days)})
    Housekeeper(Settings(data_dir=tmp_path, retention_audit_days=2), database).tidy()
    with database.session() as session:
        left = list_audit(session, AuditFilter(), None, 50).data
    assert [row.resource for row in left] == ["x/1", "x/0"]
