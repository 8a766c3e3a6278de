"""Which texts of a definition are secrets."""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import cache
from types import NoneType, UnionType
from typing import Literal, Union, cast, get_args, get_origin

from pydantic import BaseModel, SecretStr

SECRET_KEY = re.compile(r"password|passwd|passphrase|secret|token|private_?key|api_?key|authorization", re.IGNORECASE)
Path = tuple[str | int, ...]
SCALARS = (NoneType, int, float, bytes)
# Of a model's own fields none of these is a secret, nor holds one; most are of them.
PLAIN = frozenset({NoneType, bool, int, float, bytes, str})
MADE_OF_OTHERS = (Union, UnionType, tuple, list)


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


# Every run asks, and of a class the answer is always the same.
@cache
def searched_fields(model: type[BaseModel]) -> tuple[tuple[str, str], ...]:
    """The fields that may be or hold a secret by what they are declared as, each with the key that people write."""
    return tuple(
        (name, info.alias or name) for name, info in model.model_fields.items() if not _is_plain(info.annotation)
    )


def _items(value: object) -> Iterable[tuple[str | int, object]]:
    if isinstance(value, BaseModel):
        return [(key, getattr(value, name)) for name, key in searched_fields(type(value))]
    if isinstance(value, Mapping):
        return cast("Mapping[str, object]", value).items()
    if isinstance(value, Sequence) and not isinstance(value, str | bytes):
        return enumerate(cast("Sequence[object]", value))
    return ()


def _is_plain(kind: object) -> bool:
    """Whether no value of this type is or holds a secret; of what is not known here, some may."""
    origin = get_origin(kind)
    if origin in MADE_OF_OTHERS:
        return all(map(_is_plain, get_args(kind)))
    return origin is Literal or kind is Ellipsis or (isinstance(kind, type) and kind in PLAIN)
