"""What the service gets for its settings."""

from pathlib import Path

import pytest
from pydantic import SecretStr
from sqlalchemy import text

from service.database import migrate
from service.database.opening import open_database
from service.errors import Conflict
from service.settings import Settings


def test_without_a_url_it_is_embedded_and_migrated(data_dir: Path) -> None:
    for _ in range(2):
        database, close = open_database(Settings(data_dir=data_dir))
        database.ping()
        assert migrate.is_current(database.url)
        close()


def test_an_embedded_one_of_a_newer_release_is_refused_and_let_go(data_dir: Path) -> None:
    database, close = open_database(Settings(data_dir=data_dir))
    with database.session() as session:
        session.connection().execute(text("update alembic_version set version_num = 'from_the_future'"))
    close()
    for _ in range(2):
        with pytest.raises(Conflict, match="from_the_future"):
            open_database(Settings(data_dir=data_dir))


def test_a_server_is_taken_as_it_is(database_url: str) -> None:
    database, close = open_database(Settings(database_url=SecretStr(database_url)))
    database.ping()
    close()


def test_a_server_that_was_not_migrated_is_refused(empty_database_url: str) -> None:
    with pytest.raises(Conflict, match=r"schema empty.*run `headwater migrate`"):
        open_database(Settings(database_url=SecretStr(empty_database_url)))
    assert migrate.current(empty_database_url) is None
