"""JSON and YAML texts as documents. Whatever the text, it ends in a document or an error that says where."""

import json
from collections import Counter
from collections.abc import Hashable
from typing import Any, Literal, NoReturn, Protocol, cast

import yaml
from pydantic import JsonValue
from typing_extensions import override
from yaml.events import AliasEvent, CollectionEndEvent, CollectionStartEvent, NodeEvent, ScalarEvent
from yaml.nodes import MappingNode, ScalarNode

from service.errors import Invalid, ServiceError, TooLarge
from service.workflows.documents import MAX_DEPTH, Json, check_document

Format = Literal["json", "yaml"]

# YAML is read at a hundredth of the speed of JSON.
MAX_YAML_EVENTS = 100_000
WHOLE = ""

_TOO_LONG_A_NUMBER = "the body has a number of too many digits"
_TEXT = "tag:yaml.org,2002:str"
_TEXT_TAGS = (None, "!", _TEXT)
_TIMESTAMP = "tag:yaml.org,2002:timestamp"


class _Mark(Protocol):
    line: int
    column: int


class Malformed(ServiceError):
    """A text that breaks the rules of its format; the message says where."""


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
        raise _too_deep() from error
    if not isinstance(value, dict):
        raise Invalid.at(WHOLE, f"must be an object, not {_kind_of(value)}")
    return check_document(value)


def _read_json(text: str) -> JsonValue:
    try:
        return cast("JsonValue", json.loads(text, object_pairs_hook=_distinct, parse_constant=_not_json))
    except json.JSONDecodeError as error:
        message = f"broken JSON at line {error.lineno}, column {error.colno}: {error.msg}"
        raise Malformed(message) from error
    except ValueError as error:
        raise Malformed(_TOO_LONG_A_NUMBER) from error


def _distinct(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        (twice, _), *_ = Counter(key for key, _ in pairs).most_common(1)
        message = f"broken JSON: the key {twice!r} appears twice in one object"
        raise Malformed(message)
    return found


def _not_json(word: str) -> NoReturn:
    message = f"broken JSON: {word} is not a JSON number"
    raise Malformed(message)


def _read_yaml(text: str) -> JsonValue:
    try:
        _scan(text)
        return _build(text)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        raise _broken(" ".join(filter(None, (error.context, error.problem))), mark) from error
    except yaml.YAMLError as error:
        raise _broken(str(error).partition("\n")[0], None) from error
    except ValueError as error:
        raise Malformed(_TOO_LONG_A_NUMBER) from error


def _scan(text: str) -> None:
    """Refuse, before anything is built, what could make a small text large, deep or more than data."""
    depth = 0
    for count, event in enumerate(yaml.parse(text, Loader=yaml.CSafeLoader)):
        if count > MAX_YAML_EVENTS:
            message = f"the YAML has more than {MAX_YAML_EVENTS} parts; send it as JSON"
            raise TooLarge(message)
        if isinstance(event, NodeEvent) and (isinstance(event, AliasEvent) or event.anchor is not None):
            problem = "anchors and aliases are not supported; write the value out"
            raise _broken(problem, event.start_mark)
        if isinstance(event, ScalarEvent | CollectionStartEvent) and event.tag not in _TEXT_TAGS:
            problem = f"the tag {event.tag} is not supported; leave it out"
            raise _broken(problem, event.start_mark)
        depth += isinstance(event, CollectionStartEvent)
        depth -= isinstance(event, CollectionEndEvent)
        if depth > MAX_DEPTH:
            raise _too_deep()


def _build(text: str) -> JsonValue:
    loader = _Loader(text)
    try:
        return cast("JsonValue", loader.get_single_data())
    finally:
        loader.dispose()


class _Loader(yaml.CSafeLoader):
    """Builds what JSON could say: keys are texts and distinct, instants stay texts."""

    @override
    def construct_mapping(self, node: MappingNode, deep: bool = False) -> dict[Hashable, Any]:
        """A mapping, refused when a key is not a text or appears twice."""
        keys: set[str] = set()
        for key_node, _ in node.value:
            if key_node.tag != _TEXT or not isinstance(key_node, ScalarNode):
                problem = "a key must be a text; put it in quotes"
                raise _broken(problem, key_node.start_mark)
            if key_node.value in keys:
                problem = f"the key {key_node.value!r} appears twice in one mapping"
                raise _broken(problem, key_node.start_mark)
            keys.add(key_node.value)
        return super().construct_mapping(node, deep)


def _as_written(loader: _Loader, node: ScalarNode) -> str:
    return loader.construct_scalar(node)


_Loader.add_constructor(_TIMESTAMP, _as_written)


def _broken(problem: str, mark: _Mark | None) -> Malformed:
    at = "" if mark is None else f" at line {mark.line + 1}, column {mark.column + 1}"
    return Malformed(f"broken YAML{at}: {problem}")


def _too_deep() -> Invalid:
    return Invalid.at(WHOLE, f"is nested deeper than {MAX_DEPTH} levels")


def _kind_of(value: JsonValue) -> str:
    if isinstance(value, list):
        return "a list"
    if isinstance(value, str):
        return "a text"
    return "null" if value is None else "a boolean" if isinstance(value, bool) else "a number"
