"""The migrations, run for real."""

import threading
from pathlib import Path

import psycopg
import pytest
from alembic import command
from alembic.config import Config
from alembic.script import ScriptDirectory

from service.database import migrate, schema
from service.database.engine import Database
from service.errors import Conflict, Unavailable
from tests.sharing import REPOSITORY


def set_revision(url: str, revision: str) -> None:
    with psycopg.connect(url) as connection:
        connection.execute("create table if not exists alembic_version (version_num varchar(32) primary key)")
        connection.execute("delete from alembic_version")
        connection.execute("insert into alembic_version values (%s)", [revision])


def test_there_is_one_head_which_is_known_without_alembic() -> None:
    scripts = ScriptDirectory(REPOSITORY / "migrations")
    assert scripts.get_heads() == [schema.head()]


def test_files_are_called_by_their_revisions_and_sorted_by_them() -> None:
    newest_first = list(ScriptDirectory(REPOSITORY / "migrations").walk_revisions())
    names = [Path(script.path).stem.partition("_")[0] for script in newest_first]
    assert names == [script.revision for script in newest_first]
    assert names == sorted(names, reverse=True)


def test_an_empty_database_is_brought_to_the_head(empty_database_url: str) -> None:
    assert schema.current(empty_database_url) is None
    assert not schema.is_current(empty_database_url)
    migrate.upgrade(empty_database_url)
    assert schema.current(empty_database_url) == schema.head()
    assert schema.is_current(empty_database_url)


def test_upgrading_again_changes_nothing(database_url: str) -> None:
    migrate.upgrade(database_url)
    assert schema.is_current(database_url)


def test_replicas_may_upgrade_together(empty_database_url: str) -> None:
    failures: list[Exception] = []

    def upgrade() -> None:
        try:
            migrate.upgrade(empty_database_url)
        except Exception as error:
            failures.append(error)
            raise

    replicas = [threading.Thread(target=upgrade) for _ in range(4)]
    for replica in replicas:
        replica.start()
    for replica in replicas:
        replica.join()
    assert not failures
    assert schema.is_current(empty_database_url)


def test_a_newer_database_is_refused(empty_database_url: str) -> None:
    set_revision(empty_database_url, "from_the_future")
    with pytest.raises(Conflict, match="from_the_future, which this release of Headwater"):
        migrate.upgrade(empty_database_url)
    with pytest.raises(Conflict, match="restore a backup"):
        schema.is_current(empty_database_url)


def test_no_server_is_unavailable() -> None:
    with pytest.raises(Unavailable):
        migrate.upgrade("postgresql://nobody@127.0.0.1:1/none")


def test_the_model_is_the_schema(database: Database) -> None:
    config = Config()
    config.set_main_option("script_location", str(REPOSITORY / "migrations"))
    with database.engine.connect() as connection:
        config.attributes["connection"] = connection
        command.check(config)
