"""The text of a description as an object, whether it is JSON or YAML."""

import re
from collections.abc import Mapping
from typing import Any, cast

import msgspec
import yaml
from yaml.events import CollectionEndEvent, CollectionStartEvent

from connectors.errors import FatalError

Object = Mapping[str, Any]
MOST_LEVELS = 500
NULL = ("tag:yaml.org,2002:null", re.compile(r"^(?:~|null|Null|NULL|)$"))
BOOL = ("tag:yaml.org,2002:bool", re.compile(r"^(?:true|True|TRUE|false|False|FALSE)$"))
MERGE = ("tag:yaml.org,2002:merge", re.compile(r"^<<$"))


class Loader(yaml.CSafeLoader):
    """YAML with the words of its version 1.2, so that `no` is a text; so are numbers and dates, as keys have to be."""


# By the first letter of a word.
Loader.yaml_implicit_resolvers = {
    **{letter: [NULL] for letter in ["", "~", "n", "N"]},
    **{letter: [BOOL] for letter in "tTfF"},
    "<": [MERGE],
}


def parse(raw: bytes, shown: str) -> Object:
    """The object that a text holds.

    Raises:
        FatalError: It holds none, or is neither JSON nor YAML.
    """
    advice = "give the address of the document itself, not of a page that shows it"
    try:
        found = msgspec.json.decode(raw) if raw.lstrip()[:1] == b"{" else _yaml(raw.decode("utf-8-sig"))
    except (msgspec.MsgspecError, yaml.YAMLError, UnicodeDecodeError, ValueError, RecursionError) as error:
        reason = " ".join(str(error).split())
        msg = f"{shown} is neither JSON nor YAML: {reason}"
        raise FatalError(msg, advice) from error
    if b"*" in raw and _lies_in_itself(found):
        msg = f"{shown} has a YAML alias that lies in what it names"
        raise FatalError(msg, "write a $ref in its place")
    if not isinstance(found, dict):
        msg = f"{shown} does not describe an API: it holds no object"
        raise FatalError(msg, advice)
    return cast("Object", found)


def _yaml(raw: str) -> object:
    depth = 0
    for event in yaml.parse(raw, Loader):
        depth += isinstance(event, CollectionStartEvent) - isinstance(event, CollectionEndEvent)
        if depth > MOST_LEVELS:  # the loader's own recursion has no bound but the process's stack
            msg = f"it has more than {MOST_LEVELS} levels"
            raise ValueError(msg)
    loader = Loader(raw)
    try:
        return cast("object", loader.get_single_data())
    finally:
        loader.dispose()


def _lies_in_itself(document: object) -> bool:
    """Whether following what it holds would never end."""
    above: set[int] = set()
    done: set[int] = set()
    left: list[tuple[object, bool]] = [(document, False)]
    while left:
        value, leaving = left.pop()
        if leaving:
            above.remove(id(value))
            done.add(id(value))
        elif id(value) in above:
            return True
        elif (below := [*mapping(value).values(), *items(value)]) and id(value) not in done:
            above.add(id(value))
            left.append((value, True))
            left += [(each, False) for each in below]
    return False


def is_object(value: object) -> bool:
    """Whether it is one."""
    return isinstance(value, dict)


def mapping(value: object) -> Object:
    """An object of the document; empty for anything else."""
    return cast("Object", value) if isinstance(value, dict) else {}


def items(value: object) -> list[Any]:
    """A list of the document; empty for anything else."""
    return cast("list[Any]", value) if isinstance(value, list) else []


def text(value: object) -> str | None:
    """A text of the document that says something."""
    return value.strip() or None if isinstance(value, str) else None
