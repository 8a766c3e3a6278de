"""The composition root: builds every part of the service once, from its settings, and hands them to each other."""

import gc
import logging
import os
import signal
import socket
import tempfile
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from functools import partial
from pathlib import Path

from cryptography.fernet import Fernet
from fastapi import FastAPI

from connectors.errors import ConfigurationError
from connectors.source_files import SourceFiles
from service import logs
from service.access.authentication import KeyRing
from service.access.repository import CHANNEL as KEYS_CHANNEL
from service.access.repository import has_keys
from service.api.dependencies import Readiness, Services
from service.api.feed import RunFeed
from service.api.router import build_api
from service.database.embedded import EmbeddedPostgres
from service.database.engine import Database
from service.database.listen import Listener
from service.database.opening import open_database
from service.database.reachability import Reachability
from service.errors import Invalid, Problem
from service.execution.automations import Automations
from service.execution.checks import connection_checker
from service.execution.finishing import Finisher
from service.execution.housekeeping import Housekeeper
from service.execution.journal import Journal
from service.execution.openmetadata import OpenMetadata
from service.execution.outbox import Outbox
from service.execution.reporting import Reporting
from service.execution.run import RunExecutor
from service.execution.secrets import SecretResolver
from service.execution.worker import Worker
from service.metrics import Metrics, StoreFigures
from service.runs.repository import (
    CANCEL_CHANNEL,
    RUNS_CHANNEL,
    count_by_pool,
    count_by_state,
    first_successes_awaited,
    last_successes,
)
from service.runs.status import ACTIVE
from service.scheduling.scheduler import Scheduler
from service.scheduling.triggers import check_schedule
from service.server import HttpServer
from service.settings import ADMIN_KEY_RULE, Settings, is_admin_key, is_fernet_key
from service.settings.environment import variable
from service.workflows import repository as workflows
from service.workflows.checking import RegistryChecker
from service.workflows.operations import Rules
from service.workflows.vault import Vault

KEY_FILE = "secret.key"

logger = logging.getLogger(__name__)


