"""The alerts and the dashboard: tried with promtool, and about metrics that the service has."""

import json
import re
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from service.metrics import Metrics, StoreFigures
from tests.deployment.chart import of_kind, rendered
from tests.deployment.tools import PROMTOOL
from tests.sharing import REPOSITORY

METRIC = re.compile(r"\bheadwater_\w+")
RUNBOOK = REPOSITORY / "docs" / "runbook.md"
needs_promtool = pytest.mark.skipif(not PROMTOOL.exists(), reason="Debian's package prometheus was not to be had")


@needs_promtool
def test_each_alert_fires_when_it_should_and_only_then(tmp_path: Path) -> None:
    (tmp_path / "rules.yaml").write_text(yaml.safe_dump(alerts()))
    series = yaml.safe_load((Path(__file__).parent / "alerts.yaml").read_text())
    for case in series["tests"]:
        for one in case["input_series"]:
            if "namespace=" not in one["series"]:
                one["series"] = one["series"].replace("{", '{namespace="metadata",job="ingestion-metrics",', 1)
        for expected in case["alert_rule_test"]:
            for alert in expected["exp_alerts"]:
                # promtool compares these too, which the series need not repeat.
                alert["exp_annotations"] = {}
                alert["exp_labels"]["namespace"] = "metadata"
                if expected["alertname"] == "HeadwaterDown":
                    alert["exp_labels"]["job"] = "ingestion-metrics"
    (tmp_path / "tests.yaml").write_text(yaml.safe_dump(series))
    without_texts(tmp_path / "rules.yaml")
    result = promtool("test", "rules", tmp_path / "tests.yaml")
    assert result.returncode == 0, result.stdout + result.stderr


@needs_promtool
@pytest.mark.parametrize("case", ["ha", "everything"])
def test_promtool_takes_the_rules(case: str, tmp_path: Path) -> None:
    (tmp_path / "rules.yaml").write_text(yaml.safe_dump(alerts(case)))
    result = promtool("check", "rules", tmp_path / "rules.yaml")
    assert result.returncode == 0, result.stdout + result.stderr


def test_each_alert_is_tested_on_series() -> None:
    series = yaml.safe_load((Path(__file__).parent / "alerts.yaml").read_text())
    tested = {one["alertname"] for case in series["tests"] for one in case["alert_rule_test"] if one["exp_alerts"]}
    assert tested == {rule["alert"] for rule in rules()}


def test_each_alert_has_a_section_in_the_runbook() -> None:
    sections = re.findall(r"^## (\w+)$", RUNBOOK.read_text(), re.MULTILINE)
    assert sections == [rule["alert"] for rule in rules()]
    assert all(rule["annotations"]["runbook_url"].endswith(f"#{rule['alert'].lower()}") for rule in rules())


def test_alerts_are_about_one_release_unless_it_is_scraped_in_another_way() -> None:
    def expressions(*chosen: str) -> str:
        [found] = of_kind(rendered("everything", "4.3", *chosen), "PrometheusRule")
        return "".join(rule["expr"] for rule in found["spec"]["groups"][0]["rules"])

    selected = METRIC.findall(expressions())
    assert expressions().count('{namespace="metadata",job="ingestion-metrics",') == len(selected) > 10
    assert "namespace" not in expressions("--set", "serviceMonitor.enabled=false")
    own = ("--set-json", 'prometheusRule.selector="cluster=\\"a\\""')
    assert expressions(*own).count('{cluster="a",') == len(selected)


def test_no_placeholder_is_left_in_the_alerts() -> None:
    assert "@" not in yaml.safe_dump(alerts())


def test_alerts_and_dashboard_are_about_metrics_that_the_service_has() -> None:
    used = {name for rule in rules() for name in METRIC.findall(rule["expr"])}
    used |= {name for expression in dashboard_expressions() for name in METRIC.findall(expression)}
    assert used - offered() == set()


@needs_promtool
def test_each_expression_of_the_dashboard_parses(tmp_path: Path) -> None:
    concrete = [one.replace("$__rate_interval", "5m").replace("$namespace", ".*") for one in dashboard_expressions()]
    queries = [{"record": f"query:{number}", "expr": one} for number, one in enumerate(concrete)]
    assert len(queries) > 15
    (tmp_path / "queries.yaml").write_text(yaml.safe_dump({"groups": [{"name": "dashboard", "rules": queries}]}))
    result = promtool("check", "rules", tmp_path / "queries.yaml")
    assert result.returncode == 0, result.stdout + result.stderr


def alerts(case: str = "everything") -> dict[str, Any]:
    """The rules as Prometheus reads them."""
    [found] = of_kind(rendered(case), "PrometheusRule")
    return found["spec"]


def rules() -> list[dict[str, Any]]:
    return alerts()["groups"][0]["rules"]


def without_texts(path: Path) -> None:
    content = yaml.safe_load(path.read_text())
    for rule in content["groups"][0]["rules"]:
        rule["annotations"] = {}
    path.write_text(yaml.safe_dump(content))


def dashboard_expressions() -> list[str]:
    [stored] = [one for one in of_kind(rendered("everything"), "ConfigMap") if "dashboard" in one["metadata"]["name"]]
    [text] = stored["data"].values()
    return [target["expr"] for panel in json.loads(text)["panels"] for target in panel.get("targets", [])]


def offered() -> set[str]:
    metrics = Metrics()
    metrics.watch_store(StoreFigures)
    try:
        types = re.findall(r"^# TYPE (\w+) (\w+)$", metrics.render().decode(), re.MULTILINE)
    finally:
        metrics.close()
    suffixes = {"histogram": ("_bucket", "_count", "_sum")}
    return {name + suffix for name, kind in types for suffix in suffixes.get(kind, ("",))}


def promtool(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run([PROMTOOL, *arguments], capture_output=True, text=True, timeout=60, check=False)
