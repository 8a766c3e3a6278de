"""Workers in Deployments of their own."""

import json

import pytest

from service.settings.environment import load_settings
from tests.deployment.chart import GIVEN, GIVEN_KEY, environment, of_kind, refused, rendered, schema_errors, versions

SCALED = ("--set-json", 'workers.heavy.autoscaling={"minReplicas": 2, "maxReplicas": 5}')


def test_worker_pools_are_deployments_of_their_own() -> None:
    objects = rendered("worker-pools", "4.3", *GIVEN, *GIVEN_KEY)
    found = {one["metadata"]["name"]: one["spec"] for one in of_kind(objects, "Deployment")}
    assert set(found) == {f"release-headwater{suffix}" for suffix in ("", "-worker-default", "-worker-heavy")}
    heavy = found["release-headwater-worker-heavy"]["template"]["spec"]
    settings = load_settings(environment(heavy["containers"][0], objects))
    assert (settings.roles, settings.worker_pools, settings.worker_slots) == (("worker",), ("heavy", "huge"), 2)
    assert settings.log_level == "DEBUG"
    assert heavy["nodeSelector"] == {"disktype": "fast"}
    assert heavy["containers"][0]["resources"]["limits"] == {"memory": "4Gi"}
    api = of_kind(objects, "Service")[0]["spec"]["selector"]
    assert api["app.kubernetes.io/component"] == "service"


def test_a_pool_is_scaled_by_itself() -> None:
    objects = rendered("worker-pools", "4.3", *SCALED)
    [scaler] = of_kind(objects, "HorizontalPodAutoscaler")
    deployments = {one["metadata"]["name"]: one["spec"] for one in of_kind(objects, "Deployment")}
    name = scaler["spec"]["scaleTargetRef"]["name"]
    assert name == "release-headwater-worker-heavy"
    assert "replicas" not in deployments[name]
    assert deployments["release-headwater-worker-default"]["replicas"] == 2
    assert (scaler["spec"]["minReplicas"], scaler["spec"]["maxReplicas"]) == (2, 5)
    assert scaler["spec"]["metrics"][0]["resource"]["target"]["averageUtilization"] == 75
    budgets = {one["metadata"]["name"] for one in of_kind(objects, "PodDisruptionBudget")}
    assert name in budgets


def test_the_service_and_a_pool_are_scaled_side_by_side_by_what_is_wanted() -> None:
    metric = {"metric": {"name": "queued"}, "target": {"type": "Value", "value": 1}}
    wanted = {"maxReplicas": 5, "metrics": [{"type": "External", "external": metric}]}
    own = ("--set", "autoscaling.enabled=true", "--set-json", f"workers.heavy.autoscaling={json.dumps(wanted)}")
    objects = rendered("worker-pools", "4.3", *own)
    service, heavy = of_kind(objects, "HorizontalPodAutoscaler")
    assert service["metadata"]["name"] == "release-headwater"
    assert service["spec"]["metrics"][0]["type"] == "Resource"
    assert (heavy["spec"]["minReplicas"], heavy["spec"]["metrics"][0]["type"]) == (1, "External")
    budgets = {one["metadata"]["name"] for one in of_kind(objects, "PodDisruptionBudget")}
    assert budgets == {"release-headwater", "release-headwater-worker-default"}
    assert [error for found in objects for error in schema_errors(found, versions()[-1])] == []


@pytest.mark.parametrize(
    ("values", "told"),
    [
        ('{"pools": ["a"], "replicas": 2, "autoscaling": {"maxReplicas": 3}}', "either replicas or autoscaling"),
        (
            '{"pools": ["a"], "autoscaling": {"minReplicas": 4, "maxReplicas": 3}}',
            "workers.heavy.autoscaling.minReplicas: must not be more than maxReplicas",
        ),
        ('{"pools": ["a"], "autoscaling": {"minReplicas": 4}}', "maxReplicas"),
        ('{"pools": ["a"], "autoscaling": {"maxReplicas": 3, "max": 3}}', "max"),
    ],
)
def test_wrong_scaling_is_refused_by_name(values: str, told: str) -> None:
    assert told in refused("--set", "secrets.databaseUrl.existingSecret=x", "--set-json", f"workers.heavy={values}")
