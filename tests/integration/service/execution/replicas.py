"""Workers on a store of the test's own, and runs for them."""

import logging
import os
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import UUID

import psycopg
from cryptography.fernet import Fernet
from psycopg import sql

from connectors.source_files import SourceFiles
from service.database.engine import Database
from service.errors import ServiceError
from service.execution.finishing import Finisher
from service.execution.journal import Journal
from service.execution.reporting import Reporting
from service.execution.run import RunExecutor
from service.execution.secrets import SecretResolver
from service.execution.worker import Worker
from service.logs import RunLogHandler
from service.metrics import Metrics
from service.runs import repository
from service.runs.repository import NewRun
from service.runs.schemas import RunRead
from service.runs.status import RunState, is_terminal
from service.settings import Settings
from service.workflows import operations
from service.workflows.checking import RegistryChecker
from service.workflows.operations import Rules
from service.workflows.schemas import WorkflowCreate
from service.workflows.vault import Vault
from tests.eventually import eventually
from tests.postgres import Server

VAULT_KEY = Fernet.generate_key().decode()
VAULT = Vault([VAULT_KEY])
RULES = Rules(RegistryChecker(), VAULT, lambda _: None)
STOP_GRACE_SECONDS = 0.3


@dataclass(frozen=True)
class Site:
    """A store, a folder, and what surrounds a worker there."""

    database: Database
    folder: Path
    environ: Mapping[str, str]

    @property
    def ready(self) -> bool:
        """Whether the connector has begun."""
        return (self.folder / "ready").exists()

    def go(self) -> None:
        """Let the connector go on."""
        (self.folder / "go").touch()

    def queue(self, behaviour: str = "list", name: str = "w", **fields: Any) -> UUID:
        """A queued run of a workflow of this name, made if there is none."""
        return self.queue_definition(self.definition(behaviour, name, **fields))

    def queue_definition(self, definition: Mapping[str, Any]) -> UUID:
        """A queued run of this workflow, made if there is none."""
        with self.database.session() as session:
            operations.apply(session, WorkflowCreate.model_validate(definition), RULES)
            return repository.enqueue(session, NewRun(definition["name"])).id

    def definition(self, behaviour: str, name: str = "w", **fields: Any) -> dict[str, Any]:
        """A workflow that writes to a file."""
        policy = {"maxAttempts": 1, "overlap": "queue", **fields.pop("policy", {})}
        connection = {"behaviour": behaviour, "folder": str(self.folder), **fields}
        source = {"type": "misbehaving", "serviceName": "svc", "serviceConnection": {"config": connection}}
        sink = {"type": "file", "config": {"filename": f"{name}.jsonl"}}
        return {"name": name, "policy": policy, "config": {"source": source, "sink": sink}}

    def read(self, run_id: UUID) -> RunRead:
        """A run as people see it."""
        with self.database.session() as session:
            return RunRead.of(repository.get(session, run_id))

    def ended(self, run_id: UUID, seconds: float = 30) -> RunRead:
        """The run, when it has ended."""
        return eventually(lambda: run if is_terminal((run := self.read(run_id)).state) else None, seconds=seconds)

    def in_state(self, run_id: UUID, state: RunState) -> RunRead:
        """The run, when it has come to this state."""
        return eventually(lambda: run if (run := self.read(run_id)).state is state else None)

    def outcomes(self, run_id: UUID) -> list[str]:
        """What became of its attempts."""
        with self.database.session() as session:
            return [one.outcome.value for one in repository.list_attempts(session, run_id)]

    def lines(self, run_id: UUID) -> list[str]:
        """What it logged."""
        with self.database.session() as session:
            return [line.message for line in repository.list_logs(session, run_id, 0, 100_000)]

    def causes(self, run_id: UUID) -> list[str]:
        """Why entities were lost."""
        with self.database.session() as session:
            return [one.cause for one in repository.list_failures(session, run_id, None, 100_000).data]

    def cancel(self, run_id: UUID, worker: Worker) -> None:
        """Ask for a cancel, as the API does."""
        with self.database.session() as session:
            repository.request_cancel(session, run_id, "by hand")
        worker.look_for_cancels()


@contextmanager
def working(site: Site, **chosen: Any) -> Generator[Worker]:
    """A worker in this process; without a listener it looks into the queue often."""
    quick = {"heartbeat_seconds": 0.1, "poll_seconds": 0.1, "lease_seconds": 5.0, "shutdown_grace_seconds": 0.0}
    secrets, metrics = chosen.pop("secrets", SecretResolver(None, {})), chosen.pop("metrics", None) or Metrics()
    settings = Settings.model_validate({**quick, "worker_slots": 2, "data_dir": site.folder, **chosen})
    journal = Journal(site.database, settings.log_lines_per_run)
    handler = RunLogHandler(journal.log)
    tokens = site.folder / "secrets"
    reporting = Reporting(site.database, tokens)
    executor = RunExecutor(
        site.database,
        VAULT,
        secrets,
        secrets,
        metrics,
        journal,
        reporting,
        site.folder,
        tokens,
        SourceFiles((site.folder / "sources",)),
        site.environ,
    )
    finisher = Finisher(site.database, journal, reporting, metrics)
    worker = Worker(settings, executor, finisher, STOP_GRACE_SECONDS)
    with heard_by(handler):
        journal.start()
        worker.start()
        try:
            yield worker
        finally:
            site.go()
            worker.stop()
            journal.stop()


@contextmanager
def heard_by(handler: RunLogHandler) -> Generator[None]:
    """Give the handler what is logged, as a service does."""
    root = logging.getLogger()
    levels = {name: logging.getLogger(name).level for name in ("service", "connectors")}
    root.addHandler(handler)
    for name in levels:
        logging.getLogger(name).setLevel(logging.DEBUG)
    try:
        yield
    finally:
        root.removeHandler(handler)
        for name, level in levels.items():
            logging.getLogger(name).setLevel(level)


@contextmanager
def outage(server: Server, database: Database) -> Generator[None]:
    """While inside, the database takes no connection and has lost those it had."""
    name = database.engine.url.database or ""
    allow = sql.SQL("alter database {} with allow_connections {}")
    with server.admin() as admin:
        admin.execute(allow.format(sql.Identifier(name), sql.Literal(False)))
        eventually(lambda: _is_empty(admin, name))
    try:
        yield
    finally:
        with server.admin() as admin:
            admin.execute(allow.format(sql.Identifier(name), sql.Literal(True)))
    eventually(lambda: _answers(database))


def _is_empty(admin: psycopg.Connection, name: str) -> bool:
    query = "select pg_terminate_backend(pid) from pg_stat_activity where datname = %s"
    return not admin.execute(query, [name]).fetchall()


def _answers(database: Database) -> bool:
    try:
        database.ping()
    except ServiceError:
        return False
    return True


def own_environ(**variables: str) -> dict[str, str]:
    """The environment of this process and more; processes that start many times need their bytecode kept."""
    inherited = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    return {**inherited, **variables}
