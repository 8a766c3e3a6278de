"""Definitions in files: YAML or JSON, with the environment's variables put in."""

import re
from collections.abc import Mapping
from json import JSONDecodeError
from pathlib import Path
from types import MappingProxyType
from typing import Final

from connectors.errors import ConfigurationError, shortened
from service.api.formats import Format, read_document
from service.errors import ServiceError
from service.workflows.documents import Json

# As shells have them; two dollars are two dollars, so that a password that holds them is none the shorter.
VARIABLE = re.compile(r"\$(?:(\w+)|\{([A-Za-z_][^{}]*)\})", re.ASCII)
# In characters that Unicode leaves to whoever uses them.
WORD = re.compile("\ue000[0-9]+\ue001")
UNSET = "set it, or, where it is meant literally, put the whole text into a variable"
BARE = "; in JSON a variable must stand in quotes and is a text: for a number, write the file in YAML"
FORMATS: Final[Mapping[str, Format]] = MappingProxyType({".yaml": "yaml", ".yml": "yaml", ".json": "json"})


class Variables:
    """Puts variables into texts once they are parsed, and remembers those asked for as `${NAME}` and not set.

    Until then a word stands for each, as `{${NAME}}` is no YAML and a value may be none.
    """

    def __init__(self, environ: Mapping[str, str]) -> None:
        self._environ = environ
        self._found: dict[str, str] = {}
        self.missing: dict[str, None] = {}

    def hide(self, text: str) -> str:
        """The text with words for its variables; `$NAME` that is not set may be part of a password and stays."""
        return VARIABLE.sub(self._word, text)

    def put_in(self, text: str) -> str:
        """The text with the variables that its words stand for; other words are the file's own and stay."""
        return WORD.sub(self._value, text)

    def _word(self, found: re.Match[str]) -> str:
        if found[1] and found[1] not in self._environ:
            return found[0]
        word = f"\ue000{len(self._found)}\ue001"
        self._found[word] = found[1] or found[2]
        return word

    def _value(self, found: re.Match[str]) -> str:
        name = self._found.get(found[0])
        if name is None:
            return found[0]
        if name not in self._environ:
            self.missing[f"${{{shortened(name)}}}"] = None
        return self._environ.get(name, "")


def load(path: Path, environ: Mapping[str, str]) -> Json:
    """The document in a file, with `$NAME` and `${NAME}` replaced in its texts.

    Raises:
        ConfigurationError: The file cannot be read or is not a YAML or JSON object, or a `${NAME}` is not set.
    """
    kind = FORMATS.get(path.suffix)
    if kind is None:
        raise ConfigurationError.at(str(path), f"has an unknown suffix; use {', '.join(FORMATS)}")
    variables = Variables(environ)
    try:
        text = variables.hide(path.read_text(encoding="utf-8"))
        document = read_document(text.encode(), kind, variables.put_in)
    except OSError as error:
        raise ConfigurationError.at(str(path), error.strerror or "cannot be read") from error
    except UnicodeError as error:
        raise ConfigurationError.at(str(path), f"is not UTF-8 text: {error}") from error
    except ServiceError as error:
        told = error.message.replace("the body", "the file")
        raise ConfigurationError.at(str(path), told + _bare_variable(error.__cause__)) from error
    if variables.missing:
        told = f"asks for {', '.join(variables.missing)}, and the environment has none of that name: {UNSET}"
        raise ConfigurationError.at(str(path), told)
    return document


def _bare_variable(cause: BaseException | None) -> str:
    """What to add to broken JSON that is broken by a variable."""
    return BARE if isinstance(cause, JSONDecodeError) and WORD.match(cause.doc, cause.pos) else ""


def is_workflow(document: Mapping[str, object]) -> bool:
    """Whether a document is one of our workflows, not a bare OpenMetadata definition."""
    return "source" not in document and isinstance(document.get("config"), dict)


def definition_in(document: Json) -> Json:
    """The OpenMetadata definition in a document that is one, or that is one of our workflows."""
    config = document.get("config")
    return config if is_workflow(document) and isinstance(config, dict) else document
