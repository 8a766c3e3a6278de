"""What a model takes in and how it was made, as its file MLmodel says."""

import json
from collections.abc import Mapping
from typing import Any, Literal, cast

import yaml

from connectors.errors import ConnectorError
from connectors.models.mlmodel import MlFeature

GENERIC = "python_function"
KINDS: Mapping[str, Literal["numerical", "categorical"]] = {
    **dict.fromkeys(("integer", "long", "float", "double", "int32", "int64", "float32", "float64"), "numerical"),
    **dict.fromkeys(("string", "boolean", "str", "bool"), "categorical"),
}
ADVICE = "look at the file MLmodel of the model's latest version"


def read_file(text: str) -> Mapping[str, Any]:
    """The file as a document.

    Raises:
        ConnectorError: It is no such file.
    """
    try:
        found: object = yaml.safe_load(text)
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        msg = f"its file MLmodel is no YAML: {error}"
        raise ConnectorError(msg, ADVICE) from error
    if not isinstance(found, Mapping):
        msg = "its file MLmodel is something else"
        raise ConnectorError(msg, ADVICE)
    return cast("Mapping[str, Any]", found)


def read_history(text: str, source: str) -> Mapping[str, Any] | None:
    """The same document as MLflow before 3 keeps it in a tag of the run, one for each model that was logged."""
    try:
        found: object = json.loads(text)
    except (ValueError, RecursionError):
        return None
    logged = [cast("Mapping[str, Any]", each) for each in _list(found) if isinstance(each, Mapping)]
    matching = [each for each in logged if each.get("artifact_path") and source.endswith(str(each["artifact_path"]))]
    return (matching or logged or [None])[-1]


def flavor(document: Mapping[str, Any]) -> str | None:
    """What the model was made with."""
    flavors = document.get("flavors")
    if not isinstance(flavors, Mapping):
        return None
    return next((str(name) for name in cast("Mapping[str, Any]", flavors) if name != GENERIC), None)


def features(document: Mapping[str, Any]) -> tuple[MlFeature, ...]:
    """The inputs of the signature; those without a name are called by their place.

    Raises:
        ConnectorError: There is one that cannot be read.
    """
    signature = document.get("signature")
    inputs = cast("Mapping[str, Any]", signature).get("inputs") if isinstance(signature, Mapping) else None
    if not inputs:
        return ()
    try:
        found: object = json.loads(inputs) if isinstance(inputs, str) else inputs
    except (ValueError, RecursionError) as error:
        msg = f"the signature in its file MLmodel cannot be read: {error}"
        raise ConnectorError(msg, ADVICE) from error
    rows = [cast("Mapping[str, Any]", each) for each in _list(found) if isinstance(each, Mapping)]
    return tuple(_feature(place, row) for place, row in enumerate(rows))


def _feature(place: int, row: Mapping[str, Any]) -> MlFeature:
    spec = row.get("tensor-spec")
    tensor: Mapping[str, Any] = cast("Mapping[str, Any]", spec) if isinstance(spec, Mapping) else {}
    kind = str(tensor.get("dtype") or row.get("type") or "")
    shape = f" of shape {tensor['shape']}" if tensor.get("shape") else ""
    optional = "" if row.get("required", True) else ", optional"
    return MlFeature(
        name=str(row.get("name") or place),
        data_type=KINDS.get(kind),
        description=f"{kind}{shape}{optional}" if kind else None,
    )


def _list(found: object) -> list[object]:
    return cast("list[object]", found) if isinstance(found, list) else []