class Service:
    """A replica. Parts start in the order they need each other and stop in the reverse."""

    def __init__(
        self, settings: Settings, environ: Mapping[str, str], embedded: EmbeddedPostgres | None = None
    ) -> None:
        self.settings = settings
        self._embedded = embedded
        self._feed = RunFeed()
        self._worker: Worker | None = None
        self._listener: Listener | None = None
        self._environ = environ
        self._parts = ExitStack()

    def start(self) -> FastAPI:
        """Start every part but the HTTP server; the app it has to serve."""
        try:
            return self._start()
        except BaseException:
            self.stop()
            raise

    def load_ahead(self) -> None:
        """Load what runs need and the start did not wait for."""
        if self._worker is not None:
            self._worker.load_ahead()

    def leave(self) -> None:
        """Claim no more runs and end the event streams; what goes on is ended by `stop`."""
        self._feed.close()
        if self._worker is not None:
            self._worker.drain()

    def stop(self) -> None:
        """Stop all that was started; runs get their grace."""
        self._parts.close()

    def _start(self) -> FastAPI:
        settings = self.settings
        database, close_database = open_database(settings, self._embedded)
        self._parts.callback(close_database)
        vault = Vault(secret_keys(settings))
        metrics = Metrics()
        served = settings.worker_pools if "worker" in settings.roles else ()
        metrics.watch_store(lambda: _store_figures(database, served))
        self._parts.callback(metrics.close)
        resolver = SecretResolver(
            settings.secrets_dir, self._environ, lambda name: _stored_secret(database, vault, name)
        )
        keys = KeyRing(database, admin_keys(settings, self._environ), self._is_listening)
        worker = self._start_worker(database, vault, resolver, metrics) if "worker" in settings.roles else None
        self._worker = worker
        scheduler = self._scheduler(database, metrics) if "timer" in settings.roles else None
        self._listen(database, keys, worker, scheduler)
        if settings.auth == "keys":
            _warn_without_keys(database, settings)
        if worker is not None:
            self._parts.callback(worker.stop)  # before the listener ends: cancels are heard while runs have their grace
        check = connection_checker(resolver, self._sources, self._tokens)
        automations = Automations(database, vault, self._tokens)
        for_servers = resolver.for_servers(settings.openmetadata_secrets)
        openmetadata = OpenMetadata(automations, connection_checker(for_servers, self._sources), self._tokens)
        self._parts.callback(openmetadata.stop)
        self._parts.callback(self._feed.close)
        return build_api(
            Services(
                settings=settings,
                database=database,
                rules=Rules(RegistryChecker(self._sources), vault, check_schedule),
                metrics=metrics,
                feed=self._feed,
                ready=partial(_readiness, Reachability(database), worker, scheduler),
                check_connection=check,
                openmetadata=openmetadata,
                keys=keys,
            )
        )

    @property
    def _tokens(self) -> Path:
        """The folder of the files that a token may be read from."""
        return self.settings.secrets_dir or self.settings.data_dir / "secrets"

    @property
    def _sources(self) -> SourceFiles:
        """The files that connectors may read."""
        return SourceFiles(self.settings.source_dirs or (self.settings.data_dir / "sources",))

    def _start_worker(self, database: Database, vault: Vault, resolver: SecretResolver, metrics: Metrics) -> Worker:
        journal = Journal(database, self.settings.log_lines_per_run)
        self._parts.callback(journal.stop)
        journal.start()
        handler = logs.RunLogHandler(journal.log, self.settings.log_level)
        logging.getLogger().addHandler(handler)
        self._parts.callback(logging.getLogger().removeHandler, handler)
        housekeeper = Housekeeper(self.settings, database)
        self._parts.callback(housekeeper.stop)
        housekeeper.start()
        data_dir = self.settings.data_dir
        outbox = Outbox(database, vault, resolver, self._tokens, Automations(database, vault, self._tokens))
        self._parts.callback(outbox.stop)
        outbox.start()
        reporting = Reporting(database, self._tokens)
        self._parts.callback(reporting.stop)
        executor = RunExecutor(
            database,
            vault,
            resolver,
            resolver.for_servers(self.settings.openmetadata_secrets),
            metrics,
            journal,
            reporting,
            data_dir,
            self._tokens,
            self._sources,
            self._environ,
        )
        finisher = Finisher(database, journal, reporting, metrics)
        worker = Worker(self.settings, executor, finisher)
        self._parts.callback(worker.stop)
        worker.start()
        return worker

    def _scheduler(self, database: Database, metrics: Metrics) -> Scheduler:
        scheduler = Scheduler(database, metrics, self.settings.reconcile_seconds)
        scheduler.start()
        self._parts.callback(scheduler.stop)
        return scheduler

    def _is_listening(self) -> bool:
        return self._listener is not None and self._listener.connected

    def _listen(self, database: Database, keys: KeyRing, worker: Worker | None, scheduler: Scheduler | None) -> None:
        calls: dict[str, Callable[[str], None]] = {}
        calls[KEYS_CHANNEL] = lambda _: keys.forget()
        calls[RUNS_CHANNEL] = lambda _: _runs_moved(self._feed, worker)
        if worker is not None:
            calls[CANCEL_CHANNEL] = lambda _: worker.look_for_cancels()
        if scheduler is not None:
            calls[workflows.CHANNEL] = scheduler.changed
        self._listener = Listener(database.url, calls, lambda channel, payload: calls[channel](payload))
        self._listener.start()
        self._parts.callback(self._listener.close)


def serve(
    settings: Settings, environ: Mapping[str, str], address: socket.socket, embedded: EmbeddedPostgres | None = None
) -> None:
    """Run a replica at this address until SIGTERM or Ctrl-C; see `open_database` for `embedded`."""
    service = Service(settings, environ, embedded)
    app = service.start()
    try:
        # What was made so far stays: each full collection would go over it, and hold up every request and run.
        gc.collect()
        gc.freeze()
        host, port, *_ = address.getsockname()
        logger.info("Listening on http://%s:%d", f"[{host}]" if ":" in host else host, port)
        HttpServer(app, settings, service.load_ahead, service.leave).run(sockets=[address])
    finally:
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        service.stop()


