"""The connector against files that are none of SQLite's, and against those that change while they are read."""

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from connectors import runner
from connectors.cancellation import Cancellation
from connectors.errors import ConnectorError, FatalError, SourceUnavailable
from connectors.families.sqlite import reader as opening
from connectors.families.sqlite.config import SQLiteConfig
from connectors.families.sqlite.reader import Reader
from connectors.families.sqlite.source import PIECE_TABLES, SQLiteSource
from connectors.models.database import CreateTableRequest
from connectors.report import Report
from tests.whole_runs import walk


@pytest.fixture(autouse=True)
def no_pause(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(runner, "LISTING_RETRY_SECONDS", 0.0)


@pytest.mark.parametrize(
    ("content", "error", "told"),
    [
        (b"", SourceUnavailable, "is an empty file"),
        (b"hello world" * 1000, FatalError, "file is not a database"),
        (None, SourceUnavailable, "unable to open"),
    ],
)
def test_a_file_that_is_no_database_is_no_empty_one(
    tmp_path: Path, content: bytes | None, error: type[ConnectorError], told: str
) -> None:
    place = tmp_path / "shop.db"
    if content is not None:
        place.write_bytes(content)
    with pytest.raises(error, match=told) as caught:
        walk("sqlite", {"type": "SQLite", "databaseMode": str(place)})
    assert caught.value.advice


def test_a_folder_is_told_from_a_file(tmp_path: Path) -> None:
    with pytest.raises(FatalError, match="is a folder"):
        walk("sqlite", {"type": "SQLite", "databaseMode": str(tmp_path)})


def test_a_virtual_table_without_its_module_fails_alone(tmp_path: Path) -> None:
    place = tmp_path / "map.db"
    statement = "CREATE VIRTUAL TABLE middle USING made_elsewhere(a, b)"
    with closing(sqlite3.connect(place)) as made:
        made.executescript(
            "CREATE TABLE a (id int); CREATE VIRTUAL TABLE words USING fts5(said); CREATE TABLE z (id int)"
        )
        made.execute("PRAGMA writable_schema = ON")
        made.execute("INSERT INTO sqlite_schema VALUES ('table', 'middle', 'middle', 0, ?)", (statement,))
        made.commit()
    walked = walk("sqlite", {"type": "SQLite", "databaseMode": str(place)})
    found = {table.name: [column.name for column in table.columns] for table in walked.sink.only(CreateTableRequest)}
    assert (found["a"], found["words"], found["z"]) == (["id"], ["said"], ["id"])
    assert "middle" not in found
    [failure] = walked.report.failures
    assert (failure.name, "no such module: made_elsewhere" in failure.cause) == ("svc.default.main.middle", True)
    assert "tableFilterPattern" in (failure.advice or "")
    assert "table" not in {entity for _, entity in walked.sink.deletions()}


def test_a_database_whose_last_table_was_dropped_is_an_empty_one(tmp_path: Path) -> None:
    place = tmp_path / "shop.db"
    with closing(sqlite3.connect(place)) as made:
        made.executescript("CREATE TABLE item (id INTEGER PRIMARY KEY); DROP TABLE item")
    walked = walk("sqlite", {"type": "SQLite", "databaseMode": str(place)})
    assert list(walked.report.failures) == []
    [scope] = [scope for (_, entity), scope in walked.sink.deletions().items() if entity == "table"]
    assert scope.seen == ()


@pytest.fixture
def filled(tmp_path: Path) -> Path:
    """A file of more tables than are read at a time."""
    place = tmp_path / "shop.db"
    with closing(sqlite3.connect(place)) as made:
        names = (f"t{number:04}" for number in range(PIECE_TABLES + 50))
        made.executescript("BEGIN;" + ";".join(f"CREATE TABLE {name} (id INT)" for name in names) + ";COMMIT")
    return place


@pytest.fixture
def reader(filled: Path) -> Iterator[Reader]:
    config = SQLiteConfig.model_validate({"databaseMode": str(filled)})
    with closing(Reader(config, Report(), Cancellation())) as opened:
        yield opened


def test_a_writers_log_does_not_grow_for_a_whole_run(filled: Path, reader: Reader) -> None:
    with closing(sqlite3.connect(filled, timeout=0)) as writer:
        writer.execute("PRAGMA journal_mode = WAL")
        SQLiteSource(reader).databases()
        tables = SQLiteSource(reader).tables("default", "main")
        next(tables)
        writer.execute("CREATE TABLE new (id INT)")
        [(busy, _, _)] = writer.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        assert busy == 0
        assert len(list(tables)) == PIECE_TABLES + 49


def test_a_writer_waits_for_no_run(filled: Path, reader: Reader) -> None:
    with closing(sqlite3.connect(filled, timeout=0)) as writer:
        tables = SQLiteSource(reader).tables("default", "main")
        next(tables)
        writer.execute("CREATE TABLE new (id INT)")
        assert len(list(tables)) == PIECE_TABLES + 49


def test_a_listing_that_is_tried_again_asks_again(
    filled: Path, reader: Reader, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(opening, "BUSY_SECONDS", 0.0)
    source = SQLiteSource(reader)
    assert source.counts("default") == {"main": {"table": PIECE_TABLES + 50}}
    with closing(sqlite3.connect(filled, timeout=0)) as writer:
        writer.execute("BEGIN EXCLUSIVE")
        with pytest.raises(SourceUnavailable, match="locked"):
            next(source.tables("default", "main"))
        writer.execute("CREATE TABLE new (id INT)")
        writer.execute("COMMIT")
    assert "new" in [table.name for table in source.tables("default", "main")]


class Queries(Report):
    """Counts what a source is asked."""

    asked = 0

    def queried(self, seconds: float) -> None:
        self.asked += 1


def test_the_names_are_asked_for_once(tmp_path: Path) -> None:
    place = tmp_path / "shop.db"
    with closing(sqlite3.connect(place)) as made:
        made.execute("PRAGMA user_version = 1")
    config, report = SQLiteConfig.model_validate({"databaseMode": str(place)}), Queries()
    with closing(Reader(config, report, Cancellation())) as opened:
        source = SQLiteSource(opened)
        assert [database.name for database in source.databases()] == ["default"]
        assert source.counts("default") == {"main": {"table": 0}}
        assert list(source.tables("default", "main")) == []
    assert report.asked == 1


def test_a_table_that_is_dropped_meanwhile_is_left_to_the_deletions(filled: Path, reader: Reader) -> None:
    tables = SQLiteSource(reader).tables("default", "main")
    first = next(tables)
    with closing(sqlite3.connect(filled)) as writer:
        writer.execute(f"DROP TABLE t{PIECE_TABLES + 3:04}")
    names = [first.name, *(table.name for table in tables)]
    assert names == sorted(names)
    assert f"t{PIECE_TABLES + 3:04}" not in names
    assert len(names) == PIECE_TABLES + 49
