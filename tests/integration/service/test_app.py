"""The service as a whole: what it starts it stops, and how its process takes signals."""

import os
import signal
import subprocess
import sys
import threading
from argparse import Namespace
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from pathlib import Path
from uuid import UUID

import pytest
from cryptography.fernet import Fernet
from fastapi import FastAPI

from connectors.errors import ConnectorError
from service.app import Service, secret_keys
from service.cli.serve import main
from service.database.engine import Database
from service.errors import Conflict, Invalid, ServiceError
from service.runs import repository
from service.runs.repository import ClaimRequest
from service.runs.status import RunState
from service.settings import Settings
from tests.eventually import eventually
from tests.fake_openmetadata.server import FakeOpenMetadata
from tests.integration.service.execution.replicas import VAULT_KEY, Site, own_environ
from tests.integration.service.workflows.makers import ask
from tests.plugins import installed_in
from tests.postgres import Server


def settings_for(url: str, folder: Path, **chosen: object) -> Settings:
    return Settings.model_validate({"database_url": url, "data_dir": folder, "secret_key": VAULT_KEY, **chosen})


def connections(server: Server, url: str) -> int:
    """How many the service has to its store."""
    query = "select count(*) from pg_stat_activity where datname = %s and application_name like 'headwater%%'"
    with server.admin() as admin:
        row = admin.execute(query, [url.rpartition("/")[2]]).fetchone()
    return row[0] if row else 0


@pytest.mark.parametrize("roles", ["api,timer,worker", "worker", "api", "timer"])
def test_a_stop_leaves_nothing_behind(database_url: str, tmp_path: Path, postgres_server: Server, roles: str) -> None:
    before = set(threading.enumerate())
    service = Service(settings_for(database_url, tmp_path, roles=roles), {})
    assert isinstance(service.start(), FastAPI)
    eventually(lambda: connections(postgres_server, database_url) > 0)
    service.stop()
    eventually(lambda: not [thread for thread in threading.enumerate() if thread not in before])
    eventually(lambda: connections(postgres_server, database_url) == 0)
    service.stop()


def test_a_start_that_fails_leaves_nothing_behind(empty_database_url: str, tmp_path: Path) -> None:
    before = set(threading.enumerate())
    service = Service(settings_for(empty_database_url, tmp_path), {})
    with pytest.raises(Conflict, match="run `headwater migrate`"):
        service.start()
    assert set(threading.enumerate()) == before


def test_a_store_that_is_not_there_is_told(tmp_path: Path) -> None:
    with pytest.raises((ServiceError, ConnectorError)):
        Service(settings_for("postgresql://x:y@127.0.0.1:1/z", tmp_path), {}).start()


