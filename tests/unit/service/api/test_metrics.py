import threading
from datetime import UTC, datetime

import pytest
from prometheus_client.parser import text_string_to_metric_families

from service import metrics as module
from service.errors import Unavailable
from service.metrics import Metrics, StoreFigures

Samples = dict[tuple[str, frozenset[tuple[str, str]]], float]
AT = datetime(2026, 11, 22, 1, tzinfo=UTC)
FIGURES = StoreFigures({"queued": 2, "running": 0}, {"heavy": {"queued": 2, "running": 1}}, {"shop": AT}, {"new": AT})


def samples(metrics: Metrics) -> Samples:
    return {
        (sample.name, frozenset(sample.labels.items())): sample.value
        for family in text_string_to_metric_families(metrics.render().decode())
        for sample in family.samples
    }


def value(found: Samples, name: str, **labels: str) -> float | None:
    return found.get((name, frozenset(labels.items())))


def test_every_metric_has_its_name_and_labels() -> None:
    metrics = Metrics()
    metrics.run_claimed("heavy", 0.5)
    metrics.run_finished("postgres", "succeeded", 12.0)
    metrics.tick_fired(0.1)
    metrics.slots(busy=3, free=1, pools=("default", "heavy"))
    metrics.record("postgres", "table", "written", 800)
    metrics.stage_took("postgres", "table", "produce", 1.5)
    metrics.source_queried("postgres", 0.2)
    metrics.sink_requested("metadata-rest", "bulk", "200", 0.3)
    metrics.sink_retried()
    metrics.lease_lost(2)
    metrics.http_answered("/api/v1/runs", "GET", 200, 0.01)
    metrics.watch_store(lambda: FIGURES)
    found = samples(metrics)
    assert value(found, "headwater_run_queue_seconds_sum", pool="heavy") == 0.5
    assert value(found, "headwater_runs_total", connector="postgres", state="succeeded") == 1
    assert value(found, "headwater_run_duration_seconds_sum", connector="postgres", state="succeeded") == 12
    assert value(found, "headwater_schedule_lag_seconds_count") == 1
    assert value(found, "headwater_worker_slots", state="busy") == 3
    assert value(found, "headwater_worker_slots", state="free") == 1
    assert value(found, "headwater_pool_free_slots", pool="default") == 1
    assert value(found, "headwater_pool_free_slots", pool="heavy") == 1
    assert value(found, "headwater_pool_runs", pool="heavy", state="queued") == 2
    assert value(found, "headwater_pool_runs", pool="heavy", state="running") == 1
    assert value(found, "headwater_records_total", connector="postgres", entity="table", outcome="written") == 800
    stage = {"connector": "postgres", "entity": "table", "stage": "produce"}
    assert value(found, "headwater_stage_seconds_total", **stage) == 1.5
    assert value(found, "headwater_source_queries_seconds_count", connector="postgres") == 1
    sink = {"sink": "metadata-rest", "operation": "bulk", "status": "200"}
    assert value(found, "headwater_sink_request_seconds_sum", **sink) == 0.3
    assert value(found, "headwater_sink_retries_total") == 1
    assert value(found, "headwater_leases_lost_total") == 2
    http = {"route": "/api/v1/runs", "method": "GET", "status": "200"}
    assert value(found, "headwater_http_request_seconds_count", **http) == 1
    assert value(found, "headwater_runs", state="queued") == 2
    assert value(found, "headwater_last_success_timestamp_seconds", workflow="shop") == AT.timestamp()
    assert value(found, "headwater_awaiting_first_success_timestamp_seconds", workflow="new") == AT.timestamp()
    assert [name for name, _ in found if name == "headwater_build_info"]
    assert not [name for name, _ in found if name.endswith("_created") or not name.startswith("headwater_")]


def test_processes_share_nothing() -> None:
    one, other = Metrics(), Metrics()
    one.sink_retried()
    assert value(samples(other), "headwater_sink_retries_total") == 0


def test_the_store_is_not_asked_at_every_scrape() -> None:
    asked: list[None] = []

    def read() -> StoreFigures:
        asked.append(None)
        return FIGURES

    metrics = Metrics()
    metrics.watch_store(read)
    for _ in range(3):
        assert value(samples(metrics), "headwater_runs", state="queued") == 2
    assert len(asked) == 1


@pytest.mark.parametrize("error", [Unavailable("away"), RuntimeError("broken")])
def test_a_store_that_is_away_leaves_its_figures_out(error: Exception) -> None:
    failing = [True]

    def read() -> StoreFigures:
        if failing:
            failing.pop()
            raise error
        return FIGURES

    metrics = Metrics()
    metrics.watch_store(read)
    found = samples(metrics)
    assert value(found, "headwater_runs", state="queued") is None
    assert value(found, "headwater_leases_lost_total") == 0
    assert value(samples(metrics), "headwater_runs", state="queued") == 2


def test_a_store_that_hangs_holds_up_no_scrape(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "STORE_WAIT_SECONDS", 0.05)
    release = threading.Event()

    def read() -> StoreFigures:
        release.wait(10)
        return FIGURES

    metrics = Metrics()
    metrics.watch_store(read)
    assert value(samples(metrics), "headwater_runs", state="queued") is None
    release.set()
    monkeypatch.setattr(module, "STORE_WAIT_SECONDS", 5.0)
    assert value(samples(metrics), "headwater_runs", state="queued") == 2
