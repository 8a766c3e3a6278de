"""`make chart`: the parts of the chart that follow from the settings and from values.yaml.

The blocks `config` and `secrets` of values.yaml come from the settings model, values.schema.json from both, the table
of the chart's README from the comments of values.yaml.
"""

import json
import re
import sys
from collections.abc import Iterator
from functools import reduce
from pathlib import Path
from typing import Any, cast

import yaml

from service.settings import Settings
from service.workflows.schemas import NAME_PATTERN
from tests.sharing import REPOSITORY

CHART = REPOSITORY / "helm" / "headwater"
# What the chart decides itself, as the pods are made for it.
OWNED = {"host", "port", "data_dir", "secrets_dir", "pg_bindir"}
# Where a chart's default is another than the service's.
DEFAULTS: dict[str, Any] = {"auth": "keys", "shutdown_grace_seconds": 120}
TEXTS = {"type": "object", "additionalProperties": {"type": "string"}}
NAME = {"name": {"type": "string", "minLength": 1}}
NAMED = {"type": "object", "required": ["name"], "properties": NAME}
VARIABLE = {"type": "object", "required": ["name"], "properties": NAME | {"value": {"type": "string"}}}
PATHS = {"type": "array", "minItems": 1, "items": {"type": "string", "pattern": "^/"}}
HOST = {
    "type": "object", "additionalProperties": False, "required": ["host", "paths"],
    "properties": {"host": {"type": "string"}, "paths": PATHS},
}  # fmt: skip
SECRET = {"type": "object", "additionalProperties": False, "properties": {
    "value": {"type": "string"}, "existingSecret": {"type": "string"}, "key": {"type": "string", "minLength": 1},
}}  # fmt: skip
AUTOSCALING = {
    "type": "object", "additionalProperties": False, "required": ["maxReplicas"],
    "properties": {
        "minReplicas": {"type": "integer", "minimum": 1}, "maxReplicas": {"type": "integer", "minimum": 1},
        "targetCPUUtilizationPercentage": {"type": "integer", "minimum": 1},
        "metrics": {"type": "array", "items": {"type": "object"}},
    },
}  # fmt: skip
WORKER = {
    "type": "object", "additionalProperties": False, "required": ["pools"],
    "properties": {
        "pools": {"type": "array", "minItems": 1, "items": {"type": "string", "pattern": NAME_PATTERN}},
        "replicas": {"type": "integer", "minimum": 0},
        "slots": {"type": "integer", "minimum": 1, "maximum": 1000},
        "resources": {"type": "object"}, "nodeSelector": TEXTS, "affinity": {"type": "object"},
        "tolerations": {"type": "array", "items": {"type": "object"}},
        "extraEnv": {"type": "array", "items": VARIABLE}, "podAnnotations": TEXTS,
        "autoscaling": AUTOSCALING,
    },
}  # fmt: skip
WORKFLOW = {
    "type": "object", "required": ["config"],
    "properties": {"config": {"type": "object", "required": ["source"]}, "schedule": {"type": ["object", "null"]}},
}  # fmt: skip
# What the type of a default does not say.
NARROWER: dict[str, dict[str, Any]] = {
    "image.pullPolicy": {"enum": ["Always", "IfNotPresent", "Never"]},
    "image.digest": {"pattern": "^(sha256:[0-9a-f]{64})?$"},
    "service.type": {"enum": ["ClusterIP", "NodePort", "LoadBalancer"]},
    "replicaCount": {"minimum": 0},
    "service.port": {"minimum": 1, "maximum": 65535},
    "preStopSeconds": {"minimum": 0},
    "shutdownMarginSeconds": {"minimum": 0},
    "apply.backoffLimit": {"minimum": 0},
    "apply.activeDeadlineSeconds": {"minimum": 1},
    "apply.prune": {"pattern": "^([^:]+:.+)?$"},
    "autoscaling.minReplicas": {"minimum": 1},
    "autoscaling.maxReplicas": {"minimum": 1},
    "autoscaling.targetCPUUtilizationPercentage": {"minimum": 1},
    "imagePullSecrets": {"items": NAMED},
    "extraEnv": {"items": VARIABLE},
    "extraVolumes": {"items": NAMED},
    "extraVolumeMounts": {"items": NAMED},
    "extraInitContainers": {"items": NAMED},
    "ingress.hosts": {"minItems": 1, "items": HOST},
    "nodeSelector": TEXTS,
    "workers": {"additionalProperties": WORKER, "propertyNames": {"pattern": "^[a-z0-9]([a-z0-9-]{0,18}[a-z0-9])?$"}},
    "workflows": {"additionalProperties": WORKFLOW, "propertyNames": {"pattern": NAME_PATTERN}},
    "podDisruptionBudget.maxUnavailable": {"type": ["integer", "string"]},
    "secretFiles.values": TEXTS | {"propertyNames": {"pattern": "^[-._a-zA-Z0-9]+$"}},
    "prometheusRule.freshnessSecondsByWorkflow": {"additionalProperties": {"type": "integer", "minimum": 1}},
}
# Maps of Kubernetes' own types, and those of words whose keys the operator chooses.
OPEN = re.compile(r"podSecurityContext|securityContext|(apply\.)?resources|affinity|probes\.\w+")
_TEXTS = re.compile(r"(.*\.)?\w*([lL]abels|[aA]nnotations)")
# Lists of what is not a map.
WORDS = {"secretFiles.existingSecrets", "persistence.accessModes", "serviceMonitor.namespaces"}
TYPES = {"list": "array", "bool": "boolean", "int": "integer", "float": "number", "str": "string"}
_BLOCK = re.compile(r"(?<=# BEGIN settings, written by `make chart`\n).*(?=# END settings)", re.DOTALL)
_TABLE = re.compile(r"(?<=<!-- BEGIN values -->\n).*(?=<!-- END values -->)", re.DOTALL)
_VALUE = re.compile(r"( *)([\w-]+):")
_COMMENT = re.compile(r" *# -- (.*)")