def _runs_moved(feed: RunFeed, worker: Worker | None) -> None:
    feed.notify()
    if worker is not None:
        worker.wake()


def _readiness(store: Reachability, worker: Worker | None, scheduler: Scheduler | None) -> Sequence[Readiness]:
    problem = store.problem()
    found = [Readiness("database", not problem, problem)]
    if worker is not None:
        found.append(Readiness("worker", worker.healthy, "" if worker.healthy else "its leases could not be renewed"))
    if scheduler is not None:
        message = "" if scheduler.healthy else "the schedules could not be read"
        found.append(Readiness("timer", scheduler.healthy, message))
    return found


def _store_figures(database: Database, served: Sequence[str]) -> StoreFigures:
    with database.session() as session:
        # Ended runs are not counted: that would read a million of them at each scrape; `headwater_runs_total` tells.
        runs = {state.value: count for state, count in count_by_state(session, ACTIVE).items()}
        pools = {
            pool: {state.value: count for state, count in states.items()}
            for pool, states in count_by_pool(session, served).items()
        }
        return StoreFigures(runs, pools, last_successes(session), first_successes_awaited(session))


def _stored_secret(database: Database, vault: Vault, name: str) -> str | None:
    with database.session() as session:
        ciphertext = workflows.find_secret(session, name)
    return None if ciphertext is None else vault.decrypt(ciphertext)


def admin_keys(settings: Settings, environ: Mapping[str, str]) -> Sequence[str]:
    """The keys of administrators, references resolved. Raises Invalid for one that leads nowhere, or is too weak."""
    name = variable("admin_key")
    places = [f"{name}.{at}" for at in range(len(settings.admin_keys))]
    given = dict(zip(places, settings.admin_keys, strict=True))
    resolver = SecretResolver(settings.secrets_dir, environ)
    try:
        resolved, _ = resolver.resolve(given, [(place,) for place in places])
    except ConfigurationError as error:
        raise Invalid(Problem(name, problem.message) for problem in error.problems) from None
    keys = [str(resolved[place]) for place in places]
    if not all(map(is_admin_key, keys)):
        raise Invalid([Problem(name, ADMIN_KEY_RULE)])
    return keys


def _warn_without_keys(database: Database, settings: Settings) -> None:
    with database.session() as session:
        if not settings.admin_keys and not has_keys(session):
            logger.warning("Nobody has an API key: set HEADWATER_ADMIN_KEY, or use `headwater keys create`")


def secret_keys(settings: Settings) -> Sequence[str]:
    """The keys of the settings; beside an embedded store, a key of its own that is made once.

    Raises Invalid for a file that cannot be read or holds no key.
    """
    if settings.secret_keys or settings.database_url is not None:
        return settings.secret_keys
    file = settings.data_dir / KEY_FILE
    try:
        if not file.exists():
            _write_private(file, Fernet.generate_key().decode())
        key = file.read_text(encoding="ascii", errors="replace").strip()
    except OSError as error:
        raise _no_key(file, error.strerror or "cannot be read") from error
    if not is_fernet_key(key):
        raise _no_key(file, "holds no key")
    return (key,)


def _no_key(file: Path, reason: str) -> Invalid:
    advice = "restore it from a backup or set the key here; without it what is sealed has to be set anew"
    return Invalid.at(variable("secret_key"), f"{file}: {reason}; {advice}")


def _write_private(file: Path, text: str) -> None:
    """Whole or not at all: half a key would lock its owner out."""
    with tempfile.NamedTemporaryFile("w", dir=file.parent, prefix=file.name, encoding="ascii", delete=False) as stream:
        stream.write(text)
        stream.flush()
        os.fsync(stream.fileno())
    Path(stream.name).replace(file)
