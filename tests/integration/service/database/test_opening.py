"""What the service gets for its settings."""

from pathlib import Path

import pytest
from pydantic import SecretStr
from sqlalchemy import text

from service.database import schema
from service.database.embedded.folder import Folder, InUse
from service.database.opening import join_database, open_database, starting
from service.errors import Conflict, Invalid, Unavailable
from service.settings import Settings


def test_without_a_url_it_is_embedded_and_migrated(data_dir: Path) -> None:
    for _ in range(2):
        database, close = open_database(Settings(data_dir=data_dir))
        database.ping()
        assert schema.is_current(database.url)
        close()


def test_an_embedded_one_of_a_newer_release_is_refused_and_let_go(made_dir: Path) -> None:
    database, close = open_database(Settings(data_dir=made_dir))
    with database.session() as session:
        session.connection().execute(text("update alembic_version set version_num = 'from_the_future'"))
    close()
    for _ in range(2):
        with pytest.raises(Conflict, match="from_the_future"):
            open_database(Settings(data_dir=made_dir))


def test_one_that_was_begun_is_waited_for(made_dir: Path) -> None:
    settings = Settings(data_dir=made_dir)
    with starting(settings) as embedded:
        with pytest.raises(InUse), starting(settings):
            pass
        database, _ = open_database(settings, embedded)
        database.ping()
    with pytest.raises(Unavailable):
        database.ping()


def test_one_that_was_begun_ends_though_nobody_opened_it(made_dir: Path) -> None:
    with starting(Settings(data_dir=made_dir)) as embedded:
        assert embedded is not None
    assert embedded.pid is None
    open_database(Settings(data_dir=made_dir))[1]()


def test_nothing_is_begun_beside_a_server(database_url: str, data_dir: Path) -> None:
    with starting(Settings(database_url=SecretStr(database_url), data_dir=data_dir)) as embedded:
        assert embedded is None
    assert list(data_dir.iterdir()) == []


def test_a_server_is_taken_as_it_is(database_url: str) -> None:
    database, close = open_database(Settings(database_url=SecretStr(database_url)))
    database.ping()
    close()


def test_a_server_that_was_not_migrated_is_refused(empty_database_url: str) -> None:
    with pytest.raises(Conflict, match=r"schema empty.*run `headwater migrate`"):
        open_database(Settings(database_url=SecretStr(empty_database_url)))
    assert schema.current(empty_database_url) is None


class TestBesideAService:
    def test_a_command_uses_the_embedded_one_that_is_running(self, made_dir: Path) -> None:
        settings = Settings(data_dir=made_dir)
        service, close_service = open_database(settings)
        command, close_command = join_database(settings)
        with command.session() as session:
            session.connection().execute(text("create table made_beside (id int)"))
        close_command()
        with service.session() as session:
            assert session.connection().execute(text("select count(*) from made_beside")).scalar() == 0
        close_service()

    def test_without_a_service_it_starts_the_one_that_is_there(self, made_dir: Path) -> None:
        settings = Settings(data_dir=made_dir)
        open_database(settings)[1]()
        database, close = join_database(settings)
        database.ping()
        close()
        with pytest.raises(Unavailable):
            database.ping()

    def test_none_is_made_that_no_service_would_use(self, data_dir: Path) -> None:
        with pytest.raises(Invalid, match=f"HEADWATER_DATA_DIR: holds no store: {data_dir}"):
            join_database(Settings(data_dir=data_dir))
        assert list(data_dir.iterdir()) == []

    def test_one_that_is_starting_or_stopping_is_told(self, data_dir: Path) -> None:
        folder = Folder(data_dir / "postgres")
        folder.acquire()
        with pytest.raises(Unavailable, match="starting or stopping"):
            join_database(Settings(data_dir=data_dir))
        (data_dir / "postgres" / "password").write_text("secret")
        (data_dir / "postgres" / "data").mkdir()
        (data_dir / "postgres" / "data" / "postmaster.pid").write_text("1\n/x\n0\n5432\n/x\n\n1 1\nstopping\n")
        with pytest.raises(Unavailable, match="starting or stopping"):
            join_database(Settings(data_dir=data_dir))
        folder.release()

    def test_one_of_another_release_is_left_alone(self, made_dir: Path) -> None:
        database, close = open_database(Settings(data_dir=made_dir))
        with database.session() as session:
            session.connection().execute(text("update alembic_version set version_num = '0001'"))
        with pytest.raises(Conflict, match="another release; call its own `headwater`"):
            join_database(Settings(data_dir=made_dir))
        close()
