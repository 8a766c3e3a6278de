"""The chart, rendered by both helms over every shape of values."""

import json
import re
from ipaddress import ip_address
from pathlib import Path
from typing import Any

import pytest
import yaml

from service.settings import Settings
from service.settings.environment import load_settings
from tests.deployment import documents
from tests.deployment.chart import (
    FIRST_KEY,
    FOREIGN,
    GIVEN,
    GIVEN_KEY,
    URL,
    cases,
    environment,
    helm,
    objects_in,
    of_kind,
    pods,
    refused,
    rendered,
    schema_errors,
    versions,
)
from tests.deployment.tools import HELM


@pytest.mark.parametrize("version", HELM)
@pytest.mark.parametrize("case", cases())
def test_lint_has_nothing_to_say(case: str, version: str) -> None:
    result = helm(version, "lint", "--strict", documents.CHART, "-f", documents.CHART / "ci" / f"{case}-values.yaml")
    assert result.returncode == 0, result.stdout
    assert "[WARNING]" not in result.stdout


@pytest.mark.parametrize("case", cases())
def test_both_helms_render_the_same(case: str) -> None:
    assert rendered(case, "3.17") == rendered(case, "4.3")


@pytest.mark.parametrize("kubernetes", versions())
@pytest.mark.parametrize("case", cases())
def test_every_version_of_kubernetes_takes_the_objects(case: str, kubernetes: str) -> None:
    given = rendered(case, "4.3", "--kube-version", kubernetes)
    objects = [found for found in given if found["apiVersion"] != FOREIGN]
    errors = {f"{found['kind']} {found['metadata']['name']}": schema_errors(found, kubernetes) for found in objects}
    assert {name: told for name, told in errors.items() if told} == {}


def test_a_schema_refuses_what_kubernetes_does_not_know() -> None:
    [found, *_] = of_kind(rendered("minimal"), "Deployment")
    wrong = json.loads(json.dumps(found))
    wrong["spec"]["template"]["spec"]["containers"][0]["imagee"] = "x"
    assert any("imagee" in error for error in schema_errors(wrong, versions()[-1]))


@pytest.mark.parametrize("case", cases())
def test_no_two_objects_have_one_name(case: str) -> None:
    names = [(found["kind"], found["metadata"]["name"]) for found in rendered(case)]
    assert len(set(names)) == len(names)


@pytest.mark.parametrize("case", cases())
def test_pod_security_restricted_passes(case: str) -> None:
    found = list(pods(rendered(case)))
    assert found
    for name, pod in found:
        assert restricted_violations(pod) == [], name


@pytest.mark.parametrize(
    ("change", "violation"),
    [
        ("podSecurityContext.runAsNonRoot=false", "runAsNonRoot"),
        ("podSecurityContext.seccompProfile.type=Unconfined", "seccompProfile"),
        ("securityContext.allowPrivilegeEscalation=true", "allowPrivilegeEscalation"),
        ("securityContext.capabilities.drop=null", "capabilities"),
        ("securityContext.privileged=true", "privileged"),
    ],
)
def test_a_breach_of_restricted_is_seen(change: str, violation: str) -> None:
    _, pod = next(pods(rendered("minimal", "4.3", "--set", change)))
    assert any(violation in found for found in restricted_violations(pod))


@pytest.mark.parametrize("case", cases())
def test_the_root_is_read_only_and_no_token_is_mounted(case: str) -> None:
    for name, pod in pods(rendered(case)):
        assert pod["automountServiceAccountToken"] is False
        for container in (*pod.get("initContainers", []), *pod["containers"]):
            if container["name"] != "wait":
                assert container["securityContext"]["readOnlyRootFilesystem"] is True, name


@pytest.mark.parametrize("case", cases())
def test_the_environment_of_each_pod_is_settings_that_the_service_takes(case: str) -> None:
    external = () if case == "minimal" else (*GIVEN, *GIVEN_KEY)
    objects = rendered(case, "4.3", *external)
    for _, pod in pods(objects):
        for container in (*pod.get("initContainers", []), *pod["containers"]):
            if container["name"] in {"headwater", "migrate"}:
                settings = load_settings(environment(container, objects))
                assert ip_address(settings.host).is_unspecified
                assert (settings.database_url is None) == (case == "minimal")


