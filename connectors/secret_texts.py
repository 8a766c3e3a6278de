"""Which texts of a definition are secrets."""

import re
from collections.abc import Iterator, Mapping, Sequence
from types import NoneType
from typing import cast

from pydantic import BaseModel, SecretStr

SECRET_KEY = re.compile(r"password|passwd|passphrase|secret|token|private_?key|api_?key|authorization", re.IGNORECASE)
Path = tuple[str | int, ...]
SCALARS = (NoneType, int, float, bytes)
# Of a model's own fields none of these is a secret; most are of them, and every run asks.
PLAIN = frozenset({NoneType, bool, int, float, bytes, str})


def secret_paths(value: object, path: Path = (), without: Path | None = None) -> Iterator[Path]:
    """Where in a definition's own keys its secret texts stand, found on the validated model; none below `without`."""
    for key, item in _items(value):
        if isinstance(item, SecretStr):
            yield (*path, key)
        elif isinstance(item, str):
            if isinstance(value, Mapping) and SECRET_KEY.search(str(key)):
                yield (*path, key)
        elif item and not isinstance(item, SCALARS):
            below = (*path, key)
            if below != without:
                yield from secret_paths(item, below, without)


def _items(value: object) -> Iterator[tuple[str | int, object]]:
    if isinstance(value, BaseModel):
        for name, info in type(value).model_fields.items():
            item = getattr(value, name)
            if type(item) not in PLAIN:
                yield info.alias or name, item
    elif isinstance(value, Mapping):
        yield from cast("Mapping[str, object]", value).items()
    elif isinstance(value, Sequence) and not isinstance(value, str | bytes):
        yield from enumerate(cast("Sequence[object]", value))
