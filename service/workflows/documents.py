"""JSON documents as people send them and as the store keeps them."""

import math
from collections.abc import Iterator, Mapping
from typing import TypeAlias

from pydantic import JsonValue

from connectors.errors import shortened
from service.errors import WHOLE, Invalid, Problem

Json: TypeAlias = dict[str, JsonValue]
Path: TypeAlias = tuple[str | int, ...]

MAX_DEPTH = 64
TOO_DEEP = f"is nested deeper than {MAX_DEPTH} levels"
UNSTORABLE = "with characters that cannot be stored (NUL or a lone surrogate)"


def dotted(path: Path) -> str:
    """A path as people write it: `source.serviceConnection.config.hosts.0`."""
    return ".".join(shortened(str(part)) for part in path)


def merge_patch(target: Mapping[str, JsonValue], patch: Mapping[str, JsonValue]) -> Json:
    """`target` changed by a JSON merge patch (RFC 7396): null removes a key, everything but objects replaces."""
    merged = dict(target)
    for key, value in patch.items():
        if value is None:
            merged.pop(key, None)
        elif isinstance(value, dict):
            old = merged.get(key)
            merged[key] = merge_patch(old if isinstance(old, dict) else {}, value)
        else:
            merged[key] = value
    return merged


def value_at(document: JsonValue, path: Path) -> JsonValue:
    """What stands at `path`; None where the document does not reach that far."""
    found = document
    for part in path:
        if isinstance(found, dict) and isinstance(part, str):
            found = found.get(part)
        elif isinstance(found, list) and isinstance(part, int) and 0 <= part < len(found):
            found = found[part]
        else:
            return None
    return found


def replaced(document: JsonValue, path: Path, value: JsonValue) -> JsonValue:
    """The document with `value` at `path`, where there is something already."""
    if not path:
        return value
    first, *rest = path
    if isinstance(document, dict) and isinstance(first, str):
        return {**document, first: replaced(document[first], tuple(rest), value)}
    if isinstance(document, list) and isinstance(first, int):
        changed = replaced(document[first], tuple(rest), value)
        return [changed if index == first else item for index, item in enumerate(document)]
    message = f"there is no {first!r} in the document"
    raise KeyError(message)


def is_storable(text: str) -> bool:
    """Whether Postgres can hold this text: it knows no NUL and no half of a surrogate pair."""
    return "\x00" not in text and not any("\ud800" <= character <= "\udfff" for character in text)


def storable(text: str) -> str:
    """The text with what Postgres cannot hold replaced, for what other systems say."""
    return text if is_storable(text) else text.replace("\x00", "\ufffd").encode("utf-8", "replace").decode()


def storable_document(value: JsonValue) -> JsonValue:
    """The document with what Postgres cannot hold replaced."""
    if isinstance(value, str):
        return storable(value)
    if isinstance(value, dict):
        return {storable(key): storable_document(item) for key, item in value.items()}
    if isinstance(value, list):
        return [storable_document(item) for item in value]
    return str(value) if isinstance(value, float) and not math.isfinite(value) else value


def too_deep() -> Invalid:
    """For a document that is too deep to be read."""
    return Invalid.at(WHOLE, TOO_DEEP)


def check_document(document: Json) -> Json:
    """The document itself. Raises Invalid where Postgres could not hold it."""
    problems = list(_faults(document, ()))
    if problems:
        raise Invalid(problems)
    return document


def _faults(value: JsonValue, path: Path) -> Iterator[Problem]:
    if len(path) > MAX_DEPTH:
        yield Problem(dotted(path[:4]) + ".…", TOO_DEEP)
    elif isinstance(value, dict):
        if not all(is_storable(key) for key in value):
            yield Problem(dotted(path), f"has a key {UNSTORABLE}")
        for key, item in value.items():
            yield from _faults(item, (*path, storable(key)))
    elif isinstance(value, list):
        for index, item in enumerate(value):
            yield from _faults(item, (*path, index))
    else:
        yield from _fault(value, path)


def _fault(value: str | float | None, path: Path) -> Iterator[Problem]:
    if isinstance(value, str) and not is_storable(value):
        yield Problem(dotted(path), f"is a text {UNSTORABLE}")
    elif isinstance(value, float) and not math.isfinite(value):
        yield Problem(dotted(path), "must be a finite number")
