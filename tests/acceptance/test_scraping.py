"""A real Prometheus scrapes the service and evaluates the chart's alerts over it."""

import re
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
import yaml

from tests.acceptance.api import Api, config_of
from tests.acceptance.catalogues import Catalogue
from tests.acceptance.processes import Replica
from tests.acceptance.sources import Source
from tests.deployment.chart import of_kind, rendered
from tests.deployment.tools import PROMETHEUS
from tests.eventually import eventually
from tests.plain_http import NO_TLS

pytestmark = pytest.mark.skipif(not PROMETHEUS.exists(), reason="Debian's package prometheus was not to be had")
LISTENING = re.compile(r"Listening on.*?address=(127\.0\.0\.1:\d+)")


@pytest.fixture
def prometheus(service: Replica, tmp_path: Path) -> Iterator[str]:
    """A Prometheus that scrapes the service every second; its address."""
    [rule] = of_kind(rendered("ha"), "PrometheusRule")
    (tmp_path / "rules.yaml").write_text(yaml.safe_dump(rule["spec"]))
    configuration = {
        "global": {"scrape_interval": "1s", "evaluation_interval": "1s"},
        "rule_files": [str(tmp_path / "rules.yaml")],
        "scrape_configs": [
            {"job_name": "headwater", "static_configs": [{"targets": [service.url.removeprefix("http://")]}]}
        ],
    }
    (tmp_path / "prometheus.yaml").write_text(yaml.safe_dump(configuration))
    log = tmp_path / "prometheus.log"
    command = [
        PROMETHEUS,
        f"--config.file={tmp_path / 'prometheus.yaml'}",
        f"--storage.tsdb.path={tmp_path / 'series'}",
        "--web.listen-address=127.0.0.1:0",
    ]
    with log.open("wb") as stderr:
        process = subprocess.Popen(command, stderr=stderr, cwd=tmp_path)
    try:
        address = f"http://{eventually(lambda: address_in(log, process), 'Prometheus listens')}"
        eventually(lambda: httpx.get(f"{address}/-/ready", trust_env=False, verify=NO_TLS).is_success, "it is ready")
        yield address
    finally:
        process.terminate()
        process.wait(30)


def test_prometheus_scrapes_what_a_run_did(
    api: Api, prometheus: str, shop: Source, catalogue: Catalogue, name: str
) -> None:
    api.create(name, config_of(shop.connection(), catalogue))
    api.until(api.start(name), "succeeded")
    [success] = found(prometheus, f'headwater_last_success_timestamp_seconds{{workflow="{name}"}}')
    [age] = found(prometheus, f'time() - headwater_last_success_timestamp_seconds{{workflow="{name}"}}')
    assert success > 1_700_000_000
    assert 0 <= age < 120
    assert found(prometheus, 'headwater_runs_total{connector="postgres",state="succeeded"}')[0] >= 1
    assert found(prometheus, "histogram_quantile(0.95, sum by (le) (headwater_run_queue_seconds_bucket))")[0] >= 0
    assert found(prometheus, 'up{job="headwater"}') == [1]


def test_the_alerts_are_evaluated_and_a_healthy_service_raises_none_that_is_critical(prometheus: str) -> None:
    found(prometheus, "headwater_build_info")

    def evaluated() -> list[dict[str, Any]] | None:
        [group] = ask(prometheus, "/api/v1/rules")["groups"]
        rules: list[dict[str, Any]] = group["rules"]
        return rules if all(rule["health"] == "ok" for rule in rules) else None

    rules = eventually(evaluated, "every alert was evaluated")
    assert len(rules) == len(of_kind(rendered("ha"), "PrometheusRule")[0]["spec"]["groups"][0]["rules"])
    firing = [rule["name"] for rule in rules if rule["state"] == "firing" and rule["labels"]["severity"] == "critical"]
    assert firing == []


def address_in(log: Path, process: subprocess.Popen[bytes]) -> str | None:
    said = log.read_text(encoding="utf-8")
    assert process.poll() is None, said
    listening = LISTENING.search(said)
    return None if listening is None else listening[1]


def ask(prometheus: str, path: str, **query: str) -> dict[str, Any]:
    answer = httpx.get(f"{prometheus}{path}", params=query, trust_env=False, verify=NO_TLS).raise_for_status().json()
    data: dict[str, Any] = answer["data"]
    return data


def found(prometheus: str, query: str) -> list[float]:
    """The values of a query once there are any."""

    def values() -> list[float] | None:
        result = ask(prometheus, "/api/v1/query", query=query)["result"]
        return [float(one["value"][1]) for one in result] or None

    return eventually(values, query)
