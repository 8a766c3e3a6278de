"""Definitions in files: YAML or JSON, with the environment's variables put in."""

import json
from collections.abc import Mapping
from pathlib import Path
from string import Template
from typing import Any, cast

import yaml

from connectors.errors import ConfigurationError

SUFFIXES = (".yaml", ".yml", ".json")


def load(path: Path, environ: Mapping[str, str]) -> dict[str, Any]:
    """The document in a file, after `$NAME` and `${NAME}` were replaced; unknown names stay as they are.

    Raises:
        ConfigurationError: The file cannot be read or is not a YAML or JSON object.
    """
    try:
        text = Template(path.read_text(encoding="utf-8")).safe_substitute(environ)
    except OSError as error:
        raise ConfigurationError.at(str(path), error.strerror or "cannot be read") from error
    except UnicodeDecodeError as error:
        raise ConfigurationError.at(str(path), f"is not UTF-8 text: {error}") from error
    document = _parsed(path, text)
    if not isinstance(document, dict):
        raise ConfigurationError.at(str(path), "must hold an object with the keys of a workflow definition")
    return cast("dict[str, Any]", document)


def definition_in(document: dict[str, Any]) -> dict[str, Any]:
    """The OpenMetadata definition in a document that is one, or that is one of our workflows."""
    config = document.get("config")
    return cast("dict[str, Any]", config) if "source" not in document and isinstance(config, dict) else document


def _parsed(path: Path, text: str) -> object:
    try:
        if path.suffix == ".json":
            return json.loads(text)
        if path.suffix in SUFFIXES:
            return yaml.safe_load(text)
    except json.JSONDecodeError as error:
        raise ConfigurationError.at(str(path), f"is not JSON: line {error.lineno}: {error.msg}") from error
    except yaml.MarkedYAMLError as error:
        line = f"line {error.problem_mark.line + 1}: " if error.problem_mark else ""
        raise ConfigurationError.at(str(path), f"is not YAML: {line}{error.problem}") from error
    except yaml.YAMLError as error:
        raise ConfigurationError.at(str(path), f"is not YAML: {error}") from error
    raise ConfigurationError.at(str(path), f"has an unknown suffix; use {', '.join(SUFFIXES)}")
