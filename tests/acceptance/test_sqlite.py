"""SQLite files: those below the service's folder for sources are read, no other."""

import sqlite3
import uuid
from contextlib import closing
from pathlib import Path

import pytest

from tests.acceptance.api import Api, Json, config_of
from tests.acceptance.catalogues import Catalogue


def make(file: Path) -> Path:
    file.parent.mkdir(exist_ok=True)
    with closing(sqlite3.connect(file)) as made:
        made.executescript("CREATE TABLE item (id INTEGER PRIMARY KEY); CREATE VIEW few AS SELECT id FROM item")
    return file


def config(path: Path | str, catalogue: Catalogue) -> Json:
    written = config_of({"type": "SQLite", "databaseMode": str(path)}, catalogue)
    written["source"]["type"] = "sqlite"
    return written


@pytest.fixture
def file(data_dir: Path) -> Path:
    """A file that may be read."""
    return make(data_dir / "sources" / f"{uuid.uuid4().hex}.db")


@pytest.fixture
def private(tmp_path: Path) -> Path:
    """A file that may not."""
    return make(tmp_path / "private.db")


def test_a_file_of_the_folder_is_read(api: Api, name: str, file: Path, catalogue: Catalogue) -> None:
    api.create(name, config(file.name, catalogue))
    assert api.ended(api.start(name))["state"] == "succeeded"
    assert catalogue.names()["tables"] == {"shop.default.main.item", "shop.default.main.few"}


def test_any_other_file_is_refused(api: Api, name: str, private: Path, catalogue: Catalogue) -> None:
    answer = api.http.post("/api/v1/workflows", json={"name": name, "config": config(private, catalogue)})
    assert answer.status_code == 422
    [problem] = answer.json()["problems"]
    assert problem["path"] == "config.source.serviceConnection.config.databaseMode"
    assert "HEADWATER_SOURCE_DIRS" in problem["message"]
    checked = {"connection": {"type": "SQLite", "databaseMode": str(private)}}
    refused = api.http.post("/api/v1/connectors/sqlite/check", json=checked)
    assert (refused.status_code, "does not lie below" in refused.text) == (422, True)


@pytest.mark.parametrize("isolation", ["thread", "process"])
def test_a_link_that_was_put_there_later_is_not_followed(
    api: Api, file: Path, private: Path, catalogue: Catalogue, isolation: str
) -> None:
    name = f"linked-{file.stem}"
    api.create(name, config(file, catalogue), policy={"isolation": isolation})
    file.unlink()
    file.symlink_to(private)
    run = api.ended(api.start(name))
    assert run["state"] == "failed"
    assert "does not lie below" in run["error"]["detail"] + str(run["error"].get("errors"))
    assert catalogue.names()["databases"] == set()
