"""Start, stop and every kind of sudden death of the embedded server."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import psycopg
import pytest

from service.database.embedded import EmbeddedPostgres, supervisor
from service.errors import Conflict, Unavailable
from tests.eventually import eventually
from tests.integration.service.database.embedded.processes import holding, is_alive, read, wait_until_gone, write

UNFORESEEN = "nobody thought of it"


def wait_for_another(server: EmbeddedPostgres, pid: int) -> None:
    def answers() -> bool:
        try:
            read(server.url)
        except psycopg.OperationalError:
            return False
        return True

    eventually(lambda: server.pid not in {None, pid}, "another server is started")
    eventually(answers, "it answers")


def test_data_and_url_outlive_a_stop(data_dir: Path) -> None:
    with EmbeddedPostgres(data_dir) as server:
        first_url = server.url
        write(server.url, "kept")
        pid = server.pid or 0
    assert not is_alive(pid)
    with EmbeddedPostgres(data_dir) as server:
        assert server.url == first_url
        assert read(server.url) == ["kept"]


def test_it_is_durable_private_and_apart_from_the_terminal(made_dir: Path) -> None:
    with EmbeddedPostgres(made_dir) as server, psycopg.connect(server.url) as connection:
        settings = "select array[current_setting('fsync'), current_setting('listen_addresses')]"
        assert connection.execute(settings).fetchone() == (["on", ""],)
        with pytest.raises(psycopg.OperationalError, match="password"):
            psycopg.connect(server.url, password="wrong")
        assert (made_dir / "postgres" / "password").stat().st_mode & 0o777 == 0o600
        assert os.getsid(server.pid or 0) != os.getsid(0)


def test_processes_of_any_name_are_beside_the_point(made_dir: Path, tmp_path: Path) -> None:
    program = tmp_path / ("й" * 8)  # the system keeps 15 bytes of it: seven letters and a half
    program.symlink_to(sys.executable)
    waiting = "import sys; print(flush=True); sys.stdin.read()"
    command = [str(program), "-I", "-S", "-c", waiting]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        process.stdout.readline()
        assert Path(f"/proc/{process.pid}/comm").read_bytes() == "й".encode() * 7 + b"\xd0\n"
        with EmbeddedPostgres(made_dir) as server:
            write(server.url, "started")
            assert read(server.url) == ["started"]
        process.communicate()


def test_whatever_keeps_it_from_starting_is_told_to_who_waits(
    made_dir: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def clear(_data: Path, _sockets: Path) -> None:
        raise LookupError(UNFORESEEN)

    monkeypatch.setattr(supervisor, "clear_leftovers", clear)
    with pytest.raises(Unavailable, match=f"does not start: LookupError: {UNFORESEEN}"):
        EmbeddedPostgres(made_dir).start()
    assert "The embedded database does not start" in caplog.text


def test_it_comes_back_after_an_error_that_nobody_thought_of(
    made_dir: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    real, errors = supervisor.clear_leftovers, [LookupError(UNFORESEEN)]

    def clear(data: Path, sockets: Path) -> None:
        if errors:
            raise errors.pop()
        real(data, sockets)

    with EmbeddedPostgres(made_dir) as server:
        write(server.url, "kept")
        monkeypatch.setattr(supervisor, "clear_leftovers", clear)
        pid = server.pid or 0
        os.kill(pid, signal.SIGKILL)
        wait_for_another(server, pid)
    assert UNFORESEEN in caplog.text


def test_a_killed_server_comes_back_with_its_data(made_dir: Path) -> None:
    with EmbeddedPostgres(made_dir) as server:
        url = server.url
        for line in ("1", "2"):
            write(url, line)
            pid = server.pid or 0
            os.kill(pid, signal.SIGKILL)
            wait_for_another(server, pid)
        assert server.url == url
        assert read(url) == ["1", "2"]


def test_a_stuck_connection_does_not_keep_a_killed_server_down(made_dir: Path) -> None:
    with EmbeddedPostgres(made_dir) as server:
        write(server.url, "kept")
        stuck = psycopg.connect(server.url)
        os.kill(stuck.info.backend_pid, signal.SIGSTOP)
        pid = server.pid or 0
        os.kill(pid, signal.SIGKILL)
        wait_for_another(server, pid)
        assert not is_alive(stuck.info.backend_pid)
        assert read(server.url) == ["kept"]
        stuck.close()


def test_a_lost_password_is_told_at_once(made_dir: Path) -> None:
    (made_dir / "postgres" / "password").write_text("another")
    with pytest.raises(Unavailable, match="authentication failed"):
        EmbeddedPostgres(made_dir).start()


def test_a_killed_service_takes_its_server_along(made_dir: Path) -> None:
    with holding(made_dir) as holder:
        write(holder.url, "kept")
        holder.process.kill()
        holder.process.wait()
        with EmbeddedPostgres(made_dir) as server:
            assert read(server.url) == ["kept"]
            assert not is_alive(holder.server_pid)


def test_a_service_that_forgets_to_stop_leaves_nothing(made_dir: Path) -> None:
    with holding(made_dir) as holder:
        holder.said()
        wait_until_gone(holder.server_pid)


def test_a_second_service_is_refused(made_dir: Path) -> None:
    with EmbeddedPostgres(made_dir) as server:
        with pytest.raises(Conflict, match=rf"process {os.getpid()}\) uses"):
            EmbeddedPostgres(made_dir).start()
        with holding(made_dir) as other:
            assert "another Headwater" in other.said()
        write(server.url, "undisturbed")


def test_it_can_be_stopped_twice_and_started_anew(made_dir: Path) -> None:
    with EmbeddedPostgres(made_dir) as server:
        server.stop()
        assert server.pid is None
        with pytest.raises(psycopg.OperationalError):
            read(server.url)
    with EmbeddedPostgres(made_dir):
        pass


def test_without_a_start_there_is_no_url(data_dir: Path) -> None:
    with pytest.raises(Unavailable):
        _ = EmbeddedPostgres(data_dir).url


def test_a_server_that_cannot_start_says_why(data_dir: Path) -> None:
    with pytest.raises(Unavailable, match="no_such_parameter"):
        EmbeddedPostgres(data_dir, parameters={"no_such_parameter": "1"}).start()
    with EmbeddedPostgres(data_dir):
        pass


def test_a_killed_initdb_is_begun_anew(data_dir: Path) -> None:
    unfinished = data_dir / "postgres" / "data.unfinished"
    unfinished.mkdir(parents=True)
    (data_dir / "postgres").chmod(0o711)
    (unfinished / "PG_VERSION").write_text("18\n")
    with EmbeddedPostgres(data_dir):
        assert not unfinished.exists()


class TestStalePidFile:
    """A pid file of a service that is gone, whose number means something else now."""

    @staticmethod
    def plant(data_dir: Path, pid: int) -> None:
        with EmbeddedPostgres(data_dir) as server:
            write(server.url, "kept")
            stale = (data_dir / "postgres" / "data" / "postmaster.pid").read_text().split("\n", 1)[1]
        (data_dir / "postgres" / "data" / "postmaster.pid").write_text(f"{pid}\n{stale}")

    @staticmethod
    def owner(data_dir: Path) -> int:
        return (data_dir / "postgres" / "data").stat().st_uid

    def test_of_another_process(self, made_dir: Path) -> None:
        with subprocess.Popen(["sleep", "60"], user=self.owner(made_dir)) as other:
            self.plant(made_dir, other.pid)
            with EmbeddedPostgres(made_dir) as server:
                assert read(server.url) == ["kept"]
            assert other.poll() is None
            other.kill()

    def test_of_a_zombie(self, made_dir: Path) -> None:
        with subprocess.Popen(["true"], user=self.owner(made_dir)) as zombie:
            eventually(lambda: not is_alive(zombie.pid), "it has ended")
            self.plant(made_dir, zombie.pid)
            with EmbeddedPostgres(made_dir) as server:
                assert read(server.url) == ["kept"]

    def test_of_nobody(self, made_dir: Path) -> None:
        with subprocess.Popen(["true"]) as ended:
            ended.wait()
        self.plant(made_dir, ended.pid)
        with EmbeddedPostgres(made_dir) as server:
            assert read(server.url) == ["kept"]

    def test_of_a_server_that_still_runs(self, made_dir: Path) -> None:
        with EmbeddedPostgres(made_dir) as server:
            write(server.url, "kept")
            program = Path(f"/proc/{server.pid}/exe").readlink()
        home = made_dir / "postgres"
        command = [program, "-D", home / "data", "-c", "listen_addresses=", "-k", home / "run"]
        owner = self.owner(made_dir)
        with subprocess.Popen(command, user=owner, group=owner, extra_groups=[], stderr=subprocess.DEVNULL) as orphan:
            eventually((home / "run" / ".s.PGSQL.5432").exists, "it listens")
            assert orphan.poll() is None
            with EmbeddedPostgres(made_dir) as server:
                assert orphan.wait(10) is not None
                assert read(server.url) == ["kept"]