def main() -> int:
    """Write all that follows from the model."""
    for path, text in documents().items():
        path.write_text(text, encoding="utf-8")
    return 0


def documents() -> dict[Path, str]:
    """Each generated file as it should be."""
    values = CHART / "values.yaml"
    text = _BLOCK.sub(lambda _: _settings_block(), values.read_text(encoding="utf-8"))
    readme = CHART / "README.md"
    table = _TABLE.sub(lambda _: _table(text), readme.read_text(encoding="utf-8"))
    schema = json.dumps(_schema(yaml.safe_load(text)), indent=2) + "\n"
    return {values: text, CHART / "values.schema.json": schema, readme: table}


def camel(field: str) -> str:
    """The name of a setting in the values."""
    head, *rest = field.split("_")
    return head + "".join(map(str.capitalize, rest))


def fields() -> tuple[dict[str, Any], dict[str, Any]]:
    """The settings that the values have, by field, as JSON Schema: open ones, and secret ones."""
    properties: dict[str, dict[str, Any]] = Settings.model_json_schema()["properties"]
    secret = {name: schema for name, schema in properties.items() if "password" in json.dumps(schema)}
    return {name: s for name, s in properties.items() if name not in OWNED and name not in secret}, secret


def _settings_block() -> str:
    opened, secret = fields()
    lines = [
        "# Each setting of the service: workerSlots is HEADWATER_WORKER_SLOTS there; null leaves it to the service"
    ]
    lines += ["config:"]
    for name, schema in opened.items():
        default = DEFAULTS.get(name, schema.get("default"))
        lines += [f"  # -- {schema['description']}", f"  {camel(name)}: {json.dumps(default)}"]
    lines += ["", "# Secret settings: a value of your own, or the key of a Secret that is there already", "secrets:"]
    for name, schema in secret.items():
        key = name.replace("_", "-")
        lines += [f"  {camel(name)}:", f"    # -- {schema['description']} Kept in the release: prefer `existingSecret`"]
        lines += ['    value: ""', "    # -- Name of the Secret", '    existingSecret: ""']
        lines += ["    # -- Key in the Secret", f"    key: {key}"]
    return "\n".join(lines) + "\n"


def _schema(values: dict[str, Any]) -> dict[str, Any]:
    schema = _of(values, "")
    opened, _ = fields()
    config = {camel(name): _nullable({k: v for k, v in s.items() if k != "title"}) for name, s in opened.items()}
    schema["properties"]["config"] = {"type": "object", "additionalProperties": False, "properties": config}
    secrets = dict.fromkeys(values["secrets"], SECRET)
    schema["properties"]["secrets"] = {"type": "object", "additionalProperties": False, "properties": secrets}
    # Helm's own: values for every chart of a release, and the switch of a chart that is a dependency.
    schema["properties"] |= {"global": {"type": "object"}, "enabled": {"type": "boolean"}}
    return {"$schema": "http://json-schema.org/draft-07/schema#", "title": "Values of the chart headwater", **schema}


def _nullable(schema: dict[str, Any]) -> dict[str, Any]:
    description = {"description": schema.pop("description")}
    schema.pop("default", None)
    kept = schema.pop("anyOf", None) or [schema]
    return description | {"anyOf": [*kept, {"type": "null"}]}


def _of(value: Any, path: str) -> dict[str, Any]:
    narrower = NARROWER.get(path, {})
    if not isinstance(value, dict):
        kind: str = type(value).__name__
        items = {"items": {"type": "string" if path in WORDS else "object"}} if kind == "list" else {}
        return {"type": TYPES.get(kind, "null")} | items | narrower
    entries = cast("dict[str, Any]", value)
    if _TEXTS.fullmatch(path):
        return TEXTS
    if not entries or OPEN.fullmatch(path):
        return {"type": "object"} | narrower
    below = {name: _of(entry, f"{path}.{name}".lstrip(".")) for name, entry in entries.items()}
    return {"type": "object", "additionalProperties": False, "properties": below} | narrower


def described(text: str) -> Iterator[tuple[str, str | None]]:
    """Each value by its path and what the comment above says, None without one. A described map is one value."""
    above: list[tuple[int, str]] = []
    comment: str | None = None
    whole = None
    for line in text.splitlines():
        if found := _COMMENT.match(line):
            comment = found[1]
            continue
        found = _VALUE.match(line)
        if found is None or (whole is not None and len(found[1]) > whole):
            continue
        whole = None
        above = [entry for entry in above if entry[0] < len(found[1])]
        above.append((len(found[1]), found[2]))
        if comment is not None or line[found.end() :].strip():
            yield ".".join(name for _, name in above), comment
            whole = len(found[1])
        comment = None


def _table(text: str) -> str:
    values = yaml.safe_load(text)
    rows = ["| value | default | meaning |", "|---|---|---|"]
    for path, meaning in described(text):
        default = json.dumps(reduce(lambda found, name: found[name], path.split("."), values))
        rows.append(f"| `{path}` | `{default}` | {(meaning or '').replace('|', chr(92) + '|')} |")
    return "\n".join(rows) + "\n"


if __name__ == "__main__":
    sys.exit(main())
