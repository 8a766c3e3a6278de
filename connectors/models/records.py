"""Everything that a run hands to its sink."""

from collections.abc import Mapping
from dataclasses import dataclass

from connectors.models.base import Request


@dataclass(frozen=True, slots=True)
class DeletionScope:
    """Below the entity `fqn`, every `entity` that is not in `seen` no longer exists in the source.

    Made only when the listing was complete; `scope_entity` is the type of the entity `fqn` names and
    `seen` holds the names that were listed, those that filters or errors kept back included. `nested` says that they
    are of all that lies below, else of what lies directly there.
    """

    fqn: str
    scope_entity: str
    entity: str
    collection: str
    seen: tuple[str, ...]
    nested: bool = False


@dataclass(frozen=True, slots=True)
class ScopeEnd:
    """Everything below `fqn` has been handed over; `records` counts it by entity type."""

    fqn: str
    records: Mapping[str, int]


Record = Request | DeletionScope | ScopeEnd