def test_values_come_back_as_the_settings_that_they_name() -> None:
    objects = rendered("everything")
    service = of_kind(objects, "Deployment")[0]["spec"]["template"]["spec"]["containers"][0]
    settings = load_settings(environment(service, objects))
    assert settings.worker_slots == 8
    assert settings.worker_pools == ("default", "narrow")
    assert settings.pool_limits == {"narrow": 1}
    assert settings.heartbeat_seconds == 2.5
    assert settings.retention_runs_per_workflow == 1_000_000
    assert settings.poll_seconds == 7
    assert settings.database_url is not None
    assert settings.database_url.get_secret_value().endswith("pa%24s@postgres:5432/headwater")


def test_every_setting_is_in_the_values_or_decided_by_the_chart() -> None:
    values = yaml.safe_load((documents.CHART / "values.yaml").read_text())
    named = {documents.camel(field): field for field in Settings.model_fields}
    offered = {named[name] for name in (*values["config"], *values["secrets"])}
    assert offered | documents.OWNED == set(Settings.model_fields)


@pytest.mark.parametrize("path", sorted(documents.documents()), ids=lambda path: path.name)
def test_generated_documents_are_as_the_model_says(path: Path) -> None:
    assert path.read_text(encoding="utf-8") == documents.documents()[path], "run `make chart`"


def test_every_value_is_documented() -> None:
    text = (documents.CHART / "values.yaml").read_text()
    assert [path for path, comment in documents.described(text) if not comment] == []


def test_pods_have_the_time_that_the_drain_needs() -> None:
    for arguments, seconds in (
        ((), 155),
        (("--set-json", "config.shutdownGraceSeconds=600.5,preStopSeconds=9"), 640),
        (("--set-json", "config.shutdownGraceSeconds=0"), 35),
        (("--set-json", "config.shutdownGraceSeconds=null"), 55),
    ):
        _, pod = next(pods(rendered("minimal", "4.3", *arguments)))
        assert pod["terminationGracePeriodSeconds"] == seconds


def test_selectors_find_the_pods_of_their_own_deployment_only() -> None:
    deployments = of_kind(rendered("everything"), "Deployment")
    labels = [one["spec"]["template"]["metadata"]["labels"] for one in deployments]
    for deployment in deployments:
        selector = deployment["spec"]["selector"]["matchLabels"].items()
        assert sum(selector <= found.items() for found in labels) == 1


@pytest.mark.parametrize("case", cases())
def test_nothing_is_random_so_that_nothing_drifts(case: str) -> None:
    values = documents.CHART / "ci" / f"{case}-values.yaml"
    first, second = (helm("4.3", "template", "release", documents.CHART, "-f", values).stdout for _ in range(2))
    assert first == second
    hooks = [found for found in rendered(case) if "helm.sh/hook" in found["metadata"].get("annotations", {})]
    assert {found["kind"] for found in hooks} <= {"Job"}
    # With stringData a value that is taken out stays in the cluster.
    assert [one for one in of_kind(rendered(case), "Secret") if "stringData" in one] == []


@pytest.mark.parametrize("case", cases())
def test_kinds_that_kubernetes_does_not_have_by_itself_are_made_on_demand_only(case: str) -> None:
    foreign = {found["kind"] for found in rendered(case) if found["apiVersion"] == FOREIGN}
    assert foreign == ({"ServiceMonitor", "PrometheusRule"} if case in {"ha", "everything"} else set())


def test_an_embedded_store_has_a_volume_and_one_pod_at_a_time() -> None:
    objects = rendered("minimal")
    [deployment] = of_kind(objects, "Deployment")
    [claim] = of_kind(objects, "PersistentVolumeClaim")
    assert deployment["spec"]["strategy"]["type"] == "Recreate"
    assert "initContainers" not in deployment["spec"]["template"]["spec"]
    volumes = {one["name"]: one for one in deployment["spec"]["template"]["spec"]["volumes"]}
    assert volumes["data"]["persistentVolumeClaim"]["claimName"] == claim["metadata"]["name"]
    assert of_kind(rendered("external-database"), "PersistentVolumeClaim") == []


