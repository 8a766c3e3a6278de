"""What the chaos happens to: one store, two replicas, one source, one catalogue, many scheduled workflows."""

import socket
import time
from collections.abc import Callable, Generator, Iterator
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import psycopg
from cryptography.fernet import Fernet
from psycopg.conninfo import conninfo_to_dict

from connectors.cancellation import Cancellation
from connectors.ingestion import Folders, ingest
from connectors.report import Report
from service.database import migrate
from service.database.embedded import EmbeddedPostgres
from tests.chaos.replica import LOOK_SECONDS, Replica
from tests.fake_openmetadata import FakeOpenMetadata
from tests.postgres import SourceServer
from tests.sharing import REPOSITORY

SHOP = REPOSITORY / "tests" / "golden" / "shop.sql"
DOOMED = "create table sales.doomed (id int)"
GONE = "drop table sales.doomed"
LATE = "create table sales.late (id int)"
# What a process that is killed has written stays with the system; only a power cut would lose it.
STORE_PARAMETERS = {"fsync": "off", "full_page_writes": "off"}
REQUEST_SECONDS = 0.1
SECONDS_TO_CREATE = 0.5
NOTICE_STEPS = 2
PATIENCE_SECONDS = 120.0


@dataclass(frozen=True)
class Scale:
    """How much goes on: workflows, each due every so many seconds; how long a lease lasts; the longest outage."""

    workflows: int = 20
    interval_seconds: int = 5
    lease_seconds: float = 3.0
    outage_seconds: float = 75.0


