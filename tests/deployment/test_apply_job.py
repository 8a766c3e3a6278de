"""The job that applies the workflows of the values."""

from typing import Any

import pytest
import yaml

from tests.deployment.chart import of_kind, pods, refused, rendered


def job(*arguments: str) -> dict[str, Any]:
    """The job, and its container."""
    [found] = of_kind(rendered("everything", "4.3", *arguments), "Job")
    return found


def command(*arguments: str) -> list[str]:
    """What its container is told to do."""
    told: list[str] = job(*arguments)["spec"]["template"]["spec"]["containers"][0]["args"]
    return told


def applied(*arguments: str) -> dict[str, Any]:
    """The workflow that it applies."""
    maps = of_kind(rendered("everything", "4.3", *arguments), "ConfigMap")
    [stored] = [one for one in maps if one["metadata"]["name"] == "ingestion-workflows"]
    workflow: dict[str, Any] = yaml.safe_load(stored["data"]["shop-nightly.yaml"])
    return workflow


def test_workflows_are_applied_after_install_and_upgrade() -> None:
    assert job()["metadata"]["annotations"]["helm.sh/hook"] == "post-install,post-upgrade"
    assert command() == ["apply", "--folder=/workflows", "--url=http://ingestion:8080", "--wait=120"]
    assert applied()["name"] == "shop-nightly"
    assert applied()["config"]["source"]["type"] == "postgres"
    assert "labels" not in applied()


def test_what_has_to_be_mended_fails_at_once_and_an_outage_is_waited_for() -> None:
    spec = job()["spec"]
    refusal, eviction = spec["podFailurePolicy"]["rules"]
    assert refusal["action"] == "FailJob"
    assert refusal["onExitCodes"] == {"containerName": "apply", "operator": "In", "values": [2]}
    assert eviction == {"action": "Ignore", "onPodConditions": [{"type": "DisruptionTarget", "status": "True"}]}
    assert spec["template"]["spec"]["restartPolicy"] == "Never"
    # helm waits 300 seconds for a hook: the job has to say before that why it gives up.
    assert spec["activeDeadlineSeconds"] < 300


def test_what_left_the_values_is_deleted_if_that_is_wanted() -> None:
    wanted = ("--set", "apply.prune=managed-by:chart,workflows.shop-nightly.labels.team=data")
    assert command(*wanted)[-1] == "--prune=managed-by:chart"
    assert applied(*wanted)["labels"] == {"team": "data", "managed-by": "chart"}


@pytest.mark.parametrize("label", ["managed-by", ":chart"])
def test_a_label_that_is_none_is_refused(label: str) -> None:
    assert "at '/apply/prune'" in refused("--set", f"apply.prune={label}")


def test_the_apply_job_runs_where_the_other_pods_may_and_leaves_its_log() -> None:
    pod = job()["spec"]["template"]["spec"]
    [service, *_] = (spec for name, spec in pods(rendered("everything")) if name == "ingestion")
    for key in ("nodeSelector", "tolerations", "affinity", "priorityClassName"):
        assert pod[key] == service[key]
    assert pod["restartPolicy"] == "Never"
    [policy] = of_kind(rendered("everything"), "NetworkPolicy")
    own = {"app.kubernetes.io/name": "headwater", "app.kubernetes.io/instance": "release"}
    assert policy["spec"]["egress"][0]["to"] == [{"podSelector": {"matchLabels": own}}]
