"""Everything Prometheus may scrape, on a registry of its own."""

import logging
import platform
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from concurrent.futures import TimeoutError as NotInTime
from datetime import datetime
from functools import cache
from importlib.metadata import version
from threading import Lock

import msgspec
from prometheus_client import CONTENT_TYPE_PLAIN_0_0_4, CollectorRegistry, Counter, Gauge, Histogram, Info
from prometheus_client.exposition import generate_latest
from prometheus_client.metrics_core import GaugeMetricFamily, Metric

from service.clock import monotonic
from service.errors import ServiceError

CONTENT_TYPE = CONTENT_TYPE_PLAIN_0_0_4
STORE_CACHE_SECONDS = 5.0
STORE_WAIT_SECONDS = 2.0

_FAST = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)
_WAITING = (0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 300.0, 900.0, 3600.0)
_RUNNING = (1.0, 5.0, 15.0, 30.0, 60.0, 120.0, 300.0, 600.0, 1800.0, 3600.0, 7200.0, 14400.0, 43200.0)

logger = logging.getLogger(__name__)


class StoreFigures(msgspec.Struct, frozen=True):
    """What the store alone knows: how many runs are in each state, when each workflow last succeeded.

    `pools` has by pool how many could be taken now and how many run, with 0 for those served here.
    `awaiting_first_success` has the moments at which workflows were made that should have succeeded, and never did.
    """

    runs: Mapping[str, int] = msgspec.field(default_factory=dict[str, int])
    pools: Mapping[str, Mapping[str, int]] = msgspec.field(default_factory=dict[str, Mapping[str, int]])
    last_success: Mapping[str, datetime] = msgspec.field(default_factory=dict[str, datetime])
    awaiting_first_success: Mapping[str, datetime] = msgspec.field(default_factory=dict[str, datetime])


class Metrics:
    """All measurements of one process; safe to use from any thread."""

    def __init__(self) -> None:
        registry = CollectorRegistry()
        self._registry = registry
        self._close: list[Callable[[], None]] = []
        self._runs = Counter("headwater_runs", "Runs that workers ended.", ("connector", "state"), registry=registry)
        self._run_duration = _histogram("run_duration_seconds", "From start to end.", _RUNNING, "connector", "state")
        self._run_queue = _histogram("run_queue_seconds", "From being queued to being claimed.", _WAITING, "pool")
        self._lag = _histogram("schedule_lag_seconds", "From a tick to its run being queued.", _WAITING)
        self._slots = Gauge("headwater_worker_slots", "Slots of this worker.", ("state",), registry=registry)
        self._busy, self._free = self._slots.labels("busy"), self._slots.labels("free")
        self._pool_slots = Gauge(
            "headwater_pool_free_slots",
            "Free slots of this worker, by pool.",
            ("pool",),
            registry=registry,
        )
        self._records = Counter(
            "headwater_records", "Entities by outcome.", ("connector", "entity", "outcome"), registry=registry
        )
        self._stages = Counter(
            "headwater_stage_seconds",
            "Time that runs spent in each stage; to produce is to list.",
            ("connector", "entity", "stage"),
            registry=registry,
        )
        self._queries = _histogram("source_queries_seconds", "Queries and calls to sources.", _FAST, "connector")
        self._sink = _histogram("sink_request_seconds", "Requests of sinks.", _FAST, "sink", "operation", "status")
        self._retries = Counter("headwater_sink_retries", "Requests of sinks sent again.", registry=registry)
        self._leases = Counter("headwater_leases_lost", "Runs this worker lost to a late heartbeat.", registry=registry)
        self._http = _histogram("http_request_seconds", "Requests answered.", _FAST, "route", "method", "status")
        # Asked for with each table and each request, these are kept: to find the series of some labels takes a lock and
        # several times as long as to count.
        self._records_of = cache(self._records.labels)
        self._queries_of = cache(self._queries.labels)
        self._sink_of = cache(self._sink.labels)
        self._http_of = cache(self._http.labels)
        for histogram in (self._run_duration, self._run_queue, self._lag, self._queries, self._sink, self._http):
            registry.register(histogram)
        build = Info("headwater_build", "This release.", registry=registry)
        build.info({"version": version("headwater"), "python": platform.python_version()})

    def watch_store(self, read: Callable[[], StoreFigures]) -> None:
        """Ask the store, at most every few seconds, when the metrics are scraped."""
        collector = _StoreCollector(read)
        self._registry.register(collector)
        self._close.append(collector.close)

    def close(self) -> None:
        """Ask the store no more."""
        for close in self._close:
            close()

    def run_claimed(self, pool: str, queue_seconds: float) -> None:
        """A run left the queue of its pool after this long."""
        self._run_queue.labels(pool).observe(queue_seconds)

    def run_finished(self, connector: str, state: str, seconds: float) -> None:
        """A run came to this end, this long after its last attempt began."""
        self.run_ended(connector, state)
        self._run_duration.labels(connector, state).observe(seconds)

    def run_ended(self, connector: str, state: str) -> None:
        """A run came to this end, whether or not a worker ran it that far."""
        self._runs.labels(connector, state).inc()

    def tick_fired(self, lag_seconds: float) -> None:
        """The run of a tick was queued this long after the tick."""
        self._lag.observe(lag_seconds)

    def slots(self, busy: int, free: int, pools: Sequence[str]) -> None:
        """How many slots of this worker are taken, and how many are not; each is for any of its pools."""
        self._busy.set(busy)
        self._free.set(free)
        for pool in pools:
            self._pool_slots.labels(pool).set(free)

    def record(self, connector: str, entity: str, outcome: str, count: int = 1) -> None:
        """This many entities of a type came to this outcome."""
        self._records_of(connector, entity, outcome).inc(count)

    def stage_took(self, connector: str, entity: str, stage: str, seconds: float) -> None:
        """So much more time went into one stage of this entity type."""
        self._stages.labels(connector, entity, stage).inc(seconds)

    def source_queried(self, connector: str, seconds: float) -> None:
        """One query or call to a source took this long."""
        self._queries_of(connector).observe(seconds)

    def sink_requested(self, sink: str, operation: str, status: str, seconds: float) -> None:
        """One request of a sink took this long."""
        self._sink_of(sink, operation, status).observe(seconds)

    def sink_retried(self) -> None:
        """One request of a sink is sent again."""
        self._retries.inc()

    def lease_lost(self, count: int = 1) -> None:
        """This worker found that runs of its own are no longer its own."""
        self._leases.inc(count)

    def http_answered(self, route: str, method: str, status: int, seconds: float) -> None:
        """A request was answered; `route` is the template, never the path itself."""
        self._http_of(route, method, str(status)).observe(seconds)

    def render(self) -> bytes:
        """All metrics in the text format of Prometheus, which CONTENT_TYPE names."""
        return generate_latest(_WithoutCreated(self._registry))


