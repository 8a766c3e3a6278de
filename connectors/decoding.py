"""JSON as values of a type, from any thread.

msgspec notes what a Struct is made of when it first meets it in a type, and other threads take that for whole before it
is: the process crashes. So each type is met by one thread at a time.
"""

import threading
from collections.abc import Hashable
from functools import cache
from types import UnionType
from typing import Any, TypeVar, overload

import msgspec

T = TypeVar("T")

_meeting = threading.Lock()


@overload
def decoder_of(kind: type[T], *, strict: bool = True) -> msgspec.json.Decoder[T]: ...
@overload
def decoder_of(kind: UnionType, *, strict: bool = True) -> msgspec.json.Decoder[Any]: ...
def decoder_of(kind: Hashable, *, strict: bool = True) -> msgspec.json.Decoder[Any]:
    """What decodes this type; not `strict`, texts may stand for numbers."""
    return _made(kind, strict)


@cache
def _made(kind: Hashable, strict: bool) -> msgspec.json.Decoder[Any]:
    with _meeting:
        return msgspec.json.Decoder(kind, strict=strict)


def decode(raw: bytes | str, kind: type[T]) -> T:
    """The value that a JSON document holds. Raises msgspec.MsgspecError."""
    return decoder_of(kind).decode(raw)


def convert(value: object, kind: type[T]) -> T:
    """A value made of plain ones. Raises msgspec.ValidationError."""
    decoder_of(kind)
    return msgspec.convert(value, kind)
