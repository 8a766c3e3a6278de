"""YAML texts as what JSON could say: without tags, aliases and merge keys written out."""

from collections.abc import Callable
from typing import Protocol

import yaml
from pydantic import JsonValue
from yaml.events import CollectionEndEvent, CollectionStartEvent, ScalarEvent
from yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode

from connectors.errors import shortened
from service.errors import Malformed, TooLarge
from service.workflows.documents import MAX_DEPTH, too_deep

# YAML is read at a hundredth of the speed of JSON.
MAX_YAML_EVENTS = 100_000
# What aliases may add to the length of a text.
MAX_ALIASED_CHARACTERS = 1_000_000

_TEXT = "tag:yaml.org,2002:str"
_TEXT_TAGS = (None, "!", _TEXT)
# What a plain text may turn into once it is filled in.
_PLAIN_TAGS = frozenset(f"tag:yaml.org,2002:{kind}" for kind in ("int", "float", "bool", "null"))
_MERGE = "tag:yaml.org,2002:merge"
_TIMESTAMP = "tag:yaml.org,2002:timestamp"


class _Mark(Protocol):
    line: int
    column: int


class _Scalars(Protocol):
    @property
    def resolve(self) -> Callable[[type[Node], str, tuple[bool, bool]], str]: ...

    def construct_object(self, node: Node) -> JsonValue: ...


def read_yaml(text: str, fill: Callable[[str], str] | None = None) -> JsonValue:
    """What a text holds, after `fill` has changed each text in it; one without quotes may become a number by that.

    Raises Malformed, TooLarge, Invalid for what is too deep, and ValueError for a number of too many digits.
    """
    try:
        _scan(text)
        return _build(text, fill)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        raise _broken(" ".join(filter(None, (error.context, error.problem))), mark) from error
    except yaml.YAMLError as error:
        raise _broken(str(error).partition("\n")[0], None) from error


def _scan(text: str) -> None:
    """Refuse, before anything is built, what is large, deep or more than data as it is written."""
    depth = 0
    for count, event in enumerate(yaml.parse(text, Loader=yaml.CSafeLoader)):
        if count > MAX_YAML_EVENTS:
            message = f"the YAML has more than {MAX_YAML_EVENTS} parts; send it as JSON"
            raise TooLarge(message)
        if isinstance(event, ScalarEvent | CollectionStartEvent) and event.tag not in _TEXT_TAGS:
            problem = f"the tag {event.tag} is not supported; leave it out"
            raise _broken(problem, event.start_mark)
        depth += isinstance(event, CollectionStartEvent)
        depth -= isinstance(event, CollectionEndEvent)
        if depth > MAX_DEPTH:
            raise too_deep()


def _build(text: str, fill: Callable[[str], str] | None) -> JsonValue:
    loader = _Loader(text)
    try:
        node = loader.get_single_node()
        return None if node is None else _Expansion(loader, len(text) + MAX_ALIASED_CHARACTERS, fill).value(node)
    finally:
        loader.dispose()


class _Loader(yaml.CSafeLoader):
    """Instants stay texts, as JSON has them."""


def _as_written(loader: _Loader, node: ScalarNode) -> str:
    return loader.construct_scalar(node)


_Loader.add_constructor(_TIMESTAMP, _as_written)


class _Expansion:
    """Builds what JSON could say, aliases and merge keys written out: keys are texts and distinct.

    A small text may stand for a huge document, so what is built is counted, not what is written.
    """

    def __init__(self, loader: _Loader, characters: int, fill: Callable[[str], str] | None) -> None:
        self._scalars: _Scalars = loader
        self._fill = fill
        self._nodes_left = MAX_YAML_EVENTS
        self._characters_left = characters
        self._open: list[Node] = []

    def value(self, node: Node) -> JsonValue:
        """What a node says."""
        self._nodes_left -= 1
        if isinstance(node, ScalarNode):
            self._characters_left -= len(node.value)
        if self._nodes_left < 0 or self._characters_left < 0:
            message = f"the YAML has more than {MAX_YAML_EVENTS} parts or is too long once its aliases are written out"
            raise TooLarge(message)
        if isinstance(node, ScalarNode):
            return self._scalars.construct_object(self._filled(node))
        if any(node is outer for outer in self._open):
            problem = "an alias stands for what it lies in; write the value out"
            raise _broken(problem, node.start_mark)
        if len(self._open) >= MAX_DEPTH:
            raise too_deep()
        self._open.append(node)
        try:
            return self._mapping(node) if isinstance(node, MappingNode) else [self.value(item) for item in node.value]
        finally:
            self._open.pop()

    def _filled(self, node: ScalarNode) -> ScalarNode:
        if self._fill is None or node.tag != _TEXT:
            return node
        filled = self._fill(node.value)
        if filled == node.value:
            return node
        found = self._scalars.resolve(ScalarNode, filled, (True, False)) if not node.style else _TEXT
        return ScalarNode(found if found in _PLAIN_TAGS else _TEXT, filled, node.start_mark, node.end_mark)

    def _mapping(self, node: MappingNode) -> dict[str, JsonValue]:
        own: dict[str, JsonValue] = {}
        merged: dict[str, JsonValue] | None = None
        for key_node, value_node in node.value:
            if key_node.tag == _MERGE:
                if merged is not None:
                    problem = "the key '<<' appears twice in one mapping; give it a list"
                    raise _broken(problem, key_node.start_mark)
                merged = self._merged(value_node)
                continue
            if key_node.tag != _TEXT or not isinstance(key_node, ScalarNode):
                problem = "a key must be a text; put it in quotes"
                raise _broken(problem, key_node.start_mark)
            key = self._filled(key_node).value
            if key in own:
                problem = f"the key {shortened(key)!r} appears twice in one mapping"
                raise _broken(problem, key_node.start_mark)
            self._characters_left -= len(key)
            own[key] = self.value(value_node)
        return {**(merged or {}), **own}

    def _merged(self, node: Node) -> dict[str, JsonValue]:
        """What a merge key takes over: of several mappings the first that has a key holds."""
        parts = node.value if isinstance(node, SequenceNode) else [node]
        merged: dict[str, JsonValue] = {}
        for part in parts:
            found = self.value(part) if isinstance(part, MappingNode) else None
            if not isinstance(found, dict):
                problem = "what << takes over must be a mapping or a list of mappings"
                raise _broken(problem, part.start_mark)
            merged = {**found, **merged}
        return merged


def _broken(problem: str, mark: _Mark | None) -> Malformed:
    at = "" if mark is None else f" at line {mark.line + 1}, column {mark.column + 1}"
    return Malformed(f"broken YAML{at}: {problem}")
