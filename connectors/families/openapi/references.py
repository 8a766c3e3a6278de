"""What `$ref` points at, inside of one document."""

from collections.abc import Set as AbstractSet
from urllib.parse import unquote

import msgspec

from connectors.errors import ConnectorError
from connectors.families.openapi.text import Object, is_object, items, mapping

LONGEST_CHAIN = 32


class BrokenReference(ConnectorError):
    """A `$ref` that leads nowhere we can read."""


class Resolved(msgspec.Struct, frozen=True):
    """An object, the name of what it was referred to by, and the references that led here and to what it lies in."""

    value: Object
    name: str | None
    path: frozenset[str]
    # It lies in itself: the way down would not end.
    again: bool = False


class References(msgspec.Struct, frozen=True):
    """Those of one document."""

    document: Object

    def resolve(self, value: object, path: AbstractSet[str] = frozenset()) -> Resolved:
        """`value`, or what it refers to; what stands beside a `$ref` counts too. `path` is what it lies in.

        Raises:
            BrokenReference: Nothing is there, or it is another document.
        """
        found, name, seen = mapping(value), None, frozenset(path)
        for _ in range(LONGEST_CHAIN):
            reference = found.get("$ref")
            if not isinstance(reference, str):
                return Resolved(found, name, seen)
            name = unquote(reference.rpartition("/")[2]).replace("~1", "/").replace("~0", "~")
            if reference in seen:
                return Resolved(found, name, seen, again=True)
            seen |= {reference}
            beside = {key: item for key, item in found.items() if key != "$ref"}
            found = {**self._at(reference), **beside}
        return Resolved(found, name, seen, again=True)

    def _at(self, reference: str) -> Object:
        if not reference.startswith("#"):
            msg = f"{reference!r} is in another document, which is not read"
            raise BrokenReference(msg, "bundle the description into one document")
        place: object = self.document
        for part in reference[1:].split("/")[1:]:
            step = unquote(part).replace("~1", "/").replace("~0", "~")
            listed = items(place)
            place = listed[int(step)] if step.isdecimal() and int(step) < len(listed) else mapping(place).get(step)
        if not is_object(place):
            msg = f"{reference!r} refers to nothing"
            raise BrokenReference(msg, "correct the description")
        return mapping(place)