def test_a_changed_setting_or_secret_restarts_the_pods() -> None:
    def checksums(*arguments: str) -> tuple[str, str]:
        [deployment] = of_kind(rendered("minimal", "4.3", *arguments), "Deployment")
        found: dict[str, Any] = deployment["spec"]["template"]["metadata"]["annotations"]
        return found["checksum/config"], found["checksum/secret"]

    config, secret = checksums()
    assert checksums("--set", "config.workerSlots=5") == (checksums("--set", "config.workerSlots=5")[0], secret)
    assert checksums("--set", "config.workerSlots=5")[0] != config
    assert checksums("--set", "secretFiles.values.a=b")[1] != secret


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ("replicaCount=2", "replicaCount: more than one replica needs a database of your own"),
        ("autoscaling.enabled=true", "autoscaling.enabled: more than one replica needs"),
        ("workers.heavy.pools={a}", "workers: workers in pods of their own need"),
        ("secrets.databaseUrl.value=a,secrets.databaseUrl.existingSecret=b", "set either value or existingSecret"),
        ("config.workerSlotz=5", "workerSlotz"),
        ("config.workerSlots=0", "workerSlots"),
        ("config.roles={api,cook}", "roles"),
        ("image.pullPolicy=Sometimes", "pullPolicy"),
        ("replicas=2", "replicas"),
        ("workers.heavy.slots=2", "pools"),
        ("workers.heavy.pools={a b}", "/workers/heavy/pools/0"),
        ("config.auth=none", "config.auth: none is possible on loopback only"),
        ("service.port=99999", "/service/port"),
        ("preStopSeconds=-1", "/preStopSeconds"),
        (f"secrets.databaseUrl.value={URL},autoscaling.enabled=true,autoscaling.minReplicas=7",
         "autoscaling.minReplicas: must not be more than autoscaling.maxReplicas"),
        ("workflows.a b.config.source.type=x", "'a b' does not match"),
        ("secretFiles.values.a/b=x", "'a/b' does not match"),
        ('commonLabels.app\\.kubernetes\\.io/name=x', "commonLabels: app.kubernetes.io/name is set by the chart"),
        ('podLabels.app\\.kubernetes\\.io/component=x', "podLabels: app.kubernetes.io/component is set by the chart"),
    ],
)  # fmt: skip
def test_wrong_values_are_refused_by_name(values: str, message: str) -> None:
    assert re.search(re.escape(message), refused("--set", values))


@pytest.mark.parametrize(
    ("value", "place"),
    [
        ('ingress.hosts=[{"host": "a", "paths": [{"path": "/", "pathType": "Prefix"}]}]', "/ingress/hosts/0/paths/0"),
        ('secretFiles.existingSecrets=[{"name": "x"}]', "/secretFiles/existingSecrets/0"),
        ('imagePullSecrets=["pull"]', "/imagePullSecrets/0"),
        ('extraEnv=[{"name": "A", "value": 5}]', "/extraEnv/0/value"),
        ('nodeSelector={"gpu": true}', "/nodeSelector/gpu"),
        ('podAnnotations={"a": 1}', "/podAnnotations/a"),
        ('serviceMonitor.labels={"a": 1}', "/serviceMonitor/labels/a"),
        ('tolerations=["all"]', "/tolerations/0"),
        ("config.roles=[]", "/config/roles"),
    ],
)
def test_values_of_another_shape_are_refused_before_kubernetes_does(value: str, place: str) -> None:
    assert f"at '{place}'" in refused("--set-json", value)


@pytest.mark.parametrize("release", ["123", "1e3", "team.metadata", "a" * 53])
def test_every_name_that_a_release_may_have_makes_objects_that_kubernetes_takes(release: str) -> None:
    values = documents.CHART / "ci" / "everything-values.yaml"
    result = helm("4.3", "template", release, documents.CHART, "-f", values, "--set", "fullnameOverride=")
    assert result.returncode == 0, result.stderr
    for found in objects_in(result.stdout):
        if found["apiVersion"] != FOREIGN:
            assert schema_errors(found, versions()[-1]) == []
        name = found["metadata"]["name"]
        assert re.fullmatch("[a-z]([a-z0-9-]*[a-z0-9])?", name)
        assert len(name) <= (63 if found["kind"] in {"Service", "Job"} else 253)
        assert found["metadata"]["labels"]["app.kubernetes.io/instance"] == release


def test_names_of_digits_stay_texts() -> None:
    digits = (
        "--set-string",
        "secrets.databaseUrl.existingSecret=12,apply.existingSecret=34,persistence.existingClaim=56",
    )
    objects = rendered("everything", "4.3", "--set", "secrets.databaseUrl.value=", *digits)
    assert [error for found in objects if found["apiVersion"] != FOREIGN
            for error in schema_errors(found, versions()[-1])] == []  # fmt: skip


def test_a_dash_asks_for_a_volume_of_no_class() -> None:
    [claim] = of_kind(rendered("minimal", "4.3", "--set", "persistence.storageClass=-"), "PersistentVolumeClaim")
    assert claim["spec"]["storageClassName"] == ""


def test_the_notes_tell_the_next_steps() -> None:
    result = helm("4.3", "install", "release", documents.CHART, "--dry-run=client")
    assert "port-forward service/release-headwater" in result.stdout
    assert "The store is embedded in the one pod." in result.stdout
    assert "exec deployment/release-headwater -c headwater -- headwater keys create first" in result.stdout


