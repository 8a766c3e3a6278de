"""What pydantic finds wrong, in the words of what people wrote."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import cast

from pydantic import ValidationError

from connectors.errors import Problem, shortened

Path = tuple[str | int, ...]
NO_MODEL = frozenset({"model_type", "dict_type"})


def problems_of(error: ValidationError, given: object = None, prefix: str = "") -> Iterator[Problem]:
    """The paths of the user's own keys in `given`, and sentences.

    Of what may be written in several ways, those of the way that knows most of the keys which were written.
    """
    faults = [(_way(fault["loc"], given), fault) for fault in error.errors(include_url=False, include_input=False)]
    unknown = Counter(way for way, fault in faults if way and fault["type"] == "extra_forbidden")
    nearest: dict[Path, Path] = {}
    for way, _ in faults:
        if way and unknown[way] < unknown[nearest.setdefault(way[:-1], way)]:
            nearest[way[:-1]] = way
    for way, fault in faults:
        keys = fault["loc"]
        if way:
            if nearest[way[:-1]] != way:
                continue
            keys = (*way[:-1], *keys[len(way) :])
        path = ".".join(part for part in (prefix, *(shortened(str(key)) for key in keys)) if part)
        yield Problem(path, _sentence(fault["type"], fault["msg"]))


def _way(path: Path, given: object) -> Path:
    """The path up to the model that pydantic tried, which is no key; empty where there was only one."""
    here = given
    for place, part in enumerate(path):
        if isinstance(here, Mapping) and part in here:
            here = cast("Mapping[object, object]", here)[part]
        elif isinstance(here, list | tuple) and isinstance(part, int):
            here = cast("Sequence[object]", here)[part]
        else:
            return path[: place + 1] if isinstance(part, str) and part[:1].isupper() else ()
    return ()


def _sentence(kind: str, message: str) -> str:
    if kind == "missing":
        return "is required"
    if kind == "extra_forbidden":
        return "is not a known key; correct or remove it"
    if kind in NO_MODEL:
        return "is to be an object of keys and values"
    return message.removeprefix("Value error, ")
