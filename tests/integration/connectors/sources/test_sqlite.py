"""The connector against files that are none of SQLite's."""

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from connectors import runner
from connectors.errors import ConnectorError, FatalError, SourceUnavailable
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


def test_a_database_whose_last_table_was_dropped_is_an_empty_one(tmp_path: Path) -> None:
    place = tmp_path / "shop.db"
    with closing(sqlite3.connect(place)) as made:
        made.executescript("CREATE TABLE item (id INTEGER PRIMARY KEY); DROP TABLE item")
    walked = walk("sqlite", {"type": "SQLite", "databaseMode": str(place)})
    assert list(walked.report.failures) == []
    [scope] = [scope for (_, entity), scope in walked.sink.deletions().items() if entity == "table"]
    assert scope.seen == ()