class World:
    """Everything up and running, with all schedules on; see `living`."""

    def __init__(self, folder: Path, scale: Scale, source_url: str, catalogue: FakeOpenMetadata) -> None:
        self.scale = scale
        self.catalogue = catalogue
        self.source_url = source_url
        self.start = datetime.now(UTC)
        self._store_folder = folder / "store"
        self.store = EmbeddedPostgres(self._store_folder, parameters=STORE_PARAMETERS)
        self.store.start()
        migrate.upgrade(self.store.url)
        environment = {
            "HEADWATER_DATABASE_URL": self.store.url,
            "HEADWATER_DATA_DIR": str(folder / "data"),
            "HEADWATER_LEASE_SECONDS": str(scale.lease_seconds),
            "HEADWATER_POLL_SECONDS": "1",
            "HEADWATER_RECONCILE_SECONDS": "5",
            "HEADWATER_SHUTDOWN_GRACE_SECONDS": "1",
            "HEADWATER_SECRET_KEY": Fernet.generate_key().decode(),
            "HEADWATER_RETENTION_RUNS_PER_WORKFLOW": "100000",
        }
        self.replicas = tuple(
            Replica(_free_port(), environment, folder / f"replica-{number}.log") for number in range(2)
        )

    @property
    def names(self) -> list[str]:
        return [f"chaos-{number:02}" for number in range(self.scale.workflows)]

    def stop_store(self) -> None:
        self.store.stop()

    def start_store(self) -> None:
        self.store = EmbeddedPostgres(self._store_folder, parameters=STORE_PARAMETERS)
        self.store.start()

    def ask(self, path: str, **query: Any) -> dict[str, Any]:
        """The answer of whichever replica can give one."""
        deadline = time.monotonic() + PATIENCE_SECONDS
        while True:
            for replica in self.replicas:
                try:
                    return replica.get(path, **query)
                except httpx.HTTPError:
                    assert time.monotonic() < deadline, f"no replica answers {path}"
            time.sleep(LOOK_SECONDS)

    def everything(self, path: str, **query: Any) -> Iterator[dict[str, Any]]:
        """Every item of a listing, page by page."""
        cursor: dict[str, str] = {}
        while True:
            page = self.ask(path, limit=500, **query, **cursor)
            yield from page["data"]
            if page["nextCursor"] is None:
                return
            cursor = {"cursor": page["nextCursor"]}

    def await_that(self, what: str, holds: Callable[[], bool]) -> float:
        """Wait until it holds; the seconds that took."""
        began = time.monotonic()
        while not holds():
            assert time.monotonic() - began < PATIENCE_SECONDS, f"still waiting after {PATIENCE_SECONDS:g} s: {what}"
            time.sleep(LOOK_SECONDS)
        return time.monotonic() - began

    def create(self, name: str, **fields: Any) -> None:
        answer = self.replicas[0].client.post("/api/v1/workflows", json={"name": name, **fields})
        assert answer.is_success, answer.text

    def config(self, name: str, threads: int, host_port: str | None = None) -> dict[str, Any]:
        """A definition that ingests the shop as a service of the workflow's own name."""
        server = conninfo_to_dict(self.source_url)
        connection = {
            "type": "Postgres",
            "username": server["user"],
            "authType": {"password": server["password"]},
            "hostPort": f"{server['host']}:{server['port']}",
            "database": server["dbname"],
        }
        source = {
            "type": "postgres",
            "serviceName": name,
            "serviceConnection": {"config": connection},
            "sourceConfig": {"config": {"type": "DatabaseMetadata", "threads": threads}},
        }
        target = {"hostPort": host_port or self.catalogue.host_port, "securityConfig": {"jwtToken": "token"}}
        sink = {"type": "metadata-rest", "config": {"bulk_sink_batch_size": 5}}
        return {"source": source, "sink": sink, "workflowConfig": {"openMetadataServerConfig": target}}

    def create_workflows(self) -> None:
        """Both flows, all overlap policies but the one that cancels, some in processes of their own."""
        self.start = datetime.now(UTC) + timedelta(seconds=3 + SECONDS_TO_CREATE * self.scale.workflows)
        for number, name in enumerate(self.names):
            policy = {
                "overlap": "queue" if number % 2 else "skip",
                "misfire": "all",
                "catchUpLimit": 1000,
                "retryDelaySeconds": 0.5,
                "isolation": "process" if number % 10 == 0 else "thread",
            }
            schedule = {"intervalSeconds": self.scale.interval_seconds, "start": self.start.isoformat()}
            self.create(name, schedule=schedule, policy=policy, config=self.config(name, 1 + number % 3))
        assert datetime.now(UTC) < self.start, "the machine is too busy: ticks would count that came before a workflow"

    def end_schedules(self) -> dict[str, datetime]:
        """Let no tick come after a moment between two ticks, one for each workflow, and wait for the last of them."""
        ends = {name: self._end_schedule(name) for name in self.names}
        self.await_that("the end of the schedules", lambda: datetime.now(UTC) > max(ends.values()))
        return ends

    def _end_schedule(self, name: str) -> datetime:
        step = self.scale.interval_seconds
        # A change of the schedule drops what is due under the old one and has not fired yet.
        self.await_that("a moment between ticks", lambda: self._between_ticks(name))
        end = datetime.fromtimestamp((int(time.time()) // step + NOTICE_STEPS + 0.5) * step, UTC)
        schedule = {"intervalSeconds": step, "start": self.start.isoformat(), "end": end.isoformat()}
        answer = self.replicas[0].client.patch(f"/api/v1/workflows/{name}", json={"schedule": schedule})
        assert answer.is_success, answer.text
        return end

    def _between_ticks(self, name: str) -> bool:
        """Whether the last tick of a workflow has a run and the next one is not near."""
        step = self.scale.interval_seconds
        if time.time() % step > 0.6 * step:
            return False
        last = self.ask("/runs", workflow=name, limit=1)["data"]
        due = self.ticks_until(datetime.now(UTC))
        return not due or (bool(last) and datetime.fromisoformat(last[0]["scheduledFor"]) >= due[-1])

    def ticks_until(self, end: datetime) -> list[datetime]:
        """Every tick from the start of the schedules."""
        step = self.scale.interval_seconds
        first = (int(self.start.timestamp()) // step + 1) * step
        return [datetime.fromtimestamp(second, UTC) for second in range(first, int(end.timestamp()) + 1, step)]

    def ingest_undisturbed(self, target: FakeOpenMetadata, folder: Path) -> dict[str, dict[str, int]]:
        """What every workflow delivers when nothing goes wrong, to another catalogue; the counts of one run."""
        report = Report()
        for name in self.names:
            report = Report()
            folders = Folders(None, folder / "dead-letters.jsonl")
            ingest(self.config(name, 1, target.host_port), report, Cancellation(), folders)
        return report.snapshot_counts()


@contextmanager
def living(folder: Path, scale: Scale, sources: SourceServer) -> Generator[World]:
    """A world that has begun to live, and ends with the block, whatever state it is in."""
    source_url = sources.make_database("chaos", f"{SHOP.read_text()}\n{DOOMED};")
    with ExitStack() as stack:
        catalogue = stack.enter_context(FakeOpenMetadata(seconds=REQUEST_SECONDS, keep_requests=False))
        world = World(folder, scale, source_url, catalogue)
        stack.callback(world.stop_store)
        for replica in world.replicas:
            stack.callback(replica.end)
            replica.start()
        for replica in world.replicas:
            replica.wait_ready()
        world.ingest_undisturbed(catalogue, folder)
        world.create_workflows()
        yield world


def change_source(world: World) -> None:
    """One table comes; another goes, and is the only thing that may be deleted from the catalogue."""
    with psycopg.connect(world.source_url) as connection:
        connection.execute(GONE)
        connection.execute(LATE)


def _free_port() -> int:
    with closing(socket.create_server(("127.0.0.1", 0))) as free:
        return int(free.getsockname()[1])
