"""Resolves `secret:<name>` references when a run starts, and only then.

Looked for in order: a file of that name in the secrets folder, `HEADWATER_SECRET_<NAME>`, the encrypted table.
No other file and no other variable can be reached from a definition.
"""

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path as FilePath
from typing import Any

from connectors.errors import ConfigurationError, Problem
from service.errors import Invalid
from service.references import REFERENCE, REFERENCE_PREFIX
from service.workflows.documents import Path, dotted, replaced, value_at

VARIABLE_PREFIX = "HEADWATER_SECRET_"
MASTER_KEY = "HEADWATER_SECRET_KEY"
SERVERS_SECRETS = "HEADWATER_OPENMETADATA_SECRETS"


def _covers(pattern: str, name: str) -> bool:
    return name.startswith(pattern[:-1]) if pattern.endswith("*") else name == pattern


def variable_of(name: str) -> str:
    """The environment variable that may hold the secret `name`."""
    return VARIABLE_PREFIX + re.sub(r"[^A-Za-z0-9]", "_", name).upper()


def below_connection(paths: Iterable[Path]) -> Iterator[Path]:
    """Those of the connection of the source."""
    return (path for path in paths if path[:2] == ("source", "serviceConnection"))


class SecretResolver:
    """Finds secrets by name; `stored` asks the encrypted table."""

    def __init__(
        self,
        folder: FilePath | None,
        environ: Mapping[str, str],
        stored: Callable[[str], str | None] | None = None,
        names: tuple[str, ...] | None = None,
    ) -> None:
        self._folder = folder
        self._environ = environ
        self._stored = stored
        self._names = names

    def for_servers(self, names: Iterable[str]) -> "SecretResolver":
        """The same for connections of an OpenMetadata server: only these are found, and what begins as one with *."""
        return SecretResolver(self._folder, self._environ, self._stored, tuple(names))

    def resolve(self, config: Mapping[str, Any], paths: Iterable[Path]) -> tuple[dict[str, Any], frozenset[str]]:
        """`config` with the references at these paths replaced, and the values that were put in.

        Only where a secret belongs is one put: elsewhere it would be shown, in an error say.

        Raises:
            ConfigurationError: Names the path and the secret of each reference that leads nowhere.
        """
        problems: list[Problem] = []
        values: set[str] = set()
        resolved: Any = dict(config)
        for path in paths:
            value = value_at(resolved, path)
            if not isinstance(value, str) or not value.startswith(REFERENCE_PREFIX):
                continue
            try:
                found = self._find(value)
            except _Missing as missing:
                problems.append(Problem(dotted(path), str(missing)))
            else:
                values.add(found)
                resolved = replaced(resolved, path, found)
        if problems:
            raise ConfigurationError(problems)
        return resolved, frozenset(values)

    def _find(self, value: str) -> str:
        reference = REFERENCE.fullmatch(value)
        if reference is None:
            message = "is no reference to a secret: after secret: comes a name of letters, digits, '.', '_' and '-'"
            raise _Missing(message)
        name = reference[1]
        if self._names is not None and not any(_covers(pattern, name) for pattern in self._names):
            message = (
                f"the secret {name!r} is none that a connection of the OpenMetadata server may name; "
                f"add it to {SERVERS_SECRETS}, which has {', '.join(self._names)}"
            )
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
