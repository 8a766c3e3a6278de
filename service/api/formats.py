"""JSON and YAML texts as documents. Whatever the text, it ends in a document or an error that says where."""

import json
from collections import Counter
from collections.abc import Callable
from importlib import import_module
from typing import Any, Literal, NoReturn, cast

from pydantic import JsonValue

from connectors.errors import shortened
from service.errors import WHOLE, Invalid, Malformed
from service.workflows.documents import Json, check_document, too_deep

Format = Literal["json", "yaml"]
# What is done to a text that stands in a document.
Fill = Callable[[str], str]
Reader = Callable[[str, Fill | None], JsonValue]


def read_document(raw: bytes, kind: Format, fill: Fill | None = None) -> Json:
    """The object that a text holds, with what `fill` makes of each text in it, which breaks nothing around it.

    Raises Malformed when the text is broken, Invalid when it holds anything else or what cannot be stored.
    """
    try:
        text = raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        message = f"the body is not UTF-8: byte {error.start} is wrong"
        raise Malformed(message) from error
    if not text.strip():
        message = f"the body is empty; send a {kind.upper()} object"
        raise Malformed(message)
    try:
        value = _read_json(text, fill) if kind == "json" else _read_yaml(text, fill)
    except RecursionError as error:
        raise too_deep() from error
    except ValueError as error:  # of both libraries, from Python itself
        message = "the body has a number of too many digits"
        raise Malformed(message) from error
    if not isinstance(value, dict):
        raise Invalid.at(WHOLE, f"must be an object, not {_kind_of(value)}")
    return check_document(value)


def _read_json(text: str, fill: Fill | None) -> JsonValue:
    try:
        value = cast("JsonValue", json.loads(text, object_pairs_hook=_distinct, parse_constant=_not_json))
        return value if fill is None else _filled(value, fill)
    except json.JSONDecodeError as error:
        message = f"broken JSON at line {error.lineno}, column {error.colno}: {error.msg}"
        raise Malformed(message) from error


def _filled(value: JsonValue, fill: Fill) -> JsonValue:
    if isinstance(value, dict):
        return _distinct([(fill(key), _filled(item, fill)) for key, item in value.items()])
    if isinstance(value, list):
        return [_filled(item, fill) for item in value]
    return fill(value) if isinstance(value, str) else value


def _distinct(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        (twice, _), *_ = Counter(key for key, _ in pairs).most_common(1)
        message = f"broken JSON: the key {shortened(twice)!r} appears twice in one object"
        raise Malformed(message)
    return found


def _not_json(word: str) -> NoReturn:
    message = f"broken JSON: {word} is not a JSON number"
    raise Malformed(message)


def _read_yaml(text: str, fill: Fill | None) -> JsonValue:
    # The library takes longer to load than a definition takes to read, and many are JSON.
    read: Reader = import_module("service.api.yaml_text").read_yaml
    return read(text, fill)


def _kind_of(value: JsonValue) -> str:
    if isinstance(value, list):
        return "a list"
    if isinstance(value, str):
        return "a text"
    return "null" if value is None else "a boolean" if isinstance(value, bool) else "a number"
