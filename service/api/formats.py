"""JSON and YAML texts as documents. Whatever the text, it ends in a document or an error that says where."""

import json
from collections import Counter
from collections.abc import Callable
from importlib import import_module
from typing import Any, Literal, NoReturn, cast

from pydantic import JsonValue

from service.errors import WHOLE, Invalid, Malformed
from service.workflows.documents import Json, check_document, shortened, too_deep

Format = Literal["json", "yaml"]
Reader = Callable[[str], JsonValue]


def read_document(raw: bytes, kind: Format) -> Json:
    """The object that a text holds.

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
        value = _read_json(text) if kind == "json" else _read_yaml(text)
    except RecursionError as error:
        raise too_deep() from error
    except ValueError as error:  # of both libraries, from Python itself
        message = "the body has a number of too many digits"
        raise Malformed(message) from error
    if not isinstance(value, dict):
        raise Invalid.at(WHOLE, f"must be an object, not {_kind_of(value)}")
    return check_document(value)


def _read_json(text: str) -> JsonValue:
    try:
        return cast("JsonValue", json.loads(text, object_pairs_hook=_distinct, parse_constant=_not_json))
    except json.JSONDecodeError as error:
        message = f"broken JSON at line {error.lineno}, column {error.colno}: {error.msg}"
        raise Malformed(message) from error


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


def _read_yaml(text: str) -> JsonValue:
    # The library takes longer to load than a definition takes to read, and many are JSON.
    read: Reader = import_module("service.api.yaml_text").read_yaml
    return read(text)


def _kind_of(value: JsonValue) -> str:
    if isinstance(value, list):
        return "a list"
    if isinstance(value, str):
        return "a text"
    return "null" if value is None else "a boolean" if isinstance(value, bool) else "a number"
