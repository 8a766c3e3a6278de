"""The chart as helm renders it, and what Kubernetes would say of the objects."""

import json
import subprocess
from base64 import b64decode
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import jsonschema
import yaml
from referencing import Registry, Resource
from referencing.jsonschema import DRAFT7

from tests.deployment.documents import CHART
from tests.deployment.tools import HELM, SCHEMAS

RELEASE = "release"
NAMESPACE = "metadata"
Object = dict[str, Any]
URL = "postgresql://headwater:pw@db/headwater"
KEY = "MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE="
# Values that stand in for what Secrets outside the chart hold.
GIVEN = ("--set", f"secrets.databaseUrl.value={URL},secrets.databaseUrl.existingSecret=")
FIRST_KEY = "0123456789abcdef0123456789abcdef"
GIVEN_KEY = (
    "--set", f"secrets.secretKey.value={KEY},secrets.secretKey.existingSecret=",
    "--set", f"secrets.adminKey.value={FIRST_KEY},secrets.adminKey.existingSecret=",
)  # fmt: skip
# Kinds of the Prometheus operator, of which Kubernetes has no schema.
FOREIGN = "monitoring.coreos.com/v1"


def cases() -> list[str]:
    """The names of the matrix of values."""
    return sorted(path.name.removesuffix("-values.yaml") for path in (CHART / "ci").glob("*-values.yaml"))


def helm(version: str, *arguments: str | Path) -> subprocess.CompletedProcess[str]:
    """Run one of the helms."""
    return subprocess.run([HELM[version], *arguments], capture_output=True, text=True, timeout=60, check=False)


def rendered(case: str, version: str = "4.3", *arguments: str) -> list[Object]:
    """The objects of a case of the matrix, with further arguments of helm's."""
    return list(_rendered(case, version, arguments))


def objects_in(text: str) -> list[Object]:
    """The objects of a stream of YAML; the loader in C takes a seventh of the time."""
    return [found for found in yaml.load_all(text, yaml.CSafeLoader) if found]


def refused(*arguments: str) -> str:
    """What helm says of values that the chart must not take."""
    result = helm("4.3", "template", RELEASE, CHART, *arguments)
    assert result.returncode != 0, result.stdout
    return result.stderr


def of_kind(objects: list[Object], kind: str) -> list[Object]:
    """The objects of one kind."""
    return [found for found in objects if found["kind"] == kind]


def pods(objects: list[Object]) -> Iterator[tuple[str, Object]]:
    """The pod specs of all objects, with the names of these."""
    for found in objects:
        if found["kind"] in {"Deployment", "Job"}:
            yield found["metadata"]["name"], found["spec"]["template"]["spec"]


def environment(container: Object, objects: list[Object]) -> dict[str, str]:
    """The variables of a container, read from the objects that they refer to; the key where there is no such object."""
    variables: dict[str, str] = {}
    for entry in container["env"]:
        assert entry["name"] not in variables
        variables[entry["name"]] = str(entry["value"]) if "value" in entry else _referred(entry["valueFrom"], objects)
    return variables


def _referred(origin: Object, objects: list[Object]) -> str:
    kind = "Secret" if "secretKeyRef" in origin else "ConfigMap"
    reference: dict[str, str] = origin.get("secretKeyRef") or origin["configMapKeyRef"]
    for found in of_kind(objects, kind):
        if found["metadata"]["name"] == reference["name"]:
            return _decoded(found)[reference["key"]]
    return reference["key"]


def _decoded(found: Object) -> dict[str, str]:
    data: dict[str, str] = found["data"]
    return data if found["kind"] == "ConfigMap" else {key: b64decode(text).decode() for key, text in data.items()}


def schema_errors(found: Object, version: str) -> list[str]:
    """What the strict schema of a version of Kubernetes says of an object."""
    group, _, api = found["apiVersion"].rpartition("/")
    name = "-".join(part for part in (found["kind"].lower(), group.partition(".")[0], api) if part)
    schema = _schema(version, f"{name}.json")
    registry: Registry[Any] = Registry(retrieve=lambda uri: Resource(_schema(version, Path(uri).name), DRAFT7))
    validator: Any = jsonschema.Draft7Validator(schema, registry=registry)
    return [f"{error.json_path}: {error.message}" for error in validator.iter_errors(found)]


def versions() -> list[str]:
    """The oldest, the newest and some other versions of Kubernetes there are schemas of."""
    names = {path.name.removeprefix("v").removesuffix("-local-strict") for path in SCHEMAS.iterdir()}
    ordered = sorted(names, key=lambda name: tuple(map(int, name.split("."))))
    return [*ordered[:1], *ordered[4:-1:4], *ordered[-1:]]


@cache
def _schema(version: str, name: str) -> Any:
    return json.loads((SCHEMAS / f"v{version}-local-strict" / name).read_text(encoding="utf-8"))


@cache
def _rendered(case: str, version: str, arguments: tuple[str, ...]) -> tuple[Object, ...]:
    values = CHART / "ci" / f"{case}-values.yaml"
    result = helm(version, "template", RELEASE, CHART, "--namespace", NAMESPACE, "-f", values, *arguments)
    assert result.returncode == 0, result.stderr
    return tuple(objects_in(result.stdout))