@pytest.mark.parametrize(
    ("values", "told"),
    [
        ("ingress.enabled=true", "in networkPolicy.from, or their requests get no answer"),
        ("config.openmetadataUsername=om", "in networkPolicy.from"),
        ("service.type=LoadBalancer", "in networkPolicy.from"),
        ("ingress.enabled=true", "name it in config.trustedProxies"),
        ("config.roles={api,timer}", "No pod of this release runs anything"),
        ("config.roles={api,worker}", "No pod of this release fires schedules"),
    ],
)
def test_the_notes_tell_what_would_be_missed(values: str, told: str) -> None:
    command = ("install", "release", documents.CHART, "--dry-run=client")
    assert told not in helm("4.3", *command).stdout
    assert told in helm("4.3", *command, "--set", values).stdout


def restricted_violations(pod: dict[str, Any]) -> list[str]:
    """What the Pod Security Standard `restricted` (with `baseline`) forbids, of what a chart can say."""
    violations = [key for key in ("hostNetwork", "hostPID", "hostIPC") if pod.get(key)]
    allowed = {
        "configMap",
        "csi",
        "downwardAPI",
        "emptyDir",
        "ephemeral",
        "persistentVolumeClaim",
        "projected",
        "secret",
    }
    violations += [f"volume {one['name']}" for one in pod["volumes"] if set(one) - {"name"} - allowed]
    for container in (*pod.get("initContainers", []), *pod["containers"]):
        own = container.get("securityContext", {})
        both = pod["securityContext"] | own
        wrong = {
            "runAsNonRoot": both.get("runAsNonRoot") is not True,
            "runAsUser": both.get("runAsUser") == 0,
            "seccompProfile": both.get("seccompProfile", {}).get("type") not in {"RuntimeDefault", "Localhost"},
            "allowPrivilegeEscalation": own.get("allowPrivilegeEscalation") is not False,
            "capabilities": "ALL" not in (own.get("capabilities", {}).get("drop") or []),
            "added capabilities": bool(set(own.get("capabilities", {}).get("add", [])) - {"NET_BIND_SERVICE"}),
            "privileged": bool(own.get("privileged")),
            "hostPort": any(port.get("hostPort") for port in container.get("ports", [])),
        }
        violations += [f"{container['name']}: {name}" for name, broken in wrong.items() if broken]
    return violations


@pytest.mark.parametrize("case", cases())
def test_every_pod_asks_for_keys(case: str) -> None:
    external = () if case == "minimal" else (*GIVEN, *GIVEN_KEY)
    objects = rendered(case, "4.3", *external)
    for deployment in of_kind(objects, "Deployment"):
        settings = load_settings(environment(deployment["spec"]["template"]["spec"]["containers"][0], objects))
        assert settings.auth == "keys"
        assert (settings.metrics_auth == "keys") == (case == "everything")


def test_the_first_key_is_in_the_secret_and_the_apply_job_shows_one() -> None:
    objects = rendered("everything")
    service = of_kind(objects, "Deployment")[0]["spec"]["template"]["spec"]["containers"][0]
    assert load_settings(environment(service, objects)).admin_keys == (FIRST_KEY, "secret:second-admin")
    [job] = of_kind(objects, "Job")
    assert environment(job["spec"]["template"]["spec"]["containers"][0], objects)["HEADWATER_API_KEY"].startswith(
        FIRST_KEY
    )
    own = rendered("everything", "4.3", "--set", "apply.existingSecret=deployer")
    [shown, *_] = of_kind(own, "Job")[0]["spec"]["template"]["spec"]["containers"][0]["env"]
    assert shown["valueFrom"]["secretKeyRef"] == {"name": "deployer", "key": "api-key"}
    [monitor] = of_kind(objects, "ServiceMonitor")
    assert monitor["spec"]["endpoints"][0]["authorization"]["credentials"] == {"name": "headwater-scrape", "key": "key"}


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ("workflows.shop.config.source.type=postgres", "set secrets.adminKey or apply.existingSecret"),
        ("serviceMonitor.enabled=true,config.metricsAuth=keys", "set serviceMonitor.existingSecret"),
        ("config.auth=basic", "auth"),
        ("config.allowUnauthenticated=true", "allowUnauthenticated"),
    ],
)
def test_values_that_leave_somebody_without_a_key_are_refused(changes: str, told: str) -> None:
    result = helm("4.3", "template", "release", documents.CHART, "--set", changes)
    assert result.returncode != 0
    assert told in result.stderr
