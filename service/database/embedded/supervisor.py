"""Starts the embedded server, starts it again when it dies, stops it."""

import contextlib
import logging
import signal
import subprocess
import threading
from collections.abc import Mapping
from pathlib import Path

import psycopg
from psycopg import sql

from service.clock import monotonic
from service.database.embedded.account import Account, server_account
from service.database.embedded.binaries import find_binaries
from service.database.embedded.cluster import DATABASE, Cluster, clean_environment, data_of, home_of, open_cluster
from service.database.embedded.folder import Folder
from service.database.embedded.leftovers import clear_leftovers
from service.database.urls import conninfo
from service.errors import Invalid, Problem, ServiceError, Unavailable

_READY_SECONDS = 300.0
_LOOK_SECONDS = 0.03
_FIRST_DELAY = 0.1
_LAST_DELAY = 30.0
_STEADY_SECONDS = 60.0
_STOP_PATIENCE = ((signal.SIGINT, 20.0), (signal.SIGQUIT, 5.0), (signal.SIGKILL, 5.0))
_LOG_TAIL = 2000

logger = logging.getLogger(__name__)


class EmbeddedPostgres:
    """A Postgres server below `data_dir` as our own child, kept running from `start` to `stop`.

    It answers on a socket file only, with a password; as root, it runs as a user without rights. It ends when this
    process does, however that happens. `parameters` are added to those of the server.
    """

    def __init__(self, data_dir: Path, bindir: Path | None = None, parameters: Mapping[str, str] | None = None) -> None:
        self._folder = Folder(home_of(data_dir))
        self._bindir = bindir
        self._parameters = dict(parameters or {})
        self._mutex = threading.Lock()
        self._stopping = threading.Event()
        self._begun = threading.Event()
        self._cluster: Cluster | None = None
        self._failure: Exception | None = None
        self._process: subprocess.Popen[bytes] | None = None
        self._thread: threading.Thread | None = None

    def __enter__(self) -> "EmbeddedPostgres":
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    @property
    def url(self) -> str:
        """Where the database answers, password included; the same at every start unless the folder moved."""
        if self._cluster is None:
            message = "the embedded database was not started"
            raise Unavailable(message)
        return self._cluster.url()

    @property
    def pid(self) -> int | None:
        """The server's process, None while there is none."""
        process = self._process
        return process.pid if process is not None and process.returncode is None else None

    def begin(self) -> None:
        """Begin to start; `start` then waits for the rest.

        Raises Conflict when another service uses the folder, Invalid when it cannot be used.
        """
        self._folder.acquire()
        # One thread for everything: the server is told to end with the thread that started it.
        self._thread = threading.Thread(target=self._supervise, name="headwater-postgres", daemon=True)
        self._thread.start()

    def start(self) -> None:
        """Return when the database answers.

        Raises what `begin` does, Invalid when a setting has to change, else Unavailable.
        """
        if self._thread is None:
            self.begin()
        try:
            self._begun.wait()
        except BaseException:
            self.stop()
            raise
        if self._failure is not None:
            failure = self._failure
            self.stop()
            raise failure

    def stop(self) -> None:
        """End the server cleanly, within seconds, and let go of the folder."""
        with self._mutex:
            self._stopping.set()
            process = self._process
        thread = self._thread
        for signum, seconds in _STOP_PATIENCE:
            if thread is None or not thread.is_alive():
                break
            if process is not None:
                process.send_signal(signum)
            thread.join(seconds)
        if self._cluster is not None:
            self._cluster.release()
        self._folder.release()

    def _supervise(self) -> None:
        try:
            cluster = self._cluster = self._open()
            process = self._run(cluster)
        except (ServiceError, OSError, psycopg.Error) as error:
            failed = Unavailable(f"the embedded database does not start: {error}")
            self._failure = error if isinstance(error, ServiceError) else failed
            return
        except Exception as error:  # or who waits would take it for started
            logger.exception("The embedded database does not start")
            self._failure = Unavailable(f"the embedded database does not start: {type(error).__name__}: {error}")
            return
        finally:
            self._begun.set()
        self._keep_running(cluster, process)

    def _open(self) -> Cluster:
        home = self._folder.path
        account = server_account(data_of(home))
        self._check_way(account)
        binaries = find_binaries(self._bindir).usable_by(account, home)
        return open_cluster(home, binaries, account, self._parameters)

    def _check_way(self, account: Account) -> None:
        blocked = account.blocked_by(self._folder.path)
        if blocked is not None:
            message = (
                f"the database runs as user {account.uid}, since Postgres refuses to be root, and may not enter "
                f"{blocked}; choose another folder, /var/lib/headwater say, or `chmod o+x {blocked}`"
            )
            raise Invalid([Problem("HEADWATER_DATA_DIR", message)])

    def _keep_running(self, cluster: Cluster, process: subprocess.Popen[bytes]) -> None:
        delay, began = _FIRST_DELAY, monotonic()
        while True:
            code = process.wait()
            if self._stopping.is_set():
                return
            delay = _FIRST_DELAY if monotonic() - began > _STEADY_SECONDS else delay
            logger.error("The embedded database ended (code %s), starting it again: %s", code, self._log_tail())
            while not self._stopping.wait(delay):
                delay, began = min(delay * 2, _LAST_DELAY), monotonic()
                try:
                    process = self._run(cluster)
                except Exception as error:  # nothing may end this loop: nobody else starts it again
                    unforeseen = not isinstance(error, ServiceError | OSError | psycopg.Error)
                    told = "The embedded database does not start, next try in %.1f s: %s"
                    logger.warning(told, delay, error, exc_info=unforeseen)
                else:
                    break

    def _run(self, cluster: Cluster) -> subprocess.Popen[bytes]:
        clear_leftovers(cluster.data, cluster.socket_dir)
        with self._mutex:
            if self._stopping.is_set():
                message = "the embedded database was stopped"
                raise Unavailable(message)
            log = self._folder.path / "server.log"
            if log.exists():
                log.replace(log.with_suffix(".log.1"))
            with log.open("wb") as output:
                process = self._process = subprocess.Popen(
                    cluster.command(),
                    stdin=subprocess.DEVNULL,
                    stdout=output,
                    stderr=subprocess.STDOUT,
                    cwd=log.anchor,
                    env=clean_environment(),
                    # Or Ctrl-C at a terminal would end the database before the service that needs it.
                    start_new_session=True,
                )
        try:
            self._wait_ready(cluster, process)
        except BaseException:
            with contextlib.suppress(ProcessLookupError):
                process.send_signal(signal.SIGQUIT)
            process.wait()
            raise
        return process

    def _wait_ready(self, cluster: Cluster, process: subprocess.Popen[bytes]) -> None:
        deadline = monotonic() + _READY_SECONDS
        while True:
            if process.poll() is not None:
                message = f"the embedded database does not start: {self._log_tail()}"
                raise Unavailable(message)
            try:
                _ensure_database(cluster)
            except psycopg.OperationalError as error:
                if monotonic() > deadline or "authentication failed" in str(error):
                    raise
            else:
                return
            if self._stopping.wait(_LOOK_SECONDS):
                message = "the embedded database was stopped"
                raise Unavailable(message)

    def _log_tail(self) -> str:
        try:
            text = (self._folder.path / "server.log").read_text(encoding="utf-8", errors="replace")
        except OSError:
            return ""
        return text[-_LOG_TAIL:].strip()


def _ensure_database(cluster: Cluster) -> None:
    with psycopg.connect(conninfo(cluster.url("postgres"), "headwater"), autocommit=True) as connection:
        if connection.execute("select from pg_database where datname = %s", [DATABASE]).fetchone() is None:
            connection.execute(sql.SQL("create database {}").format(sql.Identifier(DATABASE)))