def _histogram(name: str, text: str, buckets: tuple[float, ...], *labels: str) -> Histogram:
    return Histogram(f"headwater_{name}", text, labels, buckets=buckets, registry=None)


class _WithoutCreated:
    """The same metrics without the moments at which each series began, which would be a third of all lines."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._registry = registry

    def collect(self) -> Iterable[Metric]:
        for metric in self._registry.collect():
            metric.samples = [sample for sample in metric.samples if not sample.name.endswith("_created")]
            yield metric


class _StoreCollector:
    """Has no `describe`, so that the gauge `headwater_runs` may stand beside the counter `headwater_runs_total`."""

    def __init__(self, read: Callable[[], StoreFigures]) -> None:
        self._read = read
        self._pool = ThreadPoolExecutor(1, thread_name_prefix="headwater-metrics")
        self._lock = Lock()
        self._reading: Future[StoreFigures] | None = None
        self._read_at = 0.0

    def close(self) -> None:
        """Read no more; a store that is silent is not waited for."""
        self._pool.shutdown(wait=False, cancel_futures=True)

    def collect(self) -> Iterable[Metric]:
        """The figures, or nothing at all while the store does not answer: an old figure would look like a true one."""
        runs = GaugeMetricFamily("headwater_runs", "Runs that wait or run, by state.", labels=("state",))
        pools = GaugeMetricFamily(
            "headwater_pool_runs", "Runs of a pool that could be taken now, or run.", labels=("pool", "state")
        )
        success = GaugeMetricFamily(
            "headwater_last_success_timestamp_seconds", "When a run last succeeded.", labels=("workflow",)
        )
        awaiting = GaugeMetricFamily(
            "headwater_awaiting_first_success_timestamp_seconds",
            "When a scheduled workflow was made that never succeeded.",
            labels=("workflow",),
        )
        figures = self._figures()
        for state, count in figures.runs.items():
            runs.add_metric((state,), count)
        for pool, states in figures.pools.items():
            for state, count in states.items():
                pools.add_metric((pool, state), count)
        for workflow, at in figures.last_success.items():
            success.add_metric((workflow,), at.timestamp())
        for workflow, at in figures.awaiting_first_success.items():
            awaiting.add_metric((workflow,), at.timestamp())
        return (runs, pools, success, awaiting)

    def _figures(self) -> StoreFigures:
        with self._lock:
            stale = monotonic() - self._read_at > STORE_CACHE_SECONDS
            if self._reading is None or (self._reading.done() and (stale or self._reading.exception() is not None)):
                self._reading = self._pool.submit(self._read)
                self._read_at = monotonic()
            reading = self._reading
        try:
            return reading.result(STORE_WAIT_SECONDS)
        except (ServiceError, NotInTime) as error:
            logger.warning("The metrics lack what the store knows: %s", str(error) or "it did not answer in time")
        except Exception:
            logger.exception("The metrics lack what the store knows")
        return StoreFigures()
