"""Texts of a definition that read like more than texts, and are taken as they stand."""

import re
from collections.abc import Collection, Iterator
from itertools import islice

from pydantic import JsonValue

from service.references import REFERENCE_PREFIX
from service.workflows.documents import Json, Path, dotted

MOST_NOTES = 100
VARIABLE = re.compile(r"\$\{[A-Za-z_]\w*\}|^\$[A-Z_][A-Z0-9_]*$", re.ASCII)


def notes_on_texts(config: Json, secret_paths: Collection[Path]) -> tuple[str, ...]:
    """What the author is to know of variables, and of references where no secret stands. No text is repeated."""
    secrets = frozenset(secret_paths)
    return tuple(islice(_notes(config, (), secrets), MOST_NOTES))


def _notes(value: JsonValue, path: Path, secrets: frozenset[Path]) -> Iterator[str]:
    if isinstance(value, dict):
        for key, item in value.items():
            yield from _notes(item, (*path, key), secrets)
    elif isinstance(value, list):
        for place, item in enumerate(value):
            yield from _notes(item, (*path, place), secrets)
    elif isinstance(value, str):
        if VARIABLE.search(value):
            mend = "write secret:<name>" if path in secrets else "write the value itself"
            yield f"{dotted(path)} is taken as it stands, as the service puts in no variables: {mend}"
        elif value.startswith(REFERENCE_PREFIX) and path not in secrets:
            yield f"{dotted(path)} is taken as it stands, as only secrets can be secret:<name>: write the value itself"
