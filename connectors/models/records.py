"""Everything that a run hands to its sink."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import msgspec

from connectors.models.base import Request


@dataclass(frozen=True, slots=True)
class DeletionScope:
    """Below the entity `fqn`, every `entity` that is not in `seen` no longer exists in the source.

    Made only when the listing was complete; `scope_entity` is the type of the entity `fqn` names and
    `seen` holds the names that were listed, those that filters or errors kept back included. `nested` says that they
    are of all that lies below, else of what lies directly there. Where the run looks at a part of the scope only,
    `takes` tells of a fully qualified name whether it is of that part: nothing else is gone. `holds` says that others
    may lie in what is gone, which go with it.
    """

    fqn: str
    scope_entity: str
    entity: str
    collection: str
    seen: tuple[str, ...]
    nested: bool = False
    holds: bool = False
    takes: Callable[[str], bool] | None = field(default=None, compare=False, repr=False)


class ScopeEnd(msgspec.Struct, frozen=True):
    """Everything below `fqn` has been handed over; `records` counts it by entity type."""

    fqn: str
    records: Mapping[str, int]


Record = Request | DeletionScope | ScopeEnd