def test_a_sigterm_before_the_server_takes_over_leaves_nothing_behind(
    database_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before, handler = set(threading.enumerate()), signal.getsignal(signal.SIGTERM)
    monkeypatch.setattr("service.app.gc.collect", lambda: os.kill(os.getpid(), signal.SIGTERM))
    try:
        with pytest.raises(SystemExit):
            main(Namespace(), environ_of(database_url, tmp_path))
    finally:
        signal.signal(signal.SIGTERM, handler)
    eventually(lambda: not [thread for thread in threading.enumerate() if thread not in before])


def environ_of(url: str, folder: Path, **variables: str) -> Mapping[str, str]:
    """A replica that renews and looks often; on a busy machine it may renew late, so its leases last."""
    settings = {
        "DATABASE_URL": url,
        "SECRET_KEY": VAULT_KEY,
        "DATA_DIR": str(folder),
        "PORT": "0",
        "HEARTBEAT_SECONDS": "0.2",
        "POLL_SECONDS": "0.1",
        "SHUTDOWN_GRACE_SECONDS": "0",
        **variables,
    }
    path = installed_in(folder / "plugins")
    return own_environ(PYTHONPATH=path, **{f"HEADWATER_{name}": value for name, value in settings.items()})


@contextmanager
def serving(environ: Mapping[str, str], log: Path) -> Generator[subprocess.Popen[bytes]]:
    """A replica in a process of its own."""
    with log.open("wb") as stream:
        process = subprocess.Popen([sys.executable, "-m", "service", "serve"], env=environ, stderr=stream)
        try:
            yield process
        finally:
            process.kill()
            process.wait()


@pytest.fixture
def place(database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Site:
    """Where a replica works."""
    monkeypatch.setattr(sys, "path", [str(tmp_path / "plugins"), *sys.path])
    environ = environ_of(database.engine.url.render_as_string(hide_password=False), tmp_path)
    return Site(database, tmp_path, environ)


def dripping_into(fake: FakeOpenMetadata, place: Site, isolation: str) -> UUID:
    """A run that sends a request again and again."""
    definition = place.definition("drip", policy={"isolation": isolation})
    server = {"hostPort": fake.host_port, "authProvider": "openmetadata", "securityConfig": {"jwtToken": "token"}}
    definition["config"] |= {"sink": {}, "workflowConfig": {"openMetadataServerConfig": server}}
    return place.queue_definition(definition)


def taken_over(place: Site) -> bool:
    """Whether another worker got the run."""
    with place.database.session() as session:
        repository.reap(session)
        return bool(repository.claim(session, ClaimRequest("another", ("default",), 1, 300)))


@pytest.mark.parametrize("isolation", ["thread", "process"])
def test_a_process_that_slept_past_its_lease_sends_nothing_more(place: Site, isolation: str) -> None:
    log = place.folder / "log"
    environ = {**place.environ, "HEADWATER_LEASE_SECONDS": "1.5"}
    with FakeOpenMetadata() as fake, serving(environ, log) as process:
        run_id = dripping_into(fake, place, isolation)
        eventually(lambda: len(fake.requests) > 5)
        os.kill(process.pid, signal.SIGSTOP)
        eventually(lambda: ask(place.database, "select lease_until < now() - interval '0.5 s' from runs")[0][0])
        eventually(lambda: taken_over(place))  # it may have been frozen in a transaction
        told, row = len(fake.requests), place.read(run_id)
        os.kill(process.pid, signal.SIGCONT)
        eventually(lambda: "left to whoever has its lease" in log.read_text())
        process.terminate()
        assert process.wait(20) == 0
        assert len(fake.requests) <= told + 1, "but for one that it had looked for leave to send when it was frozen"
        assert place.read(run_id) == row


def test_a_replica_that_has_started_loads_what_its_first_run_would_wait_for(place: Site) -> None:
    with serving(place.environ, place.folder / "log") as process:
        eventually(lambda: "/regex/_regex." in Path(f"/proc/{process.pid}/maps").read_text())
        process.terminate()
        assert process.wait(20) == 0


def test_sigterm_gives_runs_back(place: Site) -> None:
    with serving(place.environ, place.folder / "log") as process:
        run_id = place.queue("gate", policy={"isolation": "process"})
        eventually(lambda: place.ready)
        process.terminate()
        assert process.wait(20) == 0
    run = place.read(run_id)
    assert (run.state, run.attempt, place.outcomes(run_id)) == (RunState.QUEUED, 0, ["released"])
    assert ask(place.database, "select * from workers") == []


def test_runs_get_their_grace_after_sigterm(place: Site) -> None:
    environ = {**place.environ, "HEADWATER_SHUTDOWN_GRACE_SECONDS": "30"}
    with serving(environ, place.folder / "log") as process:
        run_id = place.queue("gate")
        eventually(lambda: place.ready)
        process.terminate()
        eventually(lambda: "Finished server process" in (place.folder / "log").read_text())
        assert process.poll() is None
        place.go()
        assert process.wait(20) == 0
    assert place.read(run_id).state is RunState.SUCCEEDED


def test_a_killed_replica_takes_the_processes_of_its_runs_along(place: Site) -> None:
    with serving(place.environ, place.folder / "log") as process:
        place.queue("fruitful", policy={"isolation": "process"})
        grandchild = eventually(lambda: place.ready and int((place.folder / "grandchild").read_text()))
        process.kill()
        eventually(lambda: not Path(f"/proc/{grandchild}").exists() or _is_zombie(grandchild))


def _is_zombie(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
    except FileNotFoundError:
        return True


def test_an_embedded_service_makes_its_key_once(tmp_path: Path) -> None:
    settings = Settings(data_dir=tmp_path)
    [key] = secret_keys(settings)
    assert Fernet(key)
    assert list(secret_keys(settings)) == [key]
    assert [(file.name, file.stat().st_mode & 0o777) for file in tmp_path.iterdir()] == [("secret.key", 0o600)]
    given = Settings.model_validate({"data_dir": tmp_path, "secret_key": VAULT_KEY})
    assert list(secret_keys(given)) == [VAULT_KEY]


@pytest.mark.parametrize("damaged", [b"", b"half a key", b"\xff" * 44])
def test_a_damaged_key_is_told_by_its_file(tmp_path: Path, damaged: bytes) -> None:
    (tmp_path / "secret.key").write_bytes(damaged)
    with pytest.raises(Invalid, match=r"^HEADWATER_SECRET_KEY: .*secret\.key: holds no key; restore it from a backup"):
        secret_keys(Settings(data_dir=tmp_path))


def test_so_is_one_that_cannot_be_read(tmp_path: Path) -> None:
    (tmp_path / "secret.key").mkdir()
    with pytest.raises(Invalid, match=r"secret\.key: Is a directory; restore it"):
        secret_keys(Settings(data_dir=tmp_path))
