"""Resolves `secret:<name>` references when a run starts, and only then.

Looked for in order: a file of that name in the secrets folder, `HEADWATER_SECRET_<NAME>`, the encrypted table.
No other file and no other variable can be reached from a definition.
"""

import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, TypeVar, cast

from connectors.errors import ConfigurationError, Problem
from service.errors import Invalid

PREFIX = "secret:"
NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,127}")
VARIABLE_PREFIX = "HEADWATER_SECRET_"
MASTER_KEY = "HEADWATER_SECRET_KEY"

T = TypeVar("T")


def variable_of(name: str) -> str:
    """The environment variable that may hold the secret `name`."""
    return VARIABLE_PREFIX + re.sub(r"[^A-Za-z0-9]", "_", name).upper()


class SecretResolver:
    """Finds secrets by name; `stored` asks the encrypted table."""

    def __init__(
        self, folder: Path | None, environ: Mapping[str, str], stored: Callable[[str], str | None] | None = None
    ) -> None:
        self._folder = folder
        self._environ = environ
        self._stored = stored

    def resolve(self, config: Mapping[str, Any]) -> tuple[dict[str, Any], frozenset[str]]:
        """`config` with every reference replaced, and the values that were put in.

        Raises:
            ConfigurationError: Names the path and the secret of each reference that leads nowhere.
        """
        problems: list[Problem] = []
        values: set[str] = set()

        def put_in(value: str, path: str) -> str:
            if not value.startswith(PREFIX):
                return value
            try:
                found = self._find(value.removeprefix(PREFIX))
            except _Missing as missing:
                problems.append(Problem(path, str(missing)))
                return value
            values.add(found)
            return found

        resolved = _replace(dict(config), put_in, "")
        if problems:
            raise ConfigurationError(problems)
        return resolved, frozenset(values)

    def _find(self, name: str) -> str:
        if NAME.fullmatch(name) is None:
            message = "is no reference to a secret: after secret: comes a name of letters, digits, '.', '_' and '-'"
            raise _Missing(message)
        found = self._in_folder(name)
        variable = variable_of(name)
        if found is None and variable != MASTER_KEY:
            found = self._environ.get(variable)
        if found is None and self._stored is not None:
            found = self._in_table(name, self._stored)
        if found is None:
            raise _Missing(self._wanted(name))
        return found

    def _in_folder(self, name: str) -> str | None:
        if self._folder is None:
            return None
        file = self._folder / name
        try:
            return file.read_text(encoding="utf-8").rstrip("\r\n") if file.is_file() else None
        except OSError as error:
            message = f"the secret {name!r} is in {file}, which cannot be read: {error.strerror}"
            raise _Missing(message) from error
        except UnicodeDecodeError as error:
            message = f"the secret {name!r} is in {file}, which is not UTF-8 text"
            raise _Missing(message) from error

    def _in_table(self, name: str, stored: Callable[[str], str | None]) -> str | None:
        try:
            return stored(name)
        except Invalid as error:
            message = f"the stored secret {name!r} cannot be used: {error.message}"
            raise _Missing(message) from error

    def _wanted(self, name: str) -> str:
        variable = variable_of(name)
        places = [f"the variable {variable}"] if variable != MASTER_KEY else []
        if self._folder is not None:
            places.insert(0, f"the file {self._folder / name}")
        if self._stored is not None:
            places.append(f"PUT /api/v1/secrets/{name}")
        return f"there is no secret {name!r}; provide it as {' or '.join(places) or 'a secret of another name'}"


class _Missing(Exception):
    """A reference leads nowhere; the message says why and how to mend it."""


def _replace(value: T, put_in: Callable[[str, str], str], path: str) -> T:
    result: object = value
    if isinstance(value, str):
        result = put_in(value, path)
    elif isinstance(value, dict):
        mapping = cast("dict[str, object]", value)
        result = {key: _replace(item, put_in, f"{path}.{key}" if path else key) for key, item in mapping.items()}
    elif isinstance(value, list):
        items = cast("list[object]", value)
        result = [_replace(item, put_in, f"{path}.{index}") for index, item in enumerate(items)]
    return cast("T", result)
