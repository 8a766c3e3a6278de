"""Definitions in files: YAML or JSON, with the environment's variables put in."""

import re
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Final

from connectors.errors import ConfigurationError
from service.api.formats import Format, read_document
from service.errors import ServiceError
from service.workflows.documents import Json

# As shells have them; two dollars are two dollars, so that a password that holds them is none the shorter.
VARIABLE = re.compile(r"\$(?:(\w+)|\{([^}]*)\})", re.ASCII)
FORMATS: Final[Mapping[str, Format]] = MappingProxyType({".yaml": "yaml", ".yml": "yaml", ".json": "json"})


def load(path: Path, environ: Mapping[str, str]) -> Json:
    """The document in a file, after `$NAME` and `${NAME}` were replaced; unknown names stay as they are.

    Raises:
        ConfigurationError: The file cannot be read or is not a YAML or JSON object.
    """
    kind = FORMATS.get(path.suffix)
    if kind is None:
        raise ConfigurationError.at(str(path), f"has an unknown suffix; use {', '.join(FORMATS)}")
    try:
        text = VARIABLE.sub(lambda found: environ.get(found[1] or found[2], found[0]), path.read_text(encoding="utf-8"))
        return read_document(text.encode(), kind)
    except OSError as error:
        raise ConfigurationError.at(str(path), error.strerror or "cannot be read") from error
    except UnicodeError as error:
        raise ConfigurationError.at(str(path), f"is not UTF-8 text: {error}") from error
    except ServiceError as error:
        raise ConfigurationError.at(str(path), error.message.replace("the body", "the file")) from error


def is_workflow(document: Mapping[str, object]) -> bool:
    """Whether a document is one of our workflows, not a bare OpenMetadata definition."""
    return "source" not in document and isinstance(document.get("config"), dict)


def definition_in(document: Json) -> Json:
    """The OpenMetadata definition in a document that is one, or that is one of our workflows."""
    config = document.get("config")
    return config if is_workflow(document) and isinstance(config, dict) else document
